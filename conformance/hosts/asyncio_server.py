"""The application on asyncio: `socketio_core.asyncio` serves it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final

from conformance.hosts.application import create_server
from socketio_core.asyncio import serve as serve_on_asyncio

_tasks: Final[set[asyncio.Task[None]]] = set()  # the loop itself has but weak references


async def spawn(function: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Start a task, and let it begin."""
    task = asyncio.get_running_loop().create_task(function())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    await asyncio.sleep(0)


def serve(listeners: list[socket.socket]) -> None:
    """Serve until Ctrl-C; clients are told before this returns."""
    asyncio.run(serve_on_asyncio(create_server(asyncio.sleep, spawn), listeners=listeners))
