"""Asking for a namespace: accepted, refused, held, forgotten in time. Spec: PROTOCOL 3.5."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_core.errors import CloseReason, LocalProtocolError
from socketio_core.socketio import (
    ConnectionClosed,
    ConnectRequested,
    EventReceived,
    Left,
    Member,
    MemberState,
    Selection,
)
from socketio_core.socketio.packet import event_packet
from tests.socketio.rig import BOTH, NAMESPACES, Rig, connect_head, drain, timer_count

# -- accept and refuse -------------------------------------------------------------------------------------------------


@BOTH
@NAMESPACES
@pytest.mark.parametrize(("auth", "expected"), [("", {}), ("{}", {}), ('{"token":"é"}', {"token": "é"})])
def test_a_client_asks_for_a_namespace_with_auth(rig: Rig, transport: str, nsp: str, auth: str, expected: Any) -> None:
    client = rig.open(transport)
    client.send(f"40{connect_head(nsp)}{auth}")
    (event,) = rig.take(ConnectRequested)
    assert event.auth == expected
    assert event.member.namespace.name == nsp
    assert event.member.state is MemberState.PENDING
    assert not event.member.was_accepted
    assert client.fetch() == []


@BOTH
@NAMESPACES
def test_an_accepted_client_gets_its_id(rig: Rig, transport: str, nsp: str) -> None:
    client = rig.open(transport)
    member = rig.request(client, nsp)
    assert member.accept(rig.now)
    assert client.fetch() == [f'0{connect_head(nsp)}{{"sid":"{member.sid}"}}']
    assert member.state is MemberState.JOINED
    assert member.was_accepted
    assert rig.server.hub.of(nsp).members == {member.sid: member}
    assert rig.events() == []


def test_ids_are_public_and_differ_by_namespace(rig: Rig) -> None:
    client, first = rig.joined()
    second = rig.join(client, "/admin")
    assert len({first.sid, second.sid, client.sid}) == 3


@BOTH
@NAMESPACES
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (None, '{"message":"no"}'),
        ({"code": 7}, '{"message":"no","data":{"code":7}}'),
        (0, '{"message":"no","data":0}'),
        ("", '{"message":"no","data":""}'),
    ],
)
def test_a_refused_client_gets_message_and_data(rig: Rig, transport: str, nsp: str, data: Any, expected: str) -> None:
    client = rig.open(transport)
    member = rig.request(client, nsp)
    assert member.refuse("no", data)
    assert client.fetch() == [f"4{connect_head(nsp)}{expected}"]
    assert member.state is MemberState.LEFT
    (left,) = rig.take(Left)
    assert (left.member, left.reason) == (member, CloseReason.SERVER_NAMESPACE_DISCONNECT)
    assert not left.member.was_accepted
    assert rig.server.hub.of(nsp).members == {}
    assert rig.server.hub.of(nsp).pending_count == 0


def test_a_refused_client_may_ask_again(rig: Rig) -> None:
    client = rig.open()
    assert rig.request(client).refuse("no")
    assert client.take_messages() == ['4{"message":"no"}']
    rig.events()
    assert rig.join(client).state is MemberState.JOINED


@BOTH
def test_an_unknown_namespace_is_refused_and_the_connection_lives_on(rig: Rig, transport: str) -> None:
    client = rig.open(transport)
    client.send("40/nowhere,", "40/?token=1,")
    assert client.fetch() == [
        '4/nowhere,{"message":"Invalid namespace"}',
        '4/?token=1,{"message":"Invalid namespace"}',
    ]
    assert rig.events() == []
    assert rig.join(client).state is MemberState.JOINED


def test_a_decision_is_made_once(rig: Rig) -> None:
    client, member = rig.joined()
    with pytest.raises(LocalProtocolError, match="member was accepted already"):
        member.accept(rig.now)
    with pytest.raises(LocalProtocolError, match="member was accepted already"):
        member.refuse("late")
    assert client.take_messages() == []
    assert member.state is MemberState.JOINED


def test_a_refusal_that_cannot_be_sent_changes_nothing(rig: Rig) -> None:
    client = rig.open()
    member = rig.request(client)
    with pytest.raises(LocalProtocolError):
        member.refuse("no", data=object())
    assert member.state is MemberState.PENDING
    assert client.take_messages() == []
    assert member.refuse("no")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_namespaces_of_one_connection_are_limited(count: int) -> None:
    rig = Rig(max_namespaces=2)
    client = rig.open()
    for number in range(count):
        rig.server.hub.of(f"/{number}")
        if number < 2:
            rig.join(client, f"/{number}")
        else:
            client.send(f"40/{number},")
            assert client.take_messages() == [f'4/{number},{{"message":"Too many namespaces"}}']
    assert rig.events() == []


@pytest.mark.parametrize("count", [1, 2, 3])
def test_pending_connects_of_one_connection_are_limited(count: int) -> None:
    rig = Rig(max_pending_connects=2)
    client = rig.open()
    rig.join(client)  # what is decided does not count
    for number in range(3):
        rig.server.hub.of(f"/{number}")
    members = [rig.request(client, f"/{number}") for number in range(min(count, 2))]
    if count == 3:
        client.send("40/2,")
        assert client.take_messages() == ['4/2,{"message":"Too many pending connects"}']
        assert members[0].accept(rig.now)
        assert rig.request(client, "/2").accept(rig.now)
    assert rig.events() == []


# -- the connect timeout -----------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("asked", ["nothing", "/"])
def test_a_connection_that_joins_nothing_ends_at_exactly_the_timeout(transport: str, asked: str) -> None:
    rig = Rig(connect_timeout_s=10.0)
    client = rig.open(transport)
    opened_at = rig.now
    member = rig.request(client) if asked == "/" else None
    rig.server.handle_timeout(opened_at + 9.999)
    assert rig.events() == []
    assert rig.server.next_deadline == opened_at + 10.0
    rig.advance(10.0)
    drain(client)
    assert client.session is None
    *left, closed = rig.events()
    assert [event.member for event in left if isinstance(event, Left)] == ([member] if member else [])
    for event in (*left, closed):
        assert isinstance(event, (Left, ConnectionClosed))
        assert event.reason is CloseReason.FORCED_SERVER_CLOSE
        assert str(event.error) == "no namespace was joined in time, connect_timeout_s: 10"
    assert member is None or not member.accept(rig.now)
    assert member is None or not member.refuse("late")


def test_joining_stops_the_timeout_for_good(rig: Rig) -> None:
    """Also when the client leaves again: it keeps its connection, as in the reference (PROTOCOL 9-47)."""
    client, member = rig.joined()
    assert timer_count(rig.server) == 0
    client.send("41")
    assert member.state is MemberState.LEFT
    assert timer_count(rig.server) == 0
    assert client.session is not None


def test_a_refusal_does_not_stop_the_timeout(rig: Rig) -> None:
    client = rig.open()
    assert rig.request(client).refuse("no")
    client.send("40/nowhere,")
    assert timer_count(rig.server) == 1


# -- while it is being decided -----------------------------------------------------------------------------------------


@BOTH
@NAMESPACES
def test_events_are_held_and_follow_in_order(rig: Rig, transport: str, nsp: str) -> None:
    """The reference closes the connection for them (PROTOCOL 9-30)."""
    client = rig.open(transport)
    member = rig.request(client, nsp)
    head = connect_head(nsp)
    client.send(f'42{head}["a"]', f'451-{head}7["b",{{"_placeholder":true,"num":0}}]', b"xyz", f'42{head}["c",1]')
    assert rig.events() == []
    assert member.accept(rig.now)
    sizes = [len(f'2{head}["a"]'), len(f'51-{head}7["b",{{"_placeholder":true,"num":0}}]') + 3, len(f'2{head}["c",1]')]
    assert rig.events() == [
        EventReceived(member, "a", [], None, sizes[0]),
        EventReceived(member, "b", [b"xyz"], 7, sizes[1]),
        EventReceived(member, "c", [1], None, sizes[2]),
    ]
    client.send(f'42{head}["d"]')
    assert rig.events() == [EventReceived(member, "d", [], None, sizes[0])]
    assert member.held == []


def test_other_namespaces_are_not_held_up(rig: Rig) -> None:
    client, member = rig.joined()
    rig.request(client, "/admin")
    client.send('42["a"]')
    assert [event.member for event in rig.take(EventReceived)] == [member]


def test_held_events_of_a_refused_client_are_gone(rig: Rig) -> None:
    client = rig.open()
    member = rig.request(client)
    client.send('42["a"]')
    assert member.refuse("no")
    assert member.held == []
    rig.take(Left)
    client.send('42["b"]')  # was on its way
    assert rig.events() == []
    rig.join(client)
    assert rig.events() == []


@pytest.mark.parametrize("count", [2, 3, 4])
def test_held_packets_are_limited(count: int) -> None:
    rig = Rig(max_held_packets=3)
    client, other = rig.joined()
    rig.server.hub.of("/n")
    rig.request(client, "/n")
    for _ in range(count):
        client.send('42/n,["a"]')
    expected = [] if count <= 3 else [("/", "forced server close"), ("/n", "forced server close")]
    assert rig.reasons() == expected
    assert (other.state is MemberState.JOINED) == (count <= 3)


@pytest.mark.parametrize("filling", ["x", "é", "😀"])
@pytest.mark.parametrize("size", [19, 20, 21])
def test_held_bytes_are_limited(size: int, filling: str) -> None:
    rig = Rig(max_held_bytes=20)
    client = rig.open()
    member = rig.request(client)
    client.send('42["123456"]')  # 11 of the payload
    rest = size - 11 - 5 - len(filling.encode())
    client.send(f'42["{filling}{"x" * rest}"]')
    assert rig.reasons() == ([] if size <= 20 else [("/", "forced server close")])
    assert member.accept(rig.now) == (size <= 20)


def test_nothing_is_held_if_so_configured() -> None:
    rig = Rig(max_held_packets=0)
    client = rig.open()
    rig.request(client)
    client.send('42["a"]')
    assert rig.reasons() == [("/", "forced server close")]


@BOTH
def test_a_client_may_leave_while_it_waits(rig: Rig, transport: str) -> None:
    client = rig.open(transport)
    member = rig.request(client)
    client.send('42["a"]', "41")
    (left,) = rig.take(Left)
    assert (left.member, left.reason) == (member, CloseReason.CLIENT_NAMESPACE_DISCONNECT)
    assert not member.accept(rig.now)
    assert not member.refuse("late")
    assert client.fetch() == []
    assert rig.events() == []
    assert rig.server.hub.of("/").pending_count == 0
    assert rig.join(client).state is MemberState.JOINED


def test_a_client_that_waits_can_be_closed(rig: Rig) -> None:
    """It gets no DISCONNECT, for it has not joined (PROTOCOL 4.4)."""
    client = rig.open()
    member = rig.request(client)
    member.disconnect(rig.now, close=True)
    assert rig.reasons() == [("/", "server namespace disconnect")]
    assert client.take_messages() == []
    assert client.session is None


@BOTH
def test_a_decision_after_the_connection_ended_does_nothing(rig: Rig, transport: str) -> None:
    client = rig.open(transport)
    member = rig.request(client)
    client.send("1")
    left, closed = rig.events()
    assert isinstance(left, Left)
    assert isinstance(closed, ConnectionClosed)
    assert not member.accept(rig.now)
    assert not member.refuse("late")
    assert rig.events() == []
    assert rig.server.hub.of("/").members == {}


@BOTH
def test_a_broadcast_sends_nothing_to_who_is_not_in(rig: Rig, transport: str) -> None:
    client = rig.open(transport)
    member = rig.request(client)
    member.join("room")
    session = client.session
    assert session is not None
    namespace = rig.server.hub.of("/")
    message = rig.server.parser.encode(event_packet("/", "x", []))
    for rooms in (None, frozenset({"room"}), frozenset({member.sid})):
        assert namespace.broadcast(message, Selection(rooms)) == 0
    assert session.buffered_bytes == 0
    assert client.fetch() == []
    assert not member.acknowledge(1, [])
    assert session.buffered_bytes == 0
    assert member.accept(rig.now)
    assert namespace.broadcast(message, Selection(frozenset({"room"}))) == 1


def test_who_leaves_before_the_decision_still_counts_until_it_is_made() -> None:
    """Or a client that connects and disconnects in turn keeps as many middlewares busy as it likes."""
    rig = Rig(max_pending_connects=2)
    for nsp in ("/more", "/too-many"):
        rig.server.hub.of(nsp)
    client = rig.open()
    gone: list[Member] = []
    for _ in range(2):
        client.send("40")
        gone += [event.member for event in rig.events() if isinstance(event, ConnectRequested)]
        client.send("41")
    assert len(gone) == 2
    client.send("40")
    assert drain(client) == ['4{"message":"Too many pending connects"}']
    assert not gone[0].accept(rig.now)
    assert not gone[0].refuse("twice")
    rig.events()
    assert not gone[0].refuse("three times")
    assert rig.request(client).accept(rig.now)
    rig.request(client, "/more")
    client.take_messages()
    client.send("40/too-many,")
    assert client.take_messages() == ['4/too-many,{"message":"Too many pending connects"}']
