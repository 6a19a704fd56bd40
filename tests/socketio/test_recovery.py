"""Clients that were lost come back, as an embedder of the core sees it. Spec: PROTOCOL 3.9."""

from __future__ import annotations

import pytest

from socketio_core.engineio.message import WireMessage
from socketio_core.errors import CloseReason, LocalProtocolError
from socketio_core.settings import EngineSettings, RecoverySettings
from socketio_core.socketio import (
    Claim,
    ConnectRequested,
    JsonParser,
    Left,
    MemberState,
    Packet,
    Selection,
    ServerCore,
)
from socketio_core.socketio.packet import DISCONNECT
from tests.socketio.recovering import UNSURE_S, WINDOW_S, Home, drop, emit, session_of
from tests.socketio.rig import TRANSPORTS, Rig, drain, numbered_ids


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
