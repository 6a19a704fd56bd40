"""A terminal on which lines arrive while one is being typed; or a script and its output in its place."""

from __future__ import annotations

import importlib
import os
import sys
from collections import deque
from contextlib import contextmanager, suppress
from functools import partial
from threading import Condition
from types import ModuleType
from typing import TYPE_CHECKING, Final

import trio

from socketio_core.cli.command import CommandFailed
from socketio_core.cli.lines import LineError, ScriptLines
from socketio_core.cli.streams import before_leaving, write_out
from socketio_core.cli.text import safe, shorten, stamp

if TYPE_CHECKING:
    from collections.abc import Generator

    from socketio_core.cli.editor import LineEditor

MAX_PENDING_LINES: Final = 1000  # that wait for the thread that edits; then who shows more waits too

_CLEAR_LINE: Final = "\r\x1b[K"


class Mistake(Exception):  # noqa: N818 - of the user; the text says how it is done
    """What was typed cannot be obeyed."""


class Output:
    """Standard output for tasks and threads that have no use for its failure: whoever waits for that gets it.

    Must be made inside of `trio.run`.
    """

    def __init__(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._has_failed = trio.Event()
        self._failure: CommandFailed | None = None

    def write(self, text: str) -> None:
        """Write, from any thread; never raises."""
        if self._failure is not None:
            return
        try:
            write_out(text)
        except CommandFailed as failure:
            self._failure = failure
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._has_failed.set)

    async def wait_failure(self) -> None:
        """Wait until something cannot be written.

        Raises:
            CommandFailed: that has happened.
        """
        await self._has_failed.wait()
        self.check()

    def check(self) -> None:
        """Raise the failure, if there was one."""
        if self._failure is not None:
            raise self._failure


class Terminal:
    """Reads lines with editing and history where there is a terminal, plain ones where there is none.

    Args:
        output: where lines are shown.
        timestamps: put the time in front of each line that is shown.

    Attributes:
        prompt: is shown where one types.
        is_script: nobody types: what cannot be obeyed ends it, where a person would try again.
    """

    def __init__(self, output: Output, *, timestamps: bool = False) -> None:
        self.output = output
        self._timestamps = timestamps
        self.is_script = not sys.stdin.isatty()
        self._has_prompt = not self.is_script and sys.stdout.isatty()
        can_edit = self._has_prompt and os.environ.get("TERM") != "dumb"
        self._clear_line = _CLEAR_LINE if can_edit else ""
        self._lines = _script_lines() if not self._has_prompt else None
        self._editor = self._line_editor() if can_edit else None
        self._changed = Condition()  # guards what follows
        self._is_editing = False  # the editor has the last line of the screen, and shows what is pending
        self._is_prompting = False  # there is a prompt, and no editor
        self._pending: deque[str] = deque()
        self.prompt = "> "

    def _line_editor(self) -> LineEditor | None:
        try:
            from socketio_core.cli.editor import LineEditor  # not every system has readline, not every Python a hook

            return LineEditor(self._show_pending, self.output.write)
        except (ImportError, ValueError, AttributeError):
            return None

    def show(self, text: str) -> None:
        """Show a line; what is being typed moves below it."""
        if self._has_prompt:
            text = shorten(text)
        line = (stamp(text) if self._timestamps else safe(text)) + "\n"
        with self._changed:
            if self._is_editing and self._editor is not None:
                self._pending.append(line)
                self._editor.wake()
                self._changed.wait_for(lambda: not self._is_editing or len(self._pending) < MAX_PENDING_LINES)
            else:
                prompt = safe(self.prompt) if self._is_prompting else ""
                self.output.write(f"{self._clear_line}{line}{prompt}")

    def _show_pending(self) -> None:
        """Show what has come; the thread of the editor, which is waiting for a key, calls it."""
        with self._changed:
            if self._is_editing and self._pending and self._editor is not None:
                self._editor.insert(self._take_pending(), safe(self.prompt))

    def _take_pending(self) -> str:
        text = "".join(self._pending)
        self._pending.clear()
        self._changed.notify_all()
        return text

    def complain(self, text: str) -> None:
        """Tell a person that something cannot be obeyed, and end a script with it.

        Raises:
            CommandFailed: it is a script.
        """
        if self.is_script:
            where = f"line {self._lines.number}: " if self._lines is not None else ""
            raise CommandFailed(f"{where}{text}")
        self.show(f"! {text}")

    async def read_line(self) -> str | None:
        """Wait for a line; `None` at the end of the input.

        Raises:
            Mistake: it cannot be read.
        """
        try:
            line = await trio.to_thread.run_sync(self._read, abandon_on_cancel=True)
            if line is not None:
                line.encode()  # a lone surrogate stands for a byte that is no text
            return line
        except LineError as error:
            raise Mistake(str(error)) from None
        except UnicodeError:
            raise Mistake("that is no text in the encoding of this terminal") from None
        except OSError as error:
            raise CommandFailed(f"cannot read the input: {error.strerror or error}") from None
        finally:
            self._leave_prompt()

    def _read(self) -> str | None:
        if self._lines is not None:
            return self._lines.read()
        try:
            return self._edited_line() if self._editor is not None else self._typed_line()
        except EOFError:
            return None

    def _edited_line(self) -> str:
        assert self._editor is not None
        with self._changed:
            self._is_editing = True
        try:
            line = self._editor.read(safe(self.prompt))
        except EOFError:
            raise  # typed in a line that is not ended: it is still there
        except BaseException:
            self._line_is_ended()
            raise
        self._line_is_ended()
        return line

    def _line_is_ended(self) -> None:
        with self._changed:
            self._is_editing = False
            self.output.write(self._take_pending())

    def _typed_line(self) -> str:
        with self._changed:
            self._is_prompting = True
            # Behind Enter, echoed by the terminal, `show` may have left a prompt before this thread knew: it goes.
            self.output.write(f"{self._clear_line}{safe(self.prompt)}")
        line = sys.stdin.readline()
        with self._changed:
            self._is_prompting = not line.endswith("\n")
        if not line:
            raise EOFError
        return line

    def _leave_prompt(self) -> None:
        """Go to the next line if the one with the prompt was not ended by Enter."""
        with self._changed:
            if self._is_editing or self._is_prompting:
                if self._editor is not None:
                    self._editor.close()
                self._is_editing = self._is_prompting = False
                self.output.write(f"\n{self._take_pending()}")

    @contextmanager
    def kept_as_it_was(self) -> Generator[None, None, None]:
        """Put the terminal's modes back at the end: a line that is never finished leaves them changed."""
        termios = _optional("termios") if self._editor is not None else None
        if termios is None:
            yield
            return
        modes = termios.tcgetattr(sys.stdin.fileno())

        def put_back() -> None:
            with suppress(OSError, termios.error):  # of a terminal that is gone
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, modes)

        forget = before_leaving(put_back)
        try:
            yield
        finally:
            forget()
            put_back()


def _script_lines() -> ScriptLines:
    """Return the lines of standard input, not through its buffer: Python waits for who reads that when it ends."""
    try:
        return ScriptLines(partial(os.read, sys.stdin.fileno(), 1 << 16), sys.stdin.encoding)
    except OSError:  # what replaces it in a process may have no descriptor
        return ScriptLines(lambda: sys.stdin.readline().encode("utf-8", "surrogatepass"))


def _optional(name: str) -> ModuleType | None:
    """Import a module that not every system has."""
    with suppress(ImportError):
        return importlib.import_module(name)
    return None
