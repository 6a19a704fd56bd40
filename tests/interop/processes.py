"""Programs that talk in JSON lines over their standard streams, and waiting for what they say.

Nothing here sleeps: a wait ends when the line arrives, when the program ends, or at the deadline.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

ROOT: Final = Path(__file__).resolve().parents[2]
DEADLINE_S: Final = 60.0  # a hang must name itself, a busy machine is none
"""How long anything may take here; generous, since it is only waited out when a test fails."""

Message = dict[str, Any]


def to_json(value: object) -> object:
    """Turn a value with bytes in it into JSON; bytes become `{"$bytes": "<base64>"}`."""
    if isinstance(value, bytes | bytearray):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in cast("Sequence[object]", value)]
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in cast("Mapping[str, object]", value).items()}
    return value


def from_json(value: object) -> Any:  # a JSON value with bytes in it
    """Undo `to_json`; tuples come back as lists."""
    if isinstance(value, list):
        return [from_json(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        items = cast("dict[str, object]", value)
        if items.keys() == {"$bytes"}:
            return base64.b64decode(cast("str", items["$bytes"]))
        return {key: from_json(item) for key, item in items.items()}
    return value


class Program:
    """A child process that prints one JSON object per line and ends when its standard input does.

    A line that is no object becomes `{"line": text}`.
    """

    def __init__(self, command: Sequence[str], *, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`, with the process
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._arrived = threading.Condition()
        self._messages: list[Message] = []
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None  # asked for above
        for line in self._process.stdout:
            message: Message = from_json(json.loads(line)) if line.startswith(b"{") else {"line": line.decode()}
            with self._arrived:
                self._messages.append(message)
                self._arrived.notify_all()
        with self._arrived:
            self._ended = True
            self._arrived.notify_all()

    def send(self, message: Mapping[str, object]) -> None:
        assert self._process.stdin is not None  # asked for above
        self._process.stdin.write(json.dumps(to_json(message)).encode() + b"\n")
        self._process.stdin.flush()

    def take(self, wanted: Callable[[Message], bool], what: str, *, deadline_s: float = DEADLINE_S) -> Message:
        """Remove and return the first message that is wanted; wait for it if need be."""
        until = time.monotonic() + deadline_s
        with self._arrived:
            seen = 0
            while True:
                for index in range(seen, len(self._messages)):
                    if wanted(self._messages[index]):
                        return self._messages.pop(index)
                seen = len(self._messages)
                left = until - time.monotonic()
                if self._ended or left <= 0:
                    how = "ended" if self._ended else f"said nothing of it for {deadline_s} s"
                    raise AssertionError(
                        f"no {what}: the program {how}; unread: {self._messages[-20:]}; errors: {self.errors()}"
                    )
                self._arrived.wait(left)

    def waiting(self, wanted: Callable[[Message], bool]) -> list[Message]:
        """The messages of this kind that have arrived and that nobody took."""
        with self._arrived:
            return [message for message in self._messages if wanted(message)]

    def errors(self) -> str:
        """What it has written to its standard error so far."""
        return os.pread(self._errors.fileno(), 1_000_000, 0).decode(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def finish(self, *, deadline_s: float = DEADLINE_S) -> int:
        """Close its standard input, wait until it has ended, and return its status."""
        assert self._process.stdin is not None  # asked for above
        if not self._process.stdin.closed:
            self._process.stdin.close()
        status = self._process.wait(deadline_s)
        self._reader.join(deadline_s)
        return status

    def close(self) -> None:
        """End it, by force if it still runs. Safe to repeat."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            assert stream is not None  # asked for above
            try:
                stream.close()
            except BrokenPipeError:
                continue  # bytes that nobody will read any more: the process is gone
