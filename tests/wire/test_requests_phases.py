"""Every phase of a connection that speaks HTTP, with all that can happen to it: the table in `wire.phases`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest

from tests.wire.by_hand import House, Peer
from tests.wire.phases import (
    EPSILON,
    NEXT,
    answer,
    asked,
    body,
    body_of_app,
    drain,
    head,
    head_again,
    held,
    held_again,
    house,
    idle,
    idle_again,
    linger,
    parked,
    seen,
)


@dataclass
class Row:
    """A phase: how it is reached, whether it reads, and what becomes of it.

    Attributes:
        more: what the client sends next, and what comes of that.
        deadline_s: from when the phase began.
    """

    enter: Callable[[House], Peer]
    reads: bool
    more: tuple[bytes, str]
    ended: str
    lost: str
    deadline_s: float | None
    timed_out: str
    closed: str
    failed: str

    @property
    def name(self) -> str:
        return self.enter.__name__


OVER: Final = "over"
REFUSED: Final = "400 reads requestrefused"
CUT: Final = "mute closed"
ABORTED: Final = "over closed"  # with the session
READS: Final = True
WAITS: Final = False
ROWS: Final = [
    Row(idle, READS, (NEXT, REFUSED), OVER, OVER, 1, OVER, OVER, "500 mute"),
    Row(idle_again, READS, (NEXT, REFUSED), OVER, OVER, 3, OVER, OVER, "500 mute"),
    Row(head, READS, (b"\r\n", REFUSED), "400 mute", OVER, 1 - EPSILON, "408 mute", "503 mute", "500 mute"),
    Row(head_again, READS, (b"\r\n", REFUSED), "400 mute", OVER, 1, "408 mute", "503 mute", "500 mute"),
    Row(body, READS, (b"c", "200 reads str"), f"400 {CUT}", ABORTED, 2, f"408 {CUT}", "reads closed", f"500 {CUT}"),
    Row(body_of_app, READS, (b"c", "waits"), "400 mute", OVER, 2, "408 mute", "reads", "500 mute"),
    Row(asked, WAITS, (NEXT, "waits"), "waits", OVER, None, "waits", "waits", "500 mute"),
    Row(held, WAITS, (NEXT, "waits"), "waits", "over str", None, "waits", "waits closed", "500 mute str"),
    Row(held_again, WAITS, (NEXT, "waits"), "waits", OVER, None, "waits", "waits closed", "500 mute"),
    Row(parked, READS, (NEXT, "reads"), OVER, OVER, None, "reads", "200 mute closed", "500 mute"),
    Row(answer, WAITS, (NEXT, "waits"), "waits", OVER, 4, OVER, "waits", OVER),
    Row(drain, READS, (b"c", "reads"), OVER, OVER, 6, "mute", "reads", OVER),
    Row(linger, READS, (b"c" * 10, "mute"), OVER, OVER, 6, OVER, "mute", OVER),
]  # fmt: skip

rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def begin(row: Row) -> tuple[House, Peer, int]:
    place = house()
    peer = row.enter(place)
    assert not peer.wire.is_over
    assert peer.wire.wants_input is row.reads
    assert peer.received == b""
    assert not place.reports
    return place, peer, len(place.happened)


@rows
def test_what_comes_is_read_or_waits(row: Row) -> None:
    place, peer, known = begin(row)
    data, expected = row.more
    peer.send(data)
    assert seen(place, peer, known) == expected
    assert bool(peer.unread) is not row.reads


@rows
def test_end_of_what_comes(row: Row) -> None:
    place, peer, known = begin(row)
    peer.end()
    assert seen(place, peer, known) == row.ended


@rows
def test_connection_that_is_lost(row: Row) -> None:
    place, peer, known = begin(row)
    peer.lose()
    peer.lose()
    assert seen(place, peer, known) == row.lost


@rows
def test_write_that_failed_is_found_by_who_reads(row: Row) -> None:
    place, peer, known = begin(row)
    peer.wire.write_failed(place.now)
    place.settle()
    assert seen(place, peer, known).startswith("over") is not row.reads


@rows
@pytest.mark.parametrize("late", [0, EPSILON, 0.4])
def test_time_out(row: Row, late: float) -> None:
    place, peer, known = begin(row)
    if row.deadline_s is None:
        place.advance(9)
    else:
        before = seen(place, peer, known)
        place.advance(row.deadline_s - EPSILON)
        assert seen(place, peer, known) == before
        place.clock.now += EPSILON + late
        place.settle()
    assert seen(place, peer, known) == row.timed_out


@rows
def test_closing_server(row: Row) -> None:
    place, peer, known = begin(row)
    place.site.close(place.now)
    place.settle()
    assert seen(place, peer, known) == row.closed


@rows
def test_failure_of_ours_costs_this_connection(row: Row) -> None:
    place, peer, known = begin(row)
    peer.wire.fail(ValueError("ours"), place.now)
    place.settle()
    assert seen(place, peer, known) == row.failed
    assert [str(error) for _, error in place.reports] == ["ours"]


@rows
@pytest.mark.parametrize("shortcuts", [True, False])
def test_bytes_may_come_one_by_one(row: Row, *, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    peer = row.enter(place)
    known = len(place.happened)
    data, expected = row.more
    peer.send(*(data[at : at + 1] for at in range(len(data))))
    assert seen(place, peer, known) == expected
