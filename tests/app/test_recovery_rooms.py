"""Rooms of clients that were lost, and may come back: who is made to join, leave or go is reached though away."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from socketio_core import LocalProtocolError
from socketio_core.app import Socket
from socketio_core.testing import WireClient
from tests.app.bus import Bus
from tests.app.test_recovery import Place, answer, pid_of
from tests.socketio.rig import connect_head, drain


def lost(place: Place, *rooms: str, nsp: str = "/") -> Socket:
    """Let a client come, join rooms, and be lost; it has heard all that was said."""
    visit = place.enter(nsp=nsp)
    visit.socket.join(rooms)
    place.lose(visit.client)
    return visit.socket


Do = Callable[[Place, Socket], Any]

LEAVES: dict[str, Do] = {
    "server": lambda place, _: place.io.sockets_leave("a"),
    "room": lambda place, _: place.io.in_("a").sockets_leave(["a", "unknown"]),
    "its id": lambda place, socket: place.io.in_(socket.id).sockets_leave("a"),
    "but for others": lambda place, _: place.io.except_("b").sockets_leave("a"),
    "namespace": lambda place, _: place.io.of("/").sockets_leave("a"),
    "local": lambda place, _: place.io.local.sockets_leave("a"),
}


@pytest.mark.parametrize("way", LEAVES)
def test_who_left_a_room_while_away_gets_what_was_said_before_and_nothing_after(way: str) -> None:
    place = Place()
    socket = lost(place, "a", "c")
    place.result_of(place.io.to("a").emit("before"))
    place.result_of(LEAVES[way](place, socket))
    place.result_of(place.io.to("a").emit("after"))
    place.result_of(place.io.to("c").emit("elsewhere"))
    _, back, got = place.enter(socket)
    assert got == ['2["before","id1.1"]', '2["elsewhere","id1.3"]', answer(back)]
    assert back.rooms == {socket.id, "c"}


OTHERS: dict[str, Do] = {
    "another room": lambda place, _: place.io.in_("b"),
    "nobody": lambda place, _: place.io.in_([]),
    "not its room": lambda place, _: place.io.except_("c"),
    "not itself": lambda place, socket: place.io.except_(socket.id),
    "elsewhere": lambda place, _: place.io.of("/other"),
}


@pytest.mark.parametrize("others", OTHERS)
def test_who_is_not_chosen_is_left_alone(others: str) -> None:
    place = Place()
    socket = lost(place, "a", "c")
    chosen = OTHERS[others](place, socket)
    place.result_of(chosen.sockets_leave("a"))
    place.result_of(chosen.sockets_join("x"))
    place.result_of(chosen.disconnect_sockets())
    back = place.enter(socket).socket
    assert back.recovered
    assert back.rooms == {socket.id, "a", "c"}


def test_who_joined_a_room_while_away_gets_what_was_said_since() -> None:
    place = Place()
    socket = lost(place, "a")
    place.result_of(place.io.to("b").emit("before"))
    place.result_of(place.io.in_("a").sockets_join(["b", socket.id]))
    place.result_of(place.io.to("b").emit("after"))
    again, back, got = place.enter(socket)
    assert got == ['2["after","id1.2"]', answer(back)]
    assert back.rooms == {socket.id, "a", "b"}
    place.result_of(place.io.to("b").emit("now"))
    assert drain(again) == ['2["now","id1.3"]']


CHOSEN: dict[str, Do] = {
    "everyone": lambda place, _: place.io,
    "its room": lambda place, _: place.io.in_("a"),
    "but for others": lambda place, _: place.io.of("/").except_("b"),
}


@pytest.mark.parametrize("close", [False, True])
@pytest.mark.parametrize("chosen", CHOSEN)
def test_who_was_disconnected_while_away_does_not_come_back(chosen: str, *, close: bool) -> None:
    place = Place()
    socket = lost(place, "a")
    place.result_of(CHOSEN[chosen](place, socket).disconnect_sockets(close))
    _, new, got = place.enter(socket)
    assert (new.recovered, got) == (False, [answer(new)])
    assert place.server.recovery is not None
    assert place.server.recovery.lost_count == 0


def both_lost(place: Place) -> tuple[Socket, Socket]:
    """Lose a client that is in two namespaces."""
    place.io.of("/x").on("connection", place.sockets.append)
    client, socket, _ = place.enter()
    place.send(client, "40/x,{}")
    elsewhere = place.sockets[-1]
    place.lose(client)
    return socket, elsewhere


@pytest.mark.parametrize("by", ["operator", "socket"])
@pytest.mark.parametrize("close", [False, True])
def test_to_close_means_all_namespaces_of_the_client_and_no_other_client(by: str, *, close: bool) -> None:
    place = Place()
    other = lost(place)
    socket, elsewhere = both_lost(place)
    act = place.io.in_(socket.id).disconnect_sockets(close) if by == "operator" else socket.disconnect(close)
    place.result_of(act)
    assert not place.enter(socket).socket.recovered
    assert place.enter(elsewhere, nsp="/x").socket.recovered is not close
    assert place.enter(other).socket.recovered


def test_who_kept_the_socket_of_a_lost_client_moves_the_client() -> None:
    place = Place()
    client, socket, _ = place.enter()
    socket.join("a")
    place.lose(client)
    socket.join("b")
    socket.leave("a")
    visit = place.enter(socket)
    assert visit.socket.rooms == {socket.id, "b"}
    socket.leave("b")
    socket.join("c")
    assert visit.socket.rooms == {socket.id, "c"}
    place.send(visit.client, "41")
    socket.join("d")
    assert place.io.sockets.rooms == {}


def test_a_family_reaches_who_was_lost_in_its_children() -> None:
    place = Place()
    family = place.io.of(re.compile("/room-.*"))
    family.on("connection", place.sockets.append)
    socket = lost(place, "a", nsp="/room-1")
    place.result_of(family.sockets_leave("a"))
    assert place.enter(socket, nsp="/room-1").socket.rooms == {socket.id}


def test_other_servers_reach_who_was_lost_here() -> None:
    bus = Bus()
    here, there = Place(adapter=bus), Place(adapter=bus)
    socket = lost(here, "a")
    there.result_of(there.io.sockets_join("b"))
    there.result_of(there.io.in_("b").sockets_leave("a"))
    assert here.enter(socket).socket.rooms == {socket.id, "b"}


class Returning:
    """A client that is back, while a middleware asks whether it may come in."""

    def __init__(self) -> None:
        self.place = place = Place()
        self.socket = lost(place, "a", "c")
        self.gate = gate = place.runtime.new_event()

        @place.io.use
        async def ask(_: Socket) -> None:
            await gate.wait()

        self.client: WireClient = place.open("websocket")
        place.send(self.client, f'40{connect_head("/")}{{"pid":"{pid_of(self.socket)}"}}')

    def let_in(self) -> list[Any]:
        self.gate.set()
        return self.place.send(self.client)


@pytest.mark.parametrize("by", ["operator", "socket"])
def test_who_is_being_decided_about_is_moved_too(by: str) -> None:
    returning = Returning()
    place = returning.place
    if by == "operator":
        place.result_of(place.io.in_("c").sockets_join("b"))
        place.result_of(place.io.in_("b").sockets_leave("a"))
    else:
        returning.socket.join("b")
        returning.socket.leave("a")
    returning.let_in()
    back = place.sockets[-1]
    assert back.recovered
    assert back.rooms == {returning.socket.id, "b", "c"}


@pytest.mark.parametrize("by", ["operator", "socket"])
def test_who_is_being_decided_about_is_kept_out_when_it_is_disconnected(by: str) -> None:
    returning = Returning()
    place = returning.place
    act = place.io.in_("a").disconnect_sockets() if by == "operator" else returning.socket.disconnect()
    place.result_of(act)
    assert returning.let_in() == ['4{"message":"Disconnected"}']
    assert not place.enter(returning.socket).socket.recovered


def test_who_was_disconnected_while_a_slow_adapter_looks_for_it_begins_anew() -> None:
    bus = Bus()
    place = Place(adapter=Slowly(bus))
    socket = lost(place)
    bus.gate = place.runtime.new_event()
    client = place.open("websocket")
    place.send(client, f'40{{"pid":"{pid_of(socket)}"}}')
    place.result_of(socket.disconnect())
    bus.gate.set()
    place.send(client)
    assert not place.sockets[-1].recovered


class Slowly:
    """An adapter that takes its time when it has found who came back."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def __call__(self, local: Any) -> Any:
        joined: Any = self._bus(local)
        take, bus = joined.take_session, self._bus

        async def take_session(nsp: str, claim: Any) -> Any:
            session = await take(nsp, claim)
            assert bus.gate is not None
            await bus.gate.wait()
            return session

        joined.take_session = take_session
        return joined


def test_who_is_away_is_in_so_many_rooms_as_others() -> None:
    place = Place(max_rooms=3)
    socket = lost(place, "a", "b")
    for rooms in (["c", "d"], [f"r{number}" for number in range(100)]):
        with pytest.raises(LocalProtocolError, match="too many rooms, max_rooms: 3"):
            socket.join(rooms)
    place.result_of(place.io.in_("a").sockets_join(["c", "d"]))
    assert place.logged == ["a socket could not join more rooms"]
    socket.join(["a", "c", socket.id])
    place.result_of(place.io.in_("a").sockets_join(["a", "b", "c", socket.id]))
    _, back, _ = place.enter(socket)
    assert back.rooms == {socket.id, "a", "b", "c"}
    for same in (socket, back):
        with pytest.raises(LocalProtocolError, match="too many rooms, max_rooms: 3"):
            same.join("d")
