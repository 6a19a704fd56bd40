"""A server in memory, under a virtual clock: no network, no waiting."""

from __future__ import annotations

import math
from typing import Protocol

import trio


class MemoryConnection(Protocol):
    """The server's end of a connection: it is given bytes, and has bytes for the client."""

    output: bytearray
    is_closed: bool

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the client; `b""` says that it is gone."""

    def taken(self, now: float) -> None:
        """Put more into `output`, which the client has emptied."""


class MemoryHost(Protocol):
    """A server without network and clock."""

    @property
    def next_deadline(self) -> float | None:
        """When to call `handle_timeout`."""
        ...

    def connect(self, now: float, address: str) -> MemoryConnection:
        """Return the server's end of a new connection."""
        ...

    def handle_timeout(self, now: float) -> None:
        """Do all that is due."""


class MemoryWire:
    """The way to a `MemoryHost`. `keep_time` must run beside whoever uses it."""

    authority = "memory.example"
    origin = "http://memory.example"

    def __init__(self, host: MemoryHost) -> None:
        self._host = host
        self._changed = trio.Event()

    async def connect(self, source: str | None = None) -> trio.abc.Stream:
        """See `Wire`."""
        await trio.lowlevel.checkpoint()
        return _MemoryStream(self, self._host.connect(trio.current_time(), source or "127.0.0.1"))

    async def keep_time(self) -> None:
        """Call the host when its deadlines come."""
        while True:
            changed, deadline = self._changed, self._host.next_deadline
            with trio.move_on_at(math.inf if deadline is None else deadline) as scope:
                await changed.wait()
            if scope.cancelled_caught:
                self._host.handle_timeout(trio.current_time())
                self.wake()

    def wake(self) -> None:
        """Let all who wait look again: any call on the host may concern them."""
        self._changed.set()
        self._changed = trio.Event()

    async def wait_changed(self) -> None:
        """Wait for the next call on the host."""
        await self._changed.wait()


class _MemoryStream(trio.abc.Stream):
    def __init__(self, wire: MemoryWire, connection: MemoryConnection) -> None:
        self._wire = wire
        self._connection = connection
        self._is_closed = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        if self._is_closed:
            raise trio.ClosedResourceError
        if self._connection.is_closed:
            raise trio.BrokenResourceError
        if data:
            self._connection.receive(bytes(data), trio.current_time())
            self._wire.wake()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        output = self._connection.output
        while not output and not self._is_closed and not self._connection.is_closed:
            await self._wire.wait_changed()
        if self._is_closed:
            raise trio.ClosedResourceError
        data = bytes(output)
        output.clear()
        self._connection.taken(trio.current_time())
        return data

    async def aclose(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._connection.receive(b"", trio.current_time())
            self._wire.wake()
        await trio.lowlevel.checkpoint()
