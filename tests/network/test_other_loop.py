"""A server or client on the other event loop than the one it is for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest
import trio

import socketio_core.asyncio
import socketio_core.trio
from socketio_core.app.client_socket import ClientSocket

URL = "http://127.0.0.1:1"
Run = Callable[[Callable[[], Awaitable[None]]], None]


def on_asyncio(function: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await function()

    asyncio.run(main())


async def enter(connecting: AbstractAsyncContextManager[ClientSocket]) -> None:
    async with connecting:
        pass


ON_ASYNCIO = (on_asyncio, "on asyncio import socketio_core.asyncio")
ON_TRIO = (trio.run, "on trio import socketio_core.trio")


@pytest.mark.parametrize(
    ("run", "says", "function"),
    [
        (*ON_ASYNCIO, lambda: socketio_core.trio.Server().serve("127.0.0.1")),
        (*ON_ASYNCIO, lambda: enter(socketio_core.trio.connect(URL))),
        (*ON_TRIO, lambda: socketio_core.asyncio.Server().serve("127.0.0.1")),
        (*ON_TRIO, lambda: enter(socketio_core.asyncio.connect(URL))),
    ],
    ids=["a server of trio", "a client of trio", "a server of asyncio", "a client of asyncio"],
)
def test_says_what_to_import(run: Run, says: str, function: Callable[[], Awaitable[None]]) -> None:
    async def call() -> None:
        await function()

    with pytest.raises(RuntimeError, match=says):
        run(call)
