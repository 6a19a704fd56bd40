"""What clients that were lost have missed, and get when they come back. Spec: PROTOCOL 3.9."""

from __future__ import annotations

import pytest

from socketio_core.errors import LocalProtocolError
from socketio_core.settings import EngineSettings
from socketio_core.socketio import (
    Claim,
    Selection,
)
from socketio_core.socketio.room_history import MAX_SPANS
from tests.socketio.recovering import WINDOW_S, Home, emit, session_of

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


@pytest.mark.parametrize("rooms", [0, 2, 40])
def test_how_much_may_have_been_missed_is_known_before_it_is_looked_for(rooms: int) -> None:
    home = Home()
    client, member, _ = home.enter()
    other = home.enter()[1]
    for number in range(rooms):
        member.join(f"room {number}")
    member.join("left")
    member.leave("left")
    emit(member, 1)
    home.lose(client)
    for number in range(5):
        emit(member, number)
        emit(other, number)
        home.server.broadcast("/", "x", [number], Selection())
        home.server.broadcast("/", "x", [number], Selection(frozenset(["room 0"])))
    pid = session_of(member).pid
    missed = 10 + 5 * bool(rooms)
    about = home.recovery.about_missed("/", Claim(pid, "id1.1"))
    assert about == (20 if rooms > 16 else missed)
    assert home.recovery.about_missed("/", Claim(pid, None)) == about + 1
    assert home.recovery.about_missed("/elsewhere", Claim(pid, "id1.1")) == 0
    assert home.recovery.about_missed("/", Claim("nobody", None)) == 0
    got = home.enter(home.claim(member, 1))[2]
    assert len(got) == missed + 1


def test_who_has_left_rooms_may_have_missed_anything() -> None:
    home = Home()
    client, member, _ = home.enter()
    member.join("left")
    home.server.broadcast("/", "x", [1], Selection(frozenset(["left"])))
    member.leave("left")
    home.lose(client)
    home.server.broadcast("/", "x", [2], Selection(frozenset(["elsewhere"])))
    assert home.recovery.about_missed("/", Claim(session_of(member).pid, None)) == 2
    assert len(home.enter(home.claim(member))[2]) == 2
