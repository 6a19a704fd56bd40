"""The server and the client on uvloop, in real time, on which nothing here depends."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

import uvloop

from socketio_core.asyncio import Server, Socket, connect
from socketio_core.asyncio.runtime import RunnerRuntime
from tests.adapters.tls import server_context, trusting
from tests.asyncio.bench import Bench, serving


async def _talk(bench: Bench) -> None:
    io = bench.io

    @io.on("slowly")
    async def slowly(_: Socket, value: str) -> str:
        await asyncio.sleep(0)
        return value

    await bench.check_still_serves()
    client = await bench.websocket()
    await client.emit("slowly", "x" * 500_000, ack_id=1)
    answer = await client.take()
    assert isinstance(answer, str)
    assert answer.startswith('431["xxx')
    await io.emit("all", b"123")
    assert await client.take() == '451-["all",{"_placeholder":true,"num":0}]'
    assert await client.take() == b"123"
    bench.task.cancel()
    assert await client.close_code() == 1001
    with suppress(asyncio.CancelledError):
        await bench.task


async def _serve() -> None:
    async with serving(Server()) as bench:
        await _talk(bench)


def test_serves_and_ends_in_order() -> None:
    uvloop.run(_serve())


async def _connect(certificate: Path) -> None:
    for options in ({}, {"ssl_context": server_context(certificate)}):
        async with serving(Server(), **options) as bench:
            url = bench.urls[0].replace("127.0.0.1", "localhost")
            for transports in (["polling"], ["websocket"]):
                async with connect(url, transports=transports, ssl_context=trusting(certificate)) as socket:
                    assert await socket.call("echo", "x" * 500_000) == "x" * 500_000


async def _connect_to_unix_socket(name: str) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(name)
    io = Server()

    @io.on("echo")
    def echo(_: Socket, value: int) -> int:
        return value

    started: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(io.serve(listeners=[listening], started=started))
    async with connect((await started)[0]) as client:
        assert await client.call("echo", 1) == 1
    serving.cancel()
    await asyncio.wait([serving])


def test_connects_to_a_name_in_the_abstract_namespace(tmp_path: Path) -> None:
    uvloop.run(_connect_to_unix_socket(f"\0{tmp_path}"))


def test_connects(certificate: Path) -> None:
    uvloop.run(_connect(certificate))


class _Due:
    """Something with a deadline that has passed."""

    is_behind = False

    def __init__(self) -> None:
        self.next_deadline: float | None = 0.0
        self.seen = asyncio.Event()

    def handle_timeout(self, now: float) -> None:
        self.next_deadline = None
        self.seen.set()


async def _be_due_twice_in_a_turn() -> None:
    runtime = RunnerRuntime()
    runtime.timed = due = _Due()
    runtime.wake_in_time()  # for output that was written
    runtime.wake_in_time()  # for a connection that was accepted
    await due.seen.wait()


def test_deadline_that_has_passed_may_be_looked_at_again() -> None:
    """uvloop's timer of that kind is none, and does not say when it fires."""
    uvloop.run(_be_due_twice_in_a_turn())
