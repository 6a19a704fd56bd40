"""A loop whose tasks begin inside the call that makes them, as asyncio's eager ones do from Python 3.12 on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, Final

import pytest

from socketio_core.asyncio import Server, Socket, connect
from tests.asyncio.bench import Bench, asyncio_test, serving, until

_NAME: ContextVar[str] = ContextVar("_NAME", default="nobody")

# Where there are none, the same has to hold of what there is.
FACTORIES: Final[list[Any]] = [getattr(asyncio, "eager_task_factory", None)]

both_ways = pytest.mark.parametrize("factory", FACTORIES)


@asynccontextmanager
async def eagerly(io: Server, factory: Any) -> AsyncGenerator[Bench]:
    running = asyncio.get_running_loop()
    running.set_task_factory(factory)
    try:
        async with serving(io) as bench:
            yield bench
    finally:
        running.set_task_factory(None)


@both_ways
@asyncio_test
async def test_a_goodbye_behind_an_event_that_left_a_context_is_heard(factory: Any) -> None:
    io, heard = Server(), list[str]()

    @io.on("name")
    def name(_: Socket, value: str) -> None:
        heard.append(_NAME.get())
        _NAME.set(value)

    @io.on("disconnect")
    def left(_: Socket, reason: str) -> None:
        heard.append(reason)

    async with eagerly(io, factory) as bench:
        client = await bench.websocket()
        await client.send('42["name","a"]', '42["name","b"]', "41")
        await until(lambda: len(heard) == 3, "the goodbye was heard", 5)
    assert heard == ["nobody", "nobody", "client namespace disconnect"]


@both_ways
@asyncio_test
async def test_the_first_events_of_a_server_find_the_handlers_of_a_block(factory: Any) -> None:
    """Those are set before the block waits, and so before anything else is handled."""
    io, heard = Server(), list[str]()

    @io.on("connection")
    async def connected(socket: Socket) -> None:
        await socket.emit("news", "first")

    async with eagerly(io, factory) as bench, connect(bench.urls[0]) as socket:

        @socket.on("news")
        def news(value: str) -> None:
            heard.append(value)

        await until(lambda: heard == ["first"], "it was heard", 5)
