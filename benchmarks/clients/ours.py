"""The client of `socketio_core.trio`, or of `socketio_core.asyncio`, there on uvloop if that is said."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import trio
import uvloop

import socketio_core.asyncio
import socketio_core.trio

Connect = Callable[..., AbstractAsyncContextManager[socketio_core.trio.ClientSocket]]


async def main(connect: Connect, sleep: Any, in_thread: Any, port: str, given: str) -> None:
    in_flight, arguments = json.loads(given)
    count = sent = 0
    is_sending = False
    async with connect(f"http://127.0.0.1:{port}", transports=["websocket"]) as socket:

        @socket.on("echo")
        async def echo(*args: Any) -> None:
            nonlocal count, sent
            count += 1
            if is_sending:
                sent += 1
                await socket.emit("echo", *args)

        print("ready", flush=True)
        while line := await in_thread(sys.stdin.readline):
            warm_up_s, seconds = map(float, line.split())
            is_sending = True
            for _ in range(in_flight):
                sent += 1
                await socket.emit("echo", *arguments)
            await sleep(warm_up_s)
            begin = (count, time.monotonic(), time.process_time())
            await sleep(seconds)
            end = (count, time.monotonic(), time.process_time())
            is_sending = False
            while sent > count:  # or they would count in the next round
                await sleep(0.01)
            counted, elapsed_s, cpu_s = (now - before for before, now in zip(begin, end, strict=True))
            sample = {"count": counted, "elapsed_s": elapsed_s, "server_cpu_s": cpu_s, "generator_cpu_s": 0}
            print(json.dumps(sample), flush=True)


async def on_trio(port: str, given: str) -> None:
    await main(socketio_core.trio.connect, trio.sleep, trio.to_thread.run_sync, port, given)


async def on_asyncio(port: str, given: str) -> None:
    await main(socketio_core.asyncio.connect, asyncio.sleep, asyncio.to_thread, port, given)


_LOOPS: dict[str, Callable[[str, str], None]] = {
    "trio": lambda port, given: trio.run(on_trio, port, given),
    "asyncio": lambda port, given: asyncio.run(on_asyncio(port, given)),
    "uvloop": lambda port, given: uvloop.run(on_asyncio(port, given)),
}

if __name__ == "__main__":
    _LOOPS[sys.argv[1]](*sys.argv[2:])
