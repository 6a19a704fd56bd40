"""The client of python-socketio, driven by the same JSON lines as `node/client.mjs`."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any, cast

from tests.interop.processes import from_json, to_json

Command = dict[str, Any]
socketio: Any = importlib.import_module("socketio")  # it has no type information
# It gives a connection up when a poll brings more than 16 packets, if not told otherwise.
importlib.import_module("engineio.payload").Payload.max_decode_packets = 100_000


def say(**message: object) -> None:
    print(json.dumps(to_json(message)), flush=True)


class Connection:
    """One client with its namespaces."""

    def __init__(self, command: Command) -> None:
        self.name: str = command["connection"]
        self.how = command
        self.transports: list[str] = command["transports"]
        self.namespaces: list[str] = command["namespaces"]
        self.numbers: list[int] = []
        self.number_arrived = asyncio.Event()
        self.client = socketio.AsyncClient(
            reconnection=command["reconnection"], reconnection_delay=0.05, reconnection_delay_max=0.2
        )
        for nsp in self.namespaces:
            self._follow(nsp)

    def _follow(self, nsp: str) -> None:
        def report(kind: str, *args: object) -> None:
            say(connection=self.name, nsp=nsp, kind=kind, args=args)

        def connected() -> None:
            report("connect", self.client.get_sid(nsp))

        def refused(detail: object = None) -> None:
            if isinstance(detail, dict):
                fields = cast("dict[str, object]", detail)
                report("connect_error", fields.get("message"), fields.get("data"))
            else:
                report("connect_error", detail, None)

        def left(reason: str) -> None:
            report("disconnect", reason)

        def question(*args: object) -> tuple[object, ...]:
            return args

        def number(value: int) -> None:
            self.numbers.append(value)
            self.number_arrived.set()

        on: Callable[..., object] = self.client.on
        on("connect", connected, namespace=nsp)
        on("connect_error", refused, namespace=nsp)
        on("disconnect", left, namespace=nsp)
        on("question", question, namespace=nsp)
        on("number", number, namespace=nsp)
        on("*", report, namespace=nsp)

    async def connect(self, command: Command) -> None:
        if not command["later"]:
            await self._connect()

    async def _connect(self) -> None:
        command = self.how
        query = "&".join(f"{name}={value}" for name, value in command["query"].items())
        try:
            await self.client.connect(
                f"{command['url']}/?{query}",
                auth=command["auth"],
                transports=self.transports,
                namespaces=self.namespaces,
                wait_timeout=60,
            )
        except socketio.exceptions.ConnectionError:
            return  # reported by `refused`

    async def emit(self, command: Command) -> None:
        await self.client.emit(command["event"], tuple(from_json(command["args"])), namespace=command["nsp"])

    async def call(self, command: Command) -> list[object]:
        answer: asyncio.Future[list[object]] = asyncio.get_running_loop().create_future()

        def answered(*args: object) -> None:
            answer.set_result(list(args))

        args = tuple(from_json(command["args"]))
        await self.client.emit(command["event"], args, namespace=command["nsp"], callback=answered)
        return await asyncio.wait_for(answer, command["timeout_ms"] / 1000)

    async def exchange(self, command: Command) -> dict[str, object]:
        """Connect, then send numbers both ways, a few each millisecond."""
        await self._connect()
        total, chunk, nsp = command["total"], command["chunk"], command["nsp"]
        started_on = self.client.transport()
        for first in range(0, total, chunk):
            await self.client.emit("numbers please", (first, chunk), namespace=nsp)
            for value in range(first, first + chunk):
                await self.client.emit("number", value, namespace=nsp)
            await asyncio.sleep(0.001)
        while len(self.numbers) < total:
            self.number_arrived.clear()
            await self.number_arrived.wait()
        reported = await self.call({"event": "numbers you got", "args": [], "nsp": nsp, "timeout_ms": 60_000})
        return {
            "got": self.numbers,
            "reported": reported[0],
            "startedOn": started_on,
            "upgradedAfter": None,
            "endedOn": self.client.transport(),
        }

    async def disconnect(self, command: Command) -> None:
        await self.client.disconnect()

    async def close_engine(self, command: Command) -> None:
        await self.client.eio.disconnect()

    async def transport(self, command: Command) -> str:
        return str(self.client.transport())

    async def upgraded(self, command: Command) -> bool:
        """It upgrades before it says that it is connected, or not at all."""
        return str(self.client.transport()) == "websocket"

    async def forget(self, command: Command) -> None:
        self.client.handlers.clear()
        await self.client.shutdown()


async def main() -> None:
    connections: dict[str, Connection] = {}
    running: set[asyncio.Task[None]] = set()

    async def answer(command: Command) -> None:
        try:
            if command["do"] == "connect":
                connections[command["connection"]] = Connection(command)
            connection = connections[command["connection"]]
            action: Callable[[Command], Awaitable[object]] = getattr(connection, command["do"])
            result = await action(command)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test that asked must hear of it
            say(answer=command["id"], error=repr(error))
        else:
            say(answer=command["id"], result=result)

    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=64 * 1024 * 1024)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        task = asyncio.create_task(answer(json.loads(line)))
        running.add(task)
        task.add_done_callback(running.discard)


if __name__ == "__main__":
    asyncio.run(main())
