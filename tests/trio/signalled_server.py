# ruff: noqa: T201 - a program that prints
"""A server in a process of its own, for tests that send it signals; prints a line for whatever they wait for."""

from __future__ import annotations

import signal
import sys
from functools import partial
from typing import Any, cast

import trio

from socketio_core.trio import Server, Socket

io = Server()
has_left = trio.Event()


@io.on("busy")
def busy(socket: Socket) -> None:
    """Keep the event loop, and look for signals only as Python does."""
    print("busy", flush=True)
    while True:
        pass


@io.on("short")
def short(socket: Socket) -> None:
    """Keep the event loop until a signal has come."""
    came: list[int] = []
    before = signal.getsignal(signal.SIGTERM)

    def note(number: int, frame: object) -> None:
        came.append(number)
        assert callable(before)
        before(number, None)

    signal.signal(signal.SIGTERM, note)
    print("busy", flush=True)
    while not came:
        pass


@io.on("spawned")
async def spawned(socket: Socket) -> None:
    """Be busy in a task of its own: one that has waited."""
    await trio.lowlevel.checkpoint()
    busy(socket)


@io.on("waits")
async def waits(socket: Socket) -> None:
    """Wait until somebody was told of the end."""
    print("busy", flush=True)
    await has_left.wait()


@io.on("stubborn")
async def stubborn(socket: Socket) -> None:
    """Wait for what does not come."""
    print("busy", flush=True)
    await trio.sleep_forever()


@io.on("disconnect")
def disconnect(socket: Socket, reason: str) -> None:
    """Tell that the end has begun; once, for the next signal may come up in the middle of a line."""
    if not has_left.is_set():
        has_left.set()
        print("left", flush=True)


class Printed(trio.TaskStatus[list[str]]):
    """Prints the URL that `serve` reports."""

    def started(self, value: list[str] | None = None) -> None:
        """See `trio.TaskStatus`."""
        print((value or [""])[0], flush=True)


try:
    trio.run(partial(io.serve, "127.0.0.1", signals=[signal.SIGTERM], task_status=Printed()))
except BaseException as error:  # noqa: BLE001 - it is told to the test
    found: Any = error
    while isinstance(found, BaseExceptionGroup):
        found = cast("BaseExceptionGroup[BaseException]", found).exceptions[0]
    print(type(found).__name__, flush=True)
    sys.exit(130)
print("returned", flush=True)
