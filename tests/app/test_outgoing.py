"""Handlers of what is sent: told once for each recipient, of no acks, at no cost where there are none."""

from __future__ import annotations

import re
from typing import Any

import pytest

from socketio_core.app import Socket
from socketio_core.app.dispatcher import Dispatcher
from socketio_core.app.handlers import HandlerTable
from socketio_core.app.outgoing import OutgoingRegistrar
from tests.app.bus import Bus
from tests.app.client_rig import ClientRig
from tests.app.rig import AppRig, note, returning
from tests.app.test_socket import SMALL, stalled


@pytest.fixture
def rig() -> AppRig:
    return AppRig()


def test_a_socket_is_told_of_all_that_it_is_sent(rig: AppRig) -> None:
    client, socket = rig.connect()
    _, other = rig.connect()
    socket.on_any_outgoing(note(rig, "sent"))
    socket.on("ask", returning("ack"))
    socket.join("room")
    rig.result_of(socket.emit("emit", 1, "x"))
    socket.emit_nowait("nowait")
    rig.result_of(socket.compress(False).emit("operator"))  # noqa: FBT003 - the name users know
    rig.result_of(rig.io.emit("all", 2))
    rig.result_of(rig.io.to("room").emit("room"))
    rig.io.to(["room", socket.id]).emit_nowait("once")
    rig.start(socket.call("call"))
    rig.start(rig.io.call("calls"))
    rig.result_of(socket.broadcast.emit("not to itself"))
    rig.result_of(other.emit("not to it"))
    rig.send(client, '421["ask"]')  # acknowledged, which is no event
    names = ["emit", "nowait", "operator", "all", "room", "once", "call", "calls"]
    assert [call[1] for call in rig.calls] == names
    assert (rig.calls[0], rig.calls[3]) == (("sent", "emit", 1, "x"), ("sent", "all", 2))


@pytest.mark.parametrize("whose", ["server", "namespace", "family"])
def test_a_namespace_is_told_of_each_recipient(rig: AppRig, whose: str) -> None:
    family = rig.io.of(re.compile("/a.*"))
    nsp = "/" if whose == "server" else "/abc"
    _, first = rig.connect(nsp)
    _, second = rig.connect(nsp)
    rig.io.of("/other")
    _, elsewhere = rig.connect("/other")
    registrar = {"server": rig.io, "namespace": rig.io.of(nsp), "family": family}[whose]
    registrar.on_any_outgoing(note(rig, "sent"))
    rig.result_of(rig.io.of(nsp).emit("all", 1))
    rig.result_of(second.emit("one"))
    rig.result_of(elsewhere.emit("nobody is told"))
    rig.result_of(rig.io.of("/other").emit("nobody is told"))
    assert rig.calls == [("sent", first.id, "all", 1), ("sent", second.id, "all", 1), ("sent", second.id, "one")]


def test_what_a_volatile_message_does_not_reach_is_not_told() -> None:
    """The reference tells of it though it is dropped."""
    rig = AppRig(SMALL)
    stalled(rig)
    _, reading = rig.connect()
    rig.io.on_any_outgoing(note(rig, "sent"))
    assert rig.io.volatile.emit_nowait("x") == 1
    assert rig.calls == [("sent", reading.id, "x")]


def test_those_of_the_namespace_come_first_and_one_that_fails_stops_nothing(rig: AppRig) -> None:
    client, socket = rig.connect()
    socket.on_any_outgoing(note(rig, "socket"))
    rig.io.on_any_outgoing(note(rig, "namespace"))
    rig.io.prepend_any_outgoing(returning(ValueError("broken")))

    async def later(*_: Any) -> None: ...

    def later_in_disguise(*args: Any) -> Any:
        return later(*args)

    rig.io.on_any_outgoing(later_in_disguise)
    rig.result_of(rig.io.emit("x"))
    rig.run()
    assert client.take_messages() == ['2["x"]']
    assert [call[0] for call in rig.calls] == ["namespace", "socket"]
    failures = [repr(error) for _, error in rig.runtime.logged]
    assert failures[0] == "ValueError('broken')"
    assert "must be a plain function" in failures[1]
    assert len(failures) == 2


def test_an_async_one_is_refused_at_once(rig: AppRig) -> None:
    async def later(*_: Any) -> None: ...

    for registrar in (rig.io, rig.io.of("/"), rig.connect()[1]):
        with pytest.raises(TypeError, match="must be a plain function"):
            registrar.on_any_outgoing(later)
        with pytest.raises(TypeError, match="must be a function"):
            registrar.prepend_any_outgoing(1)  # type: ignore[type-var] # not everybody checks types
        assert registrar.listeners_any_outgoing() == []


def test_they_are_removed(rig: AppRig) -> None:
    _, socket = rig.connect()
    first, second = (socket.on_any_outgoing(note(rig, name)) for name in ("first", "second"))
    front = socket.prepend_any_outgoing(note(rig, "front"))
    assert socket.listeners_any_outgoing() == [front, first, second]
    socket.off_any_outgoing(first)
    rig.result_of(rig.io.emit("a"))
    assert [call[0] for call in rig.calls] == ["front", "second"]
    socket.off_any_outgoing()
    socket.off_any_outgoing()
    rig.result_of(rig.io.emit("b"))
    assert (len(rig.calls), socket.listeners_any_outgoing()) == (2, [])


def test_nothing_is_kept_of_a_socket_that_has_left(rig: AppRig) -> None:
    first, one = rig.connect()
    second, two = rig.connect()
    for socket in (one, two):
        socket.on_any_outgoing(note(rig, "sent"))
    rig.send(first, "41")
    rig.result_of(rig.io.emit("a"))
    assert rig.calls == [("sent", "a")]
    rig.send(second, "41")
    dispatcher = rig.host.endpoints[0].dispatcher
    assert isinstance(dispatcher, Dispatcher)
    assert not dispatcher.outgoing.is_heard_in("/", ())
    one.on_any_outgoing(note(rig, "late"))
    rig.connect()
    rig.result_of(rig.io.emit("b"))
    assert len(rig.calls) == 1


def test_what_a_middleware_emits_is_told(rig: AppRig) -> None:
    rig.io.on_any_outgoing(note(rig, "sent"))

    @rig.io.use
    async def greet(socket: Socket) -> None:
        await socket.emit("hello")

    _, socket = rig.connect()
    assert rig.calls == [("sent", socket.id, "hello")]


def test_a_broadcast_to_a_namespace_that_is_not_there_tells_nobody(rig: AppRig) -> None:
    rig.io.on_any_outgoing(note(rig, "sent"))
    rig.io.of(re.compile("/a.*"))
    assert rig.result_of(rig.io.of("/abc").emit("x")) == 0
    assert rig.calls == []


def test_each_server_tells_of_its_own_clients() -> None:
    bus = Bus()
    rig = AppRig(adapter=bus)
    other = AppRig(adapter=bus, beside=rig)
    _, there = other.connect()
    rig.io.on_any_outgoing(note(rig, "here"))
    other.io.on_any_outgoing(note(rig, "there"))
    rig.result_of(rig.io.emit("x"))
    assert rig.calls == [("there", there.id, "x")]


def test_a_client_is_told_of_all_that_it_sends() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    listener = socket.on_any_outgoing(rig.note("sent"))
    socket.prepend_any_outgoing(returning(ValueError("broken")))
    rig.start(socket.emit("emit", 1))
    socket.emit_nowait("nowait")
    rig.sent()  # nothing waits any more
    socket.emit_volatile("volatile")
    rig.sent()
    rig.start(socket.volatile.emit("operator"))
    rig.sent()
    socket.volatile.emit_nowait("operator, volatile")
    socket.timeout(1).emit_nowait("operator, nowait")
    rig.start(socket.call("call"))
    rig.hear('21["ask"]')
    assert [call[1] for call in rig.calls] == [
        *("emit", "nowait", "volatile", "operator", "operator, volatile", "operator, nowait", "call"),
    ]
    assert rig.logged == ["handler of outgoing events failed"] * 7
    socket.off_any_outgoing(listener)
    socket.off_any_outgoing()
    rig.start(socket.emit("nobody is told"))
    assert len(rig.calls) == 7


def test_what_a_client_drops_is_not_told() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    socket.on_any_outgoing(rig.note("sent"))
    rig.lose()
    rig.run()
    assert not socket.emit_volatile("dropped")
    assert not socket.volatile.emit_nowait("dropped")
    assert rig.calls == []


def test_who_tells_nobody_of_outgoing_events_cannot_be_listened_to() -> None:
    class Deaf(OutgoingRegistrar):
        _handlers = HandlerTable()

    with pytest.raises(NotImplementedError):
        Deaf().on_any_outgoing(print)
