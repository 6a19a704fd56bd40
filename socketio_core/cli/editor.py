"""The line editor: readline, of which nothing is ever touched by another thread than the one that runs it.

`input()` holds its thread until Enter, and readline has no locks: its buffer may move while another thread reads it.
So whoever has a line to show meanwhile must not ask readline what is being typed, to write it again behind the line:
the thread inside `input()` has to. While nothing is typed CPython calls a hook there (`PyOS_InputHook`, the way in
which tkinter lives on beside a prompt), and our hook waits for keys and for lines at once.
"""

from __future__ import annotations

import ctypes
import os
import readline
import select
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

CLEAR_LINE: Final = "\r\x1b[K"


class LineEditor:
    """Edits lines on the terminal of this process.

    Args:
        show: is called by the thread that reads, with a line half typed: it calls `insert` if there is something.
        write: writes to the terminal.

    Raises:
        ValueError: this Python has no such hook.
    """

    def __init__(self, show: Callable[[], None], write: Callable[[str], None]) -> None:
        self._show = show
        self._write = write
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._hook = ctypes.c_void_p.in_dll(ctypes.pythonapi, "PyOS_InputHook")
        self._callback = ctypes.CFUNCTYPE(ctypes.c_int)(self._while_idle)
        _keep_for_ever(self._callback)  # a thread that is never joined may call it at the very end
        # Not `pythonapi`, which keeps all threads waiting while a function of it writes to a terminal that is stopped.
        self._library = ctypes.CDLL(getattr(readline, "__file__", None))
        self._clear = getattr(self._library, "rl_clear_visible_line", None)  # libedit has none
        self._redraw = getattr(self._library, "rl_forced_update_display", None)
        self._flush = ctypes.CDLL(None).fflush
        self._is_closed = False
        self._prompt = ""
        if "GNU" in (readline.__doc__ or ""):
            readline.parse_and_bind("tab: self-insert")

    def read(self, prompt: str) -> str:
        """Block until a line was typed, and return it.

        Raises:
            EOFError: there will be no more.
            UnicodeDecodeError: it is no text in the terminal's encoding.
        """
        self._prompt = prompt
        self._hook.value = ctypes.cast(self._callback, ctypes.c_void_p).value
        return input(prompt)

    def wake(self) -> None:
        """Have `show` called soon; from any thread."""
        with suppress(BlockingIOError):  # it is full, so it wakes
            os.write(self._wake_write, b"\0")

    def close(self) -> None:
        """Leave alone a thread that still reads, and the keys that are typed from now on."""
        self._is_closed = True
        self._hook.value = None
        self.wake()

    def insert(self, text: str, prompt: str) -> None:
        """Write `text`, whole lines, above the line that is being typed; only `show` may call it."""
        if self._clear is not None:
            self._clear()  # all rows of a line that is longer than one
            self._flush(None)
        self._write(f"{CLEAR_LINE}{text}")
        if self._redraw is None:
            self._write(f"{prompt}{readline.get_line_buffer()}")
            return
        if prompt != self._prompt:
            self._prompt = prompt
            self._library.rl_set_prompt(prompt.encode(sys.stdout.encoding, "backslashreplace"))
        self._redraw()

    def _while_idle(self) -> int:
        """Wait for a key, and let lines be shown; CPython calls it from inside of `input()`."""
        while True:
            if self._is_closed:
                threading.Event().wait()  # for ever: who reads is not waited for either
            self._show()
            readable, _, _ = select.select([sys.stdin, self._wake_read], [], [])
            if self._wake_read in readable:
                os.read(self._wake_read, 4096)
            if sys.stdin in readable:
                return 0


def _keep_for_ever(thing: object) -> None:
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
