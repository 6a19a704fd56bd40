"""What a handler sets in a `ContextVar` is its own: not the next event's, nor another client's."""

from __future__ import annotations

from contextvars import ContextVar

import pytest

from socketio_core import Server
from socketio_core.app import EngineSession, Socket
from tests.adapters.bench import serving
from tests.adapters.clients import WebSocketClient
from tests.adapters.loops import both_loops_tcp, loop

_NAME: ContextVar[str] = ContextVar("_NAME", default="nobody")
WAITS = pytest.mark.parametrize("waits", [False, True])


async def rename(value: str, *, waits: bool) -> list[str]:
    """Return what is seen, and what was set."""
    before = _NAME.get()
    _NAME.set(value)
    if waits:
        await loop.checkpoint()
    return [before, _NAME.get()]


@WAITS
@pytest.mark.parametrize("concurrency", [1, 2])
@pytest.mark.parametrize("tcp", [False, True])
@both_loops_tcp
async def test_of_a_server(*, tcp: bool, concurrency: int, waits: bool) -> None:
    io = Server(concurrency=concurrency)

    @io.use
    def middleware(_: Socket) -> None:
        _NAME.set("the middleware")

    @io.on("name")
    async def name(_: Socket, value: str) -> list[str]:
        return await rename(value, waits=waits)

    async with serving(io, tcp=tcp) as bench:
        one, two = await bench.websocket(), await bench.polling()
        for client in (one, two, one, two):
            await client.send('421["name","a"]', '422["name","b"]', '423["name","c"]')
            answers = {str(await client.take()) for _ in range(3)}
            assert answers == {f'43{number}[["nobody","{letter}"]]' for number, letter in enumerate("abc", 1)}


@WAITS
@both_loops_tcp
async def test_of_bare_engine_io(*, waits: bool) -> None:
    io = Server()
    engine = io.attach_engine("/engine.io/")
    seen: list[list[str]] = []

    @engine.on("connection")
    @engine.on("message")
    async def name(session: EngineSession, message: str = "connection") -> None:
        seen.append(await rename(message, waits=waits))
        if message == "c":
            await session.send("done")

    async with serving(io, tcp=True) as bench:
        client = WebSocketClient(await bench.connect())
        await client.open("/engine.io/?EIO=4&transport=websocket")
        await client.send("4a", "4b", "4c")
        assert await client.take() == "4done"
        assert seen == [["nobody", value] for value in ("connection", "a", "b", "c")]


@WAITS
@both_loops_tcp
async def test_of_a_client(*, waits: bool) -> None:
    io = Server()

    @io.on("connection")
    async def connected(socket: Socket) -> None:
        for value in "abc":
            await socket.emit("name", value)
        answer = await socket.call("name", "d")
        await socket.emit("answer", answer)

    async with serving(io, tcp=True) as bench, loop.connect(bench.urls[0]) as socket:
        answered = loop.new_event()
        seen: list[object] = []

        @socket.on("name")
        async def name(value: str) -> str:
            seen.append(await rename(value, waits=waits))
            return value

        @socket.on("answer")
        def answer(*_: object) -> None:
            answered.set()

        await answered.wait()
        assert seen == [["nobody", value] for value in "abcd"]
