"""A client's WebSocket over streams that exist in memory only: what each byte of the server's, or its end, does."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MemoryReceiveStream, MemorySendStream, lockstep_stream_pair, memory_stream_pair

import socketio_core.trio.client_pump
from socketio_core.app.client_socket import ClientSocket
from socketio_core.settings import EngineClientSettings
from socketio_core.trio import connect
from socketio_core.wire.client.site import CLOSE_S
from tests.adapters.client.server import open_packet, switching, text
from tests.adapters.peer import Ended, Peer
from tests.trio.bench import trio_test, until
from tests.wire.written import CLOSE, PING, frame

Staple = trio.StapledStream[MemorySendStream, MemoryReceiveStream]


class Server:
    """The server's end of a client's only connection.

    Attributes:
        peer: reads frames, whoever sent them.
        client_end: of the client's, to be broken.
    """

    def __init__(self, client_end: Any, ours: trio.abc.Stream) -> None:
        self.client_end = client_end
        self.peer = Peer(ours)

    async def send(self, *data: bytes) -> None:
        await self.peer.send(b"".join(data))

    async def shake_hands(self, *behind: bytes) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += bytes(await self.peer.stream.receive_some())
        key = head.lower().partition(b"sec-websocket-key: ")[0]
        key = head[len(key) :].split()[1]
        await self.send(switching(key), *behind)

    async def frame(self) -> tuple[int, bytes]:
        """Return opcode and payload of the next frame of the client."""
        first, second = await self.peer.exactly(2)
        size = second & 0x7F
        if size == 126:
            size = int.from_bytes(await self.peer.exactly(2), "big")
        elif size == 127:
            size = int.from_bytes(await self.peer.exactly(8), "big")
        mask = await self.peer.exactly(4)
        data = await self.peer.exactly(size)
        return first & 15, bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))


@asynccontextmanager
async def connected(
    monkeypatch: pytest.MonkeyPatch, *, lockstep: bool = False, **options: Any
) -> AsyncGenerator[tuple[ClientSocket, Server]]:
    """Have a client connected by WebSocket; what opens the session comes in one piece with the 101."""
    servers: list[Server] = []

    async def open_memory(host: str, port: int) -> trio.abc.Stream:
        assert (host, port) == ("test", 80)
        client_end, ours = lockstep_stream_pair() if lockstep else memory_stream_pair()
        servers.append(Server(client_end, ours))
        return client_end

    monkeypatch.setattr(socketio_core.trio.client_pump, "open_tcp", open_memory)
    options = {"reconnection": False, "transports": ["websocket"], **options}
    async with connect("http://test", wait=False, **options) as socket:
        await until(lambda: servers, "it dials", 5)
        (server,) = servers
        await server.shake_hands(text(open_packet()), text('40{"sid":"A"}'))
        assert await server.frame() == (1, b"40")
        await socket.wait_connected()
        yield socket, server


@trio_test
async def test_pings_are_answered_at_once_and_of_many_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(monkeypatch) as (_, server):
        await server.send(*(frame(b"%d" % number, PING, masked=False) for number in range(3)))
        assert await server.frame() == (10, b"2")
        await server.send(frame(b"3", PING, masked=False))
        assert await server.frame() == (10, b"3")
        await server.peer.close()


@pytest.mark.parametrize(
    ("payload", "echo", "detail"),
    [
        (b"", b"", None),
        (b"\x03\xe8", b"\x03\xe8", None),
        (b"\x03\xe8bye", b"\x03\xe8", None),
        (b"\x03\xe9", b"\x03\xe9", "the server closed the WebSocket with code 1001"),
        (b"\x03\xf0policy", b"\x03\xf0", "the server closed the WebSocket with code 1008 policy"),
    ],
)
@trio_test
async def test_close_frame_is_echoed_and_told(
    payload: bytes, echo: bytes, detail: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(monkeypatch) as (socket, server):
        reasons: list[str] = []
        socket.on("disconnect", reasons.append)
        await server.send(frame(payload, CLOSE, masked=False), text('42["behind the end"]'))
        assert await server.frame() == (CLOSE, echo)
        with pytest.raises(Ended):
            await server.frame()
        await until(lambda: reasons, "it is told", 5)
        assert reasons == ["transport close"]
        assert (None if socket.disconnect_error is None else str(socket.disconnect_error)) == detail


@trio_test
async def test_leaving_writes_what_is_left_closes_and_waits_for_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the last messages find a task in the middle of a write."""
    block = "x" * 300_000  # more than what is taken out of the outbox at once
    seen: list[tuple[int, bytes]] = []
    began_at = trio.current_time()

    async def read(server: Server) -> None:
        await trio.sleep(0.5)
        while not seen or seen[-1][0] != CLOSE:
            seen.append(await server.frame())
        await trio.sleep(0.5)
        await server.send(frame(b"", CLOSE, masked=False))

    engine = EngineClientSettings(max_buffered_bytes=10_000_000, high_water_bytes=5_000_000)
    async with (
        trio.open_nursery() as nursery,
        connected(monkeypatch, lockstep=True, engine=engine) as (socket, server),
    ):
        nursery.start_soon(read, server)
        for number in range(4):
            await socket.emit("n", number, block)
    assert [data[:6] for _, data in seen[:4]] == [b'42["n"'] * 4
    assert [data[7:8] for _, data in seen[:4]] == [b"0", b"1", b"2", b"3"]
    assert seen[-1] == (CLOSE, b"")
    assert trio.current_time() - began_at == pytest.approx(1.0, abs=0.1)


@trio_test
async def test_server_that_does_not_close_its_end_is_waited_for_until_close_s(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(monkeypatch, close_timeout_s=2 * CLOSE_S) as (_, server):
        began_at = trio.current_time()
    assert trio.current_time() - began_at == pytest.approx(CLOSE_S, abs=0.1)
    while (await server.frame())[0] != CLOSE:
        pass
    with pytest.raises(Ended):
        await server.frame()


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
async def test_frame_that_breaks_the_rules_is_answered_with_its_code_and_no_more_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with connected(monkeypatch) as (socket, server):
        told: list[object] = []
        socket.on("n", told.append)
        await server.send(frame("x", rsv=7, masked=False), text('42["n",1]'), frame(b"", PING, masked=False))
        opcode, payload = await server.frame()
        assert (opcode, payload[:2]) == (CLOSE, (1002).to_bytes(2, "big"))
        await trio.sleep(1)
        assert told == []
        await server.peer.close()
