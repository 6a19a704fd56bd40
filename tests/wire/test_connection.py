"""What holds for a connection whatever it is just now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from socketio_core.engineio.carriers import Poll
from socketio_core.engineio.message import WireMessage
from socketio_core.errors import LocalProtocolError
from tests.engineio.scene import Fickle
from tests.wire.by_hand import POLLING, House, Peer, spoil_a_poll
from tests.wire.written import close_frame, frame, request

KINDS = [House.connect, House.websocket]
kinds = pytest.mark.parametrize("make", KINDS, ids=["requests", "websocket"])


@kinds
def test_connection_that_is_over_does_nothing_whatever_it_is_told(make: Callable[[House], Peer]) -> None:
    place = House()
    wire = make(place).wire
    wire.lost(place.now)
    place.settle()
    known = place.kinds
    for data in (request(POLLING), frame("4a"), b""):
        wire.receive(data, place.now)
    wire.proceed(place.now)
    wire.write_failed(place.now)
    wire.lost(place.now)
    wire.settle(place.now)
    wire.fail(ValueError("late"), place.now)
    assert (wire.is_over, wire.wants_input, wire.has_more, wire.has_deadline) == (True, False, False, False)
    assert wire.data_to_send(place.now) == b""
    assert wire not in place.site.wires
    place.settle()
    assert place.kinds == known
    assert [str(error) for _, error in place.reports] == ["late"]


def test_context_is_the_hosts() -> None:
    place = House()
    wire = place.site.connect(place.now, "", "http")
    assert wire.context is None
    wire.context = 5
    assert wire.context == 5


def test_deadline_that_moves_is_kept() -> None:
    place = House()
    wire = place.connect().wire
    for later in (30, 25, 40):
        wire.set_deadline(place.now + later)
    assert wire.has_deadline
    place.advance(39.9)
    assert not wire.is_over
    place.advance(0.1)
    assert wire.is_over


def test_deadline_that_is_taken_back_is_none() -> None:
    place = House()
    wire = place.connect().wire
    wire.set_deadline(None)
    assert not wire.has_deadline
    place.advance(1000)
    assert not wire.is_over
    wire.set_deadline(place.now + 5)
    wire.set_deadline(None)
    wire.set_deadline(place.now + 7)
    place.advance(6.9)
    assert not wire.is_over
    place.advance(0.1)
    assert wire.is_over


def test_deadlines_are_few() -> None:
    place = House()
    peer = place.connect()
    for _ in range(100):
        assert peer.ask("/engine.io/").status == 400
        place.advance(0.1)
    assert len(place.site.timers) == 1


def test_poll_that_is_no_longer_this_connections_changes_nothing() -> None:
    place = House()
    sid = place.open_session()
    peer = place.park(sid)
    session = place.engine.sessions[0]
    foreign = Poll(session, [], None, None)
    peer.wire.poll_ready(foreign, place.now)
    assert peer.received == b""
    websocket = place.websocket()
    websocket.wire.poll_ready(foreign, place.now)
    websocket.echo()
    peer.lose()
    peer.wire.poll_ready(foreign, place.now)
    place.settle()
    assert peer.received == b""


class Nasty(bytes):
    """A header's name that nobody can read."""

    def lower(self) -> bytes:
        raise RuntimeError("nasty")


def test_answer_that_fails_costs_the_poll_and_its_messages_come_with_the_next() -> None:
    place = House()
    sid = place.open_session()
    peer = place.park(sid)
    spoil_a_poll(place, (Nasty(b" "), b"a"))
    assert peer.answer().status == 500
    assert [str(error) for _, error in place.reports] == ["nasty"]
    assert place.connect().ask(f"{POLLING}&sid={sid}").text == "4kept"


def test_answer_that_cannot_be_made_costs_its_session_alone() -> None:
    place = House()
    sids = [place.open_session() for _ in range(3)]
    peers = [place.park(sid) for sid in sids]
    sessions = [place.engine.sessions[at] for at in range(3)]
    for session in sessions:
        session.put(WireMessage(["4a", "4b"] if session is not sessions[1] else Fickle(["4a", "4b"])))
    place.settle()
    answers = [peer.answer() for peer in peers]
    assert [found.status for found in answers] == [200, 500, 200]
    assert [str(error) for _, error in place.reports] == ["no frame"]
    assert peers[1].ask(f"{POLLING}&sid={sids[1]}").status == 400
    assert [session.is_open for session in sessions] == [True, False, True]


def test_output_is_asked_for_again_and_again() -> None:
    place = House()
    peer = place.websocket()
    for _ in range(3):
        assert peer.wire.data_to_send(place.now) == b""
    peer.send(close_frame())
    assert peer.wire.is_over


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_what_was_read_may_be_in_a_buffer_of_the_host(kind: Callable[[bytes], bytes | bytearray | memoryview]) -> None:
    place = House()
    peer = place.connect()
    head = request("/engine.io/")
    peer.wire.receive(kind(head[:9]), place.now)
    peer.wire.receive(kind(head[9:]), place.now)
    place.settle()
    assert peer.answer().status == 400
    peer = place.websocket()
    peer.wire.receive(kind(frame("4hello")), place.now)
    peer.wire.receive(kind(frame(b"hello")), place.now)
    assert place.flush() == [peer]
    assert place.messages == ["hello", b"hello"]
    assert [type(message) for message in place.messages] == [str, bytes]
    peer.wire.receive(kind(b""), place.now)
    place.settle()
    assert peer.wire.is_over


@pytest.mark.parametrize("data", ["", "GET / HTTP/1.1", None, 7, [b"x"]])
def test_what_was_read_is_bytes(data: Any) -> None:
    place = House()
    for peer in (place.connect(), place.websocket()):
        with pytest.raises(LocalProtocolError, match="what was read must be bytes, not: "):
            peer.wire.receive(data, place.now)
        assert not peer.wire.is_over
        assert peer.wire.wants_input
    assert place.reports == []
