"""Clients that ask for many events at once, and get them."""

from __future__ import annotations

from typing import Final

from socketio_core import Server
from socketio_core.app import Socket
from tests.adapters.clients import WebSocketClient

COUNT: Final = 50


async def burst(socket: Socket) -> None:
    """Emit events that are numbered."""
    for number in range(COUNT):
        await socket.emit("n", number)


def burst_server() -> Server:
    """Return a server that does it when it is asked for a `burst`."""
    io = Server()
    io.on("burst", burst)
    return io


async def take_numbers(client: WebSocketClient, count: int = COUNT) -> None:
    """Take them, in order."""
    for number in range(count):
        assert await client.take_event() == ["n", number]
