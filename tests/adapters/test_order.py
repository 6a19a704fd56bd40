"""Hundreds of messages in both directions: in order, none lost, none twice, whatever carries them."""

from __future__ import annotations

from typing import Final

import pytest

from socketio_core import EngineSettings, Server
from socketio_core.app import Socket
from tests.adapters.bench import Bench, serving, until
from tests.adapters.clients import Client, PollingClient, WebSocketClient
from tests.adapters.loops import both_loops, both_loops_tcp, loop
from tests.adapters.peer import Peer
from tests.wire.written import WEBSOCKET

COUNT: Final = 400
NUMBERS: Final = list(range(COUNT))


class _Counting(Server):
    """Notes the numbers that it is sent, and counts for whoever asks."""

    def __init__(self, engine: EngineSettings | None = None) -> None:
        super().__init__(engine=engine)
        self.heard: list[int] = []
        self.on("n", self._hear)
        self.on("count", self._count)

    def _hear(self, socket: Socket, number: int, *rest: object) -> None:
        self.heard.append(number)

    async def _count(self, socket: Socket, pause_s: float) -> None:
        for number in NUMBERS:
            await socket.emit("n", number, *([b"\x00"] if number % 10 == 0 else []))
            if pause_s:
                await loop.sleep(pause_s)


def _event(number: int) -> list[str | bytes]:
    """Each tenth one has an attachment."""
    if number % 10:
        return [f'42["n",{number}]']
    return [f'451-["n",{number},{{"_placeholder":true,"num":0}}]', b"\x00"]


async def _send_all(client: Client, batch: int) -> None:
    for start in range(0, COUNT, batch):
        packets = [packet for number in NUMBERS[start : start + batch] for packet in _event(number)]
        assert await client.send(*packets) in (0, 200)


async def _take_number(client: Client) -> int:
    packet = await client.take()
    assert isinstance(packet, str)
    if packet.startswith("451-"):
        assert await client.take() in (b"\x00", "bAA==")
        packet = "42" + packet[4:]
    return int(packet.removeprefix('42["n",').split(",")[0].rstrip("]"))


@pytest.mark.parametrize("tcp", [False, True], ids=["memory", "TCP"])
@pytest.mark.parametrize("transport", ["polling", "websocket"])
@both_loops_tcp
async def test_order_is_kept_on(transport: str, tcp: bool) -> None:  # noqa: FBT001 - a parameter of the table
    io = _Counting()
    async with serving(io, tcp=tcp) as bench:
        client = await bench.client(transport)
        await client.emit("count", 0)
        async with loop.open_nursery() as nursery:
            nursery.start_soon(_send_all, client, 30)
            assert [await _take_number(client) for _ in NUMBERS] == NUMBERS
        await until(lambda: len(io.heard) == COUNT, "all have arrived", 5)
        assert io.heard == NUMBERS


class _Upgrading(Client):
    """Moves from polling to a WebSocket as the official client does (PROTOCOL 1.8), while messages flow both ways."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self._polling = PollingClient(bench.connect)
        self._websocket = WebSocketClient(Peer(bench.listener.connect()))
        self._send_lock = loop.new_lock()
        self._poll_lock = loop.new_lock()
        self.current: Client = self._polling

    async def open(self) -> None:
        await self._polling.open()
        await self._polling.join()

    async def send(self, *packets: str | bytes) -> int:
        async with self._send_lock:
            return await self.current.send(*packets)

    async def packet(self) -> str | bytes:
        while True:
            async with self._poll_lock:
                packet = await self.current.packet()
            if packet != "6":
                return packet
            await loop.checkpoint()

    async def upgrade(self) -> None:
        """Probe; let the POST and the poll on their way end; go over."""
        await self._websocket.open(f"{WEBSOCKET}&sid={self._polling.sid}")
        await self._websocket.send("2probe")
        assert await self._websocket.packet() == "3probe"
        while self.current is self._polling:
            async with self._send_lock, self._poll_lock:
                if self._polling.is_drained:
                    self.current = self._websocket
                    await self._websocket.send("5")


@pytest.mark.parametrize("moment_s", [0.0, 0.0001, 0.01, 0.1, 0.2, 0.3999])
@both_loops
async def test_order_is_kept_across_an_upgrade_at_any_moment(moment_s: float) -> None:
    io = _Counting()
    async with serving(io) as bench:
        client = _Upgrading(bench)
        await client.open()
        await client.emit("count", 0.001)
        received: list[int] = []

        async def receive() -> None:
            received.extend([await _take_number(client) for _ in NUMBERS])

        async def send() -> None:
            for start in range(0, COUNT, 3):
                await client.send(*[packet for number in NUMBERS[start : start + 3] for packet in _event(number)])
                await loop.sleep(0.003)

        async with loop.open_nursery() as nursery:
            nursery.start_soon(receive)
            nursery.start_soon(send)
            await loop.sleep(moment_s)
            await client.upgrade()
            assert isinstance(client.current, WebSocketClient)
        await client.echo()
        assert received == NUMBERS
        assert io.heard == NUMBERS


@both_loops
async def test_backlog_of_a_client_that_does_not_poll_moves_over_in_order() -> None:
    io = _Counting(EngineSettings(high_water_bytes=100_000))
    async with serving(io) as bench:
        client = await bench.polling()
        await client.emit("count", 0)
        await loop.sleep(1)
        websocket = WebSocketClient(await bench.connect())
        await websocket.open(f"{WEBSOCKET}&sid={client.sid}")
        await websocket.send("2probe")
        assert await websocket.packet() == "3probe"
        await websocket.send("5")
        assert [await _take_number(websocket) for _ in NUMBERS] == NUMBERS
