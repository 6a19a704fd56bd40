"""What clients answer to a question for all is kept until all have answered: each has room for so much, and all have.

One that says nothing, and others that say much to each question, would have the server hold it all: before, 20 of them
had it hold three times its limit.
"""

from __future__ import annotations

import logging
from re import findall
from typing import Final

import pytest

from socketio_core import Server, ServerLimits, SocketSettings
from socketio_core.app import AckTimeout
from socketio_core.app.flow import EVENT_BYTES
from socketio_core.app.log import Log
from socketio_core.app.server import host_of
from tests.app.hand_runtime import Task
from tests.app.served import Served
from tests.wire.by_hand import Peer
from tests.wire.written import frame

MAX_QUEUED: Final = 100_000
ANSWER: Final = "x" * 60_000  # three of a client are more than it has room for


class Square(Served):
    """A server that asks everybody, again and again; the first who came never answers."""

    def __init__(self, limit_bytes: int = 100_000_000, peers: int = 3) -> None:
        io = Server(
            settings=SocketSettings(max_queued_bytes=MAX_QUEUED),
            limits=ServerLimits(max_total_buffered_bytes=limit_bytes),
        )
        super().__init__(io, Log(logging.getLogger("tests.hostile.collected"), lambda: self.now))
        self.deaf = self.join()
        self.crowd = [self.join() for _ in range(peers)]
        self.asked: list[Task] = []

    def ask(self) -> None:
        self.asked.append(self.runtime.start(self.io.timeout(5).call("q")))
        self.settle()

    def answer(self, peer: Peer, text: str) -> None:
        """Answer the newest question."""
        (ack_id,) = findall(r'42(\d+)\["q"\]', peer.received.decode("latin-1"))[-1:]
        peer.send(frame(f'43{ack_id}["{text}"]'))

    @property
    def held_bytes(self) -> int:
        return host_of(self.io).budget.held()[0]

    def come(self) -> list[int]:
        """Let the time of all questions be over; return how many answers each of them had."""
        self.advance(6)
        errors = [task.error for task in self.asked]
        assert all(isinstance(error, AckTimeout) for error in errors)
        return [len(error.responses) for error in errors if isinstance(error, AckTimeout)]


def test_one_client_has_room_for_so_much(caplog: pytest.LogCaptureFixture) -> None:
    place = Square()
    before = place.held_bytes
    for _ in range(6):
        place.ask()
        place.answer(place.crowd[0], ANSWER)
        place.answer(place.crowd[1], "little")
    assert 3 * len(ANSWER) < place.held_bytes - before < 3 * MAX_QUEUED
    assert place.come() == [2, 2, 2, 1, 1, 1]
    assert place.held_bytes <= before
    assert "so some count as missing" in caplog.text


def test_one_answer_may_have_any_size() -> None:
    place = Square()
    place.ask()
    place.answer(place.crowd[0], "x" * 3 * MAX_QUEUED)
    assert place.come() == [1]


def test_all_together_have_a_quarter_of_what_the_server_may_hold() -> None:
    limit = 2_000_000
    place = Square(limit, peers=24)
    place.ask()
    for peer in place.crowd:
        place.answer(peer, ANSWER)
    assert 0.2 * limit < place.held_bytes < 0.5 * limit
    assert place.come() == [limit // 4 // (len(ANSWER) + EVENT_BYTES)]
    place.ask()  # and then there is room again
    place.answer(place.crowd[0], ANSWER)
    assert place.come()[-1] == 1
