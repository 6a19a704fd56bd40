"""Serves an application of these tests on either event loop."""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading

import sniffio
import trio

import socketio_core.asyncio
import socketio_core.trio
from socketio_core import Server
from socketio_core.app.runtime import Event
from tests.interop.app import report

__all__ = ["new_event", "options_of", "report", "serve"]


def new_event() -> Event:
    """Return an event of the loop that runs."""
    return trio.Event() if sniffio.current_async_library() == "trio" else asyncio.Event()


async def on_trio(io: Server) -> None:
    async with trio.open_nursery() as nursery:
        (url,) = await nursery.start(socketio_core.trio.serve, io, "127.0.0.1", 0)
        report("listening", url=url)


async def on_asyncio(io: Server) -> None:
    started: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    serving = asyncio.ensure_future(socketio_core.asyncio.serve(io, "127.0.0.1", 0, started=started))
    report("listening", url=(await started)[0])
    await serving


def options_of(*flags: str) -> argparse.Namespace:
    """Return what the command line says; `flags` are the application's own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)  # as all servers here have it; this one takes a free one
    parser.add_argument("--loop", choices=["trio", "asyncio"], required=True)
    for flag in flags:
        parser.add_argument(flag, action="store_true")
    return parser.parse_args()


def serve(io: Server, options: argparse.Namespace) -> None:
    """Serve on the event loop that was asked for, until the input ends."""

    def end_with_input() -> None:
        sys.stdin.read()
        io.from_thread(io.close)

    threading.Thread(target=end_with_input, daemon=True).start()
    if options.loop == "trio":
        trio.run(on_trio, io)
    else:
        asyncio.run(on_asyncio(io))
