"""Our client before foreign servers, on trio and on asyncio, and ways to a server that have a will of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import trio

from socketio_core.app.client_socket import ClientSocket
from socketio_core.app.runtime import Event
from tests.adapters.abstract import Nursery
from tests.adapters.loops import loop
from tests.adapters.memory import Stream

Run = Callable[[Callable[[], Awaitable[None]]], None]
"""Runs a test on one of the loops, with a deadline."""

UPGRADE: Final = ["polling", "websocket"]


def connect(url: str, **options: Any) -> AbstractAsyncContextManager[ClientSocket]:
    """Connect on whichever loop runs."""
    return loop.connect(url, **options)


async def settled(socket: ClientSocket, transports: list[str]) -> None:
    """Wait until an upgrade is through."""
    while socket.transport != transports[-1]:
        await socket.call("echo with ack")


class Relay:
    """A way to a server.

    Attributes:
        port: of the server; new connections go there.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._connections: list[Nursery] = []

    async def on_head(self, head: bytes) -> None:
        """Called with the first bytes of each connection, which go on when it returns."""

    def on_data(self, data: bytes) -> None:
        """Called with all else, both ways."""

    async def serve(self, nursery: Nursery) -> str:
        """Begin, and return the URL to connect to."""
        return f"http://127.0.0.1:{await loop.serve_tcp(nursery, self._relay)}"

    async def _relay(self, client: Stream) -> None:
        head = bytes(await client.receive_some(65536))
        await self.on_head(head)
        server = await loop.connect_tcp(self.port)
        try:
            async with loop.open_nursery() as nursery:
                self._connections.append(nursery)
                await server.send_all(head)
                nursery.start_soon(self._pass_on, server, client, nursery)
                nursery.start_soon(self._pass_on, client, server, nursery)
        finally:
            with loop.shielded():
                await loop.drop(server)

    def cut(self) -> None:
        """End all connections."""
        for nursery in self._connections:
            nursery.cancel_scope.cancel()
        self._connections.clear()

    async def _pass_on(self, source: Stream, target: Stream, nursery: Nursery) -> None:
        try:
            while data := await source.receive_some(65536):
                self.on_data(bytes(data))
                await target.send_all(bytes(data))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the other direction ends with it
        nursery.cancel_scope.cancel()


class LateUpgrade(Relay):
    """WebSockets wait until they are let through."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.opened = loop.new_event()

    async def on_head(self, head: bytes) -> None:
        if b"transport=websocket" in head:
            await self.opened.wait()


def watch(socket: ClientSocket) -> tuple[list[str], Event]:
    """Return a list that gets the reasons of disconnections, and an event for the first one."""
    reasons: list[str] = []
    gone = loop.new_event()

    @socket.on("disconnect")
    def disconnected(reason: str) -> None:
        reasons.append(reason)
        gone.set()

    return reasons, gone
