"""Servers to be served from the command line, and what is none."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time

import socketio_core.asyncio
import socketio_core.trio
from socketio_core import EngineSettings, Server, Timeouts
from socketio_core.app import Socket
from socketio_core.cluster import RedisAdapter

other = socketio_core.asyncio.Server()
joined = socketio_core.trio.Server(adapter=RedisAdapter("redis://h"))
nothing = "nothing"


def make(shutdown_s: float = 0) -> Server:
    """Return a server for any event loop."""
    made = Server(engine=EngineSettings(transports=["websocket"]), timeouts=Timeouts(shutdown_s=shutdown_s))

    @made.on("pid")
    def pid(socket: object) -> int:
        return os.getpid()

    @made.on("frozen")
    def frozen(socket: object) -> int:
        return gc.get_freeze_count()

    @made.on("threshold")
    def threshold(socket: object) -> tuple[int, ...]:
        return gc.get_threshold()

    @made.on("tell")
    def tell(socket: object, word: str) -> None:
        made.emit_nowait("told", word)

    @made.on("die")
    def die(socket: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    @made.on("busy")
    def busy(socket: object) -> None:
        print("busy", flush=True)  # noqa: T201 - for who waits for it
        time.sleep(1000)  # longer than any patience: a handler that holds its worker, which is to be ended all the same

    @made.on("linger")
    def linger(socket: Socket) -> None:
        @socket.on("disconnect")
        def gone(reason: str) -> None:
            time.sleep(1)  # longer than the patience of an impatient one
            print("lingered", flush=True)  # noqa: T201 - for who waits for it

    return made


def make_patient() -> Server:
    """Return one whose end may take a while."""
    return make(shutdown_s=1000)


def make_tidy() -> Server:
    """Return one whose process collects garbage as the application says."""
    gc.set_threshold(1000, 20, 30)
    return make()


def fail() -> Server:
    """Fail."""
    raise ValueError("it fails")


def leave() -> Server:
    """End the process."""
    sys.exit(7)


io = socketio_core.trio.Server()
