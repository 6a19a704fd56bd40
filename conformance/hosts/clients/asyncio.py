"""The client of `socketio_core.asyncio`, keeping the contract: `python -m conformance.hosts.clients.asyncio`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from conformance.hosts.clients.application import Loop, obey_all
from socketio_core.asyncio import connect


async def main() -> None:
    """Obey until there are no more commands."""
    tasks: set[asyncio.Task[None]] = set()
    async with asyncio.TaskGroup() as group:

        def spawn(function: Callable[..., Coroutine[Any, Any, None]], *args: object) -> None:
            task = group.create_task(function(*args))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        await obey_all(Loop(connect, asyncio.Event, spawn, partial(asyncio.to_thread, sys.stdin.readline)))
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
