"""Requests behind each other: turns, what comes while one is served, and what follows the last."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from socketio_core.engineio.carriers import WRITE_BYTES
from socketio_core.settings import EngineSettings
from socketio_core.wire.phases import MAX_EARLY_BYTES
from tests.wire.by_hand import POLLING, WEBSOCKET, Gate, House, Peer, ok
from tests.wire.phases import (
    APP,
    NEXT,
    answer,
    asked,
    body_of_app,
    boom,
    held,
    held_again,
    house,
    parked,
    seen,
)
from tests.wire.written import PING, PONG, frame, handshake, request

# -- turns, and what waits behind a request ----------------------------------------------------------------------------


@pytest.mark.parametrize("shortcuts", [True, False])
def test_requests_in_one_read_are_served_one_in_a_turn(*, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    first, second = place.connect(), place.connect()
    for peer in (first, second):
        peer.wire.receive(NEXT * 3, place.now)
    for turn in range(1, 4):
        named = place.flush()
        assert named == [first, second]
        assert [peer.received.count(b"HTTP/1.1 400") for peer in (first, second)] == [turn, turn]
        place.flush()  # what is written makes room for the next
        assert [peer.wire.has_more for peer in (first, second)] == [turn < 3] * 2
        assert [peer.wire.wants_input for peer in (first, second)] == [turn == 3] * 2
        if turn < 3:
            assert place.site.next_deadline == place.now
            place.site.handle_timeout(place.now)


@pytest.mark.parametrize("shortcuts", [True, False])
def test_end_behind_requests_that_wait_loses_none(*, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    peer = place.connect()
    peer.put(NEXT * 3, b"")
    place.settle()
    assert seen(place, peer) == "400 400 400 over requestrefused requestrefused requestrefused"


@pytest.mark.parametrize("shortcuts", [True, False])
def test_nonsense_behind_requests_is_refused_in_its_turn(*, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    peer = place.connect()
    peer.wire.receive(NEXT + b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", place.now)
    place.settle()
    assert peer.received.count(b"HTTP/1.1 400") == 2
    assert b"connection: close" in peer.received.lower()


def test_what_comes_behind_a_parked_poll_is_taken_up_to_a_limit_and_served_after_it() -> None:
    place = house()
    peer = parked(place)
    piece = request("/app", "POST", b"x" * 8000)
    count = 0
    while peer.wire.wants_input:
        peer.send(piece)
        count += 1
        assert count < 100
    held = len(piece) * count
    assert MAX_EARLY_BYTES <= held < MAX_EARLY_BYTES + len(piece)
    assert not place.asked
    place.engine.sessions[0].send("at last", place.now)
    place.settle()
    assert peer.answer().text == "4at last"
    for number in range(count):
        assert not peer.wire.wants_input
        place.take_request().answer(ok(b"%d" % number), place.now)
        place.settle()
        assert peer.answer().text == f"{number}"
    assert peer.wire.wants_input


def test_poll_is_answered_when_there_is_something_and_the_connection_goes_on() -> None:
    place = house()
    peer = parked(place)
    session = place.engine.sessions[0]
    session.send("one", place.now)
    session.send(b"two", place.now)
    place.settle()
    assert peer.answer().text == "4one\x1ebdHdv"
    assert peer.ask(f"{POLLING}&sid={session.sid}", "POST", b"4up").text == "ok"


def test_what_falls_due_as_the_answer_of_a_poll_is_written_goes_out_at_once() -> None:
    """The engine learns the time by that, too: it pings, and the host must look."""
    place = house(EngineSettings(path="/engine.io/", ping_interval_s=0.5))
    other = place.websocket()
    poll = place.park(place.open_session())
    poll.is_reading = False
    (session,) = [each for each in place.engine.sessions if each.transport == "polling"]
    session.send("hello", place.now)
    place.settle()
    place.clock.now += place.engine.engine_settings.ping_interval_s
    poll.is_reading = True
    poll.take_output()
    assert poll.answer().text == "4hello"
    assert place.site.next_deadline is not None
    assert place.site.next_deadline <= place.now
    place.settle()
    assert other.frame() == (1, b"2")


def test_poll_whose_answer_is_not_written_comes_again() -> None:
    place = house()
    peer = parked(place)
    peer.is_reading = False
    session = place.engine.sessions[0]
    session.send("kept", place.now)
    place.settle()
    peer.lose()
    again = place.park(session.sid) if not session.outbox else place.connect()
    again.send(request(f"{POLLING}&sid={session.sid}"))
    assert again.answer().text == "4kept"
    again.lose()
    last = place.park(session.sid)  # what was written is not kept
    assert last.received == b""


def test_answer_is_written_in_pieces() -> None:
    place = house()
    peer = asked(place)
    text = b"x" * (2 * WRITE_BYTES + 10)
    place.take_request().answer(ok(text), place.now)
    place.settle()
    assert peer.answer().body == text
    assert max(map(len, peer.writes)) == WRITE_BYTES
    assert len(peer.writes) == 3


def test_answer_is_not_over_before_all_of_it_is_written() -> None:
    place = house()
    peer = asked(place)
    place.take_request().answer(ok(b"x" * WRITE_BYTES), place.now)
    place.site.flush(place.now)
    assert peer.wire.data_to_send(place.now)
    assert not peer.wire.wants_input
    assert peer.wire.data_to_send(place.now)
    assert peer.wire.data_to_send(place.now) == b""
    assert peer.wire.wants_input


# -- the pace of the application ---------------------------------------------------------------------------------------


def test_post_is_held_until_the_handlers_have_room_and_again_behind_it() -> None:
    place = house()
    peer = held(place)
    assert place.gate is not None
    place.advance(100)  # its silence is not held against it
    assert place.engine.session_count == 1
    assert place.messages == []
    place.on_work = lambda _: setattr(place.gate, "is_congested", "abc" in place.messages)
    place.gate.open(place.now)
    assert place.messages == ["abc"]
    assert len(place.gate.waiting) == 1
    assert peer.received == b""
    place.on_work = lambda _: None
    place.gate.open(place.now)
    place.settle()
    assert peer.answer().text == "ok"
    assert peer.wire.wants_input
    place.advance(19)
    assert place.engine.session_count == 1
    place.advance(30)  # now it is
    assert place.engine.session_count == 0


@pytest.mark.parametrize("enter", [held, held_again])
def test_client_that_leaves_while_its_post_is_held_is_let_go(enter: Callable[[House], Peer]) -> None:
    place = house()
    peer = enter(place)
    peer.lose()
    assert place.gate is not None
    place.gate.open(place.now)
    place.settle()
    assert place.messages == ["abc"]
    assert peer.received == b""
    place.advance(50)  # its silence is held against it again
    assert place.engine.session_count == 0


def test_application_that_fails_while_it_makes_room_costs_the_connection_alone() -> None:
    place = house()
    peer = held(place)
    place.on_work = boom
    assert place.gate is not None
    place.gate.open(place.now)
    place.on_work = lambda _: None
    place.settle()
    assert seen(place, peer, len(place.happened)) == "500 mute"
    assert [str(error) for _, error in place.reports] == ["boom"]


def test_pace_is_told_what_left_by_a_poll() -> None:
    place = house(gate=Gate())
    peer = parked(place)
    assert place.gate is not None
    before = place.gate.taken
    place.engine.sessions[0].send("x", place.now)
    place.settle()
    assert peer.answer().text == "4x"
    assert place.gate.taken == before + 1


# -- a server that closes ----------------------------------------------------------------------------------------------


def test_what_is_under_way_is_answered_and_the_connection_ends() -> None:
    place = house()
    peers = [body_of_app(place), asked(place)]
    place.asked.clear()
    late = place.connect()
    late.put(APP + NEXT)
    place.settle()
    place.site.close(place.now)
    place.settle()
    peers[0].send(b"c")
    for found in place.asked:
        found.answer(ok(), place.now)  # type: ignore[arg-type]
    place.settle()
    for peer in (peers[0], late):
        answered = peer.answer()
        assert (answered.status, answered.headers["connection"]) == (200, "close")
        assert peer.received == b""
        assert peer.wire.is_mute


def test_requests_that_wait_their_turn_when_the_server_closes_get_one_last_answer() -> None:
    place = house()
    peer = place.connect()
    peer.wire.receive(NEXT * 3, place.now)
    place.flush()
    peer.received = b""
    assert peer.wire.has_more
    place.site.close(place.now)
    place.settle()
    assert peer.answer().headers["connection"] == "close"
    assert peer.received == b""


def test_new_sessions_are_refused_while_the_server_closes() -> None:
    place = house()
    place.site.close(place.now)
    answered = place.connect().ask(POLLING)
    assert (answered.status, answered.headers["connection"]) == (503, "close")


def test_answer_that_is_being_written_when_the_server_closes_is_the_last() -> None:
    place = house()
    peer = answer(place)
    place.site.close(place.now)
    peer.read_on()
    assert seen(place, peer) == "400 over requestrefused"


# -- what becomes of a request that is a WebSocket ---------------------------------------------------------------------


@pytest.mark.parametrize("shortcuts", [True, False])
def test_frames_behind_the_handshake_are_handled_after_the_answer(*, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    peer = place.connect()
    peer.wire.receive(handshake(WEBSOCKET) + frame("4early"), place.now)
    assert place.messages == []
    place.settle()
    assert peer.answer().status == 101
    assert [data[:2] for _, data in peer.frames()] == [b"0{", b"4e"]


@pytest.mark.parametrize("shortcuts", [True, False])
def test_a_pong_is_never_in_front_of_the_101(*, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    peer = place.connect()
    peer.wire.receive(handshake(WEBSOCKET) + frame(b"early", PING), place.now)
    assert place.site.flush(place.now) == [peer.wire]  # which the host cannot write to yet
    place.site.handle_timeout(place.now)
    place.settle()
    assert peer.answer().status == 101
    assert (PONG, b"early") in peer.frames()
