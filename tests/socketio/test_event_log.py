"""What was sent to whom: offsets, bounds, time."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_core.engineio.message import WireMessage
from socketio_core.settings import RecoverySettings
from socketio_core.socketio.event_log import ENTRY_BYTES, EventLog
from socketio_core.wire.plain_frames import wire_bytes

KEEP_S = 100.0
NOBODY: frozenset[str] = frozenset()


def log_of(**settings: Any) -> EventLog:
    return EventLog(RecoverySettings(**settings), "e1", KEEP_S)


def fill(log: EventLog, count: int, rooms: tuple[str, ...] | None = None, size: int = 10) -> None:
    for _ in range(count):
        log.append("/", rooms, NOBODY, WireMessage(("4" * size,)))


def positions(log: EventLog, room: str | None = None, after: int = 0) -> list[int]:
    return [event.position for event in log.between(after, None, "/", room)]


def test_each_event_is_found_by_its_room_newest_first() -> None:
    log = log_of()
    fill(log, 2)
    fill(log, 2, ("a", "b"))
    fill(log, 1, ("b",))
    assert positions(log) == [2, 1]
    assert positions(log, "a") == [4, 3]
    assert positions(log, "b", after=3) == [5, 4]
    assert positions(log, "c") == []
    assert list(log.between(0, None, "/other", None)) == []
    assert [event.position for event in log.between(2, 4, "/", "b")] == [4, 3]
    assert len(log) == log.position == 5


@pytest.mark.parametrize(
    ("offset", "position"),
    [
        ("e1.2", 2),
        ("e1.3", 0),  # not yet
        ("e2.2", 0),
        ("e1.", 0),
        ("e1.-1", 0),
        ("e1.٢", 0),
        ("e1." + "1" * 5000, 0),
        ("", 0),
        (None, 0),
    ],
)
def test_only_its_own_offsets_stand_for_a_position(offset: str | None, position: int) -> None:
    log = log_of()
    fill(log, 2)
    assert log.position_of(offset, "/") == position
    assert log.offset_of(2) == "e1.2"


def test_what_servers_share_is_found_by_its_offset_in_its_namespace() -> None:
    log = log_of(max_logged_events=16)
    assert log.current_offset("/") == "e1.0"
    fill(log, 1)
    for number, nsp in enumerate(["/", "/other", "/"]):
        log.append(nsp, None, NOBODY, WireMessage(("4",)), f"7-{number}")
    assert [log.position_of(f"7-{number}", "/") for number in range(3)] == [2, 0, 4]
    assert log.position_of("7-1", "/other") == 3
    assert [log.shared_offset_at(position, "/") for position in range(1, 5)] == [None, "7-0", "7-0", "7-2"]
    assert (log.current_offset("/"), log.current_offset("/other"), log.current_offset("/third")) == (
        "7-2",
        "7-1",
        "e1.4",
    )
    fill(log, 1)
    assert log.current_offset("/") == "e1.5", "it has got something that the others do not know of"
    fill(log, 13)
    assert log.position_of("7-0", "/") == 0
    assert log.position_of("7-2", "/") == 4
    fill(log, 30)
    assert log.shared_offset_at(50, "/other") is None
    assert log.position_of("7-2", "/") == 0
    log.append("/", None, NOBODY, WireMessage(("4",)), "8-0")
    assert log.shared_offset_at(log.position, "/") == "8-0"


def test_it_is_bounded_in_count() -> None:
    log = log_of(max_logged_events=32)
    fill(log, 16, ("a",))
    fill(log, 17)
    assert len(log) == 30, "a 16th less than the limit, so that the next ones find room"
    assert log.dropped_through == 3
    assert positions(log, "a") == list(range(16, 3, -1))
    fill(log, 100)
    assert 30 <= len(log) <= 32
    assert positions(log, "a") == []


@pytest.mark.parametrize("frames", [("4" + "x" * 10_000 + "😀",), ("451-x", bytes(10_000)), ("451-😀", bytes(10_000))])
def test_a_message_counts_for_all_that_may_be_made_of_it(frames: tuple[str | bytes, ...]) -> None:
    log = log_of()
    message = WireMessage(frames)
    log.append("/", None, NOBODY, message)
    assert wire_bytes(message)
    assert message.polling_text
    assert message.held_bytes <= log.size_bytes <= 1.2 * message.held_bytes


def test_it_is_bounded_in_bytes() -> None:
    log = log_of(max_logged_bytes=16 * (ENTRY_BYTES + 200))
    fill(log, 17, size=100)
    assert len(log) == 15
    assert log.size_bytes == 15 * (ENTRY_BYTES + 200)
    fill(log, 1, size=100_000)
    assert len(log) == 0, "what is too large for all of it is not kept"
    assert (log.size_bytes, log.dropped_through) == (0, 18)


def test_it_gives_back_what_is_needed_elsewhere() -> None:
    log = log_of()
    fill(log, 10)
    one = ENTRY_BYTES + 20
    assert log.shrink(0) == 0
    assert log.shrink(one + 1) == 2 * one
    assert positions(log) == list(range(10, 2, -1))
    assert log.shrink(10**9) == 8 * one
    assert log.shrink(10**9) == 0


def test_an_event_is_dropped_when_it_is_surely_old_enough() -> None:
    log = log_of()
    fill(log, 2)
    log.mark(1000.0)
    fill(log, 2)
    log.mark(1050.0)
    assert len(log) == 4
    log.mark(1099.9)
    assert len(log) == 4
    log.mark(1100.0)
    assert positions(log) == [4, 3]
    log.mark(1150.0)
    assert (len(log), log.dropped_through, log.size_bytes) == (0, 4, 0)


def test_it_tells_what_was_sent_before_some_time() -> None:
    log = log_of()
    assert log.position_before(5.0) == 0
    fill(log, 2)
    log.mark(1000.0)
    fill(log, 2)
    log.mark(1050.0)
    fill(log, 1)
    assert [log.position_before(at) for at in (1000.0, 1000.1, 1050.0, 1050.1, 2000.0)] == [0, 2, 2, 4, 4]
    log.mark(1160.0)
    assert [log.position_before(at) for at in (1050.0, 1060.0, 1160.1)] == [0, 4, 5], "older marks are gone but one"


def test_it_says_how_much_it_holds() -> None:
    log = log_of()
    fill(log, 1)
    assert repr(log) == f"<EventLog 1 events, {ENTRY_BYTES + 20} bytes>"


def test_each_of_many_rooms_takes_memory() -> None:
    """With a list of its own in the index, and its name. Which is measured: 265 bytes."""
    log = log_of()
    for number in range(5):
        log.append("/", [f"room {number} {each}" for each in range(100)], frozenset(), WireMessage(("2",)))
    assert 5 * 100 * 200 < log.size_bytes < 5 * 100 * 400
