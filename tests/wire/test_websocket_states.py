"""Every state of a connection that is a WebSocket, with all that can happen to it: the table in `wire.websocket`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest

from tests.wire.by_hand import House, Peer
from tests.wire.sockets import (
    MANY,
    TIMES,
    deaf_last,
    deaf_shut,
    deaf_writing,
    ending_last,
    ending_writing,
    gone_last,
    gone_writing,
    house,
    reading_last,
    reading_shut,
    reading_writing,
    seen,
    told_last,
    told_writing,
)
from tests.wire.written import CLOSE, PING, frame

EPSILON: Final = 0.001
ORDERLY: Final = "closed transport close"


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
