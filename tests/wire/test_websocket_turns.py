"""Frames of a WebSocket that wait: for their turn, or for handlers that are behind."""

from __future__ import annotations

import pytest

from socketio_core.wire.base import FIRST_PIECES, TURN_PIECES
from tests.wire.by_hand import WEBSOCKET, Gate, House, Peer
from tests.wire.sockets import (
    BAD,
    MANY,
    close,
    ending_writing,
    house,
    reading_shut,
    seen,
)
from tests.wire.written import CONTINUATION, PING, close_frame, frame, handshake

# -- turns -------------------------------------------------------------------------------------------------------------


def test_frames_of_one_read_are_handled_by_turns_and_others_have_theirs_between() -> None:
    place = house()
    many, few = place.websocket(), place.websocket()
    sent = FIRST_PIECES + TURN_PIECES + 1
    many.wire.receive(frame("4a") * sent, place.now)
    place.flush()
    assert place.messages == ["a"] * FIRST_PIECES
    assert not many.is_read()
    assert place.site.next_deadline == place.now
    few.wire.receive(frame("4b"), place.now)
    place.flush()
    assert place.messages == ["a"] * FIRST_PIECES + ["b"]
    for turn in (1, 2):
        place.site.handle_timeout(place.now)
        assert many.wire.has_more is (turn == 1)
        place.flush()
        assert place.messages.count("a") == min(FIRST_PIECES + turn * TURN_PIECES, sent)
    assert many.is_read()
    assert place.site.next_deadline is not None
    assert place.site.next_deadline > place.now


def test_a_turn_is_one_however_often_the_host_flushes() -> None:
    place = house()
    peer = place.websocket()
    peer.wire.receive(frame("4a") * 4 * TURN_PIECES, place.now)
    for _ in range(3):
        place.flush()
    place.site.handle_timeout(place.now)
    place.flush()
    assert len(place.messages) == FIRST_PIECES + TURN_PIECES


def test_what_comes_while_a_close_frame_is_waited_for_gives_no_more_time() -> None:
    place = house()
    peer = reading_shut(place)
    place.advance(4)
    peer.send(frame(b"?", PING))
    place.advance(1)
    assert peer.is_over()


def test_host_that_reads_though_it_should_not_makes_nobody_wait_twice() -> None:
    place = house()
    gate, peer = congested(place)
    peer.wire.receive(frame("4b"), place.now)
    place.settle()
    assert len(gate.waiting) == 1


@pytest.mark.parametrize("count", [FIRST_PIECES, FIRST_PIECES + 1])
def test_a_turn_ends_with_the_last_frame(count: int) -> None:
    place = house()
    peer = place.websocket()
    peer.wire.receive(frame("4a") * count, place.now)
    assert peer.wire.has_more is (count > FIRST_PIECES)
    assert peer.wire.wants_input is (count == FIRST_PIECES)


def test_host_may_give_turns_itself() -> None:
    place = house()
    peer = place.websocket()
    peer.wire.receive(frame("4a") * MANY, place.now)
    peer.wire.proceed(place.now)
    peer.wire.proceed(place.now)
    place.flush()
    assert place.messages == ["a"] * MANY


def test_end_behind_frames_that_wait_loses_none() -> None:
    place = house()
    peer = place.websocket()
    peer.wire.receive(frame("4a") * MANY, place.now)
    peer.wire.receive(b"", place.now)
    assert not peer.is_read()
    place.settle()
    assert place.messages == ["a"] * MANY
    assert seen(place, peer) == "close 0 over closed"


@pytest.mark.parametrize(("bad", "code"), [(BAD, 1002), (close_frame(1000), 1000)])
def test_end_behind_frames_that_wait_and_a_last_one_is_the_end_at_once(bad: bytes, code: int) -> None:
    place = house()
    peer = place.websocket()
    peer.wire.receive(frame("4a") * MANY + bad + frame("4b"), place.now)
    peer.wire.receive(b"", place.now)
    place.settle()
    assert place.messages == ["a"] * MANY
    assert seen(place, peer) == f"close {code} over closed"


def test_connection_that_is_lost_behind_frames_that_wait_loses_none() -> None:
    place = house()
    peer = place.websocket()
    peer.wire.receive(frame("4a") * 3 * MANY, place.now)
    peer.lose()
    assert place.messages == ["a"] * 3 * MANY
    assert seen(place, peer) == "over closed"


def test_end_that_is_told_twice_changes_nothing() -> None:
    place = house()
    peer = ending_writing(place)
    peer.wire.receive(b"", place.now)
    peer.read_on()
    assert place.messages == ["a"] * MANY * 2
    assert peer.wire.is_over


def test_server_that_closes_handles_no_more_of_what_waits() -> None:
    place = house()
    peer = place.websocket()
    peer.wire.receive(frame("4a") * MANY + close_frame(1000), place.now)
    close(place)
    place.settle()
    assert seen(place, peer) == "close 0 over closed"


@pytest.mark.parametrize("shortcuts", [True, False])
def test_wrong_frame_loses_none_before_it_and_nothing_behind_it_counts(*, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    peer = place.websocket()
    peer.send(frame("4a") + frame("4b", fin=False) + frame("c", CONTINUATION) + frame("4d") + BAD + frame("4e") + BAD)
    assert place.messages == ["a", "bc", "d"]
    assert seen(place, peer) == "close 1002 mute closed"


# -- the pace of the application ---------------------------------------------------------------------------------------


def congested(place: House) -> tuple[Gate, Peer]:
    place.gate = gate = Gate()
    peer = place.websocket()
    gate.is_congested = True
    peer.send(frame("4a"))
    return gate, peer


def test_connection_is_not_read_while_the_handlers_are_behind_and_its_silence_is_not_held_against_it() -> None:
    place = house()
    gate, peer = congested(place)
    assert place.messages == ["a"]
    assert not peer.is_read()
    peer.send(frame("4b"))
    place.advance(100)
    assert place.messages == ["a"]
    assert len(gate.waiting) == 1
    assert place.engine.session_count == 1
    gate.open(place.now)
    place.settle()
    assert place.messages == ["a", "b"]
    assert peer.is_read()
    place.advance(50)
    assert place.engine.session_count == 0


def test_frames_that_were_read_already_wait_too() -> None:
    place = house()
    place.gate = gate = Gate()
    peer = place.websocket()
    gate.is_congested = True
    peer.wire.receive(frame("4a") * MANY, place.now)
    place.settle()
    assert len(place.messages) == FIRST_PIECES
    assert not peer.wire.has_more
    assert place.site.next_deadline is None or place.site.next_deadline > place.now
    peer.wire.proceed(place.now)
    assert len(place.messages) == FIRST_PIECES
    gate.open(place.now)
    place.settle()
    assert len(place.messages) == MANY


def test_end_while_the_handlers_are_behind_is_told_to_them_at_once_behind_all_that_was_read() -> None:
    place = house()
    place.gate = gate = Gate()
    peer = place.websocket()
    gate.is_congested = True
    peer.wire.receive(frame("4a") * MANY * 3, place.now)
    place.settle()
    peer.wire.receive(b"", place.now)
    place.settle()
    assert len(place.messages) == MANY * 3
    assert seen(place, peer) == "close 0 over closed"
    gate.open(place.now)
    assert peer.wire.is_over


def test_connection_that_is_closed_is_read_on_though_the_handlers_are_behind() -> None:
    place = house()
    place.gate = Gate()
    peer = place.websocket()
    close(place)
    place.gate.is_congested = True
    place.settle()
    assert peer.is_read()
    peer.send(close_frame())
    assert peer.wire.is_over


def test_pace_is_told_what_was_taken() -> None:
    place = house(gate=Gate())
    peer = place.websocket()
    assert place.gate is not None
    place.gate.taken = 0
    peer.echo()
    assert place.gate.taken == 1
    peer.send(frame("3"))
    assert place.gate.taken == 1


def test_pace_may_be_known_later() -> None:
    found: list[Gate] = []
    place = House(pace_of=lambda _: found[0] if found else None)
    peer = place.websocket()
    peer.echo()
    found.append(Gate())
    found[0].is_congested = True
    peer.send(frame("4a"))
    assert not peer.is_read()


def test_pace_that_fails_costs_the_connection_alone() -> None:
    def pace_of(session: object) -> None:
        if session is place.engine.sessions[-1] and len(place.engine.sessions) > 1:
            raise ValueError("pace")

    place = House(pace_of=pace_of)
    other, peer = place.websocket(), place.connect()
    peer.send(handshake(WEBSOCKET))
    assert peer.answer().status == 101
    assert peer.close_code() == 1011
    other.echo()
    place.advance(5)
    assert peer.wire.is_over
    assert [str(error) for _, error in place.reports] == ["pace"]


def test_nobody_looks_for_a_close_frame_behind_much_that_waits_when_the_server_has_closed() -> None:
    """Who sends a megabyte and breaks a rule would be kept, with all of it, until each frame had its turn."""
    place = house()
    peer = place.websocket()
    peer.wire.receive(frame("4" + "a" * 100) * MANY, place.now)
    close(place)
    place.flush()
    assert not peer.wire.has_more
    assert peer.wire.held_bytes < 1000
    peer.read_on()
    place.settle()
    assert peer.frames()[-1][0] == 8  # the server's close frame
    assert peer.is_read()
    peer.wire.receive(b"", place.now)
    place.settle()
    assert peer.wire.is_over
