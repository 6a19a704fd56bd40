"""Ctrl-C and SIGTERM at a server that is busy: its clients are told as when it is idle, and it ends in order."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
import trio.testing

from tests.adapters.clients import PollingClient, WebSocketClient
from tests.adapters.peer import Peer
from tests.interop.processes import DEADLINE_S, ROOT
from tests.wire.written import close_frame


class Process:
    """The server, and the lines that it prints."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self._text = b""

    async def line(self) -> str:
        assert self.process.stdout is not None
        while b"\n" not in self._text:
            data = await self.process.stdout.receive_some()
            assert data, "it ended"
            self._text += data
        line, _, self._text = self._text.partition(b"\n")
        return line.decode()

    async def wait_for(self, wanted: str) -> None:
        while await self.line() != wanted:
            pass


@asynccontextmanager
async def _server() -> AsyncGenerator[tuple[Process, list[WebSocketClient | PollingClient]]]:
    """Start a server with six clients that are in."""
    command = [sys.executable, "-m", "tests.trio.signalled_server"]
    with trio.fail_after(DEADLINE_S):
        async with trio.open_nursery() as nursery:
            run = partial(trio.run_process, command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
            process: trio.Process = await nursery.start(run)
            server = Process(process)
            port = int((await server.line()).rpartition(":")[2])

            async def connect() -> Peer:
                return Peer(await trio.open_tcp_stream("127.0.0.1", port))

            clients: list[WebSocketClient | PollingClient] = []
            for number in range(6):
                client = WebSocketClient(await connect()) if number % 2 else PollingClient(connect)
                await client.open()
                await client.join()
                clients.append(client)
            try:
                yield server, clients
            finally:
                for client in clients:
                    if isinstance(client, WebSocketClient):
                        await trio.aclose_forcefully(client.peer.stream)
                if process.returncode is None:
                    process.kill()


async def _check_told(client: WebSocketClient | PollingClient, told: list[str]) -> None:
    if isinstance(client, WebSocketClient):
        assert await client.close_code() == 1001
        await client.peer.send(close_frame(1001))
        await client.peer.rest()
    else:
        assert (await client.ask()).text == "1"
    told.append("told")


@pytest.mark.parametrize(
    ("event", "number", "end", "status"),
    [
        ("busy", signal.SIGINT, "KeyboardInterrupt", 130),
        ("spawned", signal.SIGINT, "KeyboardInterrupt", 130),
        ("waits", signal.SIGINT, "KeyboardInterrupt", 130),
        ("short", signal.SIGTERM, "returned", 0),
        ("waits", signal.SIGTERM, "returned", 0),
    ],
)
@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_all_clients_are_told(event: str, number: signal.Signals, end: str, status: int, transport: str) -> None:
    async def main() -> None:
        async with _server() as (server, clients):
            told: list[str] = []
            polling = clients[0]
            assert isinstance(polling, PollingClient)
            async with trio.open_nursery() as nursery:
                for client in clients:
                    nursery.start_soon(_check_told, client, told)
                await trio.testing.wait_all_tasks_blocked()
                for _ in range(2):  # connections are accepted in their order: those that poll are in, and were read
                    await polling.ask("PUT")
                if transport == "websocket":
                    await clients[1].emit(event)
                else:
                    nursery.start_soon(clients[0].emit, event)
                await server.wait_for("busy")
                server.process.send_signal(number)
            assert told == ["told"] * 6
            await server.wait_for(end)
            assert await server.process.wait() == status

    trio.run(main)


def test_second_interrupt_ends_what_would_take_its_time() -> None:
    async def main() -> None:
        async with _server() as (server, clients):
            await clients[1].emit("stubborn")
            await server.wait_for("busy")
            server.process.send_signal(signal.SIGINT)
            await server.wait_for("left")
            server.process.send_signal(signal.SIGINT)
            await server.wait_for("KeyboardInterrupt")
            assert await server.process.wait() == 130

    trio.run(main)
