"""A server that echoes, and clients of it."""

from __future__ import annotations

from typing import Any

from socketio_core import Server
from socketio_core.app import Socket
from tests.asgi.driver import AsgiServer, Connection

OPEN = "/socket.io/?EIO=4&transport=polling"
GONE = "Client is gone\n"


def echo_server(**options: Any) -> Server:
    io = Server(**options)

    @io.on("echo")
    def echo(_: Socket, *args: Any) -> tuple[Any, ...]:
        return args

    return io


def reasons_of(io: Server) -> list[str]:
    """Return where the reasons are noted why sockets have left."""
    reasons: list[str] = []

    @io.on("disconnect")
    def left(_: Socket, reason: str) -> None:
        reasons.append(reason)

    return reasons


async def joined(server: AsgiServer) -> Connection:
    websocket = await server.websocket()
    await server.frame(websocket, "40")
    assert str(websocket.frames[1]).startswith('40{"sid"')
    return websocket
