"""Redis for tests: the program itself, and what is said to one."""

from __future__ import annotations

import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

import hiredis

DEADLINE_S: Final = 60.0  # a hang must name itself, a busy machine is none


def commands_in(data: bytes) -> list[str]:
    """Return commands as text."""
    reader = hiredis.Reader()
    reader.feed(data)
    commands: list[str] = []
    while (command := reader.gets()) is not False:
        commands.append(b" ".join(command).decode())
    return commands


class RedisServer:
    """A Redis on a Unix socket, which keeps nothing; ended with its block.

    Args:
        settings: a file; with one it is a Sentinel.
        password: without which it does nothing.
    """

    def __init__(self, program: str, *options: str, settings: Path | None = None, password: str = "") -> None:
        self.password = password
        self._folder = tempfile.TemporaryDirectory()
        self._command = [
            program,
            *([] if settings is None else [str(settings), "--sentinel"]),
            "--dir",
            self._folder.name,
            "--port",
            "0",
            "--unixsocket",
            self.path,
            "--save",
            "",
            "--appendonly",
            "no",
            *(["--requirepass", password] if password else []),
            *options,
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def __enter__(self) -> RedisServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()
        self._folder.cleanup()

    @property
    def path(self) -> str:
        """Of its socket."""
        return f"{self._folder.name}/redis"

    @property
    def url(self) -> str:
        """Where it is; without the password."""
        return f"unix://{self.path}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        Path(self.path).unlink(missing_ok=True)
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        until = time.monotonic() + DEADLINE_S
        while True:
            assert time.monotonic() < until, "redis-server does not start"
            with socket.socket(socket.AF_UNIX) as trying, suppress(OSError):
                trying.connect(self.path)
                return
            time.sleep(0.01)  # a program of others tells nobody when it listens

    def run(self, *command: str) -> str:
        """Run a command with the program's own client, and return what it prints."""
        login = ["--no-auth-warning", "-a", self.password] if self.password else []
        done = subprocess.run(
            ["redis-cli", "-s", self.path, *login, *command], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def pause(self) -> None:
        """Let it do nothing, though it is there."""
        assert self._process is not None  # it runs
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None  # as above
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
