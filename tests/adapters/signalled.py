"""A server in a process of its own, with six clients, which are told of its end; for tests that send it signals."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

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
        self._said: list[str] = []

    async def line(self) -> str:
        assert self.process.stdout is not None
        while b"\n" not in self._text:
            data = await self.process.stdout.receive_some()
            assert data, f"it ended, having said {self._said}"
            self._text += data
        line, _, self._text = self._text.partition(b"\n")
        self._said.append(line.decode())
        return self._said[-1]

    async def wait_for(self, wanted: str) -> None:
        while await self.line() != wanted:
            pass


@asynccontextmanager
async def signalled_server(module: str) -> AsyncGenerator[tuple[Process, list[WebSocketClient | PollingClient]]]:
    """Start a program that serves, with six clients that are in."""
    command = [sys.executable, "-m", module]
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
    """Wait until a client is told that the server shuts down; note it in `told`."""
    if isinstance(client, WebSocketClient):
        assert await client.close_code() == 1001
        await client.peer.send(close_frame(1001))
        await client.peer.rest()
    else:
        assert (await client.ask()).text == "1"
    told.append("told")


def end_by_signal(module: str, event: str, number: signal.Signals, transport: str, *, is_twice: bool = False) -> int:
    """End a server while it is busy with an event; all clients must be told. Returns its exit status.

    Args:
        module: the program. It prints "busy" when it is.
        event: what makes it so.
        number: of the signal.
        transport: of the client that sends the event.
        is_twice: send the signal again when the program has printed "interrupted".
    """
    return trio.run(partial(_end_by_signal, module, event, number, transport, is_twice=is_twice))


async def _end_by_signal(module: str, event: str, number: signal.Signals, transport: str, *, is_twice: bool) -> int:
    async with signalled_server(module) as (server, clients):
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
                nursery.start_soon(polling.emit, event)
            await server.wait_for("busy")
            server.process.send_signal(number)
            if is_twice:
                await server.wait_for("interrupted")
                server.process.send_signal(number)
        assert told == ["told"] * 6
        await server.wait_for("returned" if number is signal.SIGTERM else "KeyboardInterrupt")
        return await server.process.wait()
