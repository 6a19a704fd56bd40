"""The client of python-socketio, on asyncio and aiohttp."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import socketio  # type: ignore[import-untyped]


async def main() -> None:
    port, given = sys.argv[1:]
    in_flight, arguments = json.loads(given)
    count = sent = 0
    is_sending = False
    client: Any = socketio.AsyncClient()

    async def echo(*args: Any) -> None:
        nonlocal count, sent
        count += 1
        if is_sending:
            sent += 1
            await client.emit("echo", args)

    client.on("echo", echo)
    await client.connect(f"http://127.0.0.1:{port}", transports=["websocket"])
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        warm_up_s, seconds = map(float, line.split())
        is_sending = True
        for _ in range(in_flight):
            sent += 1
            await client.emit("echo", tuple(arguments))
        await asyncio.sleep(warm_up_s)
        begin = (count, time.monotonic(), time.process_time())
        await asyncio.sleep(seconds)
        end = (count, time.monotonic(), time.process_time())
        is_sending = False
        while sent > count:  # noqa: ASYNC110 - or they would count in the next round
            await asyncio.sleep(0.01)
        counted, elapsed_s, cpu_s = (now - before for before, now in zip(begin, end, strict=True))
        sample = {"count": counted, "elapsed_s": elapsed_s, "server_cpu_s": cpu_s, "generator_cpu_s": 0}
        print(json.dumps(sample), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
