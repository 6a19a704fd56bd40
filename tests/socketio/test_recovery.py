"""Clients that were lost come back, as an embedder of the core sees it. Spec: PROTOCOL 3.9."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any, Final

import pytest

from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.packet import Payload
from socketio_core.errors import CloseReason, LocalProtocolError
from socketio_core.settings import EngineSettings, RecoverySettings
from socketio_core.socketio import (
    Claim,
    ConnectRequested,
    JsonParser,
    Left,
    Member,
    MemberState,
    Packet,
    RecoverableSession,
    Selection,
    ServerCore,
)
from socketio_core.socketio.packet import DISCONNECT
from socketio_core.socketio.recovery import SESSION_BYTES
from socketio_core.socketio.room_history import MAX_SPANS
from socketio_core.testing import WireClient
from tests.socketio.rig import TRANSPORTS, Rig, connect_head, drain, numbered_ids, timer_count

WINDOW_S: Final = 120.0
UNSURE_S: Final = 25.0 + 20.0  # ping interval, ping timeout


class Home(Rig):
    """A server that lets clients come back, where every claim is looked after."""

    def __init__(self, engine: EngineSettings | None = None, **recovery: Any) -> None:
        super().__init__(engine, recovery=RecoverySettings(**recovery))
        assert self.server.recovery is not None
        self.recovery = self.server.recovery

    def ask(self, auth: str = "", nsp: str = "/", transport: str = "websocket") -> tuple[WireClient, Member]:
        """Let a new client ask for a namespace; give it back what it claims."""
        client = self.open(transport)
        client.send(f"40{connect_head(nsp)}{auth}")
        (event,) = [event for event in self.events() if isinstance(event, ConnectRequested)]
        self.look_after(event)
        return client, event.member

    def look_after(self, event: ConnectRequested) -> None:
        """Give a client back what it claims."""
        if event.claim is not None:
            session = self.server.take_session(event.member.namespace.name, event.claim, self.now)
            if session is not None:
                assert event.member.restore(session)

    def let_in(self, event: ConnectRequested) -> Member:
        """Do that, and let it in."""
        self.look_after(event)
        assert event.member.accept(self.now)
        return event.member

    def enter(
        self, auth: str = "", nsp: str = "/", transport: str = "websocket"
    ) -> tuple[WireClient, Member, list[Payload]]:
        """Do that, let the member in, and return what the client got."""
        client, member = self.ask(auth, nsp, transport)
        assert member.accept(self.now)
        return client, member, client.fetch()

    def claim(self, member: Member, position: int | None = None) -> str:
        """Return the auth with which the client of a member comes back."""
        session = session_of(member)
        offset = "" if position is None else f',"offset":"{self.recovery.log.offset_of(position)}"'
        return f'{{"pid":"{session.pid}"{offset}}}'

    def answer(self, member: Member, nsp: str = "/") -> str:
        return f'0{connect_head(nsp)}{{"sid":"{member.sid}","pid":"{session_of(member).pid}"}}'

    def lose(self, client: WireClient) -> None:
        """Break a client's connection, which the server notices."""
        drop(client)
        self.events()


def drop(client: WireClient) -> None:
    assert client.websocket is not None
    client.websocket.drop()


def session_of(member: Member) -> RecoverableSession:
    assert member.recoverable is not None
    return member.recoverable


def emit(member: Member, *args: Any, **how: Any) -> bool:
    return member.emit("x", args, **{"volatile": False, **how})


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_lost_client_comes_back_as_the_same_member_and_gets_what_it_missed_first(transport: str) -> None:
    home = Home()
    client, member, got = home.enter(transport=transport)
    assert got == [home.answer(member)]
    member.join("a")
    member.data = {"name": "Ada"}
    assert emit(member, 1)
    assert client.fetch() == ['2["x",1,"id1.1"]']
    assert emit(member, 2)
    member.connection.session.close(home.now, is_fault=True)
    home.advance(40)
    assert home.server.broadcast("/", "y", [3], Selection(frozenset("a"))) == 0
    again, back, got = home.enter(home.claim(member, 1), transport=transport)
    assert got == ['2["x",2,"id1.2"]', '2["y",3,"id1.3"]', home.answer(member)]
    assert back is not member
    assert (back.sid, back.rooms, back.data, back.is_recovered) == (member.sid, {"a"}, {"name": "Ada"}, True)
    assert home.server.broadcast("/", "y", [4], Selection(frozenset("a"))) == 1
    assert again.fetch() == ['2["y",4,"id1.4"]']


def test_a_claim_is_good_once_until_the_client_is_lost_again() -> None:
    home = Home()
    client, member, _ = home.enter()
    home.lose(client)
    claim = home.claim(member)
    back_client, back, _ = home.enter(claim)
    home.lose(back_client)
    assert emit(back, 1)
    third_client, third, got = home.enter(claim)
    assert (third.sid, third.is_recovered, len(got)) == (member.sid, True, 2)
    third_client.send("41")
    home.events()
    stranger = home.enter(claim)[1]
    assert not stranger.is_recovered, "it left"
    assert stranger.sid != member.sid
    assert stranger.recoverable is not member.recoverable


@pytest.mark.parametrize("auth", ['{"pid":"id9"}', '{"pid":5,"offset":"x"}', '{"offset":"id1.1"}', "", '{"pid":""}'])
def test_a_claim_that_is_none_begins_anew(auth: str) -> None:
    home = Home()
    home.lose(home.enter()[0])
    assert not home.enter(auth)[1].is_recovered


@pytest.mark.parametrize("offset", ["7", "7.5", "true", "[]", "{}"])
def test_an_offset_that_no_server_gave_begins_anew(offset: str) -> None:
    home = Home()
    client, member, _ = home.enter()
    home.lose(client)
    auth = f'{{"pid":"{session_of(member).pid}","offset":{offset}}}'
    assert not home.enter(auth)[1].is_recovered
    assert home.enter(home.claim(member))[1].is_recovered, "which was nobody's claim"


def test_a_session_belongs_to_its_namespace() -> None:
    home = Home()
    home.server.hub.of("/a")
    client, member, _ = home.enter()
    home.lose(client)
    assert not home.enter(home.claim(member), nsp="/a")[1].is_recovered
    assert home.enter(home.claim(member))[1].is_recovered


def test_what_a_client_sends_beside_its_claim_stays() -> None:
    home = Home()
    client = home.open()
    client.send('40{"pid":"p","offset":null,"token":"t"}')
    (event,) = home.take(ConnectRequested)
    assert event.auth == {"token": "t"}
    assert event.claim is not None
    assert (event.claim.pid, event.claim.offset) == ("p", None)
    client = home.open()
    client.send('40{"pid":"p","offset":7,"token":"t"}')
    (event,) = home.take(ConnectRequested)
    assert (event.auth, event.claim) == ({"token": "t"}, None)


def test_a_client_whose_connection_is_still_there_is_taken_over() -> None:
    home = Home()
    client, member, _ = home.enter()
    emit(member, 1)
    again = home.open("websocket")
    again.send(f"40{home.claim(member)}")
    left, asked = [event for event in home.events() if isinstance(event, (Left, ConnectRequested))]
    assert isinstance(left, Left), "it is told of first"
    assert (left.member, left.reason) == (member, CloseReason.TRANSPORT_CLOSE)
    assert member.state is MemberState.LEFT
    assert isinstance(asked, ConnectRequested)
    back = home.let_in(asked)
    assert again.fetch() == ['2["x",1,"id1.1"]', home.answer(member)]
    assert list(home.server.hub.of("/").members.values()) == [back]
    assert drain(client) == ['2["x",1,"id1.1"]', "1"], "if it is there after all, it learns of it"
    assert client.session is None or not client.session.is_open
    assert emit(member, 2), "who knows the old one reaches the client"
    assert again.fetch() == ['2["x",2,"id1.2"]']


@pytest.mark.parametrize("is_let_go", [False, True])
def test_a_client_may_ask_again_over_the_same_connection_while_it_is_decided_about(*, is_let_go: bool) -> None:
    home = Home()
    client, member, _ = home.enter()
    home.lose(client)
    again, pending = home.ask(home.claim(member))
    assert pending.is_recovered
    again.send(f"40{home.claim(member)}")
    (asked,) = home.take(ConnectRequested)  # and nobody has left: the connection is no other
    pending.was_let_go = is_let_go
    back = home.let_in(asked)
    assert back.is_recovered is not is_let_go
    assert pending.state is MemberState.LEFT
    assert again.fetch() == ['4{"message":"Disconnected"}', home.answer(back)]


def test_one_that_is_being_decided_about_is_taken_over_too() -> None:
    home = Home()
    client, member, _ = home.enter()
    home.lose(client)
    first, pending = home.ask(home.claim(member))
    assert pending.is_recovered
    _, back, _ = home.enter(home.claim(member))
    assert back.is_recovered
    assert not pending.accept(home.now)
    assert drain(first) == ['4{"message":"Disconnected"}']


def test_a_connection_with_other_namespaces_goes_on_when_one_is_taken_over() -> None:
    home = Home()
    home.server.hub.of("/a")
    client, member, _ = home.enter()
    client.send("40/a,")
    (event,) = home.take(ConnectRequested)
    assert event.member.accept(home.now)
    assert home.enter(home.claim(member))[1].is_recovered
    assert event.member.state is MemberState.JOINED
    assert event.member.connection.session.is_open


def test_one_that_the_server_made_leave_meanwhile_is_not_taken_over() -> None:
    home = Home()
    client, member, _ = home.enter()
    member.was_let_go = True
    assert not home.enter(home.claim(member))[1].is_recovered
    assert drain(client) == ["1"]


@pytest.mark.parametrize("how", ["refused", "lost", "time is up", "made to leave", "left"])
def test_a_session_whose_client_was_not_let_in_waits_on(how: str) -> None:
    home = Home()
    client, member, _ = home.enter()
    home.lose(client)
    home.advance(100)
    client, pending = home.ask(home.claim(member))
    if how == "lost":
        home.lose(client)
    elif how == "made to leave":
        pending.disconnect(home.now)
    elif how == "left":
        client.send("41")
    else:
        if how == "time is up":
            home.advance(30)
        assert pending.refuse("no")
    home.advance(1)
    assert home.enter(home.claim(member))[1].is_recovered is (how in ("refused", "lost"))


def test_a_session_that_comes_too_late_for_its_member_waits_on() -> None:
    home = Home()
    client, member, _ = home.enter()
    home.lose(client)
    client = home.open()
    client.send(f"40{home.claim(member)}")
    (event,) = home.take(ConnectRequested)
    assert event.claim is not None
    session = home.server.take_session("/", event.claim, home.now)
    assert session is not None
    home.lose(client)
    assert not event.member.restore(session)
    assert home.enter(home.claim(member))[1].is_recovered


def test_a_session_that_was_taken_and_not_given_to_anybody_leaves_nothing() -> None:
    home = Home()
    client, member, _ = home.enter()
    home.lose(client)
    assert home.server.take_session("/", Claim(session_of(member).pid), home.now) is not None
    assert home.server.take_session("/", Claim(session_of(member).pid), home.now) is None
    assert repr(home.recovery).startswith("<Recovery 0 sessions, 0 of them lost")
    assert not emit(member, 1)


def test_only_who_is_being_decided_about_can_be_restored_and_only_with_recovery() -> None:
    home = Home()
    _, member, _ = home.enter()
    with pytest.raises(LocalProtocolError, match="while it is decided about"):
        member.restore(session_of(member))
    plain = Rig()
    pending = plain.request(plain.open())
    with pytest.raises(LocalProtocolError, match="where there is recovery"):
        pending.restore(session_of(member))


def test_a_server_without_recovery_knows_no_session() -> None:
    rig = Rig()
    client = rig.open()
    client.send('40{"pid":"p","offset":"o"}')
    (event,) = rig.take(ConnectRequested)
    assert (event.auth, event.claim) == ({"pid": "p", "offset": "o"}, None)
    home = Home()
    client = home.open()
    client.send('40{"pid":"p"}')
    (event,) = home.take(ConnectRequested)
    assert event.claim is not None
    assert rig.server.take_session("/", event.claim, rig.now) is None


@pytest.mark.parametrize(
    ("frame", "reason", "is_kept"),
    [
        (None, "transport close", True),
        ("41", "client namespace disconnect", False),
        ("42", "parse error", False),
        ("44{}", "forced server close", True),
    ],
)
def test_who_leaves_or_speaks_nonsense_does_not_come_back(frame: str | None, reason: str, *, is_kept: bool) -> None:
    home = Home()
    client, member, _ = home.enter()
    if frame is None:
        drop(client)
    else:
        client.send(frame)
    assert home.reasons() == [("/", reason)]
    assert (home.recovery.lost_count == 1) is is_kept
    assert home.enter(home.claim(member))[1].is_recovered is is_kept


def test_who_was_made_to_leave_does_not_come_back_even_afterwards() -> None:
    home = Home()
    client, member, _ = home.enter()
    member.disconnect(home.now)
    assert not home.enter(home.claim(member))[1].is_recovered
    client, member, _ = home.enter()
    home.lose(client)
    member.disconnect(home.now)
    assert home.recovery.lost_count == 0
    member.disconnect(home.now)
    assert not emit(member, 1)
    assert not home.enter(home.claim(member))[1].is_recovered


def test_the_window_begins_when_the_loss_is_noticed_and_ends_to_the_second() -> None:
    for wait, is_recovered in ((WINDOW_S - 0.001, True), (WINDOW_S, False)):
        home = Home()
        member = home.enter()[1]
        home.advance(45.0)  # it answers no ping
        assert home.reasons() == [("/", "ping timeout")]
        home.advance(wait)
        assert home.enter(home.claim(member))[1].is_recovered is is_recovered


# -- what is missed ----------------------------------------------------------------------------------------------------


def test_a_client_gets_again_nothing_that_it_has_got() -> None:
    home = Home()
    client, member, _ = home.enter()
    for number in range(4):
        emit(member, number)
    home.lose(client)
    assert home.enter(home.claim(member, 3))[2] == ['2["x",3,"id1.4"]', home.answer(member)]


@pytest.mark.parametrize("offset", ['"old.99"', '"id1.99"', '"id1.1"', "null"])
def test_an_offset_from_before_the_session_means_everything_since_it_began(offset: str) -> None:
    home = Home()
    other = home.enter()[1]
    emit(other, "theirs")
    home.server.broadcast("/", "before", [])
    client, member, _ = home.enter()
    emit(member, 1)
    home.lose(client)
    auth = f'{{"pid":"{session_of(member).pid}","offset":{offset}}}'
    assert home.enter(auth)[2] == ['2["x",1,"id1.3"]', home.answer(member)]


def test_a_volatile_event_carries_the_offset_of_the_last_that_is_kept() -> None:
    home = Home()
    client, member, _ = home.enter()
    assert emit(member, 1)
    client.fetch()
    assert emit(member, volatile=True)
    assert client.fetch() == ['2["x","id1.1"]']
    assert home.server.broadcast("/", "v", ["text"], Selection(volatile=True)) == 1
    assert client.fetch() == ['2["v","text","id1.1"]']
    home.lose(client)
    assert not emit(member, 2, volatile=True)
    assert home.enter(home.claim(member, 1))[2] == [home.answer(member)]


def test_an_event_that_asks_for_an_ack_has_no_offset_and_is_not_replayed() -> None:
    home = Home()
    client, member, _ = home.enter()
    assert member.emit_with_ack("x", ["text"], timeout_s=None, context=None, now=home.now) is not None
    assert client.fetch() == ['20["x","text"]']
    assert home.server.broadcast_with_acks("/", "x", [], Selection(), context=None, now=home.now) is not None
    assert client.fetch() == ['21["x"]']
    home.lose(client)
    assert home.enter(home.claim(member))[2] == [home.answer(member)]


def test_what_is_missed_depends_on_the_rooms_at_the_loss() -> None:
    home = Home()
    client, member, _ = home.enter()
    member.join("a")
    member.join("b")
    member.leave("b")
    home.lose(client)
    rooms: list[tuple[str, set[str] | None, set[str]]] = [
        ("all", None, set()),
        ("mine", {"a"}, set()),
        ("one of mine", {"a", "b"}, set()),
        ("me", {member.sid}, set()),
        ("not mine", {"b"}, set()),
        ("nobody", set(), set()),
        ("but mine", None, {"a"}),
        ("but me", {"a"}, {member.sid}),
        ("but others", None, {"b"}),
    ]
    for name, chosen, left_out in rooms:
        selection = Selection(None if chosen is None else frozenset(chosen), frozenset(left_out))
        home.server.broadcast("/", name, [], selection)
    got = home.enter(home.claim(member))[2]
    assert [str(each).split('"')[1] for each in got[:-1]] == ["all", "mine", "one of mine", "me", "but others"]


def test_a_room_counts_from_when_it_was_joined_until_it_was_left() -> None:
    home = Home()
    client, member, _ = home.enter()

    def say(name: str, rooms: str = "a", left_out: str = "") -> None:
        home.server.broadcast("/", name, [], Selection(frozenset(rooms), frozenset(left_out)))

    say("too early")
    member.join("a")
    say("in time")
    member.join("b")
    say("left out", "a", "b")
    member.leave("b")
    say("in time again", "a", "b")
    member.leave("a")
    say("too late")
    home.lose(client)
    got = home.enter(home.claim(member))[2]
    assert [str(each).split('"')[1] for each in got[:-1]] == ["in time", "in time again"]


def test_who_has_been_in_too_many_rooms_begins_anew() -> None:
    home = Home()
    client, member, _ = home.enter()
    for number in range(MAX_SPANS + 1):
        member.join(f"room {number}")
        emit(member)
        member.leave(f"room {number}")
    home.lose(client)
    assert not home.enter(home.claim(member))[1].is_recovered
    client, member, _ = home.enter()
    member.join("a")
    home.lose(client)
    client, back, _ = home.enter(home.claim(member))
    back.join("b")
    assert back.rooms == {"a", "b"}


def test_a_room_that_is_left_while_it_is_decided_is_not_replayed() -> None:
    home = Home()
    client, member, _ = home.enter()
    member.join("a")
    home.lose(client)
    home.server.broadcast("/", "secret", [], Selection(frozenset("a")))
    again, pending = home.ask(home.claim(member))
    pending.leave("a")
    pending.join("b")
    home.server.broadcast("/", "late", [])
    home.server.broadcast("/", "not yet", [], Selection(frozenset("b")))
    assert emit(pending, "own")
    assert not emit(pending, volatile=True)
    assert pending.accept(home.now)
    assert again.fetch() == ['2["late","id1.2"]', '2["x","own","id1.4"]', home.answer(member)]


def test_what_is_emitted_before_a_client_is_let_in_is_kept_for_it_too() -> None:
    home = Home()
    home.enter()
    client, pending = home.ask()
    assert emit(pending, 1)
    assert not emit(pending, volatile=True)
    home.server.broadcast("/", "not for it", [])
    assert emit(pending, 2)
    assert pending.accept(home.now)
    assert client.fetch() == [home.answer(pending), '2["x",1,"id1.1"]', '2["x",2,"id1.3"]']
    home.lose(client)
    assert home.enter(home.claim(pending, 1))[2] == ['2["x",2,"id1.3"]', home.answer(pending)]


def test_nothing_is_kept_for_a_namespace_where_nobody_is() -> None:
    home = Home()
    assert home.server.broadcast("/", "x", []) == 0
    assert home.server.broadcast("/unknown", "x", []) == 0
    assert len(home.recovery.log) == 0


def test_a_dynamic_namespace_waits_for_who_may_come_back_to_it() -> None:
    home = Home()
    home.server.hub.allow(lambda name: name == "/d")
    client, member, _ = home.enter(nsp="/d")
    home.lose(client)
    assert "/d" in home.server.hub.namespaces
    home.server.broadcast("/d", "x", [1])
    client, member, got = home.enter(home.claim(member), nsp="/d")
    assert got == ['2/d,["x",1,"id1.1"]', home.answer(member, "/d")]
    home.lose(client)
    home.advance(WINDOW_S)
    assert "/d" not in home.server.hub.namespaces


def test_what_no_buffer_holds_is_refused_and_not_kept() -> None:
    home = Home(EngineSettings(path="/socket.io/", max_payload_bytes=1000, max_buffered_bytes=1000))
    member = home.enter()[1]
    with pytest.raises(LocalProtocolError, match="max_buffered_bytes"):
        home.server.broadcast("/", "x", ["y" * 1000])
    with pytest.raises(LocalProtocolError, match="max_buffered_bytes"):
        emit(member, "y" * 1000)
    for args in ("text", 5):
        with pytest.raises(LocalProtocolError, match="arguments must be a list"):
            member.emit("x", args)  # type: ignore[arg-type]
    assert len(home.recovery.log) == 0
    assert home.recovery.log.position == 0


def test_how_an_event_is_to_be_compressed_is_kept() -> None:
    home = Home()
    client, member, _ = home.enter()
    emit(member, 1, compress=False)
    home.server.broadcast("/", "x", [], Selection(compress=False))
    assert client.websocket is not None
    home.lose(client)
    back = home.ask(home.claim(member))[1]
    back.accept(home.now)
    assert [message.compress for message in back.connection.session.outbox.messages] == [False, False, True]


# -- bounds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limits", [{"max_missed_events": 3}, {"max_missed_bytes": 50}])
def test_who_missed_too_much_begins_anew(limits: dict[str, Any]) -> None:
    home = Home(**limits)
    client, member, _ = home.enter()
    home.lose(client)
    for _ in range(3):
        home.server.broadcast("/", "x", [])
    back_client, back, _ = home.enter(home.claim(member))
    assert back.is_recovered
    home.lose(back_client)
    home.server.broadcast("/", "x", [])
    assert not home.enter(home.claim(member))[1].is_recovered
    assert home.recovery.lost_count == 0


@pytest.mark.parametrize("limits", [{"max_missed_events": 3}, {"max_missed_bytes": 50}])
def test_more_than_a_lost_client_could_be_sent_is_not_kept_for_it(limits: dict[str, Any]) -> None:
    home = Home(**limits)
    client, member, _ = home.enter()
    home.lose(client)
    assert [emit(member) for _ in range(5)] == [True, True, True, False, False]
    assert (home.recovery.lost_count, len(home.recovery.log)) == (0, 3)


def test_who_misses_too_much_while_it_is_decided_has_to_come_again() -> None:
    home = Home(max_missed_events=3)
    client, member, _ = home.enter()
    home.lose(client)
    client, pending = home.ask(home.claim(member))
    for _ in range(4):
        home.server.broadcast("/", "x", [])
    assert not pending.accept(home.now)
    assert [reason for _, reason in home.reasons()] == ["transport error"]
    assert not home.enter(home.claim(member))[1].is_recovered


def test_what_does_not_fit_into_a_buffer_is_not_replayed() -> None:
    home = Home(EngineSettings(path="/socket.io/", max_payload_bytes=1000, max_buffered_bytes=1000))
    client, member, _ = home.enter()
    home.lose(client)
    emit(member, "y" * 600)
    client, pending = home.ask(home.claim(member))
    assert pending.connection.session.put(WireMessage(("4" * 500,)))
    assert not pending.accept(home.now)
    assert [reason for _, reason in home.reasons()] == ["transport error"]


def test_the_longest_lost_are_forgotten_when_there_are_too_many() -> None:
    home = Home(max_lost_sessions=2)
    lost = [home.enter() for _ in range(3)]
    for client, _, _ in lost:
        home.lose(client)
    assert home.recovery.lost_count == 2
    assert [home.enter(home.claim(member))[1].is_recovered for _, member, _ in lost] == [False, True, True]


def test_a_log_that_has_lost_what_a_client_needs_lets_it_begin_anew() -> None:
    home = Home(max_logged_events=16)
    client, member, _ = home.enter()
    other = home.enter()[1]
    for _ in range(16):
        emit(other)
    home.lose(client)
    assert home.recovery.log.dropped_through == 0
    emit(other)
    assert home.recovery.log.dropped_through == 2
    assert not home.enter(home.claim(member, 1))[1].is_recovered


def test_a_client_that_heard_nothing_for_long_needs_nothing_of_what_is_gone() -> None:
    home = Home()
    client, member, _ = home.enter()
    talker_client, talker, _ = home.enter()
    emit(member, "early")
    for _ in range(40):
        home.advance(25)
        for each in (client, talker_client):
            each.fetch()
            each.pong()
        emit(talker)
    home.lose(client)
    assert home.recovery.log.dropped_through > 10
    home.advance(20)
    emit(member, "late")
    back, got = home.enter(home.claim(member, 1))[1:]
    assert back.is_recovered
    assert got == ['2["x","late","id1.42"]', home.answer(member)]


def test_a_full_log_is_no_harm_to_who_has_answered_a_ping_since() -> None:
    home = Home(max_logged_events=64)
    client, member, _ = home.enter()
    talker_client, talker, _ = home.enter()
    for _ in range(200):
        emit(talker)
    for _ in range(3):
        home.advance(25)
        for each in (client, talker_client):
            each.fetch()
            each.pong()
    for _ in range(60):
        emit(talker)
    assert home.recovery.log.dropped_through > session_of(member).start
    home.lose(client)
    assert home.enter(home.claim(member))[1].is_recovered


def test_what_was_replayed_is_not_taken_for_received_at_once() -> None:
    home = Home(window_s=50.0)
    client, member, _ = home.enter()
    emit(member, "never received")
    home.lose(client)
    for _ in range(7):
        home.advance(40)
        client, back, got = home.enter(home.claim(member))
        if not back.is_recovered:
            break
        assert got[0] == '2["x","never received","id1.1"]'
        home.lose(client)
    else:
        pytest.fail("the log goes back only so far")
    assert got == [home.answer(back)], "so it has to begin anew, and knows it"


def test_rooms_count_for_who_is_there_and_those_it_has_left_while_it_may_have_missed_what_was_said_there() -> None:
    home = Home()
    _, member, _ = home.enter()
    held = [member.held_bytes]
    for change in (member.join, member.leave):
        for name in ("a", "b" * 10_000):
            change(name)
            assert emit(member, 1)
        held.append(member.held_bytes)
    nothing, there, left = held
    assert 10_000 < there - nothing < 11_000
    assert 10_000 < left - nothing < 11_000
    session_of(member).has_received(home.recovery.log.position)
    assert member.held_bytes == nothing


def test_rooms_and_namespaces_of_its_own_count_for_who_is_lost_until_it_is_back() -> None:
    home = Home()
    home.server.hub.allow(lambda name: name == "/own")
    client, member, _ = home.enter()
    claim = home.claim(member)
    for number in range(10):
        member.join(f"room {number}")
    other, _, _ = home.enter(nsp="/own")
    home.lose(client)
    rooms = home.recovery.held_bytes - SESSION_BYTES
    assert 10 * 50 < rooms < 10 * 150
    session = session_of(member)
    session.join("another room")
    assert home.recovery.held_bytes - SESSION_BYTES - rooms > 50
    assert emit(member, 1)
    before = home.recovery.held_bytes
    session.leave("another room")
    assert home.recovery.held_bytes - before > 100, "it has missed what was said there"
    before = home.recovery.held_bytes
    home.lose(other)
    assert home.recovery.held_bytes - before == 2 * SESSION_BYTES, "for the namespace is there for it alone"
    home.enter(claim)
    assert home.recovery.held_bytes == home.recovery.log.size_bytes + 2 * SESSION_BYTES
    home.advance(2 * WINDOW_S + UNSURE_S)
    assert home.recovery.held_bytes == 0


def test_it_gives_memory_back_that_is_needed_elsewhere() -> None:
    home = Home()
    lost = [home.enter() for _ in range(3)]
    for client, member, _ in lost:
        emit(member, "y" * 100)
        home.lose(client)
    held = home.recovery.held_bytes
    assert held == home.recovery.log.size_bytes + 3 * SESSION_BYTES
    assert home.recovery.shrink(1) == held // 3 - SESSION_BYTES, "one event"
    assert home.recovery.lost_count == 3
    rest = home.recovery.log.size_bytes
    assert home.recovery.shrink(rest + SESSION_BYTES + 1) == rest + 2 * SESSION_BYTES
    assert (home.recovery.lost_count, len(home.recovery.log)) == (1, 0)
    assert home.recovery.shrink(10**9) == SESSION_BYTES
    assert home.recovery.shrink(10**9) == 0


def test_nothing_is_left_when_all_windows_have_passed() -> None:
    home = Home()
    idle = timer_count(home.server)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(50):
        _visit(home, f"room {number}")
    assert home.recovery.lost_count == 50
    assert tracemalloc.get_traced_memory()[0] - before > 100_000
    home.advance(2 * WINDOW_S + UNSURE_S)
    home.events()
    gc.collect()
    left = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert (home.recovery.lost_count, len(home.recovery.log), timer_count(home.server)) == (0, 0, idle)
    assert left < 20_000


def _visit(home: Home, room: str) -> None:
    client, member, _ = home.enter()
    member.join(room)
    emit(member, "y" * 1000)
    home.lose(client)
    emit(member, "y" * 1000)


def test_the_first_event_makes_nothing_due_in_the_past() -> None:
    home = Home()
    member = home.enter()[1]
    emit(member)
    assert home.server.next_deadline is not None
    assert home.server.next_deadline > home.now
    home.server.handle_timeout(home.now)
    member.connection.session.close(home.now, is_fault=True)
    assert home.reasons() == [("/", "forced close")]
    home.advance(WINDOW_S - 1)
    assert home.enter(home.claim(member))[1].is_recovered


def test_a_log_is_told_the_time_as_it_is_not_as_it_was_due() -> None:
    home = Home()
    client, member, _ = home.enter()
    emit(member, "y")
    home.clock.now += 2 * (WINDOW_S + UNSURE_S)  # the host slept; the event may be as young as that
    home.server.handle_timeout(home.now)
    assert len(home.recovery.log) == 1
    assert client.session is None or not client.session.is_open


def test_nothing_secret_is_in_what_is_printed() -> None:
    home = Home()
    client, member, _ = home.enter()
    home.lose(client)
    pid = session_of(member).pid
    assert repr(session_of(member)) == f"<RecoverableSession {member.sid} of />"
    assert repr(home.recovery) == "<Recovery 1 sessions, 1 of them lost, <EventLog 0 events, 0 bytes>>"
    client = home.open()
    client.send(f"40{home.claim(member, 1)}")
    assert pid not in repr(home.events())
    assert pid not in repr(member) + repr(home.server)


def test_an_emit_to_a_pending_member_that_was_lost_is_dropped() -> None:
    home = Home()
    client, pending = home.ask()
    home.lose(client)
    assert not emit(pending)


class Speechless(JsonParser):
    """Cannot say that a client has left."""

    def encode(self, packet: Packet) -> WireMessage:
        if packet.type == DISCONNECT:
            raise ValueError("no word for it")
        return super().encode(packet)


def test_a_client_that_cannot_be_told_is_taken_over_all_the_same() -> None:
    home = Home()
    home.server = ServerCore(
        EngineSettings(path="/socket.io/"), parser=Speechless(), new_id=numbered_ids(), recovery=RecoverySettings()
    )
    client, member, _ = home.enter()
    assert home.enter(home.claim(member))[1].is_recovered
    assert client.session is None or not client.session.is_open
