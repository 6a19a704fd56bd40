"""A headless Chromium, driven from here."""

from __future__ import annotations

import itertools
import json
from typing import Any

from tests.interop.peers import NODE_DIR
from tests.interop.processes import Program


class Browser:
    """A headless Chromium with named tabs."""

    def __init__(self, chromium: str) -> None:
        self._program = Program(["node", str(NODE_DIR / "browser.mjs"), chromium])
        self._ids = itertools.count()

    def tab(self, name: str, url: str, *, width: int = 1280, height: int = 800) -> Tab:
        tab = Tab(self, name)
        tab.do("open", url=url, width=width, height=height)
        return tab

    def do(self, action: str, **fields: object) -> Any:  # whatever the page says
        number = next(self._ids)
        self._program.send({"id": number, "do": action, **fields})
        message = self._program.take(
            lambda message: message.get("answer") == number, f"answer to {action} {fields}", deadline_s=150
        )
        assert "error" not in message, message
        return message["result"]

    def close(self) -> None:
        try:
            self._program.finish()
        finally:
            self._program.close()


class Tab:
    """One tab. Expressions are JavaScript, evaluated in the page."""

    def __init__(self, browser: Browser, name: str) -> None:
        self._browser = browser
        self._name = name

    def do(self, action: str, **fields: object) -> Any:  # whatever the page says
        return self._browser.do(action, tab=self._name, **fields)

    def text(self, selector: str) -> list[str]:
        """The texts of all elements that the selector finds."""
        found = f"[...document.querySelectorAll({json.dumps(selector)})]"
        texts: list[str] = self.do("evaluate", expression=f"{found}.map((element) => element.textContent)")
        return texts

    def wait_for_text(self, selector: str, wanted: str) -> None:
        """Wait until one of the elements has exactly this text."""
        found = f"[...document.querySelectorAll({json.dumps(selector)})]"
        self.wait(f"{found}.some((element) => element.textContent === {json.dumps(wanted)})")

    def wait(self, expression: str) -> None:
        self.do("wait", expression=expression)

    def assert_no_problems(self) -> None:
        problems = self.do("problems")
        assert problems == [], problems

    def close(self) -> None:
        self.do("close")
