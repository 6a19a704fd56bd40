"""A client's handlers run in the task that reads, until one waits; then another task reads on."""

from __future__ import annotations

import ssl
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Final

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from socketio_core.app import Socket
from socketio_core.app.client_socket import ClientSocket
from socketio_core.trio import Server, connect
from tests.adapters.client.server import text
from tests.trio.bench import trio_tcp_test, trio_test, until
from tests.trio.client.test_client_pump import connected
from tests.wire.written import PING, frame

NAME: Final[ContextVar[str]] = ContextVar("NAME", default="nobody")


class Spawned(trio.abc.Instrument):
    """Counts tasks for handlers; a stream in memory needs others to be written to."""

    def __init__(self) -> None:
        self.count = 0

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        self.count += "_count_task" in task.name


@contextmanager
def counting_tasks() -> Generator[Spawned]:
    spawned = Spawned()
    trio.lowlevel.add_instrument(spawned)
    try:
        yield spawned
    finally:
        trio.lowlevel.remove_instrument(spawned)


@pytest.mark.parametrize("is_async", [False, True])
@trio_test
async def test_an_event_whose_handler_does_not_wait_costs_no_task(
    monkeypatch: pytest.MonkeyPatch, *, is_async: bool
) -> None:
    async with connected(monkeypatch) as (socket, server):
        heard: list[int] = []

        async def answer(number: int) -> int:
            await socket.emit("heard", number)  # which waits for nothing
            return answer_at_once(number)

        def answer_at_once(number: int) -> int:
            heard.append(number)
            return number

        socket.on("a", answer if is_async else answer_at_once)
        with counting_tasks() as spawned:
            for number in range(10):
                await server.send(text(f'42{number}["a",{number}]'))
                if is_async:
                    assert (await server.frame())[1] == b'42["heard",%d]' % number
                assert (await server.frame())[1] == b"43%d[%d]" % (number, number)
        assert heard == [*range(10)]
        assert spawned.count == 0


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("scheme", ["http", "https"])
@trio_tcp_test
async def test_nor_does_one_over_a_network(scheme: str, transport: str, certificate: Path) -> None:
    io = Server()

    @io.on("go on")
    def send(socket: Socket, number: int) -> None:
        socket.emit_nowait("a", number)

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    serve = partial(io.serve, "127.0.0.1", 0, ssl_context=context if scheme == "https" else None)
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with trio.open_nursery() as nursery:
        (url,) = await nursery.start(serve)
        address = url.replace("127.0.0.1", "localhost")
        async with connect(address, transports=[transport], ssl_context=trusting) as socket:
            heard: list[int] = []

            @socket.on("a")
            async def go_on(number: int) -> None:
                heard.append(number)
                if number < 9:
                    await socket.emit("go on", number + 1)

            with counting_tasks() as spawned:
                await socket.emit("go on", 0)
                await until(lambda: len(heard) == 10, "all is handled", 5)
            assert spawned.count == 0
        nursery.cancel_scope.cancel()


@trio_test
async def test_while_a_handler_waits_everything_else_is_read_and_written(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(monkeypatch) as (socket, server):
        heard: list[object] = []

        @socket.on("ask")
        async def ask() -> None:
            heard.append(await socket.call("question"))

        socket.on("a", heard.append)
        await server.send(text('42["ask"]'), text('42["a",1]'))
        assert (await server.frame())[1] == b'420["question"]'
        await server.send(frame(b"ping", PING, masked=False))
        assert await server.frame() == (10, b"ping")
        assert heard == []  # in order
        await server.send(text('430["answer"]'))
        await until(lambda: heard == ["answer", 1], "all is handled", 5)
        with counting_tasks() as spawned:
            await server.send(text('42["a",2]'))
            await wait_all_tasks_blocked()
        assert (heard, spawned.count) == (["answer", 1, 2], 0)


@pytest.mark.parametrize("is_known", [False, True])
@trio_test
async def test_the_end_of_the_connection_is_not_the_end_of_a_handler_that_waits(
    monkeypatch: pytest.MonkeyPatch, *, is_known: bool
) -> None:
    async with connected(monkeypatch) as (socket, server):
        gate = trio.Event()
        heard: list[str] = []

        @socket.on("a")
        async def wait() -> None:
            await gate.wait()
            heard.append("handled")

        socket.on("disconnect", heard.append)
        await server.send(text('42["a"]'))
        if is_known:  # before the connection ends, that is
            await wait_all_tasks_blocked()
        await server.peer.close()
        await until(lambda: not socket.connected, "the end is noticed", 5)
        assert heard == []
        gate.set()
        await until(lambda: heard == ["handled", "transport close"], "all is handled", 5)


@trio_test
async def test_a_handler_may_leave_and_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(monkeypatch) as (socket, server):
        heard: list[str] = []

        @socket.on("a")
        async def leave() -> None:
            await socket.disconnect()
            await trio.sleep(1)
            heard.append("handled")

        socket.on("disconnect", heard.append)
        await server.send(text('42["a"]'))
        assert (await server.frame())[1] == b"41"
        await until(lambda: heard == ["handled", "io client disconnect"], "all is handled", 5)
        await server.peer.close()


@trio_test
async def test_the_block_ends_behind_handlers_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    async with trio.open_nursery() as nursery:
        async with connected(monkeypatch) as (socket, server):

            @socket.on("a")
            async def wait() -> None:
                await trio.sleep(0.1)
                heard.append("handled")

            await server.send(text('42["a"]'))
            await wait_all_tasks_blocked()
            nursery.start_soon(server.peer.close)
        assert heard == ["handled"]


@trio_test
async def test_sockets_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(monkeypatch) as (socket, server):
        heard: list[str] = []
        gate = trio.Event()
        other = socket.of("/other")
        assert (await server.frame())[1] == b"40/other,"
        await server.send(text('40/other,{"sid":"B"}'))
        await other.wait_connected()

        def register(socket: ClientSocket) -> None:
            @socket.on("a")
            async def wait() -> None:
                await gate.wait()
                heard.append(socket.nsp)

            socket.on("b", lambda: heard.append(f"{socket.nsp} at once"))

        register(socket)
        register(other)
        await server.send(text('42["a"]'), text('42/other,["b"]'))
        await until(lambda: heard, "that of the other", 5)
        assert heard == ["/other at once"]
        gate.set()
        await until(lambda: len(heard) == 2, "the first one's", 5)


@trio_test
async def test_what_a_handler_sets_is_not_seen_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(monkeypatch) as (socket, server):
        seen: list[str] = []

        @socket.on("a")
        async def note() -> None:
            seen.append(NAME.get())
            NAME.set("set")

        for _ in range(2):
            await server.send(text('42["a"]'), text('42["a"]'))
            await wait_all_tasks_blocked()
        assert seen == ["nobody"] * 4
