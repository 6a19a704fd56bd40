"""What happens while a client's handler waits: everything but the events behind it goes on."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

import pytest

from socketio_core.app.client_socket import ClientSocket
from tests.adapters.bench import until
from tests.adapters.client.played import played
from tests.adapters.client.server import text
from tests.adapters.loops import both_loops_tcp, loop
from tests.wire.written import PING, frame

NAME: Final[ContextVar[str]] = ContextVar("NAME", default="nobody")


@both_loops_tcp
async def test_while_a_handler_waits_everything_else_is_read_and_written() -> None:
    async with played() as (socket, server):
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
        await server.peer.close()


@pytest.mark.parametrize("is_known", [False, True])
@both_loops_tcp
async def test_the_end_of_the_connection_is_not_the_end_of_a_handler_that_waits(*, is_known: bool) -> None:
    async with played() as (socket, server):
        gate = loop.new_event()
        heard: list[str] = []

        @socket.on("a")
        async def wait() -> None:
            await gate.wait()
            heard.append("handled")

        socket.on("disconnect", heard.append)
        await server.send(text('42["a"]'))
        if is_known:  # before the connection ends, that is
            await loop.settle()
        await server.peer.close()
        await until(lambda: not socket.connected, "the end is noticed", 5)
        assert heard == []
        gate.set()
        await until(lambda: heard == ["handled", "transport close"], "all is handled", 5)


@both_loops_tcp
async def test_a_handler_may_leave_and_wait() -> None:
    async with played() as (socket, server):
        heard: list[str] = []

        @socket.on("a")
        async def leave() -> None:
            await socket.disconnect()
            await loop.sleep(1)
            heard.append("handled")

        socket.on("disconnect", heard.append)
        await server.send(text('42["a"]'))
        assert (await server.frame())[1] == b"41"
        await until(lambda: heard == ["handled", "io client disconnect"], "all is handled", 5)
        await server.peer.close()


@pytest.mark.parametrize("has_own_task", [False, True])
@both_loops_tcp
async def test_the_block_ends_behind_handlers_that_wait(*, has_own_task: bool) -> None:
    heard: list[str] = []
    async with loop.open_nursery() as nursery:
        async with played() as (socket, server):

            @socket.on("a")
            async def wait() -> None:
                await loop.sleep(0.1)
                heard.append("handled")

            @socket.on("touch")
            def touch() -> None:
                NAME.set("set")  # so the next event is handled in another task

            await server.send(*[text('42["touch"]')] * has_own_task, text('42["a"]'))
            await loop.settle()
            nursery.start_soon(server.peer.close)
            began_at = loop.current_time()
        assert heard == ["handled"]
        assert loop.current_time() - began_at < 0.2  # it does not wait for a deadline to look again


@both_loops_tcp
async def test_sockets_do_not_wait_for_each_other() -> None:
    async with played() as (socket, server):
        heard: list[str] = []
        gate = loop.new_event()
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


@both_loops_tcp
async def test_what_a_handler_sets_is_not_seen_by_the_next() -> None:
    async with played() as (socket, server):
        seen: list[str] = []

        @socket.on("a")
        async def note() -> None:
            seen.append(NAME.get())
            NAME.set("set")

        for _ in range(2):
            await server.send(text('42["a"]'), text('42["a"]'))
            await loop.settle()
        assert seen == ["nobody"] * 4


@pytest.mark.parametrize("way", ["left", "failed", "cancelled", "let go"])
@both_loops_tcp
async def test_the_end_is_told_whatever_becomes_of_a_handler(way: str) -> None:
    heard: list[str] = []

    async def talk() -> None:
        async with played(close_timeout_s=1) as (socket, server):

            @socket.on("a")
            async def never() -> None:
                try:
                    await loop.sleep_forever()
                finally:
                    heard.append("cancelled")

            @socket.on("disconnect")
            async def disconnected(reason: str) -> None:
                heard.append(reason)
                await loop.sleep_forever()

            socket.on("b", heard.append)
            socket.manager.on("close", heard.append)
            await server.send(text('42["a"]'), text('42["b","is dropped"]'))
            await loop.settle()
            if way == "failed":
                raise ValueError
            if way == "cancelled":
                scope.cancel()
                await loop.checkpoint()
            if way == "let go":
                await socket.disconnect()

    began_at = loop.current_time()
    with loop.cancel_scope() as scope:
        try:
            await talk()
        except* ValueError:
            pass
    assert sorted(heard) == ["cancelled", "forced close", "io client disconnect"]
    assert heard.index("cancelled") < heard.index("io client disconnect")
    assert loop.current_time() - began_at < 5
