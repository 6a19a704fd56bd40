# ruff: noqa: T201 - a program that prints
"""A server in a process of its own, for tests that send it signals; prints a line for whatever they wait for."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from socketio_core.asyncio import Server, Socket

io = Server()


def say(line: str) -> None:
    """Print a line when signals may come: `print` cannot be called again, by a handler, while it writes."""
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


@io.on("busy")
def busy(socket: Socket) -> None:
    """Keep the event loop, and tell of the signals that come meanwhile."""
    before = signal.getsignal(signal.SIGINT)
    assert callable(before)

    def note(number: int, frame: object) -> None:
        # It is told when asyncio is through with it: the next one would come up, as an exception, in the middle of
        # cancelling the main task, whose wake-up may be lost by that for good.
        before(number, None)
        say("interrupted")

    signal.signal(signal.SIGINT, note)
    say("busy")
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
