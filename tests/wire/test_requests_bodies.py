"""Bodies of requests: pieces of them, packets in them, and those that nobody wants."""

from __future__ import annotations

from typing import Final

import pytest

from socketio_core.wire.base import FIRST_PIECES, TURN_PIECES
from socketio_core.wire.phases import MAX_LINGER_BYTES
from tests.wire.by_hand import POLLING, House, Peer, ok
from tests.wire.phases import (
    EPSILON,
    NEXT,
    TIMES,
    drain,
    house,
    linger,
    seen,
)
from tests.wire.written import request

# -- bodies ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("piece", [1, 2, 100])
def test_post_in_pieces(piece: int) -> None:
    place = house()
    peer = place.connect()
    data = request(f"{POLLING}&sid={place.open_session()}", "POST", "4é".encode() * 3)
    peer.send(*(data[at : at + piece] for at in range(0, len(data), piece)))
    assert peer.answer().text == "ok"
    assert place.messages == ["é4é4é"]


def test_client_that_waits_for_100_is_told_to_go_on() -> None:
    place = house()
    peer = place.connect()
    data = request("/app", "POST", b"abc", ["Expect: 100-continue"])
    peer.send(data[:-3])
    assert peer.received == b"HTTP/1.1 100 \r\n\r\n"
    peer.received = b""
    peer.send(b"abc")
    place.take_request().answer(ok(), place.now)
    place.settle()
    assert peer.answer().text == "ok"
    assert peer.wire.wants_input


def test_answer_that_overtakes_a_100_comes_behind_it() -> None:
    place = house()
    peer = place.connect()
    peer.is_reading = False
    peer.send(request("/app", "POST", b"abc", ["Expect: 100-continue"])[:-3])
    peer.send(b"abc")
    place.take_request().answer(ok(), place.now)
    place.settle()
    peer.read_on()
    assert peer.answer().status == 100
    assert peer.answer().text == "ok"


def test_client_that_was_not_told_to_go_on_gets_the_last_answer() -> None:
    place = house(asks_requests=False)
    peer = place.connect()
    peer.send(request("/app", "POST", b"abc", ["Expect: 100-continue"])[:-3])
    answered = peer.answer()
    assert (answered.status, answered.headers["connection"]) == (404, "close")
    assert peer.was_muted


def test_body_that_nobody_wants_is_read_away_and_the_next_request_served() -> None:
    place = house()
    peer = drain(place)
    peer.send(b"c" + NEXT)
    assert seen(place, peer).startswith("400 reads")


@pytest.mark.parametrize(("sent", "state"), [(b"zz\r\n", "mute"), (b"0\r\n\r\n", "reads"), (b"1\r\na", "reads")])
def test_body_that_nobody_wants_may_come_in_chunks_and_be_wrong(sent: bytes, state: str) -> None:
    place = house()
    peer = place.connect()
    peer.send(request("/engine.io/", "POST", headers=["Transfer-Encoding: chunked"]))
    assert peer.answer().status == 400
    known = len(place.happened)
    peer.send(sent)
    assert seen(place, peer, known) == state


def test_body_that_turns_out_wrong_leaves_the_time_to_read_the_answer() -> None:
    place = house()
    peer = place.connect()
    peer.send(request("/engine.io/", "POST", headers=["Transfer-Encoding: chunked"]), b"zz\r\n" + b"x" * 1000)
    assert seen(place, peer) == "400 mute requestrefused"
    peer.send(b"x" * 1000)
    place.advance(TIMES.linger_s - EPSILON)
    assert not peer.is_over()
    place.advance(EPSILON)
    assert peer.is_over()
    peer = place.connect(can_half_close=False)
    peer.send(request("/engine.io/", "POST", headers=["Transfer-Encoding: chunked"]), b"zz\r\n")
    assert peer.is_over()


def test_body_that_is_wrong_before_the_answer_is_written_ends_the_connection() -> None:
    place = house()
    peer = place.connect()
    peer.send(request("/engine.io/", "POST", headers=["Transfer-Encoding: chunked"]) + b"zz\r\n")
    assert seen(place, peer) == "400 mute requestrefused"


@pytest.mark.parametrize("over", [-1, 0])
def test_body_that_nobody_wants_is_read_away_up_to_a_limit(over: int) -> None:
    place = house()
    peer = place.connect()
    size = MAX_LINGER_BYTES + over
    peer.send(request("/engine.io/", "POST", headers=[f"Content-Length: {size}"]))
    assert peer.answer().status == 400
    peer.send(b"x" * 1000)
    peer.send(b"x" * (size - 1001))
    assert not peer.was_muted
    peer.send(b"x")
    assert peer.was_muted is (over == 0)
    assert peer.wire.wants_input


def test_what_comes_behind_the_last_answer_is_read_away_up_to_a_limit() -> None:
    place = house()
    peer = linger(place)
    peer.send(b"x" * (MAX_LINGER_BYTES - 1), b"x")
    assert not peer.wire.is_over
    peer.send(b"x")
    assert peer.wire.is_over


def test_host_that_cannot_half_close_does_not_linger() -> None:
    place = house()
    peer = place.connect(can_half_close=False)
    peer.send(b"what?\r\n\r\n")
    assert seen(place, peer) == "400 over"
    assert not peer.was_muted


def test_client_that_asks_for_the_end_gets_it() -> None:
    place = house()
    peer = place.connect()
    peer.send(request("/engine.io/", headers=["Connection: close"]))
    assert seen(place, peer) == "400 mute requestrefused"


def test_empty_line_half_way_is_no_request() -> None:
    place = house()
    peer = place.connect()
    peer.send(b"\r", b"\n", NEXT)
    assert peer.answer().status == 400
    peer.send(b"\r")
    place.advance(0.5)
    peer.send(b"\n")
    place.advance(3 - EPSILON)
    assert not peer.wire.is_over
    place.advance(EPSILON)
    assert seen(place, peer, len(place.happened)) == "over"


def test_empty_lines_do_not_make_the_first_request_later() -> None:
    place = house()
    peer = place.connect()
    place.advance(0.5)
    peer.send(b"\r", b"\n")
    place.advance(0.5 - EPSILON)
    assert not peer.wire.is_over
    place.advance(EPSILON)
    assert peer.wire.is_over


# -- packets of a POST -------------------------------------------------------------------------------------------------

MANY: Final = FIRST_PIECES + TURN_PIECES + 1


def posting(place: House) -> Peer:
    """Return a client that has sent more packets than are handled in two turns; the first one is over."""
    peer = place.connect()
    sid = place.open_session()
    peer.wire.receive(request(f"{POLLING}&sid={sid}", "POST", b"\x1e".join([b"4a"] * MANY)), place.now)
    place.flush()
    return peer


def test_packets_of_a_post_are_handled_by_turns_and_answered_with_the_last() -> None:
    place = House()
    peer = posting(place)
    for count in (FIRST_PIECES, FIRST_PIECES + TURN_PIECES, MANY):
        assert (len(place.messages), peer.received) == (count, b"") or count == MANY
        assert peer.wire.has_more is (count < MANY)
        place.site.handle_timeout(place.now)
        place.flush()
    assert peer.answer().body == b"ok"


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_packets_of_a_client_that_went_are_handled_all_the_same(turns: int) -> None:
    place = House()
    peer = posting(place)
    for _ in range(turns):
        place.site.handle_timeout(place.now)
        place.flush()
    peer.wire.lost(place.now)
    place.settle()
    assert len(place.messages) == MANY
    assert peer.wire not in place.site.wires


@pytest.mark.parametrize("is_gone", [False, True])
def test_engine_that_fails_at_a_packet_costs_the_connection_alone(is_gone: bool) -> None:  # noqa: FBT001
    place = House()
    peer = posting(place)

    def fail(*_: object) -> bool:
        raise ValueError("faulty")

    place.engine.advance_post = fail  # type: ignore[method-assign, assignment]
    if is_gone:
        peer.wire.lost(place.now)
    place.settle()
    assert [str(error) for _, error in place.reports] == ["faulty"]
    assert (peer.wire.is_over, peer.wire.has_more) == (is_gone, False)
    if not is_gone:
        assert peer.answer().status == 500
    assert peer.wire not in place.site.wires or not is_gone
    place.websocket().echo()


def test_engine_that_fails_when_a_client_is_lost_costs_nobody_else() -> None:
    place = House()
    peer = place.park(place.open_session())

    def fail(*_: object) -> None:
        raise ValueError("faulty")

    place.engine.lost = fail  # type: ignore[method-assign, assignment]
    peer.lose()
    assert [str(error) for _, error in place.reports] == ["faulty"]
    assert peer.wire.is_over
    assert peer.wire not in place.site.wires
