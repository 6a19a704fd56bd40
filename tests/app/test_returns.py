"""Who comes back to much that was missed is let through in a round of its own; others go together."""

from __future__ import annotations

from socketio_core.app import Socket
from socketio_core.app.returns import CLIENT_EVENTS, ROUND_EVENTS, Returns
from socketio_core.testing import FakeClock
from tests.app.hand_runtime import HandRuntime
from tests.app.test_recovery import Place, pid_of

MUCH = ROUND_EVENTS


async def rounds(runtime: HandRuntime, count: int, told: list[str]) -> None:
    """Somebody else, who wants to be served in each round."""
    for _ in range(count):
        event = runtime.new_event()
        runtime.run_soon(event.set)
        await event.wait()
        told.append("|")


def through(*counts: int) -> str:
    """Return who is let through, and where rounds end, when as many have missed so much."""
    runtime, returns, told = HandRuntime(FakeClock()), Returns(), list[str]()

    async def come_back(number: int, count: int) -> None:
        await returns.turn(runtime, count)
        told.append(str(number))

    for number, count in enumerate(counts):
        runtime.start(come_back(number, count))
    runtime.start(rounds(runtime, 4, told))
    runtime.run_ready()
    return "".join(told)


def test_one_who_has_missed_much_is_let_through_in_each_round() -> None:
    assert through(MUCH, 10 * MUCH, MUCH) == "0|1|2||"


def test_those_who_have_missed_little_are_let_through_together() -> None:
    assert through(0, 1, 2, 3, 4) == "01234||||"
    assert through(*[0] * 3, MUCH, *[0] * 2) == "0123|45|||"
    assert ROUND_EVENTS // CLIENT_EVENTS == 32


def test_one_who_has_gone_meanwhile_holds_nobody_up() -> None:
    runtime, returns = HandRuntime(FakeClock()), Returns()
    gone, here = (runtime.start(returns.turn(runtime, MUCH)) for _ in range(2))
    runtime.run_one()
    runtime.cancel(gone)
    runtime.run_ready()
    assert here.is_done


def test_clients_that_come_back_are_sent_what_they_missed_one_after_another() -> None:
    place = Place()
    sockets = [place.enter() for _ in range(5)]
    for client, socket, _ in sockets:
        for number in range(MUCH + 1):
            socket.emit_nowait("x", number)
        place.lose(client)
    before = len(place.sockets)
    told: list[str] = []

    def note(_: Socket) -> None:
        told.append(".")

    place.io.on("connection", note)
    for _, socket, _ in sockets:
        place.open("websocket").send(f'40{{"pid":"{pid_of(socket)}","offset":"id1.1"}}')
    place.start(rounds(place.runtime, 8, told))
    place.run()
    assert len(place.sockets) == before + 5
    assert all(socket.recovered for socket in place.sockets[before:])
    assert "..." not in "".join(told)  # of the first two rounds one may not have been seen
