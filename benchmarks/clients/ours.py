"""The client of `socketio_core.trio`."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import trio

from socketio_core.trio import connect


async def main() -> None:
    port, given = sys.argv[1:]
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
        while line := await trio.to_thread.run_sync(sys.stdin.readline):
            warm_up_s, seconds = map(float, line.split())
            is_sending = True
            for _ in range(in_flight):
                sent += 1
                await socket.emit("echo", *arguments)
            await trio.sleep(warm_up_s)
            begin = (count, time.monotonic(), time.process_time())
            await trio.sleep(seconds)
            end = (count, time.monotonic(), time.process_time())
            is_sending = False
            while sent > count:  # noqa: ASYNC110 - or they would count in the next round
                await trio.sleep(0.01)
            counted, elapsed_s, cpu_s = (now - before for before, now in zip(begin, end, strict=True))
            sample = {"count": counted, "elapsed_s": elapsed_s, "server_cpu_s": cpu_s, "generator_cpu_s": 0}
            print(json.dumps(sample), flush=True)


if __name__ == "__main__":
    trio.run(main)
