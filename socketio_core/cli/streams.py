"""The standard streams, which may be closed, full or nobody's, and Ctrl-C. Imports the standard library alone."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Final, TextIO

from socketio_core.cli.command import EXIT_INTERRUPTED, CommandFailed
from socketio_core.network.signals import Unnested

_NOBODY_READS: Final = "nobody reads the output any more"

_closed: set[str] = set()  # the names of the streams that this process was started without
_last_acts: list[Callable[[], None]] = []


def prepare_streams() -> None:
    """Make the standard streams usable, whatever this process was started with.

    A descriptor that is closed is opened for nothing: the next socket would get its number, and be written to. An
    encoding that cannot say what a server sent shows escapes; it must not end everything.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            nothing = os.open(os.devnull, os.O_RDWR)  # has the lowest number that was free
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(nothing, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - for good
            _closed.add(name)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # what replaces it in a process may have none
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def output_is_closed() -> bool:
    """Whether this process was started without a standard output."""
    return "stdout" in _closed


def write_out(text: str) -> None:
    """Write to standard output, at once.

    Raises:
        CommandFailed: it cannot be written; nothing ever will be.
    """
    if output_is_closed():
        raise CommandFailed("standard output is closed; > /dev/null throws away what is written")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _discard(sys.stdout)
        raise CommandFailed(_NOBODY_READS) from None
    except OSError as error:
        _discard(sys.stdout)
        raise CommandFailed(f"cannot write the output: {error.strerror or error}") from None


def write_error(line: str) -> None:
    """Write a line to standard error; if it cannot be written there is nobody left to tell."""
    try:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)


def _discard(stream: TextIO) -> None:
    """Let a stream end in nothing: Python writes what is left in it at its end, and would complain again."""
    try:
        number = stream.fileno()
    except OSError:  # what replaces it in a process may have none
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, number)
    os.close(nothing)


def leave_quietly_on_interrupt() -> None:
    """Let Ctrl-C end this process without a word, whatever it is doing, from now on to its very end.

    What has to say goodbye catches Ctrl-C itself meanwhile; the next one ends the goodbye. An exception could come
    out anywhere: in the middle of an import, of the goodbye, of Python's own end.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not if somebody wants none
        signal.signal(signal.SIGINT, Unnested(_leave))


def before_leaving(act: Callable[[], None]) -> Callable[[], None]:
    """Have `act` done before Ctrl-C ends this process; returns what takes that back."""
    _last_acts.append(act)
    return lambda: _last_acts.remove(act)


def _leave(*_: object) -> None:
    for act in _last_acts:
        act()
    os._exit(EXIT_INTERRUPTED)
