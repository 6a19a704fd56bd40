"""What one client says may be told to many, and twenty may say much: a round of the loop tells only so many."""

from __future__ import annotations

from socketio_core import Server
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
    rounds: list[int] = []
    while len(handled) < 300:
        before = len(handled)
        place.flush()
        for _ in range(len(place.runtime.ready)):
            place.runtime.run_one()
        rounds.append(len(handled) - before)
    assert max(rounds) <= TURN_EVENTS * TOLD_LIKE_EVENT // len(peers) + 3
    assert sum(rounds) == 300
