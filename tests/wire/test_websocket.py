"""Every state of a connection that is a WebSocket, with all that can happen to it: the table in `wire.websocket`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socketio_core.engineio import Engine
from socketio_core.engineio.events import Closed
from socketio_core.engineio.message import WireMessage
from socketio_core.settings import EngineSettings
from socketio_core.socketio import AckReceived, ConnectRequested, EventReceived, ServerCore
from socketio_core.wire import Mount, Site, Timeouts
from socketio_core.wire.base import FIRST_PIECES, TURN_PIECES
from socketio_core.wire.plain_frames import wire_bytes
from socketio_core.wire.websocket import WRITE_BYTES
from tests.effort import examples
from tests.wire.by_hand import POLLING, WEBSOCKET, Gate, House, Peer
from tests.wire.written import CLOSE, CONTINUATION, PING, PONG, TEXT, close_frame, frame, handshake, request

TIMES: Final = Timeouts(close_s=5)
EPSILON: Final = 0.001
MANY: Final = FIRST_PIECES + 44
ORDERLY: Final = "closed transport close"
BAD: Final = frame("x", 3)  # an opcode that there is none of


def house(**options: Any) -> House:
    return House(timeouts=TIMES, **options)


def close(place: House) -> None:
    place.engine.sessions[-1].close(place.now)


# -- a connection in each state ----------------------------------------------------------------------------------------


def reading_writing(place: House) -> Peer:
    return place.websocket()


def ending_writing(place: House) -> Peer:
    """Frames wait, and the end is known."""
    peer = place.websocket()
    peer.is_reading = False
    peer.wire.receive(frame("4a") * MANY * 2, place.now)
    peer.wire.receive(b"", place.now)
    return peer


def deaf_writing(place: House) -> Peer:
    peer = place.websocket()
    peer.is_reading = False
    peer.send(BAD)
    return peer


def told_writing(place: House) -> Peer:
    peer = place.websocket()
    peer.is_reading = False
    peer.send(close_frame(1001))
    return peer


def gone_writing(place: House) -> Peer:
    peer = place.websocket()
    peer.is_reading = False
    peer.end()
    return peer


def reading_last(place: House) -> Peer:
    """Its close frame was taken, and is not written yet."""
    peer = place.websocket()
    peer.is_reading = False
    close(place)
    place.settle()
    peer.received += peer.wire.data_to_send(place.now)
    return peer


def ending_last(place: House) -> Peer:
    peer = ending_writing(place)
    close(place)
    peer.received += peer.wire.data_to_send(place.now)
    return peer


def deaf_last(place: House) -> Peer:
    peer = reading_last(place)
    peer.send(BAD)
    return peer


def told_last(place: House) -> Peer:
    peer = reading_last(place)
    peer.send(close_frame())
    return peer


def gone_last(place: House) -> Peer:
    peer = reading_last(place)
    peer.end()
    return peer


def reading_shut(place: House) -> Peer:
    peer = place.websocket()
    close(place)
    place.settle()
    return peer


def deaf_shut(place: House) -> Peer:
    peer = place.websocket()
    peer.send(BAD)
    return peer


def seen(place: House, peer: Peer) -> str:
    """What the client has read beside messages, and what has become of its connection and its session."""
    said = [
        f"close {int.from_bytes(data[:2], 'big')}" if opcode == CLOSE else f"opcode {opcode}"
        for opcode, data in peer.frames()
        if opcode != TEXT
    ]
    wire = peer.wire
    said.append("over" if wire.is_over else "mute" if wire.is_mute else "reads" if wire.wants_input else "waits")
    assert (wire in place.site.wires) is not wire.is_over
    return " ".join([*said, *(kind.lower() for kind in place.kinds if kind == "Closed")])


@dataclass
class Row:
    """A state: how it is reached, whether it reads, what becomes of it once the peer reads, and with what happens."""

    enter: Callable[[House], Peer]
    reads: bool
    read: str
    more: str
    ended: str
    deadline_s: float | None
    timed_out: str = "over closed"

    @property
    def name(self) -> str:
        return self.enter.__name__


READS: Final = True
WAITS: Final = False

ROWS: Final = [
    Row(reading_writing, READS, "reads", "opcode 10 reads", "close 0 over closed", None, "reads"),
    Row(ending_writing, WAITS, "close 0 over closed", "waits closed", "waits closed", None, "over closed"),
    Row(deaf_writing, READS, "close 1002 mute closed", "reads closed", "waits closed", 5),
    Row(told_writing, WAITS, "close 1001 over closed", "waits closed", "waits closed", 5),
    Row(gone_writing, WAITS, "close 0 over closed", "waits closed", "waits closed", 5),
    Row(reading_last, READS, "reads closed", "reads closed", "waits closed", 5),
    Row(ending_last, WAITS, "over closed", "waits closed", "waits closed", None),
    Row(deaf_last, READS, "mute closed", "reads closed", "waits closed", 5),
    Row(told_last, WAITS, "over closed", "waits closed", "waits closed", 5),
    Row(gone_last, WAITS, "over closed", "waits closed", "waits closed", 5),
    Row(reading_shut, READS, "reads closed", "reads closed", "over closed", 5),
    Row(deaf_shut, READS, "mute closed", "mute closed", "over closed", 5),
]

rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def begin(row: Row) -> tuple[House, Peer]:
    place = house()
    peer = row.enter(place)
    peer.frames()
    assert peer.wire.wants_input is row.reads
    assert not peer.wire.is_over
    assert not place.reports
    return place, peer


@rows
def test_peer_that_reads_on(row: Row) -> None:
    place, peer = begin(row)
    peer.read_on()
    assert seen(place, peer) == row.read


@rows
def test_what_comes_is_read_or_waits(row: Row) -> None:
    place, peer = begin(row)
    peer.send(frame(b"?", PING) + frame("4x"))
    assert seen(place, peer) == row.more
    assert ("x" in place.messages) is (row.enter is reading_writing)


@rows
def test_end_of_what_comes(row: Row) -> None:
    place, peer = begin(row)
    peer.end()
    assert seen(place, peer) == row.ended


@rows
def test_connection_that_is_lost(row: Row) -> None:
    place, peer = begin(row)
    peer.lose()
    peer.lose()
    assert seen(place, peer) == "over closed"
    if row.enter is ending_writing:
        assert place.messages == ["a"] * MANY * 2


@rows
def test_write_that_failed_is_found_by_who_reads(row: Row) -> None:
    place, peer = begin(row)
    peer.wire.write_failed(place.now)
    place.settle()
    assert seen(place, peer).startswith("over") is not row.reads


@rows
@pytest.mark.parametrize("late", [0, EPSILON, 0.4])
def test_time_out(row: Row, late: float) -> None:
    place, peer = begin(row)
    if row.deadline_s is None:
        place.advance(9)
    else:
        place.advance(row.deadline_s - EPSILON)
        assert not peer.wire.is_over
        place.clock.now += EPSILON + late
        place.settle()
    assert seen(place, peer) == row.timed_out


@rows
def test_closing_server(row: Row) -> None:
    place, peer = begin(row)
    place.site.close(place.now)
    place.settle()
    was = row.read if peer.is_reading else None
    expected = {"reading_writing": "close 1001 reads closed"}.get(row.name, was)
    if expected is not None:
        assert seen(place, peer) == expected
    place.advance(TIMES.close_s)
    assert peer.wire.is_over
    assert not place.site.wires


@rows
def test_failure_of_ours_costs_this_connection(row: Row) -> None:
    place = house()
    other = place.websocket()
    peer = row.enter(place)
    peer.frames()
    peer.wire.fail(ValueError("ours"), place.now)
    peer.read_on()
    assert peer.wire.is_over is (
        row.enter not in (reading_writing, deaf_writing, reading_last, deaf_last, reading_shut, deaf_shut)
    )
    codes = [int.from_bytes(data[:2], "big") for opcode, data in peer.frames() if opcode == CLOSE]
    known = {"reading_writing": [1011], "ending_writing": [1011], "deaf_writing": [1002]}
    known |= {"told_writing": [1001], "gone_writing": [0]}
    assert codes == known.get(row.name, [])
    place.advance(TIMES.close_s)
    assert peer.wire.is_over
    assert [str(error) for _, error in place.reports] == ["ours"]
    other.echo()


@rows
@pytest.mark.parametrize("shortcuts", [True, False])
def test_bytes_may_come_one_by_one(row: Row, *, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    peer = row.enter(place)
    data = frame(b"?", PING) + frame("4x")
    peer.frames()
    peer.send(*(data[at : at + 1] for at in range(len(data))))
    assert seen(place, peer) == row.more.removeprefix("close 0 ")


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


# -- what comes --------------------------------------------------------------------------------------------------------

both = pytest.mark.parametrize("shortcuts", [True, False])


@both
def test_messages_of_each_kind_come_and_go(*, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    peer = place.websocket()
    for text in ("", "a", "é" * 200, "x" * 70_000):
        peer.send(frame(f"4{text}"))
        assert peer.frames() == [(1, f"4{text}".encode())]
    for data in (b"", b"\xff" * 300, b"\0" * 70_000):
        peer.send(frame(data))
        assert peer.frames() == [(2, data)]
    assert {type(message) for message in place.messages} == {str, bytes}


@both
def test_pings_are_answered_the_last_one_will_do(*, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    peer = place.websocket()
    peer.send(frame(b"1", PING) + frame(b"2", PING) + frame(b"", PONG))
    assert peer.frames() == [(PONG, b"2")]
    peer.send(frame(b"3", PING) + frame("4a"))
    assert peer.frames() == [(PONG, b"3"), (TEXT, b"4a")]


def test_ping_behind_the_close_frame_of_ours_is_not_answered() -> None:
    place = house()
    peer = reading_shut(place)
    assert seen(place, peer) == "close 0 reads closed"
    peer.send(frame(b"?", PING))
    assert seen(place, peer) == "reads closed"


@both
@pytest.mark.parametrize(
    ("sent", "answered"), [(close_frame(), None), (close_frame(1000), 1000), (close_frame(4321, b"bye"), 4321)]
)
def test_close_frames_are_echoed(sent: bytes, answered: int | None, *, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    peer = place.websocket()
    peer.send(frame("4a") + sent + frame("4b"))
    assert place.messages == ["a"]
    assert peer.close_code() == answered
    assert peer.wire.is_over


@both
@pytest.mark.parametrize("before", [b"", frame("4a", fin=False) + frame("b", CONTINUATION)])
def test_first_close_frame_counts_whoever_reads_it(before: bytes, *, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    peer = place.websocket()
    peer.send(before + close_frame(4321, b"bye") + close_frame(1000))
    assert peer.close_code() == 4321
    assert next(event for _, event in place.happened if isinstance(event, Closed)).code == 4321


@both
def test_close_frame_of_a_peer_that_is_not_listened_to_is_none(*, shortcuts: bool) -> None:
    place = limited(shortcuts=shortcuts)
    peer = place.websocket()
    peer.wire.receive(frame("", PING) * 11 + close_frame(4321), place.now)
    place.settle()
    assert peer.close_code() == 1008
    assert not peer.wire.is_over


@both
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame("4a", rsv=4), 1002),
        (frame("4a", masked=False), 1002),
        (frame("", CONTINUATION), 1002),
        (frame(b"4\xff", TEXT), 1007),
        (frame("x" * 126, PING), 1002),
        (frame("4", fin=False) + frame("a"), 1002),
        (frame(b"1", CLOSE), 1002),
        (frame("4" * 1001), 1009),
        (frame("4" * 600, fin=False) + frame("4" * 401, CONTINUATION), 1009),
        (frame("4" * 20_000)[:5000], 1009),
    ],
)
def test_frame_that_breaks_the_rules_ends_the_connection_with_a_code(
    sent: bytes, code: int, *, shortcuts: bool
) -> None:
    settings = EngineSettings(path="/engine.io/", max_payload_bytes=1000)
    place = House(settings, timeouts=TIMES, shortcuts=shortcuts)
    peer, other = place.websocket(), place.websocket()
    peer.send(sent, frame("4" * 5000))
    assert peer.close_code() == code
    assert peer.wire.is_mute
    peer.end()
    assert peer.wire.is_over
    assert place.messages == []
    other.echo()


@both
def test_why_a_frame_broke_the_rules_is_told(*, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    for sent, reason in ((frame("4a", masked=False), "masked"), (frame("4a", rsv=4), "[Rr]eserved|RSV")):
        peer = place.websocket()
        peer.send(sent)
        closed = place.happened[-1][1]
        assert isinstance(closed, Closed)
        assert re.search(reason, str(closed.error)), closed.error


@both
@pytest.mark.parametrize("size", [999, 1000])
def test_message_up_to_the_limit_is_one(size: int, *, shortcuts: bool) -> None:
    place = House(EngineSettings(path="/engine.io/", max_payload_bytes=1000), shortcuts=shortcuts)
    peer = place.websocket()
    peer.send(frame("4" * size))
    peer.send(frame("4" * 500, fin=False) + frame("4" * (size - 500), CONTINUATION))
    assert place.messages == ["4" * (size - 1)] * 2


# -- what goes ---------------------------------------------------------------------------------------------------------


def test_output_is_taken_in_bounded_pieces_and_stays_in_the_outbox_meanwhile() -> None:
    place = house()
    peer = place.websocket()
    peer.is_reading = False
    (session,) = place.engine.sessions
    text = "x" * 100_000
    for _ in range(9):
        session.send(text, place.now)
    place.settle()
    assert len(peer.wire.data_to_send(place.now)) <= WRITE_BYTES + 100
    assert session.buffered_bytes == 7 * 100_001
    peer.writes.clear()
    peer.read_on()
    assert len(peer.frames()) == 7
    assert max(map(len, peer.writes)) <= WRITE_BYTES + 100
    assert session.buffered_bytes == 0


@settings(max_examples=examples(12))
@given(
    st.lists(st.text(max_size=3) | st.binary(max_size=3) | st.just("x" * 130), min_size=1, max_size=4), st.booleans()
)
def test_messages_are_written_the_same_one_by_one_and_together(messages: list[str | bytes], is_asked: bool) -> None:  # noqa: FBT001
    """One alone, with nothing urgent before it, goes a way of its own."""
    written: list[list[tuple[int, bytes]]] = []
    for is_one_by_one in (True, False):
        place = house()
        peer = place.websocket()
        if is_asked:
            peer.send(frame("", PING))
        for message in messages:
            place.engine.sessions[0].send(message, place.now)
            if is_one_by_one:
                place.settle()
        place.settle()
        written.append(peer.frames())
    assert written[0] == written[1]
    assert len(written[0]) == len(messages) + is_asked


def test_message_larger_than_a_piece_goes_alone() -> None:
    place = house()
    peer = place.websocket()
    place.engine.sessions[0].send("x" * WRITE_BYTES * 2, place.now)
    place.engine.sessions[0].send("y", place.now)
    place.settle()
    assert [len(data) for _, data in peer.frames()] == [WRITE_BYTES * 2 + 1, 2]
    assert len(peer.writes) == 3  # the 101 and the open packet came in one


def test_first_write_has_the_answer_and_what_follows() -> None:
    place = house()
    peer = place.connect()
    peer.send(handshake(WEBSOCKET))
    assert len(peer.writes) == 1
    assert peer.answer().status == 101
    assert peer.frame()[1][:2] == b"0{"


def test_what_is_in_the_outbox_goes_before_the_close_frame() -> None:
    place = house()
    peer = place.websocket()
    peer.is_reading = False
    (session,) = place.engine.sessions
    for _ in range(4):
        session.send("x" * 100_000, place.now)
    session.close(place.now, code=1001, text="later")
    place.settle()
    peer.read_on()
    assert [opcode for opcode, _ in peer.frames()] == [TEXT] * 4 + [CLOSE]
    peer.send(close_frame(1001))
    assert peer.wire.is_over


def test_bytes_of_a_message_are_made_once_for_all() -> None:
    message = WireMessage(("4a", b"b"))
    data = wire_bytes(message)
    assert data == b"\x81\x024a\x82\x01b"
    assert wire_bytes(message) is data
    single = WireMessage(("4a",))
    assert wire_bytes(single) == b"\x81\x024a"
    assert wire_bytes(single) is wire_bytes(single)


class Unwritable:
    """A message that cannot be made bytes of."""

    size_bytes = 3
    compress = False
    host_cache = None

    @property
    def frames(self) -> None:
        raise ValueError("no frames")


def put_unwritable(place: House) -> None:
    """Put it into the outbox of the last session's WebSocket."""
    session = place.engine.sessions[-1]
    session.outbox.messages.append(Unwritable())  # type: ignore[arg-type]
    session.send("x", place.now)


@pytest.mark.parametrize("options", [{}, {"per_message_deflate": True}])
def test_message_that_cannot_be_written_costs_its_connection_alone(options: dict[str, Any]) -> None:
    place = house(gate=Gate(), **options)
    other, peer = place.websocket(), place.websocket()
    put_unwritable(place)
    place.settle()
    assert peer.close_code() == 1011
    assert [str(error) for _, error in place.reports] == ["no frames"]
    other.echo()
    peer.end()
    assert peer.wire.is_over


def test_message_that_cannot_be_written_does_not_take_the_answer_along() -> None:
    place = house()

    def put(_: float) -> None:
        if place.engine.sessions:
            place.on_work = lambda _: None
            put_unwritable(place)

    place.on_work = put
    peer = place.connect()
    peer.send(handshake(WEBSOCKET))
    assert peer.answer().status == 101
    assert peer.close_code() == 1011


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


# -- engines that fail -------------------------------------------------------------------------------------------------


class Faulty(Engine):
    """Fails at what it is given, once it is told to."""

    is_faulty = False

    def receive_all(self, websocket: Any, frames: Any, now: float) -> None:
        frames = list(frames)
        if self.is_faulty and "4fail" in frames:
            raise ValueError("faulty")
        super().receive_all(websocket, frames, now)


def faulty_house() -> House:
    place = house()
    engine = Faulty(EngineSettings(path="/engine.io/"))
    engine.is_faulty = True
    place.engine = engine
    place.site.mounts.clear()
    place.site.add(Mount(engine))
    return place


@pytest.mark.parametrize("count", [1, MANY])
def test_engine_that_fails_costs_the_connection_alone(count: int) -> None:
    place = faulty_house()
    other, peer = place.websocket(), place.websocket()
    peer.send(frame("4a") * (count - 1) + frame("4fail") + frame("4b"))
    assert peer.close_code() == 1011
    assert [str(error) for _, error in place.reports] == ["faulty"]
    assert peer.wire.is_mute
    other.echo()


def test_connection_that_failed_has_nothing_more() -> None:
    place = faulty_house()
    peer = place.websocket()
    peer.wire.receive(frame("4a") * MANY + frame("4b"), place.now)
    had_more = peer.wire.has_more
    peer.wire.fail(ValueError("ours"), place.now)
    assert (had_more, peer.wire.has_more) == (True, False)
    known = len(place.messages)
    place.settle()
    assert "b" not in place.messages[known:]


def test_engine_that_fails_when_the_connection_is_lost_is_told_the_loss_all_the_same() -> None:
    place = faulty_house()
    other, peer = place.websocket(), place.websocket()
    peer.wire.receive(frame("4a") * MANY + frame("4fail"), place.now)
    peer.lose()
    assert seen(place, peer) == "over closed"
    assert [str(error) for _, error in place.reports] == ["faulty"]
    assert place.engine.session_count == 1
    other.echo()


# -- a Socket.IO server ------------------------------------------------------------------------------------------------


class Chat:
    """A Socket.IO application behind a site: echoes events."""

    next_deadline = None

    def __init__(self) -> None:
        self.server = ServerCore()
        self.seen: list[str] = []

    def handle_timeout(self, now: float) -> None: ...

    def work(self, now: float) -> None:
        for event in self.server.take_events():
            self.seen.append(type(event).__name__)
            match event:
                case ConnectRequested(member):
                    member.accept(now)
                case EventReceived(member, name, args):
                    member.emit(name, args)
                case AckReceived() | _:
                    pass


def test_socketio_server_is_served() -> None:
    chat = Chat()
    site = Site([Mount(chat.server)], application=chat)
    wire = site.connect(1000.0, "", "http")
    received = b""

    def send(data: bytes) -> bytes:
        wire.receive(data, 1000.0)
        said = b""
        for _ in range(3):
            for named in site.flush(1000.0):
                while piece := named.data_to_send(1000.0):
                    said += piece
            site.handle_timeout(1000.0)
        return said

    received = send(handshake("/socket.io/?EIO=4&transport=websocket") + frame("40"))
    assert b"40{" in received
    assert b'42["a",1]' in send(frame('42["a",1]'))
    assert b'451-["b",{"_placeholder":true,"num":0}]' in send(
        frame('451-["b",{"_placeholder":true,"num":0}]') + frame(b"\xff")
    )
    site.close(1000.0)
    assert send(close_frame())[:1] == b"\x88"
    assert wire.is_over
    assert chat.seen[:3] == ["ConnectionOpened", "ConnectRequested", "EventReceived"]


def test_upgrade_from_polling() -> None:
    place = house()
    sid = place.open_session()
    poll = place.park(sid)
    peer = place.connect()
    peer.send(handshake(f"{WEBSOCKET}&sid={sid}"), frame("2probe"))
    assert peer.answer().status == 101
    assert peer.frames() == [(TEXT, b"3probe")]
    assert poll.answer().text == "6"
    peer.send(frame("5") + frame("4a"))
    assert peer.frames() == [(TEXT, b"4a")]
    again = place.connect()
    assert again.ask(f"{POLLING}&sid={sid}").status == 400
    again.send(request(f"{POLLING}&sid={sid}", "POST", b"4b"))
    assert again.answer().status == 400
    turned_away = place.connect()
    turned_away.send(handshake(f"{WEBSOCKET}&sid={sid}"))
    assert turned_away.answer().status == 101
    assert turned_away.close_code() is None
    peer.echo()


# -- peers that cost more than they say --------------------------------------------------------------------------------


def limited(**options: Any) -> House:
    return house(settings=EngineSettings(path="/engine.io/", max_fragments=10, max_unanswered_pings=10), **options)


@pytest.mark.parametrize("part", [b"", b"x"])
@pytest.mark.parametrize("shortcuts", [True, False])
@pytest.mark.parametrize(("count", "code"), [(10, None), (11, 1008)])
def test_message_of_too_many_fragments_ends_the_connection(
    part: bytes, count: int, code: int | None, *, shortcuts: bool
) -> None:
    place = limited(shortcuts=shortcuts)
    peer = place.websocket()
    fragments = frame(b"4", TEXT, fin=False) + frame(part, CONTINUATION, fin=False) * (count - 2)
    for _ in range(2):
        peer.send(fragments + frame(b"y", CONTINUATION))
    if code is None:
        assert place.messages == [part.decode() * (count - 2) + "y"] * 2
    else:
        assert (place.messages, peer.close_code()) == ([], code)
        assert "max_fragments: 10" in str(getattr(place.happened[-1][1], "error", None))


def test_fragments_that_arrive_byte_by_byte_count_once() -> None:
    place = limited()
    peer = place.websocket()
    data = frame(b"4" + b"x" * 50, TEXT, fin=False) + frame(b"y" * 50, CONTINUATION)
    peer.send(*(data[at : at + 1] for at in range(len(data))))
    assert place.messages == ["x" * 50 + "y" * 50]


@pytest.mark.parametrize("shortcuts", [True, False])
@pytest.mark.parametrize(("count", "is_over"), [(9, False), (10, False), (11, True)])
def test_pings_that_come_faster_than_pongs_are_taken_end_the_connection(
    count: int, *, is_over: bool, shortcuts: bool
) -> None:
    place = limited(shortcuts=shortcuts)
    peer = place.websocket()
    peer.is_reading = False
    for _ in range(count):
        peer.send(frame(b"?", PING))
    assert (place.kinds[-1] == "Closed") is is_over
    peer.read_on()
    assert [opcode for opcode, _ in peer.frames()] == [PONG, *[CLOSE] * is_over]


def test_pings_whose_pongs_are_taken_are_answered_for_ever() -> None:
    place = limited()
    peer = place.websocket()
    for _ in range(5):
        peer.send(frame(b"?", PING) * 10)
        assert peer.frames() == [(PONG, b"?")]
