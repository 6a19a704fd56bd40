"""A server in another thread, on either loop."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

import trio

import socketio_core.asyncio
import socketio_core.trio
from socketio_core import Server


async def serve_on_trio(io: Server, started: Callable[[str], object], stop: threading.Event) -> None:
    async with trio.open_nursery() as nursery:
        urls: list[str] = await nursery.start(socketio_core.trio.serve, io, "127.0.0.1", 0)
        started(urls[0])
        await trio.to_thread.run_sync(stop.wait)
        nursery.cancel_scope.cancel()


async def serve_on_asyncio(io: Server, started: Callable[[str], object], stop: threading.Event) -> None:
    listening: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(socketio_core.asyncio.serve(io, "127.0.0.1", 0, started=listening))
    started((await listening)[0])
    await asyncio.to_thread(stop.wait)
    serving.cancel()
    await asyncio.wait([serving])


@contextmanager
def served(io: Server, loop: str) -> Generator[str]:
    """Serve in another thread; give the URL."""
    urls: queue.SimpleQueue[str] = queue.SimpleQueue()
    stop = threading.Event()

    def run() -> None:
        if loop == "trio":
            trio.run(serve_on_trio, io, urls.put, stop)
        else:
            asyncio.run(serve_on_asyncio(io, urls.put, stop))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield urls.get(timeout=20)
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()
