"""A client's WebSocket over streams that exist in memory only, whose writes can be made to wait, or to fail."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MemoryReceiveStream, MemorySendStream, lockstep_stream_pair, memory_stream_pair

import socketio_core.trio.client_pump
from socketio_core.app.client_socket import ClientSocket
from socketio_core.trio import connect
from socketio_core.wire.client import ClientWire
from tests.adapters.client.played import PlayedServer
from tests.adapters.client.server import text
from tests.trio.bench import trio_test, until
from tests.wire.written import CLOSE, frame

Staple = trio.StapledStream[MemorySendStream, MemoryReceiveStream]


class Server(PlayedServer):
    """The server's end of a client's only connection.

    Attributes:
        client_end: of the client's, to be broken.
    """

    def __init__(self, client_end: Any, ours: trio.abc.Stream) -> None:
        super().__init__(ours)
        self.client_end = client_end


@asynccontextmanager
async def connected(
    monkeypatch: pytest.MonkeyPatch, *, lockstep: bool = False, **options: Any
) -> AsyncGenerator[tuple[ClientSocket, Server]]:
    """Have a client connected by WebSocket; what opens the session comes in one piece with the 101."""
    servers: list[Server] = []

    async def open_memory(wire: ClientWire) -> trio.abc.Stream:
        assert (wire.host, wire.port) == ("test", 80)
        client_end, ours = lockstep_stream_pair() if lockstep else memory_stream_pair()
        servers.append(Server(client_end, ours))
        return client_end

    monkeypatch.setattr(socketio_core.trio.client_pump, "dial", open_memory)
    options = {"reconnection": False, "transports": ["websocket"], **options}
    async with connect("http://test", wait=False, **options) as socket:
        await until(lambda: servers, "it dials", 5)
        (server,) = servers
        await server.open(socket)
        yield socket, server


@trio_test
async def test_broken_write_loses_nothing_that_can_still_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(monkeypatch) as (socket, server):
        told: list[object] = []
        socket.on("n", told.append)
        socket.on("disconnect", told.append)

        async def broken() -> None:
            raise trio.BrokenResourceError("reset")

        server.client_end.send_stream.send_all_hook = broken
        await socket.emit("into the void")
        await trio.sleep(1)
        assert told == []
        await server.send(text('42["n",1]'), text('42["n",2]'))
        await server.peer.close()
        await until(lambda: len(told) == 3, "all is told", 5)
        assert told == [1, 2, "transport close"]


@trio_test
async def test_writing_goes_on_behind_a_write_that_had_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(monkeypatch, lockstep=True) as (socket, server):
        for number in range(3):
            await socket.emit("n", number)
            await socket.emit("n", number)
            await trio.sleep(1)
            for _ in range(2):
                assert await server.frame() == (1, b'42["n",%d]' % number)
        await server.peer.close()


@trio_test
async def test_what_was_written_late_may_be_the_end_of_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(monkeypatch, lockstep=True) as (socket, server):
        await socket.emit("n", 1)
        await trio.sleep(1)
        await server.peer.send(frame(b"\x03\xe9", CLOSE, masked=False))  # which the client answers behind that
        await trio.sleep(1)
        assert await server.frame() == (1, b'42["n",1]')
        assert (await server.frame())[0] == CLOSE
        began_at = trio.current_time()
        assert await server.peer.rest() == b""
        assert trio.current_time() == began_at
