# ruff: noqa: T201 - a program that prints
"""A server in a process of its own, for tests that send it signals; prints a line for whatever they wait for."""

from __future__ import annotations

import asyncio
import signal
import sys

from socketio_core.asyncio import Server, Socket

io = Server()


@io.on("busy")
def busy(socket: Socket) -> None:
    """Keep the event loop, and tell of the signals that come meanwhile."""
    before = signal.getsignal(signal.SIGINT)
    assert callable(before)

    def note(number: int, frame: object) -> None:
        print("interrupted", flush=True)
        before(number, None)

    signal.signal(signal.SIGINT, note)
    print("busy", flush=True)
    while True:
        pass


@io.on("spawned")
async def spawned(socket: Socket) -> None:
    """Be busy in a task of its own: one that has waited."""
    await asyncio.sleep(0)
    busy(socket)


@io.on("waits")
async def waits(socket: Socket) -> None:
    """Wait for what does not come."""
    print("busy", flush=True)
    await asyncio.Event().wait()


async def serve() -> None:
    """Serve, and print the URL."""
    started: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    started.add_done_callback(lambda urls: print(urls.result()[0], flush=True))
    await io.serve("127.0.0.1", signals=[signal.SIGTERM], started=started)


try:
    asyncio.run(serve())
except BaseException as error:  # noqa: BLE001 - it is told to the test
    print(type(error).__name__, flush=True)
    sys.exit(130)
print("returned", flush=True)
