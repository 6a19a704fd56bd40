"""The answer to a poll holds up nobody: its packets are handled some at a time, whatever happens meanwhile."""

from __future__ import annotations

from typing import Final

import pytest

from socketio_core.engineio.events import Closed
from socketio_core.wire.base import FIRST_PIECES, TURN_PIECES
from tests.wire.by_hand import Gate
from tests.wire.client.by_hand import CHUNKED, Desk, Line, response

COUNT: Final = 1000
PACKETS: Final = [f"4{number}" for number in range(COUNT)]
BODY: Final = "\x1e".join(PACKETS)
TEXTS: Final = [packet[1:] for packet in PACKETS]


def begun(answer: bytes = response(BODY), gate: Gate | None = None) -> tuple[Desk, Line]:
    """Return a client that has just read a large answer, and has had the first turn of it."""
    desk = Desk(gate=gate)
    line = desk.open()
    desk.events.clear()
    line.put(answer)
    line.give_input()
    desk.flush()
    return desk, line


def turn(desk: Desk) -> int:
    """Let a client have another turn. Returns how many events it told."""
    before = len(desk.events)
    desk.site.handle_timeout(desk.now)
    desk.flush()
    return len(desk.events) - before


@pytest.mark.parametrize("answer", [response(BODY), CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY.encode())])
def test_packets_of_one_answer_have_turns(answer: bytes) -> None:
    desk, line = begun(answer)
    assert desk.events == TEXTS[:FIRST_PIECES]
    while desk.site.is_behind:
        assert turn(desk) <= TURN_PIECES
    assert desk.events == TEXTS
    assert line.request().method == "GET"
    assert len(desk.lines) == 1


def test_large_packets_count_for_several() -> None:
    desk, _ = begun(response("\x1e".join(["4" + "x" * 10_000] * 20)))
    assert len(desk.events) == 2
    assert turn(desk) == 4


def test_nothing_is_asked_or_read_before_the_last_packet() -> None:
    desk, line = begun()
    assert (line.received, line.wire.wants_input, desk.site.is_busy) == (b"", False, True)
    desk.send("a")  # which lets all that is due happen
    assert desk.events == TEXTS
    assert line.request().method == "GET"
    assert desk.line().request().body == b"4a"


def test_pings_among_them_are_answered_at_once() -> None:
    desk, _ = begun(response("2\x1e" + BODY))
    post = desk.lines[-1]
    post.is_made = True
    post.wire.connected(desk.now)
    desk.flush()
    assert post.request().body == b"3"
    assert len(desk.events) == FIRST_PIECES


@pytest.mark.parametrize("end", [None, b"", b"HTTP/1.1 200 OK\r\n"])
def test_answer_outlives_its_connection(end: bytes | None) -> None:
    """It breaks, or ends, or goes on with what nobody has asked for."""
    desk, line = begun()
    if end is None:
        line.lose("reset")
    else:
        line.wire.receive(end, desk.now)
        desk.settle()
    assert desk.events == TEXTS
    assert line.is_over()
    assert desk.site.wires == {desk.line().wire}
    assert desk.line().request().method == "GET"
    assert not desk.reports


def test_session_that_ends_in_the_middle_hears_no_more() -> None:
    desk, line = begun(response(BODY.replace("4500", "1", 1)))
    desk.settle()
    assert desk.events[:-1] == TEXTS[:500]
    assert isinstance(desk.events[-1], Closed)
    assert line.received == b""


def test_bad_packet_in_the_middle_takes_none_before_it_along() -> None:
    desk, _ = begun(response(BODY.replace("4500", "9", 1)))
    desk.settle()
    assert desk.events[:-1] == TEXTS[:500]
    assert "unknown packet type: '9', in the response '40" in desk.why


def test_session_that_is_given_up_in_the_middle_hears_no_more() -> None:
    desk, line = begun()
    desk.core.abort(desk.now)
    desk.settle()
    assert desk.events[:-1] == TEXTS[:FIRST_PIECES]
    assert isinstance(desk.events[-1], Closed)
    assert line.is_over()
    assert not desk.site.wires
    assert not desk.site.is_behind


def test_answer_without_a_connection_is_not_wanted_when_the_session_is_given_up() -> None:
    desk, line = begun()
    line.wire.lost(desk.now)
    desk.core.abort(desk.now)
    desk.settle()
    assert isinstance(desk.events[-1], Closed)
    assert not desk.site.wires
    assert not desk.site.is_behind


def test_handlers_that_fall_behind_are_waited_for() -> None:
    gate = Gate()
    desk, line = begun(gate=gate)
    gate.is_congested = True
    assert turn(desk) == 0
    desk.advance(100.0)  # its silence is not the server's
    assert desk.events == TEXTS[:FIRST_PIECES]
    assert line.received == b""
    gate.open(desk.now)
    desk.settle()
    assert desk.events == TEXTS
    assert line.request().method == "GET"


@pytest.mark.parametrize("is_lost", [False, True])
def test_answer_that_waits_for_handlers_may_turn_out_not_to_be_wanted(*, is_lost: bool) -> None:
    gate = Gate()
    desk, line = begun(gate=gate)
    gate.is_congested = True
    turn(desk)
    if is_lost:
        line.lose()
    desk.core.abort(desk.now)
    desk.settle()
    gate.open(desk.now)
    desk.settle()
    assert desk.events[:-1] == TEXTS[:FIRST_PIECES]
    assert not desk.site.wires
    assert not desk.site.is_behind
