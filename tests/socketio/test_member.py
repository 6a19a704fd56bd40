"""What can be done with one client in one namespace: events, acks, rooms. Spec: PROTOCOL 3.7, 4.4."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from socketio_core.errors import BufferFull, CloseReason, LocalProtocolError
from socketio_core.settings import EngineSettings
from socketio_core.socketio import (
    AckDropped,
    AckExpired,
    AckReceived,
    ConnectRequested,
    EventReceived,
    Left,
    Member,
    MemberState,
    Selection,
)
from socketio_core.socketio.packet import RESERVED_EVENTS
from tests.socketio.rig import BOTH, Rig, timer_count


def ask(member: Member, rig: Rig, context: object = "asked", timeout_s: float = 5.0) -> int:
    ack_id = member.emit_with_ack("q", [], timeout_s=timeout_s, context=context, now=rig.now)
    assert ack_id is not None
    return ack_id


# -- events ------------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("nsp", ["/", "/admin"])
def test_events_go_both_ways(rig: Rig, transport: str, nsp: str) -> None:
    client, member = rig.joined(transport, nsp)
    head = "" if nsp == "/" else f"{nsp},"
    client.send(f'42{head}["a",1]', f'451-{head}["b",{{"_placeholder":true,"num":0}}]', b"xyz", f'42{head}9["c"]')
    events = rig.take(EventReceived)
    assert [(event.member, event.name, event.args, event.ack_id) for event in events] == [
        (member, "a", [1], None),
        (member, "b", [b"xyz"], None),
        (member, "c", [], 9),
    ]
    assert member.emit("x", ["é", b"1"])
    assert member.emit("y", ())
    assert client.fetch() == [f'51-{head}["x","é",{{"_placeholder":true,"num":0}}]', b"1", f'2{head}["y"]']


def test_the_size_of_an_event_is_that_of_all_its_messages(rig: Rig) -> None:
    client, _ = rig.joined()
    client.send('42["a"]', '452-["b"]', b"123", b"4567", '42["c"]', '42["€"]', '451-["é"]', b"\xe9")
    assert [event.size_bytes for event in rig.take(EventReceived)] == [6, 8 + 7, 6, 8, 9 + 1]


@pytest.mark.parametrize("name", sorted(RESERVED_EVENTS))
def test_reserved_names_cannot_be_sent(rig: Rig, name: str) -> None:
    client, member = rig.joined()
    with pytest.raises(LocalProtocolError, match=f"event name is reserved: '{name}'"):
        member.emit(name, [])
    assert client.take_messages() == []


@pytest.mark.parametrize("name", [1, None, b"x", ("x",)])
def test_names_are_strings(rig: Rig, name: Any) -> None:
    _, member = rig.joined()
    with pytest.raises(LocalProtocolError, match="event name must be a string"):
        member.emit(name, [])


def test_data_that_cannot_be_sent_changes_nothing(rig: Rig) -> None:
    client, member = rig.joined()
    for send in (member.emit, member.emit_nowait):
        with pytest.raises(LocalProtocolError):
            send("x", [object()])
    with pytest.raises(LocalProtocolError):
        member.emit_with_ack("x", [object()], timeout_s=1, context=None, now=rig.now)
    with pytest.raises(LocalProtocolError):
        member.acknowledge(1, [object()])
    assert member.pending_acks == {}
    assert timer_count(rig.server) == 0
    assert client.take_messages() == []


def test_a_member_that_left_sends_nothing(rig: Rig) -> None:
    client, member = rig.joined()
    client.send("41")
    rig.events()
    assert not member.emit("x", [])
    assert not member.emit_nowait("x", [])
    assert not member.acknowledge(0, [])
    assert member.emit_with_ack("x", [], timeout_s=1, context=None, now=rig.now) is None
    assert client.take_messages() == []
    assert rig.events() == []


# -- backpressure ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [99, 100, 101])
def test_high_water_is_exact(size: int) -> None:
    rig = Rig(EngineSettings(path="/socket.io/", high_water_bytes=100))
    client, member = rig.joined()
    assert client.websocket is not None
    client.websocket.is_reading = False
    assert member.emit("x", ["y" * (size - len('42["x",""]'))])
    assert member.connection.session.buffered_bytes == size
    assert member.is_over_high_water == (size > 100)
    if size > 100:
        with pytest.raises(BufferFull, match="outgoing buffer is full: 101 bytes"):
            member.emit_nowait("x", [])
        assert member.connection.session.buffered_bytes == size
        client.websocket.is_reading = True
        client.take()
    assert member.emit_nowait("x", [])


def test_a_client_that_never_reads_is_closed_and_its_acks_fail() -> None:
    rig = Rig(EngineSettings(path="/socket.io/", high_water_bytes=100, max_buffered_bytes=200))
    client, member = rig.joined()
    assert client.websocket is not None
    client.websocket.is_reading = False
    ask(member, rig)
    assert member.emit("x", ["y" * 100])
    assert not member.emit("x", ["y" * 100])
    dropped, left, _ = rig.events()
    assert dropped == AckDropped(member, "asked")
    assert isinstance(left, Left)
    assert left.reason is CloseReason.TRANSPORT_ERROR


@BOTH
def test_volatile_events_leave_at_once_or_not_at_all(rig: Rig, transport: str) -> None:
    client, member = rig.joined(transport)
    assert client.fetch() == []  # on polling: a poll is parked now
    assert member.emit("a", [], volatile=True)
    assert not member.emit("b", [], volatile=True)  # behind another message (PROTOCOL 9-46)
    assert client.take_messages() == ['2["a"]']
    assert member.emit("c", [], volatile=True) == (transport == "websocket")  # no poll is parked


# -- acks --------------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("ack_id", [0, 1, 10**100, 10**309 - 1])
def test_the_server_acknowledges_with_the_same_id(rig: Rig, transport: str, ack_id: int) -> None:
    client, member = rig.joined(transport)
    client.send(f'42{ack_id}["a"]')
    (event,) = rig.take(EventReceived)
    assert event.ack_id == ack_id
    assert member.acknowledge(ack_id, (1, b"x"))
    assert client.fetch() == [f'61-{ack_id}[1,{{"_placeholder":true,"num":0}}]', b"x"]


@BOTH
def test_a_client_acknowledges(rig: Rig, transport: str) -> None:
    client, member = rig.joined(transport)
    first, second = ask(member, rig, "first"), ask(member, rig, "second")
    assert client.fetch() == [f'2{first}["q"]', f'2{second}["q"]']
    client.send(f"43{second}[]", f'461-{first}[{{"_placeholder":true,"num":0}},2]', b"x")
    assert rig.events() == [AckReceived(member, [], "second"), AckReceived(member, [b"x", 2], "first")]
    assert timer_count(rig.server) == 0
    assert member.pending_acks == {}


def test_ack_ids_begin_at_0_and_are_counted_by_namespace(rig: Rig) -> None:
    """As in the reference (PROTOCOL 9-50)."""
    (client, first), (_, second) = rig.joined(), rig.joined()
    admin = rig.join(client, "/admin")
    assert [ask(first, rig), ask(second, rig), ask(admin, rig), ask(first, rig)] == [0, 1, 0, 2]


@pytest.mark.parametrize("ack_id", [1, 10**100])
def test_an_unknown_id_is_harmless(rig: Rig, ack_id: int) -> None:
    client, member = rig.joined()
    assert ask(member, rig) == 0
    client.send(f"43{ack_id}[]")
    assert rig.events() == []
    client.send("430[1]")
    assert rig.events() == [AckReceived(member, [1], "asked")]


def test_an_id_counts_once(rig: Rig) -> None:
    client, member = rig.joined()
    ask(member, rig)
    client.send("430[1]", "430[2]")
    assert rig.events() == [AckReceived(member, [1], "asked")]


def test_an_ack_belongs_to_one_member(rig: Rig) -> None:
    (_, asked), (stranger, _) = rig.joined(), rig.joined()
    ask(asked, rig)
    stranger.send("430[1]")
    assert rig.events() == []
    assert 0 in asked.pending_acks


def test_an_ack_expires_at_exactly_its_time(rig: Rig) -> None:
    client, member = rig.joined()
    ask(member, rig, timeout_s=5.0)
    rig.advance(4.999)
    assert rig.events() == []
    rig.advance(0.001)
    assert rig.events() == [AckExpired(member, "asked")]
    client.send("430[]")  # too late
    assert rig.events() == []
    assert member.pending_acks == {}
    assert timer_count(rig.server) == 0


def test_an_ack_in_time_frees_its_timer(rig: Rig) -> None:
    client, member = rig.joined()
    ask(member, rig, timeout_s=5.0)
    client.send("430[]")
    assert timer_count(rig.server) == 0
    rig.events()
    rig.advance(5.0)
    assert rig.events() == []


@pytest.mark.parametrize("end", ["41", "1"])
def test_acks_fail_at_once_when_the_member_leaves(rig: Rig, end: str) -> None:
    client, member = rig.joined()
    ask(member, rig, "first")
    ask(member, rig, "second")
    client.send(end)
    assert rig.events()[:2] == [AckDropped(member, "first"), AckDropped(member, "second")]
    assert timer_count(rig.server) == 0
    assert member.pending_acks == {}


def test_a_forgotten_ack_is_not_reported(rig: Rig) -> None:
    client, member = rig.joined()
    ack_id = ask(member, rig)
    member.forget_ack(ack_id)
    member.forget_ack(ack_id)
    assert timer_count(rig.server) == 0
    client.send("430[]")
    assert rig.events() == []


@pytest.mark.parametrize("count", [1, 2, 3])
def test_outstanding_acks_are_limited(count: int) -> None:
    rig = Rig(max_outstanding_acks=2)
    client, member = rig.joined()
    for _ in range(min(count, 2)):
        ask(member, rig)
    client.take()
    if count == 3:
        with pytest.raises(LocalProtocolError, match="too many outstanding acks, max_outstanding_acks: 2"):
            ask(member, rig)
        assert client.take_messages() == []
        client.send("430[]")
        assert ask(member, rig) is not None


# -- rooms -------------------------------------------------------------------------------------------------------------


def in_rooms(rig: Rig, *rooms: str) -> list[Member]:
    return list(rig.server.hub.of("/").recipients(Selection(frozenset(rooms))))


def test_rooms_are_joined_and_left(rig: Rig) -> None:
    _, member = rig.joined()
    member.join("a")
    member.join("a")
    member.join("b")
    assert member.rooms == {"a", "b"}
    assert in_rooms(rig, "a") == [member]
    member.leave("a")
    member.leave("a")
    member.leave("never")
    assert member.rooms == {"b"}
    assert in_rooms(rig, "a") == []
    assert rig.server.hub.of("/").room_names == ["b"]


def test_a_member_is_in_so_many_rooms() -> None:
    rig = Rig(max_rooms=2)
    _, member = rig.joined()
    member.check_rooms(["a", "b", member.sid])
    member.join("a")
    member.join("b")
    for again in ("a", member.sid):
        member.join(again)
    with pytest.raises(LocalProtocolError, match="too many rooms, max_rooms: 2"):
        member.join("c")
    with pytest.raises(LocalProtocolError, match="too many rooms, max_rooms: 2"):
        member.check_rooms(["a", "c"])
    member.check_rooms(["a", "b", member.sid])
    member.leave("a")
    member.join("c")
    assert member.rooms == {"b", "c"}


def test_the_room_of_ones_own_is_always_there(rig: Rig) -> None:
    _, member = rig.joined()
    assert in_rooms(rig, member.sid) == [member]
    member.join(member.sid)
    assert member.rooms == set()
    member.leave(member.sid)
    assert in_rooms(rig, member.sid) == [member]
    assert member.rooms == set()
    assert rig.server.hub.of("/").room_names == []


def test_rooms_joined_while_waiting_count_once_accepted(rig: Rig) -> None:
    member = rig.request(rig.open())
    member.join("a")
    member.join("b")
    member.leave("b")
    assert in_rooms(rig, "a") == []
    assert member.accept(rig.now)
    assert in_rooms(rig, "a", "b") == [member]


def test_rooms_of_a_refused_member_never_were(rig: Rig) -> None:
    member = rig.request(rig.open())
    member.join("a")
    assert member.refuse("no")
    assert rig.take(Left)[0].rooms == {"a"}
    assert member.rooms == set()
    assert rig.server.hub.of("/").room_names == []


def test_nobody_joins_a_room_after_leaving(rig: Rig) -> None:
    """It leaked rooms in the reference (PROTOCOL 6.1, socket.io 4.5.2)."""
    client, member = rig.joined()
    member.join("a")
    client.send("41")
    member.join("b")
    assert member.rooms == set()
    assert rig.server.hub.of("/").room_names == []


def test_a_member_shows_itself(rig: Rig) -> None:
    _, member = rig.joined()
    assert repr(member) == f"<Member {member.sid} of /, joined>"
    assert repr(member.connection).startswith("<Connection ['/'] over <Session websocket, open")
    assert member.state is MemberState.JOINED


# -- one event that no buffer holds ------------------------------------------------------------------------------------

HUGE = ["x" * 1000]
TOO_LARGE = pytest.raises(LocalProtocolError, match="message is larger than max_buffered_bytes: 10")


def small_buffers() -> Rig:
    return Rig(EngineSettings(path="/socket.io/", high_water_bytes=1000, max_buffered_bytes=1000))


@BOTH
def test_an_event_that_no_buffer_holds_is_the_emitters_mistake(transport: str) -> None:
    rig = small_buffers()
    (client, member), (other, second) = rig.joined(transport), rig.joined(transport)
    member.join("room")
    calls: list[Callable[[], object]] = [
        lambda: member.emit("x", HUGE),
        lambda: member.emit_nowait("x", HUGE),
        lambda: member.emit_with_ack("x", HUGE, timeout_s=1, context=None, now=rig.now),
        lambda: member.acknowledge(1, HUGE),
        lambda: rig.server.broadcast("/", "x", HUGE),
        lambda: rig.server.broadcast("/", "x", HUGE, Selection(frozenset(["room"]))),
    ]
    for call in calls:
        with TOO_LARGE:
            call()
    assert (member.pending_acks, rig.events()) == ({}, [])
    for healthy in (member, second):
        assert healthy.emit("x", ["still here"])
    assert (client.fetch(), other.fetch()) == (['2["x","still here"]'], ['2["x","still here"]'])


def test_a_refusal_that_no_buffer_holds_is_refused() -> None:
    rig = small_buffers()
    client = rig.open()
    member = rig.request(client)
    with TOO_LARGE:
        member.refuse("no", HUGE[0])
    assert member.refuse("no")
    assert client.fetch() == ['4{"message":"no"}']


def test_what_the_protocol_itself_says_is_never_too_large() -> None:
    """A limit that makes no sense closes sessions; a client must not be able to make calls raise."""
    rig = Rig(EngineSettings(path="/socket.io/", high_water_bytes=50, max_buffered_bytes=50))
    client = rig.open()
    client.send("40/" + "x" * 60)
    assert client.session is None
    rig.server.hub.of("/" + "y" * 60)
    client = rig.open()
    client.send("40/" + "y" * 60)
    member = next(event.member for event in rig.events() if isinstance(event, ConnectRequested))
    member.accept(rig.now)
    assert client.session is None


# -- misuse ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", [5, None, b"room", ("a",)])
def test_a_room_is_a_string(rig: Rig, room: Any) -> None:
    _, member = rig.joined()
    for change in (member.join, member.leave):
        with pytest.raises(LocalProtocolError, match="room must be a string: "):
            change(room)
    assert (member.rooms, member.namespace.room_names) == (set(), [])


def test_who_has_left_one_namespace_disconnects_nobody_else(rig: Rig) -> None:
    client, member = rig.joined()
    other = rig.join(client, "/admin")
    member.disconnect(rig.now)
    assert client.fetch() == ["1"]
    for close in (False, True):
        member.disconnect(rig.now, close=close)
    assert (other.state, client.fetch()) == (MemberState.JOINED, [])
    other.disconnect(rig.now, close=True)
    assert other.connection.session.state.value == "closed"
