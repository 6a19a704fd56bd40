"""The application on trio: `socketio_core.trio` serves it."""

from __future__ import annotations

import socket

import trio

from conformance.hosts.application import create_server
from socketio_core.trio import serve as serve_on_trio


def serve(listeners: list[socket.socket]) -> None:
    """Serve until Ctrl-C; clients are told before this returns."""
    trio.run(_serve, listeners)


async def _serve(listeners: list[socket.socket]) -> None:
    opened = [trio.SocketListener(trio.socket.from_stdlib_socket(listener)) for listener in listeners]
    await serve_on_trio(create_server(trio.sleep), listeners=opened)
