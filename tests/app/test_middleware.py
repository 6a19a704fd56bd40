"""What a middleware may do with the socket that it decides about, beside letting it in or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from socketio_core.app import AckTimeout, Disconnected, Socket
from socketio_core.errors import BufferFull, ConnectRefused
from tests.app.hand_runtime import Task
from tests.app.rig import AppRig, leave, leave_all, note, noting, waiting
from tests.socketio.rig import TRANSPORTS, drain

BOTH = pytest.mark.parametrize("transport", TRANSPORTS)
DISCONNECTED = '4{"message":"Disconnected"}'


@pytest.fixture
def rig() -> AppRig:
    return AppRig()


# -- emitting ----------------------------------------------------------------------------------------------------------


@BOTH
def test_what_a_middleware_emits_follows_connect_in_order(rig: AppRig, transport: str) -> None:
    @rig.io.use
    async def greet(socket: Socket) -> None:
        assert await socket.emit("a", 1)
        assert socket.emit_nowait("b", b"\x01")
        assert not socket.emit_volatile("volatile")
        socket.join("room")
        assert await rig.io.to("room").emit("to the room") == 0
        assert await rig.io.to(socket.id).emit("to its id") == 0
        assert await socket.to("room").emit("to others") == 0

    @rig.io.on("connection")
    async def connected(socket: Socket) -> None:
        await socket.emit("c")
        await rig.io.to("room").emit("d")

    client = rig.open(transport)
    answers = rig.send(client, "40")
    assert answers == [
        '0{"sid":"id2"}',
        '2["a",1]',
        '51-["b",{"_placeholder":true,"num":0}]',
        b"\x01",
        '2["c"]',
        '2["d"]',
    ]
    assert rig.logged == []


def test_what_a_middleware_sends_to_others_goes_at_once(rig: AppRig) -> None:
    other, _ = rig.connect()
    gate = rig.runtime.new_event()

    @rig.io.use
    async def tell(socket: Socket) -> None:
        await socket.broadcast.emit("somebody knocks")
        await gate.wait()

    rig.send(rig.open(), "40")
    assert drain(other) == ['2["somebody knocks"]']


@pytest.mark.parametrize("refuses", [ConnectRefused("no"), ValueError("no"), False])
def test_a_refusal_drops_what_was_emitted_and_ends_calls(rig: AppRig, refuses: Any) -> None:
    calls: list[Task] = []

    @rig.io.use
    async def refuse(socket: Socket) -> Any:
        await socket.emit("a")
        calls.append(rig.runtime.start(socket.call("b")))
        rig.runtime.spawn(gate.wait)
        await gate.wait()
        if isinstance(refuses, Exception):
            raise refuses
        return refuses

    gate = rig.runtime.new_event()
    client = rig.open()
    rig.send(client, "40")
    gate.set()
    rig.runtime.run_ready()  # nothing but the refusal itself tells who waits
    assert isinstance(calls[0].error, Disconnected)
    rig.run()
    (answer,) = drain(client)
    assert str(answer).startswith("4{")


def test_a_middleware_that_waits_for_an_ack_is_told_why_none_comes(rig: AppRig) -> None:
    @rig.io.use
    async def call(socket: Socket) -> None:
        with pytest.raises(AckTimeout, match="a middleware that waits"):
            await socket.call("a", timeout=1.0)

    client = rig.open()
    rig.send(client, "40")
    rig.wait(1.0)
    assert drain(client) == ['0{"sid":"id2"}', '20["a"]']


def test_a_call_that_was_begun_in_a_middleware_is_answered_later(rig: AppRig) -> None:
    calls: list[Task] = []

    @rig.io.use
    def call(socket: Socket) -> None:
        calls.append(rig.runtime.start(socket.call("a")))

    gate = rig.runtime.new_event()
    rig.io.use(waiting(gate))
    client = rig.open()
    rig.send(client, "40")
    gate.set()
    rig.run()
    assert drain(client) == ['0{"sid":"id2"}', '20["a"]']
    rig.send(client, "430[1]")
    assert calls[0].result == 1


def test_what_a_middleware_emits_is_bounded() -> None:
    rig = AppRig(max_held_packets=1)

    @rig.io.use
    async def greet(socket: Socket) -> None:
        await socket.emit("a")
        with pytest.raises(BufferFull):
            await socket.emit("b")

    assert rig.send(rig.open(), "40") == ['0{"sid":"id2"}', '2["a"]']


# -- disconnecting -----------------------------------------------------------------------------------------------------


async def and_refuse(socket: Socket) -> None:
    await socket.disconnect()
    raise ConnectRefused("another reason")


@BOTH
@pytest.mark.parametrize("how", [leave, and_refuse], ids=["disconnect", "and_refuse"])
def test_disconnecting_in_a_middleware_refuses(rig: AppRig, transport: str, how: Callable[[Socket], Any]) -> None:
    rig.io.of("/admin").use(how)
    rig.io.of("/admin").use(note(rig, "next"))
    for moment in ("connection", "disconnecting", "disconnect"):
        rig.io.of("/admin").on(moment, note(rig, moment))
    rig.io.of("/admin").on("early", note(rig, "early"))
    client, socket = rig.connect(client=rig.open(transport))
    assert rig.send(client, "40/admin,", '42/admin,["early"]') == ['4/admin,{"message":"Disconnected"}']
    assert rig.calls == []
    assert rig.io.of("/admin").sockets == {}
    assert socket.connected
    assert rig.logged == []


@BOTH
def test_closing_in_a_middleware_ends_the_connection(rig: AppRig, transport: str) -> None:
    rig.io.of("/admin").use(leave_all)
    rig.io.of("/admin").use(note(rig, "next"))
    rig.io.of("/admin").on("connection", note(rig, "connection"))
    rig.io.on("disconnect", noting(rig.calls))
    client, _ = rig.connect(client=rig.open(transport))
    assert rig.send(client, "40/admin,") == ["1"]
    rig.run()
    assert client.session is None
    assert rig.calls == ["server namespace disconnect"]


def test_another_task_disconnects_who_is_being_decided(rig: AppRig) -> None:
    sockets: list[Socket] = []
    gate = rig.runtime.new_event()
    rig.io.use(sockets.append)
    rig.io.use(waiting(gate))
    rig.io.use(note(rig, "next"))
    client = rig.open()
    rig.send(client, "40")
    rig.start(sockets[0].disconnect())
    assert drain(client) == [DISCONNECTED]
    gate.set()
    rig.run()
    assert drain(client) == []
    assert (rig.calls, rig.logged) == ([], [])


def test_the_namespace_disconnects_who_is_in_it_only(rig: AppRig) -> None:
    """Who is being decided is not among its sockets yet, as with the reference."""
    client, _ = rig.connect()

    @rig.io.use
    async def disconnect_all(_: Socket) -> None:
        await rig.io.disconnect_sockets()

    late = rig.open()
    assert rig.send(late, "40") == ['0{"sid":"id4"}']
    assert drain(client) == ["1"]


def test_the_namespace_closes_connections_with_all_they_ask_for(rig: AppRig) -> None:
    client, _ = rig.connect()

    @rig.io.of("/admin").use
    async def disconnect_all(_: Socket) -> None:
        await rig.io.disconnect_sockets(close=True)

    rig.io.of("/admin").on("connection", note(rig, "connection"))
    rig.send(client, "40/admin,")
    assert client.session is None
    assert rig.calls == []


@BOTH
@pytest.mark.parametrize("end", ["41", "1"])
def test_a_client_that_goes_away_is_asked_about_no_further(rig: AppRig, transport: str, end: str) -> None:
    gate = rig.runtime.new_event()
    rig.io.use(waiting(gate))
    rig.io.use(note(rig, "next"))
    for moment in ("connection", "disconnect"):
        rig.io.on(moment, note(rig, moment))
    client = rig.open(transport)
    rig.send(client, "40", end)
    gate.set()
    rig.run()
    assert (rig.calls, rig.logged) == ([], [])


# -- asking again ------------------------------------------------------------------------------------------------------


@BOTH
def test_a_client_that_asks_again_meanwhile_gets_both_answers(rig: AppRig, transport: str) -> None:
    """React mounts twice: the official client says nothing when it gives up a CONNECT, and sends the next one."""
    gate = rig.runtime.new_event()
    admin = rig.io.of("/admin")
    admin.use(waiting(gate))
    admin.on("connection", note(rig, "connection"))
    admin.on("disconnect", note(rig, "disconnect"))
    admin.on("a", note(rig, "a"))
    client = rig.open(transport)
    rig.send(client, "40/admin,", "40/admin,")
    gate.set()
    rig.run()
    assert drain(client) == ['0/admin,{"sid":"id2"}', '0/admin,{"sid":"id3"}']
    rig.send(client, '42/admin,["a"]')
    assert sorted(rig.calls[:3]) == [
        ("connection", "id2"),
        ("connection", "id3"),
        ("disconnect", "id2", "client namespace disconnect"),
    ]
    assert rig.calls[3:] == [("a", "id3")]
    assert list(admin.sockets) == ["id3"]
