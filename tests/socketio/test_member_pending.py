"""Members that are being decided about: what is emitted to them, disconnecting them, and asking again meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_core.errors import BufferFull, LocalProtocolError
from socketio_core.settings import EngineSettings
from socketio_core.socketio import (
    AckDropped,
    AckExpired,
    AckReceived,
    ConnectRequested,
    EventReceived,
    Left,
    Member,
    Selection,
)
from socketio_core.socketio.member import MemberState
from socketio_core.testing import WireClient
from tests.socketio.rig import BOTH, Rig, drain


def ask(member: Member, rig: Rig, *, timeout_s: float = 5.0) -> int | None:
    return member.emit_with_ack("q", [], timeout_s=timeout_s, context="asker", now=rig.now)


# -- emitting ----------------------------------------------------------------------------------------------------------


@BOTH
def test_what_is_emitted_goes_out_behind_connect_in_order(rig: Rig, transport: str) -> None:
    client = rig.open(transport)
    member = rig.request(client)
    assert member.emit("a", [1])
    assert member.emit("b", [b"\x01"])
    assert ask(member, rig) == 0
    assert member.emit_nowait("c", [])
    assert not member.emit("volatile", [], volatile=True)
    assert client.fetch() == [] if transport == "websocket" else True
    member.accept(rig.now)
    assert member.emit("d", [])
    assert drain(client)[-7:] == [
        f'0{{"sid":"{member.sid}"}}',
        '2["a",1]',
        '51-["b",{"_placeholder":true,"num":0}]',
        b"\x01",
        '20["q"]',
        '2["c"]',
        '2["d"]',
    ]
    client.send('430["yes"]')
    (event,) = rig.take(AckReceived)
    assert event.args == ["yes"]


def test_held_events_of_the_client_come_behind_those_to_it(rig: Rig) -> None:
    client = rig.open()
    member = rig.request(client)
    member.emit("a", [])
    client.send('42["early"]')
    member.accept(rig.now)
    assert rig.take(EventReceived)[0].name == "early"


@pytest.mark.parametrize("how", ["refuse", "disconnect", "close", "leave", "lose"])
def test_a_refusal_drops_what_was_emitted_and_tells_who_waits(rig: Rig, how: str) -> None:
    client = rig.open()
    member = rig.request(client)
    member.emit("a", [])
    ask(member, rig)
    if how == "refuse":
        member.refuse("no")
    elif how == "leave":
        client.send("41")
    elif how == "lose":
        client.send("1")
    else:
        member.disconnect(rig.now, close=how == "close")
    events = rig.events()
    assert [event.context for event in events if isinstance(event, AckDropped)] == ["asker"]
    assert member.unsent == ()
    assert not member.accept(rig.now)
    assert [message for message in client.take_messages() if '"a"' in str(message)] == []
    assert not member.emit("a", [])
    assert ask(member, rig) is None


def test_an_ack_may_expire_while_its_member_waits(rig: Rig) -> None:
    member = rig.request(rig.open())
    ask(member, rig, timeout_s=1.0)
    rig.advance(1.0)
    assert isinstance(rig.events()[0], AckExpired)


@pytest.mark.parametrize("limits", [{"max_held_packets": 2}, {"max_held_bytes": 14}], ids=["packets", "bytes"])
def test_what_is_held_is_bounded(limits: dict[str, Any]) -> None:
    rig = Rig(**limits)
    client = rig.open()
    member = rig.request(client)
    assert member.emit("a", [])
    assert member.emit("b", [])
    for send in (member.emit, member.emit_nowait):
        with pytest.raises(BufferFull, match="not connected yet"):
            send("c", [])
    with pytest.raises(BufferFull):
        ask(member, rig)
    assert member.pending_acks == {}
    member.accept(rig.now)
    assert client.fetch() == [f'0{{"sid":"{member.sid}"}}', '2["a"]', '2["b"]']


@pytest.mark.parametrize(("name", "args"), [("connect", []), ("a", [object()]), ("a", ["x" * 200])])
def test_what_could_never_be_sent_is_refused_at_once(name: str, args: list[Any]) -> None:
    rig = Rig(EngineSettings(path="/socket.io/", max_buffered_bytes=100, high_water_bytes=50))
    member = rig.request(rig.open())
    for volatile in (False, True) if len(str(args)) < 100 else (False,):
        with pytest.raises(LocalProtocolError):
            member.emit(name, args, volatile=volatile)
    assert member.unsent == ()
    assert member.accept(rig.now)


def test_broadcasts_do_not_reach_who_waits(rig: Rig) -> None:
    client = rig.open()
    member = rig.request(client)
    member.join("room")
    for rooms in (None, frozenset(["room"]), frozenset([member.sid])):
        assert rig.server.broadcast("/", "a", [], Selection(rooms)) == 0
    member.accept(rig.now)
    assert rig.server.broadcast("/", "a", [], Selection(frozenset(["room"]))) == 1
    assert client.fetch() == [f'0{{"sid":"{member.sid}"}}', '2["a"]']


# -- disconnecting -----------------------------------------------------------------------------------------------------


@BOTH
def test_disconnecting_who_waits_refuses_it(rig: Rig, transport: str) -> None:
    client = rig.open(transport)
    rig.join(client)
    member = rig.request(client, "/admin")
    client.send('42/admin,["early"]')
    member.disconnect(rig.now)
    member.disconnect(rig.now)
    assert not member.accept(rig.now)
    assert not member.refuse("no")
    assert drain(client) == ['4/admin,{"message":"Disconnected"}']
    assert [type(event) for event in rig.events()] == [Left]
    assert member.connection.undecided == 0
    client.send('42/admin,["late"]')  # in flight
    rig.join(client, "/admin")


def test_a_refusal_that_cannot_be_told_twice_is_counted_once() -> None:
    rig = Rig(max_pending_connects=2)
    client = rig.open()
    member = rig.request(client)
    member.disconnect(rig.now)
    member.accept(rig.now)
    assert member.connection.undecided == 0


# -- asking again ------------------------------------------------------------------------------------------------------


def requests(rig: Rig, client: WireClient, *frames: str) -> list[Member]:
    client.send(*frames)
    return [event.member for event in rig.take(ConnectRequested)]


def sid_of(member: Member) -> str:
    return f'0/admin,{{"sid":"{member.sid}"}}'


@BOTH
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_each_connect_is_answered_and_the_last_answer_counts(rig: Rig, transport: str, order: tuple[int, int]) -> None:
    client = rig.open(transport)
    members = requests(rig, client, "40/admin,", "40/admin,")
    first, last = (members[index] for index in order)
    assert first.accept(rig.now)
    client.send('42/admin,["to first"]')
    assert [event.member for event in rig.take(EventReceived)] == [first]
    assert last.accept(rig.now)
    assert drain(client) == [sid_of(first), sid_of(last)]
    assert rig.reasons() == [("/admin", "client namespace disconnect")]
    assert first.state is MemberState.LEFT
    client.send('42/admin,["to last"]')
    assert [event.member for event in rig.take(EventReceived)] == [last]
    assert rig.server.broadcast("/admin", "once", []) == 1
    assert members[0].connection.members == [last]
    client.send("41/admin,")
    rig.events()
    assert rig.server.hub.of("/admin").members == {}
    rig.join(client, "/admin")


@BOTH
@pytest.mark.parametrize("refused", [0, 1])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_refusal_is_about_one_of_them(rig: Rig, transport: str, refused: int, when: str) -> None:
    client = rig.open(transport)
    members = requests(rig, client, "40/admin,", "40/admin,")
    bad, good = members[refused], members[1 - refused]
    answers = ['4/admin,{"message":"no"}', sid_of(good)]
    if when == "before":
        bad.refuse("no")
        client.send('42/admin,["early"]')
        good.accept(rig.now)
    else:
        good.accept(rig.now)
        bad.refuse("no")
        answers.reverse()
        client.send('42/admin,["late"]')
    assert drain(client) == answers
    events = rig.events()
    assert [event.member for event in events if isinstance(event, EventReceived)] == [good]
    assert [event.member for event in events if isinstance(event, Left)] == [bad]


def test_both_may_be_refused_and_asked_for_again(rig: Rig) -> None:
    client = rig.open()
    for member in requests(rig, client, "40/admin,", "40/admin,"):
        member.refuse("no")
    assert client.fetch() == ['4/admin,{"message":"no"}'] * 2
    client.send('42/admin,["in flight"]')
    rig.events()
    rig.join(client, "/admin")


@pytest.mark.parametrize("accepted", [0, 1, 2])
def test_one_disconnect_leaves_all_that_was_asked_before(rig: Rig, accepted: int) -> None:
    """Connect, connect, disconnect, connect: only what was asked last is wanted."""
    client = rig.open()
    members = requests(rig, client, "40/admin,", "40/admin,")
    for member in members[:accepted]:
        member.accept(rig.now)
    rig.events()
    client.send("41/admin,", "40/admin,")
    (again,) = [event.member for event in rig.events() if isinstance(event, ConnectRequested)]
    assert [member.state for member in members] == [MemberState.LEFT] * 2
    assert not any(member.accept(rig.now) for member in members[accepted:])
    assert again.accept(rig.now)
    assert drain(client) == [*map(sid_of, members[:accepted]), sid_of(again)]
    assert again.connection.members == [again]
    assert again.connection.undecided == 0


@pytest.mark.parametrize("disconnected", [0, 1])
def test_the_server_lets_one_go_while_the_other_waits(rig: Rig, disconnected: int) -> None:
    """What was in flight for the first is no event of the second."""
    client = rig.open()
    members = requests(rig, client, "40/admin,", "40/admin,")
    gone, other = members[disconnected], members[1 - disconnected]
    gone.accept(rig.now)
    gone.disconnect(rig.now)
    rig.events()
    client.send('42/admin,["in flight"]', "43/admin,0[]")
    assert rig.events() == []
    other.accept(rig.now)
    assert client.fetch() == [sid_of(gone), "1/admin,", sid_of(other)]
    client.send('42/admin,["heard"]', "41/admin,")
    assert [type(event) for event in rig.events()] == [EventReceived, Left]
    client.send('42/admin,["too late"]')  # it left by itself, so this is an error
    assert not client.session


def test_connect_of_who_is_in_ends_the_connection(rig: Rig) -> None:
    """As with the reference."""
    client = rig.open()
    rig.join(client, "/admin")
    client.send("40/admin,")
    assert rig.reasons() == [("/admin", "forced server close")]


def test_asking_again_is_bounded() -> None:
    rig = Rig(max_pending_connects=3, max_namespaces=1)
    client = rig.open()
    members = requests(rig, client, *["40"] * 5)
    assert len(members) == 3
    assert client.fetch() == ['4{"message":"Too many pending connects"}'] * 2
    for member in members:
        assert member.accept(rig.now)
    assert client.fetch() == [f'0{{"sid":"{member.sid}"}}' for member in members]
    assert list(rig.server.hub.of("/").members.values()) == [members[-1]]


@pytest.mark.parametrize("accepted", [0, 1])
def test_all_end_with_the_connection(rig: Rig, accepted: int) -> None:
    client = rig.open()
    members = requests(rig, client, "40", "40", "40/admin,", "40/admin,")
    for member in members[:accepted]:
        member.accept(rig.now)
    client.send("1")
    assert len(rig.reasons()) == 4
    assert not any(member.accept(rig.now) for member in members[accepted:])
    assert [namespace.pending_count for namespace in rig.server.hub.namespaces.values()] == [0, 0]


def test_other_namespaces_are_left_alone(rig: Rig) -> None:
    client = rig.open()
    root_1, admin_1, root_2, admin_2 = requests(rig, client, "40", "40/admin,", "40", "40/admin,")
    client.send("41")
    assert [root_1.state, root_2.state] == [MemberState.LEFT] * 2
    admin_2.refuse("no")
    assert admin_1.accept(rig.now)
