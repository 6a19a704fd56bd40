"""A client's handlers run in the task that reads, until one waits; then another task reads on."""

from __future__ import annotations

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
from socketio_core.trio import Server, connect
from tests.adapters.client.server import text
from tests.adapters.tls import server_context, trusting
from tests.trio.bench import trio_tcp_test, trio_test, until
from tests.trio.client.test_client_pump import connected

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

    context = server_context(certificate)
    serve = partial(io.serve, "127.0.0.1", 0, ssl_context=context if scheme == "https" else None)
    async with trio.open_nursery() as nursery:
        (url,) = await nursery.start(serve)
        address = url.replace("127.0.0.1", "localhost")
        async with connect(address, transports=[transport], ssl_context=trusting(certificate)) as socket:
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
async def test_nor_does_one_behind_a_handler_that_has_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(monkeypatch) as (socket, server):
        heard: list[object] = []

        @socket.on("wait")
        async def wait() -> None:
            await trio.sleep(1)

        socket.on("a", heard.append)
        await server.send(text('42["wait"]'), text('42["a",1]'))
        await until(lambda: heard == [1], "it has waited", 5)
        with counting_tasks() as spawned:
            await server.send(text('42["a",2]'))
            await wait_all_tasks_blocked()
        assert (heard, spawned.count) == ([1, 2], 0)
