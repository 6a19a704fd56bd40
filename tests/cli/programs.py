"""The command line in a process of its own, on pipes or on a terminal, and a server for it to talk to."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
COMMAND: Final = [sys.executable, "-W", "error", "-m", "socketio_core"]
DEADLINE_S: Final = 60.0  # a hang must name itself, a busy machine is none
PATIENCES: Final = ("0.5", "5", "50")
"""How many seconds a command waits for what never comes; for longer, where a busy machine has not connected by then."""
LOOK_S: Final = 0.01  # between two looks whether it has ended

_WITH_TERMINAL: Final = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C is a signal
os.execv(sys.argv[1], sys.argv[1:])
"""
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]")


class ServerProgram:
    """A program that prints the URL it serves at, and ends when it is closed."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None  # asked for above
        line = self._process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, line
        self.url = found[0]

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def run(*arguments: str | bytes, typed: str | bytes = "", **environment: str) -> tuple[int, str, str]:
    """Run the command on pipes. Returns exit status, standard output, standard error."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        input=typed if isinstance(typed, bytes) else typed.encode(),
        capture_output=True,
        cwd=ROOT,
        timeout=DEADLINE_S,
        check=False,
        env={**os.environ, **environment},
    )
    return done.returncode, done.stdout.decode(errors="backslashreplace"), done.stderr.decode()


def run_in_vain(*arguments: str, typed: bytes = b"") -> tuple[int, str, str, str]:
    """Run the command, which is greeted, and then waits for what never comes. Returns what `run` does, and how long."""
    done = (0, "", "", "")
    for patience_s in PATIENCES:
        done = (*run(*arguments, "--timeout", patience_s, typed=typed), patience_s)
        if "hello" in done[1]:
            break
    return done


def run_in_shell(redirections: str, *arguments: str) -> tuple[int, str, str]:
    """Run the command with its streams redirected by a shell, as in `"<&- >/dev/full"`."""
    script = f'exec "$@" {redirections}'
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", *COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=DEADLINE_S,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


class OnTerminal:
    """The command on a pseudo-terminal: type, and wait for what it shows."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
        self.modes = termios.tcgetattr(theirs)
        self._theirs = theirs
        self._process = subprocess.Popen(
            [sys.executable, "-c", _WITH_TERMINAL, *COMMAND, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=ROOT,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm", "INPUTRC": "/dev/null", **environment},
        )
        self.shown = ""
        self.written = ""  # all of it, as it was written

    def type(self, text: str) -> None:
        data = text.encode("utf-8", "surrogateescape")
        while data:
            data = data[os.write(self._ours, data) :]

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def wait_for(self, pattern: str) -> str:
        """Wait until what is shown holds `pattern`; return all that was shown up to it, and forget it."""
        deadline = time.monotonic() + DEADLINE_S
        while not (found := re.search(pattern, self.shown)):
            self._read(deadline, pattern)
        taken, self.shown = self.shown[: found.end()], self.shown[found.end() :]
        return taken

    def _read(self, deadline: float, wanted: str) -> None:
        left_s = min(deadline - time.monotonic(), DEADLINE_S)
        if left_s <= 0 or not select.select([self._ours], [], [], left_s)[0]:
            raise AssertionError(f"waited in vain for {wanted!r}; shown: {self.shown!r}")
        try:
            data = os.read(self._ours, 65536).decode("utf-8", "replace")
        except OSError:
            raise AssertionError(f"it ended before {wanted!r}; shown: {self.shown!r}") from None
        self.written += data
        self.shown = _ESCAPE.sub("", self.shown + data)

    def wait_end(self) -> int:
        """Wait until it has ended and return its status; `shown` holds the rest."""
        deadline = time.monotonic() + DEADLINE_S
        while not self.has_ended:  # and is read meanwhile: it may have much to say, and the terminal holds little
            if select.select([self._ours], [], [], LOOK_S)[0]:
                self._read(deadline, "the end")
            assert time.monotonic() < deadline, f"it does not end; shown: {self.shown!r}"
        while select.select([self._ours], [], [], 0)[0]:
            self._read(math.inf, "the end")
        return self._process.wait()

    @property
    def modes_now(self) -> list[object]:
        return termios.tcgetattr(self._theirs)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for end in (self._ours, self._theirs):
            with contextlib.suppress(OSError):
                os.close(end)
