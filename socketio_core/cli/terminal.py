"""A terminal on which lines arrive while one is being typed."""

from __future__ import annotations

import importlib
import sys
import time
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Generator

_CLEAR_LINE: Final = "\r\x1b[K"
_CONTROL: Final = {code: f"\\x{code:02x}" for code in [*range(32), *range(127, 160)]}


def safe(text: str) -> str:
    """Return text of a stranger in one line, without anything that a terminal would obey."""
    return text.translate(_CONTROL).encode("utf-8", "backslashreplace").decode("utf-8")


class Terminal:
    """Reads lines with editing and history where there is a terminal, plain ones where there is none.

    Args:
        timestamps: put the time in front of each line that is shown.

    Attributes:
        prompt: is shown where one types.
        is_tty: there is a person at it, as far as one can tell.
    """

    def __init__(self, *, timestamps: bool = False) -> None:
        self._timestamps = timestamps
        self.is_tty = sys.stdin.isatty() and sys.stdout.isatty()
        self._readline = _optional("readline") if self.is_tty else None
        self._is_prompting = False
        self.prompt = "> "

    def show(self, text: str) -> None:
        """Show a line; what is being typed moves below it."""
        line = safe(text)
        if self._timestamps:
            now = time.time()
            line = f"{time.strftime('%H:%M:%S', time.localtime(now))}.{int(now % 1 * 1000):03d} {line}"
        if self._is_prompting and self.is_tty:
            typed = self._readline.get_line_buffer() if self._readline is not None else ""
            sys.stdout.write(f"{_CLEAR_LINE}{line}\n{self.prompt}{typed}")
        else:
            sys.stdout.write(line + "\n")
        sys.stdout.flush()

    async def read_line(self) -> str | None:
        """Wait for a line; `None` at the end of the input."""
        self._is_prompting = True
        try:
            return await trio.to_thread.run_sync(self._read, abandon_on_cancel=True)
        finally:
            self._is_prompting = False

    def _read(self) -> str | None:
        try:
            return input(self.prompt) if self.is_tty else _plain_line()
        except EOFError:
            return None
        except UnicodeDecodeError:
            return ""

    @contextmanager
    def kept_as_it_was(self) -> Generator[None, None, None]:
        """Put the terminal's modes back at the end: a line that is never finished leaves them changed."""
        termios = _optional("termios") if self.is_tty else None
        if termios is None:
            yield
            return
        modes = termios.tcgetattr(sys.stdin.fileno())
        try:
            yield
        finally:
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, modes)
            if self._is_prompting:
                sys.stdout.write("\n")
                sys.stdout.flush()


def _plain_line() -> str:
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line


def _optional(name: str) -> ModuleType | None:
    """Import a module that not every system has."""
    with suppress(ImportError):
        return importlib.import_module(name)
    return None
