"""The process under test: commands go in, reports come out, both as lines of JSON."""

from __future__ import annotations

import json
import math
import subprocess
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import trio

from conformance.case import Failure
from conformance.clients.server import patience

Report = dict[str, Any]


class ProcessEnded(Exception):  # noqa: N818 - what the process did
    """The process under test is gone; the text is what it wrote to standard error."""


def to_json(value: object) -> object:
    """Replace bytes by `{"$bytes": base64}`."""
    if isinstance(value, bytes):
        return {"$bytes": b64encode(value).decode()}
    if isinstance(value, list):
        return [to_json(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in cast("dict[str, object]", value).items()}
    return value


def from_json(value: Any) -> Any:
    """Undo `to_json`."""
    if isinstance(value, list):
        return [from_json(item) for item in value]  # pyright: ignore[reportUnknownVariableType] # a JSON value
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        if fields.keys() == {"$bytes"}:
            return b64decode(fields["$bytes"])
        return {key: from_json(item) for key, item in fields.items()}
    return value


class ClientProcess:
    """A running process; its clients are told apart by their ids."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._queues: dict[str, tuple[trio.MemorySendChannel[Report], trio.MemoryReceiveChannel[Report]]] = {}
        self._errors = b""
        self._ended = trio.Event()
        self.has_reported = False

    def _queue(self, name: str) -> tuple[trio.MemorySendChannel[Report], trio.MemoryReceiveChannel[Report]]:
        if name not in self._queues:
            self._queues[name] = trio.open_memory_channel[Report](math.inf)
        return self._queues[name]

    async def tell(self, **command: object) -> None:
        """Send a command."""
        if self._ended.is_set() or self._process.stdin is None:
            raise ProcessEnded(self.error_text)
        try:
            await self._process.stdin.send_all(json.dumps(to_json(command)).encode() + b"\n")
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise ProcessEnded(self.error_text) from None

    async def report(self, name: str, event: str | None) -> Report:
        """Wait for the next report of client `name`, which must be of this kind; `None` stands for any."""
        found: list[Report] = []
        with trio.move_on_after(patience.get()):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.watch, nursery.cancel_scope)
                found.append(await self._queue(name)[1].receive())
                nursery.cancel_scope.cancel()
        if not found and self._ended.is_set():
            raise ProcessEnded(self.error_text)
        if not found:
            raise Failure(f"no report of {event!r}", expected=event)
        if event is not None and found[0].get("event") != event:
            raise Failure(f"another report than {event!r}", expected=event, received=found[0])
        return found[0]

    async def close(self, name: str) -> None:
        """Tell client `name` to close, and wait until it says that it has; other reports are thrown away."""
        await self.tell(do="close", id=name)
        with trio.move_on_after(2 * patience.get()):
            while (await self.report(name, None)).get("event") != "closed":
                pass
            return
        raise Failure("the client does not say that it has closed")

    async def comes_first(self, name: str) -> str:
        """Wait for the next report of client `name`, leave it there, and return what kind it is."""
        send, receive = self._queue(name)
        with trio.move_on_after(patience.get()):
            reports = [await receive.receive()]
            while receive.statistics().current_buffer_used:
                reports.append(receive.receive_nowait())
            for report in reports:
                send.send_nowait(report)
            return str(reports[0].get("event"))
        raise Failure("no report at all")

    async def silence(self, name: str, seconds: float) -> None:
        """Fail if client `name` reports something within a moment."""
        with trio.move_on_after(seconds):
            report = await self._queue(name)[1].receive()
            raise Failure("a report where there must be none", received=report)

    async def watch(self, scope: trio.CancelScope) -> None:
        """Cancel what waits for a process that has ended."""
        await self._ended.wait()
        scope.cancel()

    @property
    def error_text(self) -> str:
        """What it wrote to standard error, and what of its standard output is no report."""
        text = self._errors.decode("utf-8", "replace").strip()
        what = "ended" if self._ended.is_set() else "reported nothing (conformance/README.md says what it must)"
        return f"the client's process has {what}; standard error: {text or '(empty)'}"

    async def read(self) -> None:
        """Read all that it writes until it ends: then it is also known what it said about that."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read_reports)
            nursery.start_soon(self._read_errors)
        self._ended.set()

    async def _read_reports(self) -> None:
        buffer = b""
        assert self._process.stdout is not None  # asked for below
        async for data in self._process.stdout:
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                try:
                    report = from_json(json.loads(line))
                    self._queue(report["id"])[0].send_nowait(report)
                    self.has_reported = True
                except (ValueError, TypeError, KeyError):
                    self._errors = (self._errors + b"\nnot a report: " + line[:200])[-10_000:]

    async def _read_errors(self) -> None:
        assert self._process.stderr is not None  # asked for below
        async for data in self._process.stderr:
            self._errors = (self._errors + data)[-10_000:]


@asynccontextmanager
async def client_process(command: Sequence[str]) -> AsyncGenerator[ClientProcess]:
    """Start the process under test; its standard input is closed at the end, and it has a moment to go."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    async with trio.open_nursery() as nursery:
        process = await nursery.start(partial(trio.run_process, list(command), check=False, **pipes))
        client = ClientProcess(process)
        nursery.start_soon(client.read)
        try:
            yield client
        finally:
            with trio.CancelScope(deadline=trio.current_time() + patience.get(), shield=True) as waiting:
                if process.stdin is not None:
                    await process.stdin.aclose()
                await process.wait()
            if waiting.cancelled_caught:
                process.kill()
            nursery.cancel_scope.cancel()
