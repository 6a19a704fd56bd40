"""What handlers make of twelve bytes may take long, or be told to many: a round of the loop has room for so much."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from socketio_core import Server
from socketio_core.app.rounds import LONG_S, LOOK_EVENTS, ROUND_S
from socketio_core.app.socket import Socket
from socketio_core.app.worker import TOLD_LIKE_EVENT, TURN_EVENTS
from tests.app.hand_runtime import HandEvent
from tests.app.served import Served
from tests.wire.written import TEXT, frame


def test_broadcasts_to_many_end_the_turn_of_all_handlers() -> None:
    io = Server()
    handled: list[str] = []

    async def say(_: Socket, text: str) -> None:
        handled.append(text)
        io.emit_nowait("said", text)

    io.sockets.on("say")(say)
    place = Served(io)
    peers = [place.join() for _ in range(20)]
    for peer in peers[:3]:
        peer.wire.receive(frame(b'42["say","x"]', TEXT) * 100, place.now)
    rounds = rounds_of(place, 300, lambda: len(handled))
    assert max(rounds) <= TURN_EVENTS * TOLD_LIKE_EVENT // len(peers) + 3


def rounds_of(
    place: Served, count: int, done: Callable[[], int], begin: Callable[[], object] = lambda: None
) -> list[int]:
    """Return how many events are handled in each round of the loop, until so many are."""
    rounds: list[int] = []
    while sum(rounds) < count:
        begin()
        place.flush()
        for _ in range(len(place.runtime.ready)):
            place.runtime.run_one()
        rounds.append(done() - sum(rounds))
    return rounds


@pytest.mark.parametrize("event_s", [2 * LONG_S, ROUND_S / 3, 2 * ROUND_S])
def test_answers_that_take_long_end_the_turn_of_all_handlers(event_s: float) -> None:
    """Before, each of twenty had all handled that it had sent: 0.1 s in a round, for what is in a chat's history."""
    io = Server()
    asked: list[str] = []

    def history(_: Socket, text: str) -> list[str]:
        place.clock.now += event_s
        asked.append(text)
        return asked[-3:]

    io.sockets.on("history")(history)
    place = Served(io)
    peers = [place.join() for _ in range(20)]
    for peer in peers:
        peer.wire.receive(frame(b'421["history","x"]', TEXT) * 20, place.now)
    first, *others = rounds_of(place, 400, lambda: len(asked))
    most = ROUND_S / event_s + 3
    assert first <= most + len(peers)  # nobody knows yet what takes long
    assert max(others) <= most


CLIENTS: Final = 8
EVENTS: Final = 4 * LOOK_EVENTS


class Archive:
    """Clients ask for what is asked of something elsewhere, which answers all that has come before each round.

    Args:
        away_s: how long that takes.
        event_s: how long it takes to make the answer for the client then.
    """

    def __init__(self, away_s: float, event_s: float) -> None:
        self._away_s = away_s
        self._event_s = event_s
        self._asked: list[HandEvent] = []
        self.answered = 0
        io = Server()
        io.sockets.on("history")(self._history)
        self.place = Served(io)
        for peer in [self.place.join() for _ in range(CLIENTS)]:
            peer.wire.receive(frame(b'421["history","x"]', TEXT) * EVENTS, self.place.now)

    async def _history(self, _: Socket, text: str) -> str:
        event = self.place.runtime.new_event()
        self._asked.append(event)
        await event.wait()
        self.place.clock.now += self._event_s
        self.answered += 1
        return text

    def rounds(self) -> list[int]:
        """Return how many are answered in each round, until all are."""
        return rounds_of(self.place, CLIENTS * EVENTS, lambda: self.answered, self._answer)

    def _answer(self) -> None:
        self.place.clock.now += self._away_s
        while self._asked:
            self._asked.pop().set()


def test_handlers_that_wait_for_something_else_take_no_time_from_others() -> None:
    archive = Archive(away_s=10 * ROUND_S, event_s=LONG_S / 10)
    assert archive.rounds() == [0, *[CLIENTS] * EVENTS]  # nobody had asked in the first


def test_what_handlers_do_behind_a_wait_takes_time_from_others() -> None:
    archive = Archive(away_s=10 * ROUND_S, event_s=ROUND_S / 2)
    rounds = archive.rounds()
    assert max(rounds[:3]) == CLIENTS  # nobody knows yet what takes long
    assert max(rounds[3:]) == 2
