"""Our client is lost and comes back to our server, on each event loop; what must arrive is sent until it has."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from socketio_core import RecoverySettings, Server
from socketio_core.app import AckTimeout, Disconnected, Socket
from tests.adapters.bench import Bench, serving, until
from tests.adapters.loops import both_loops, both_loops_tcp, loop


class _Delivery:
    """An event that is sent reliably, in a task."""

    def __init__(self, socket: Socket, **how: Any) -> None:
        self._socket = socket
        self._how = how
        self.outcome: object = None
        self.took_s = 0.0

    def has_ended(self) -> bool:
        return self.outcome is not None

    async def run(self) -> None:
        began = loop.current_time()
        try:
            self.outcome = await self._socket.emit_reliably("order", 7, **self._how)
        except (AckTimeout, Disconnected) as error:
            self.outcome = type(error)
        self.took_s = loop.current_time() - began


def _cut(bench: Bench) -> None:
    """Break all connections."""
    for connection in bench.core.connections:
        connection.session.close(loop.current_time(), is_fault=True)


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], ["polling", "websocket"]])
@both_loops_tcp
async def test_our_client_comes_back(transports: list[str]) -> None:
    io = Server(recovery=RecoverySettings())
    async with (
        serving(io, tcp=True) as bench,
        loop.connect(bench.urls[0], transports=transports) as socket,
        loop.open_nursery() as nursery,
    ):
        got: list[object] = []
        orders: list[list[object]] = []
        socket.on("n", got.append)

        @socket.on("order")
        def order(*args: object) -> str:
            orders.append(list(args))
            return "thanks"

        (there,) = io.sockets.sockets.values()
        sid = socket.id
        there.join("a")
        await there.emit("n", 1)
        await until(lambda: got == [1], "it is there", 5)
        for number in (2, 3):
            _cut(bench)
            assert await there.emit("n", number)
            await io.to("a").emit("n", -number)
            delivery = _Delivery(there)
            nursery.start_soon(delivery.run)
            await until(delivery.has_ended, "it is back", 30)
            assert delivery.outcome == "thanks"
            assert (socket.id, socket.recovered) == (sid, True)
        assert got == [1, 2, -2, 3, -3]
        assert [args[0] for args in orders] == [7, 7]
        assert orders[0][1] != orders[1][1]


@both_loops_tcp
async def test_who_does_not_come_back_is_given_up() -> None:
    io = Server(recovery=RecoverySettings(window_s=20))
    async with serving(io, tcp=True) as bench, loop.open_nursery() as nursery:
        client = await bench.websocket(join=False)
        await client.send("40")
        await client.take()
        (there,) = io.sockets.sockets.values()
        await client.peer.close()
        impatient, patient = _Delivery(there, timeout=10), _Delivery(there, timeout=None)
        for delivery in (impatient, patient):
            nursery.start_soon(delivery.run)
        await until(lambda: impatient.outcome and patient.outcome, "both have given up", 60)
        assert (impatient.outcome, patient.outcome) == (AckTimeout, Disconnected)
        assert (round(impatient.took_s, 1), round(patient.took_s)) == (10.0, 20)


@both_loops_tcp
async def test_the_server_waits_for_nobody_who_was_lost_when_it_ends() -> None:
    io = Server(recovery=RecoverySettings())
    async with serving(io, tcp=True) as bench:
        for is_lost in (True, False):
            client = await bench.websocket(join=False)
            await client.send("40")
            await client.take()
            if is_lost:
                await client.peer.close()
        await until(lambda: len(bench.left) == 1, "one is lost", 5)
        began = loop.current_time()
    assert loop.current_time() - began < 10


def _noting(heard: list[str], moment: str) -> Callable[..., None]:
    def note(*_: object) -> None:
        heard.append(moment)

    return note


@both_loops
async def test_one_that_is_taken_over_says_goodbye_first() -> None:
    """Both sockets are called the same. Several times, for trio begins tasks in any order."""
    io = Server(recovery=RecoverySettings())
    heard: list[str] = []
    for moment in ("connection", "disconnect"):
        io.on(moment, _noting(heard, moment))
    async with serving(io) as bench:
        auth = ""
        for _ in range(8):
            client = await bench.websocket(join=False)
            await client.send(f"40{auth}")
            auth = json.dumps({"pid": json.loads(str(await client.packet())[2:])["pid"]})
        await loop.settle()
        assert heard == ["connection", *["disconnect", "connection"] * 7]
