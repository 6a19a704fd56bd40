"""One bound for the whole server: the fullest clients are closed first, with a reason and one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from socketio_core import Server, ServerLimits
from socketio_core.app.room import ASKED_BYTES
from socketio_core.app.server import host_of
from socketio_core.settings import EngineSettings
from tests.app.hand_runtime import HandEvent
from tests.app.served import Log, Served
from tests.wire.by_hand import Peer
from tests.wire.written import POLLING, frame, request

LIMIT = 300_000
PINGED = b"\x81\x012"


class Town(Served):
    def __init__(self) -> None:
        self.log = Log()
        engine = EngineSettings(high_water_bytes=10**6, http_compression_threshold_bytes=None)
        super().__init__(Server(engine=engine, limits=ServerLimits(max_total_buffered_bytes=LIMIT)), self.log)
        self.bare = None

    def look(self) -> list[str]:
        """Let some time pass, so that the server looks after its budget. Returns who was closed."""
        self.advance(1)
        self.connect()
        self.settle()
        closed, self.log.closed = self.log.closed, []
        return closed

    def deaf(self) -> Peer:
        peer = self.join()
        peer.is_reading = False
        return peer

    def sockets(self) -> list[Any]:
        return list(self.io.sockets.sockets.values())


WHY = f"transport error: the server holds too much, max_total_buffered_bytes: {LIMIT}"


def test_the_fullest_are_closed_until_the_others_have_room() -> None:
    town = Town()
    peers = [town.deaf() for _ in range(4)]
    sockets = town.sockets()
    for socket, size in zip(sockets, (50_000, 150_000, 90_000, 0), strict=True):
        socket.emit_nowait("x", "x" * size)
    assert town.look() == []
    sockets[3].emit_nowait("x", "x" * 20_000)
    assert town.look() == [WHY]
    assert [socket.connected for socket in sockets] == [True, False, True, True]
    assert [peer.is_over() for peer in peers] == [False] * 4
    assert town.log.failures == [
        "the server holds too much, so the fullest 1 of 4 clients were closed; max_total_buffered_bytes: 300000"
    ]
    for peer in peers:
        peer.read_on()
    assert town.look() == []


def test_what_many_get_is_held_once() -> None:
    town = Town()
    for _ in range(10):
        town.deaf()
    town.io.sockets.emit_nowait("x", "x" * 100_000)
    assert town.look() == []
    for _ in range(2):
        town.io.sockets.emit_nowait("x", "x" * 100_000)
    assert len(town.look()) == 10  # all hold the same, so nothing is freed before the last one is closed


def test_who_has_much_alone_goes_before_those_who_have_more_together() -> None:
    town = Town()
    for _ in range(10):
        town.deaf()
    town.io.sockets.emit_nowait("x", "x" * 200_000)
    town.deaf()
    *together, alone = town.sockets()
    alone.emit_nowait("x", "x" * 60_000)
    assert town.look() == []
    alone.emit_nowait("x", "x" * 50_000)
    assert town.look() == [WHY]
    assert not alone.connected
    assert all(socket.connected for socket in together)


def test_many_who_have_the_same_small_messages_hold_little() -> None:
    town = Town()
    for _ in range(30):
        target = f"{POLLING}&sid={town.open_session()}"
        town.connect().ask(target, "POST", b"40")
    for _ in range(300):
        town.io.sockets.emit_nowait("x")
    assert town.look() == []
    assert host_of(town.io).budget.held()[0] < LIMIT


def test_queued_events_count_and_go_with_their_client() -> None:
    town = Town()
    gate = HandEvent(town.runtime)
    handled: list[int] = []

    @town.io.sockets.on("x")
    async def handle(_: object, data: str) -> None:
        handled.append(len(data))
        await gate.wait()

    peer = town.join()
    for _ in range(4):
        peer.send(frame(f'42["x","{"x" * 100_000}"]'))
    assert town.look() == [WHY]
    gate.set()
    town.settle()
    assert handled == [100_000]


def test_half_a_post_and_a_response_in_flight_count() -> None:
    town = Town()
    target = f"{POLLING}&sid={town.open_session()}"
    town.connect().ask(target, "POST", b"40")
    town.connect().ask(target)
    post = town.connect()
    post.send(request(target, "POST", b"4" + b"x" * 180_000)[:-1])
    assert town.look() == []
    poll = town.connect()
    poll.is_reading = False
    poll.send(request(target))
    town.sockets()[0].emit_nowait("x", "x" * 70_000)
    town.settle()
    assert town.look() == [WHY]


@pytest.mark.parametrize("is_polling", [False, True])
def test_bare_engine_counts_too(is_polling: bool) -> None:  # noqa: FBT001
    log = Log()
    io = Server(limits=ServerLimits(max_total_buffered_bytes=LIMIT))
    bare = io.attach_engine("/bare/")
    town = Served(io, log)
    target = "/bare/?EIO=4&transport="
    if is_polling:
        assert town.open_session(f"{target}polling")
    else:
        town.websocket(f"{target}websocket").is_reading = False
    (session,) = bare.sessions
    for _ in range(4):
        session.send_nowait("x" * 100_000)
    town.advance(1)
    town.connect()
    town.settle()
    assert log.closed == [WHY]


def test_a_request_counts_while_the_application_is_asked() -> None:
    async def allow(_: object) -> None:
        await gate.wait()

    io = Server(allow_request=allow, limits=ServerLimits(max_total_buffered_bytes=LIMIT))
    town = Served(io)
    gate = HandEvent(town.runtime)
    before, _ = host_of(io).budget.held()
    client = town.connect()
    client.send(request(POLLING, headers=["X: " + "x" * 5_000]))
    town.settle()
    held, count = host_of(io).budget.held()
    assert held - before >= ASKED_BYTES + 5_000
    assert count == 1
    gate.set()
    town.settle()
    assert client.answer().status == 200
    held, count = host_of(io).budget.held()
    assert before < held < before + ASKED_BYTES + 5_000
    assert count == 2, "a session, and its connection"


def test_engine_session_that_nobody_knows_yet_holds_nothing() -> None:
    io = Server()
    bare = io.attach_engine("/bare/")
    Served(io)
    assert bare.sessions == []


# -- when it is looked -----------------------------------------------------------------------------------------------


class Watched(Town):
    """Knows how often its clients were looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = self.pongs = 0
        budget = host_of(self.io).budget
        connections = budget.connections

        def look() -> Any:
            self.looks += 1
            return connections()

        budget.connections = look

    def looks_in(self, seconds: int) -> int:
        """Let time pass, in which clients do nothing but answer pings. Returns how often they were looked at."""
        before = self.looks
        for _ in range(seconds * 4):
            self.advance(0.25)
            self.settle()
            for peer in self.peers:
                if peer.received == PINGED:
                    self.pongs += 1
                    peer.received = b""
                    peer.send(frame("3"))
        return self.looks - before


def test_who_is_only_pinged_is_not_looked_at() -> None:
    town = Watched()
    for _ in range(3):
        town.join()
    assert town.looks_in(1) > 0
    assert town.looks_in(120) == 0
    assert town.pongs == 3 * 4


def emit_to_all(town: Watched) -> None:
    town.io.sockets.emit_nowait("x", 1)


def emit_to_who_is_pinged(town: Watched) -> None:
    """Both are told of in one flush."""
    (session,) = host_of(town.io).endpoints[0].core.sessions
    assert session.next_deadline is not None
    town.clock.now = session.next_deadline
    town.site.handle_timeout(town.now)
    emit_to_all(town)


def say_something(town: Watched) -> None:
    town.peers[0].send(frame('42["x"]'))


def say_half_of_it(town: Watched) -> None:
    town.peers[0].send(frame('42["x"]')[:-1])


def ask_for_half_a_page(town: Watched) -> None:
    town.connect().send(b"GET /")


def come_and_go(town: Watched) -> None:
    town.join().lose()


@pytest.mark.parametrize(
    "happen",
    [emit_to_all, emit_to_who_is_pinged, say_something, say_half_of_it, ask_for_half_a_page, come_and_go],
)
def test_whatever_else_happens_is_looked_at_soon(happen: Callable[[Watched], None]) -> None:
    town = Watched()
    town.join()
    town.looks_in(2)
    assert town.looks_in(60) == 0
    happen(town)
    assert town.looks_in(1) > 0


def test_what_comes_with_a_ping_is_looked_at_soon() -> None:
    town = Watched()
    peer = town.join()
    town.looks_in(2)
    assert town.looks_in(60) == 0
    due_at = town.site.next_deadline
    assert due_at is not None
    town.clock.now = due_at
    peer.wire.receive(frame('42["x"]')[:-1], town.now)
    town.site.handle_timeout(town.now)
    assert town.flush() == [peer]
    assert peer.received == PINGED
    peer.received = b""  # and it is not answered
    assert town.looks_in(1) > 0


def test_what_waits_for_a_poll_is_looked_at_soon() -> None:
    town = Watched()
    target = f"{POLLING}&sid={town.open_session()}"
    town.connect().ask(target, "POST", b"40")
    assert town.connect().ask(target).text.startswith("40")
    town.looks_in(2)
    assert town.looks_in(20) == 0
    emit_to_all(town)
    assert town.looks_in(1) > 0


def test_what_waits_for_a_middleware_is_looked_at_soon() -> None:
    town = Watched()
    gate = HandEvent(town.runtime)
    sockets: list[Any] = []

    @town.io.sockets.use
    async def decide(socket: Any, *_: object) -> None:
        sockets.append(socket)
        await gate.wait()

    peer = town.websocket()
    peer.send(frame("40"))
    town.settle()
    town.looks_in(2)
    assert town.looks_in(20) == 0
    sockets[0].emit_nowait("x", "x")
    assert town.looks_in(1) > 0


def test_of_many_some_are_looked_at_in_a_round() -> None:
    town = Town()
    budget = host_of(town.io).budget
    peers = [town.join() for _ in range(600)]
    town.settle()
    town.clock.now += 10
    rounds = 1
    budget.check(town.clock.now)
    while budget.is_looking:
        for peer in peers[:100]:  # who goes meanwhile does no harm
            peer.lose()
        del peers[:100]
        rounds += 1
        budget.check(town.clock.now)
    assert rounds == 3
    assert town.log.closed == ["transport close: None"] * 200
    assert budget.held()[1] == 800


def test_the_fullest_of_many_is_found_though_nothing_more_happens() -> None:
    town = Town()
    for _ in range(600):
        town.join()
    town.deaf()
    fullest = town.sockets()[-1]
    town.settle()
    fullest.emit_nowait("x", "x" * LIMIT)
    assert town.look() == [WHY]
    assert not host_of(town.io).budget.is_looking
