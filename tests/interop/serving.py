"""Serves an application of these tests on either event loop."""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading

import trio

import socketio_core.asyncio
import socketio_core.trio
from socketio_core import Server
from tests.interop.app import report

__all__ = ["report", "serve"]


async def on_trio(io: Server) -> None:
    async with trio.open_nursery() as nursery:
        (url,) = await nursery.start(socketio_core.trio.serve, io, "127.0.0.1", 0)
        report("listening", url=url)


async def on_asyncio(io: Server) -> None:
    started: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    serving = asyncio.ensure_future(socketio_core.asyncio.serve(io, "127.0.0.1", 0, started=started))
    report("listening", url=(await started)[0])
    await serving


def serve(io: Server) -> None:
    """Serve on the event loop that the command line names, until the input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)  # as all servers here have it; this one takes a free one
    parser.add_argument("--loop", choices=["trio", "asyncio"], required=True)
    options = parser.parse_args()

    def end_with_input() -> None:
        sys.stdin.read()
        io.from_thread(io.close)

    threading.Thread(target=end_with_input, daemon=True).start()
    if options.loop == "trio":
        trio.run(on_trio, io)
    else:
        asyncio.run(on_asyncio(io))
