"""Several clients, namespaces and rooms in any order of steps, against a model of sets and lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import settings, stateful
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from socketio_core.app.budget import held_bytes
from socketio_core.engineio.packet import Payload
from socketio_core.settings import EngineSettings
from socketio_core.socketio import (
    AckDropped,
    AckExpired,
    AckReceived,
    ConnectionClosed,
    ConnectRequested,
    EventReceived,
    Left,
    Member,
    MemberState,
    Selection,
)
from socketio_core.socketio.connection import Connection
from socketio_core.socketio.packet import event_packet
from socketio_core.testing import WireClient
from tests.effort import examples
from tests.holdings import held_by
from tests.socketio.rig import TRANSPORTS, Rig, connect_head, drain

ROOMS = ("a", "b", "c")
NAMESPACES = ("/", "/n")
ACK_TIMEOUT_S = 10.0
PLACES = st.integers(0, 9)

_T = TypeVar("_T")


def pick(items: list[_T], at: int) -> _T:
    """Return the item at a place, counted from the end and round and round."""
    return items[-1 - at % len(items)]


@dataclass(eq=False)
class ModelMember:
    """What we believe about one member."""

    client: ModelClient
    nsp: str
    member: Member
    rooms: set[str] = field(default_factory=set[str])
    held: list[str] = field(default_factory=list[str])
    acks: dict[int, float] = field(default_factory=dict[int, float])


@dataclass(eq=False)
class ModelClient:
    """What we believe about one client."""

    wire: WireClient
    has_joined: bool = False
    expected: list[Payload] = field(default_factory=list[Payload])
    members: dict[str, ModelMember] = field(default_factory=dict[str, ModelMember])


class Hall(RuleBasedStateMachine):
    """The machine."""

    @initialize()
    def start(self) -> None:
        quiet = EngineSettings(path="/socket.io/", ping_interval_s=1e6, first_request_timeout_s=1e6)
        self.rig = Rig(quiet, connect_timeout_s=1e6)
        self.rig.server.hub.allow(lambda name: name == "/n")
        self.all: list[ModelClient] = []
        self.known: list[ModelMember] = []  # those that left too
        self.serial = 0

    def events(self) -> list[Any]:
        return [event for event in self.rig.events() if not isinstance(event, ConnectionClosed)]

    def is_in(self, found: ModelMember) -> bool:
        return found.client.members.get(found.nsp) is found

    # -- clients come and go

    @rule(transport=st.sampled_from(TRANSPORTS))
    def open(self, transport: str) -> None:
        self.all.append(ModelClient(self.rig.open(transport)))

    @precondition(lambda self: self.all)
    @rule(at=PLACES, how=st.sampled_from(["1", "49", "server"]))
    def end(self, at: int, how: str) -> None:
        client = pick(self.all, at)
        self.check_read(client)  # what a violation discards is not the question here
        gone = list(client.members.values())
        client.members = {}
        if how == "server" and gone:
            gone[0].member.disconnect(self.rig.now, close=True)
            client.expected += [f"1{connect_head(found.nsp)}" for found in gone if found.member.was_accepted]
            self.check_read(client)
        elif client.wire.websocket is not None:
            client.wire.websocket.send("1" if how == "server" else how)
        else:
            client.wire.post("1" if how == "server" else how)
            drain(client.wire)
        self.check_left(gone)
        self.all.remove(client)
        assert client.wire.session is None

    def check_left(self, gone: list[ModelMember]) -> None:
        expected: list[Any] = []
        for found in gone:
            expected += [(AckDropped, found.member)] * len(found.acks) + [(Left, found.member)]
            assert found.member.state is MemberState.LEFT
        events = self.events()
        assert [(type(event), event.member) for event in events] == expected
        rooms = [event.rooms for event in events if isinstance(event, Left)]
        assert rooms == [found.rooms for found in gone]

    # -- members come and go

    @precondition(lambda self: self.all)
    @rule(at=PLACES, nsp=st.sampled_from(NAMESPACES))
    def ask(self, at: int, nsp: str) -> None:
        client = pick(self.all, at)
        if nsp in client.members:
            return
        client.wire.send(f"40{connect_head(nsp)}")
        (event,) = self.events()
        assert isinstance(event, ConnectRequested)
        client.members[nsp] = ModelMember(client, nsp, event.member)
        self.known.append(client.members[nsp])

    @precondition(lambda self: self.known)
    @rule(at=PLACES)
    def accept(self, at: int) -> None:
        found = pick(self.known, at)
        if found.member.state is MemberState.JOINED:
            return
        assert found.member.accept(self.rig.now) == self.is_in(found)
        if self.is_in(found):
            found.client.expected.append(f'0{connect_head(found.nsp)}{{"sid":"{found.member.sid}"}}')
            found.client.has_joined = True
            names = [event.name for event in self.events() if isinstance(event, EventReceived)]
            assert names == found.held

    @precondition(lambda self: self.known)
    @rule(at=PLACES)
    def refuse(self, at: int) -> None:
        found = pick(self.known, at)
        if found.member.state is MemberState.JOINED:
            return
        assert found.member.refuse("no") == self.is_in(found)
        if self.is_in(found):
            del found.client.members[found.nsp]
            found.client.expected.append(f'4{connect_head(found.nsp)}{{"message":"no"}}')
            self.check_left([found])

    @precondition(lambda self: self.known)
    @rule(at=PLACES, by=st.sampled_from(["client", "server"]))
    def leave(self, at: int, by: str) -> None:
        found = pick(self.known, at)
        if not self.is_in(found) or not found.member.was_accepted:
            return
        del found.client.members[found.nsp]
        if by == "client":
            found.client.wire.send(f"41{connect_head(found.nsp)}")
        else:
            found.member.disconnect(self.rig.now)
            found.client.expected.append(f"1{connect_head(found.nsp)}")
        self.check_left([found])

    # -- rooms and events

    @precondition(lambda self: self.known)
    @rule(at=PLACES, room=st.sampled_from(ROOMS), joins=st.booleans())
    def move(self, at: int, room: str, joins: bool) -> None:  # noqa: FBT001 - given by name
        found = pick(self.known, at)
        (found.member.join if joins else found.member.leave)(room)
        if self.is_in(found):
            (found.rooms.add if joins else found.rooms.discard)(room)

    @rule(
        nsp=st.sampled_from(NAMESPACES),
        rooms=st.none() | st.frozensets(st.sampled_from(ROOMS)),
        without=st.frozensets(st.sampled_from(ROOMS), max_size=2),
    )
    def broadcast(self, nsp: str, rooms: frozenset[str] | None, without: frozenset[str]) -> None:
        self.serial += 1
        name = f"b{self.serial}"
        message = self.rig.server.parser.encode(event_packet(nsp, name, []))
        namespace = self.rig.server.hub.namespaces.get(nsp)
        count = 0 if namespace is None else namespace.broadcast(message, Selection(rooms, without))
        for found in self.members(nsp):
            if (rooms is None or rooms & found.rooms) and not without & found.rooms:
                found.client.expected.append(f'2{connect_head(nsp)}["{name}"]')
                count -= 1
        assert count == 0

    @precondition(lambda self: self.known)
    @rule(at=PLACES)
    def client_emits(self, at: int) -> None:
        found = pick(self.known, at)
        if not self.is_in(found):
            return
        self.serial += 1
        found.client.wire.send(f'42{connect_head(found.nsp)}["e{self.serial}"]')
        if found.member.state is MemberState.PENDING:
            found.held.append(f"e{self.serial}")
            assert self.events() == []
        else:
            (event,) = self.events()
            assert (event.member, event.name) == (found.member, f"e{self.serial}")

    @precondition(lambda self: self.known)
    @rule(at=PLACES)
    def ask_for_ack(self, at: int) -> None:
        found = pick(self.known, at)
        if found.member.state is MemberState.PENDING:
            return
        ack_id = found.member.emit_with_ack("q", [], timeout_s=ACK_TIMEOUT_S, context=found, now=self.rig.now)
        assert (ack_id is not None) == self.is_in(found)
        if ack_id is not None:
            found.acks[ack_id] = self.rig.now + ACK_TIMEOUT_S
            found.client.expected.append(f'2{connect_head(found.nsp)}{ack_id}["q"]')

    @precondition(lambda self: self.known)
    @rule(at=PLACES, ack_id=st.integers(0, 12))
    def acknowledge(self, at: int, ack_id: int) -> None:
        found = pick(self.known, at)
        if found.member.state is not MemberState.JOINED:
            return
        found.client.wire.send(f"43{connect_head(found.nsp)}{ack_id}[7]")
        was_waited_for = found.acks.pop(ack_id, None) is not None
        assert self.events() == ([AckReceived(found.member, [7], found)] if was_waited_for else [])

    @rule(seconds=st.sampled_from([1.0, 4.0, 10.0]))
    def wait(self, seconds: float) -> None:
        self.rig.advance(seconds)
        due = [
            (at, ack_id, found)
            for client in self.all
            for found in client.members.values()
            for ack_id, at in found.acks.items()
            if at <= self.rig.now
        ]
        for _, ack_id, found in due:
            del found.acks[ack_id]
        events = self.events()
        assert all(isinstance(event, AckExpired) for event in events)
        assert sorted(event.member.sid for event in events) == sorted(found.member.sid for _, _, found in due)

    # -- what must hold

    @precondition(lambda self: self.all)
    @rule(at=PLACES)
    def read(self, at: int) -> None:
        self.check_read(pick(self.all, at))

    def check_read(self, client: ModelClient) -> None:
        assert drain(client.wire) == client.expected
        client.expected = []

    def members(self, nsp: str) -> list[ModelMember]:
        found = [client.members[nsp] for client in self.all if nsp in client.members]
        return [each for each in found if each.member.state is MemberState.JOINED]

    @invariant()
    def hub_and_model_agree(self) -> None:
        if not hasattr(self, "rig"):
            return
        for nsp in NAMESPACES:
            namespace = self.rig.server.hub.namespaces.get(nsp)
            members = self.members(nsp)
            if namespace is None:
                assert nsp != "/"
                assert not any(nsp in client.members for client in self.all)
                continue
            assert set(namespace.members.values()) == {found.member for found in members}
            assert set(namespace.room_names) == {room for found in members for room in found.rooms}
            for room in ROOMS:
                assert set(namespace.in_room(room)) == {found.member for found in members if room in found.rooms}
        timers = self.rig.server.agenda
        waiting = [client for client in self.all if not client.has_joined]
        acks = [ack_id for client in self.all for found in client.members.values() for ack_id in found.acks]
        assert len(timers) == self.rig.server.session_count + len(waiting) + len(acks)

    @invariant()
    def what_is_held_is_charged(self) -> None:
        for client in self.all if hasattr(self, "rig") else ():
            session = client.wire.session
            assert session is not None  # it would not be among these
            assert isinstance(session.context, Connection)
            assert held_by(session) <= held_bytes(session) + session.context.held_bytes


def test_any_order_of_steps_agrees_with_the_model() -> None:
    quick = settings(max_examples=examples(60), stateful_step_count=40)
    stateful.run_state_machine_as_test(Hall, settings=quick)  # pyright: ignore[reportUnknownMemberType] # its own gap
