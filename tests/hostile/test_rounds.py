"""What handlers make of twelve bytes may take long, or be told to many: a round of the loop has room for so much."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from socketio_core import Server
from socketio_core.app.rounds import LONG_S, ROUND_S
from socketio_core.app.socket import Socket
from socketio_core.app.worker import TOLD_LIKE_EVENT, TURN_EVENTS
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


def rounds_of(place: Served, count: int, done: Callable[[], int]) -> list[int]:
    """Return how many events are handled in each round of the loop, until so many are."""
    rounds: list[int] = []
    while sum(rounds) < count:
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
