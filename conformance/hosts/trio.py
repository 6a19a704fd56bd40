"""The application on trio: `socketio_core.trio` serves it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Coroutine
from typing import Any

import trio

from conformance.hosts.application import create_server
from socketio_core.trio import serve as serve_on_trio


async def spawn(function: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Start a task, and let it begin: trio runs those that are ready at once in any order."""
    has_begun = trio.Event()

    async def run() -> None:
        has_begun.set()
        await function()

    trio.lowlevel.spawn_system_task(run)
    await has_begun.wait()


def serve(listeners: list[socket.socket]) -> None:
    """Serve until Ctrl-C; clients are told before this returns."""
    trio.run(_serve, listeners)


async def _serve(listeners: list[socket.socket]) -> None:
    opened = [trio.SocketListener(trio.socket.from_stdlib_socket(listener)) for listener in listeners]
    await serve_on_trio(create_server(trio.sleep, spawn), listeners=opened)
