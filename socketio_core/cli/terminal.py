"""A terminal on which lines arrive while one is being typed."""

from __future__ import annotations

import importlib
import sys
import time
from contextlib import contextmanager, suppress
from threading import Lock
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


def stamped(text: str) -> str:
    """Return the same with the time in front."""
    now = time.time()
    return f"{time.strftime('%H:%M:%S', time.localtime(now))}.{int(now % 1 * 1000):03d} {safe(text)}"


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
        self._has_hook = self._readline is not None and "GNU readline" in (self._readline.__doc__ or "")
        self._writing = Lock()
        self._is_held = False  # by who reads a line
        self._is_prompting = False  # a prompt is in the last line, and behind it what is being typed
        self.prompt = "> "

    def show(self, text: str) -> None:
        """Show a line; what is being typed moves below it."""
        line = stamped(text) if self._timestamps else safe(text)
        with self._writing:
            after = f"{self.prompt}{self._typed()}" if self._is_prompting else ""
            _write(f"{_CLEAR_LINE if self.is_tty else ''}{line}\n{after}")

    def _typed(self) -> str:
        return self._readline.get_line_buffer() if self._readline is not None else ""

    async def read_line(self) -> str | None:
        """Wait for a line; `None` at the end of the input."""
        try:
            return await trio.to_thread.run_sync(self._read, abandon_on_cancel=True)
        finally:
            with self._writing:
                self._leave_prompt()

    def _leave_prompt(self) -> None:
        """Go to the next line if the one with the prompt was not ended by Enter."""
        if self._is_prompting:
            self._is_prompting = False
            _write("\n")

    def _read(self) -> str | None:
        try:
            return self._edited_line() if self.is_tty else _plain_line()
        except EOFError:
            return None
        except UnicodeDecodeError:
            self._is_prompting = False
            return ""

    def _edited_line(self) -> str:
        """Read a line behind a prompt.

        Nothing may be shown between the moment in which the prompt is written and that in which `show` knows of it, or
        the line would be in the prompt's, or the prompt be there twice. An editor must write the prompt by itself; GNU
        readline says when it has. What was shown behind the end of the line before may have left a prompt: it goes.
        """
        self._writing.acquire()
        self._is_held = True
        try:
            _write(_CLEAR_LINE)
            if self._readline is None:
                _write(self.prompt)
                self._prompt_is_there()
            elif self._has_hook:
                self._readline.set_pre_input_hook(self._prompt_is_there)
            else:
                self._prompt_is_there()  # nearly
            line = input(self.prompt if self._readline is not None else "")
            self._is_prompting = False
            return line
        finally:
            self._let_write()

    def _prompt_is_there(self) -> None:
        self._is_prompting = True
        self._let_write()

    def _let_write(self) -> None:
        if self._is_held:
            self._is_held = False
            self._writing.release()

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


def _write(text: str) -> None:
    sys.stdout.write(text)
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
