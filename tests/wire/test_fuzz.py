"""Any bytes in any pieces: a site never raises, holds little, and says the same with shortcuts and without.

Each stream goes to two sites, one of which reads all through h11 and wsproto: their engines must tell the same, and
their clients must read the same. `--long` tries twenty times as many.
"""

from __future__ import annotations

from random import Random
from typing import Any, Final

import pytest

from socketio_core.app.budget import held_bytes
from socketio_core.settings import EngineSettings
from socketio_core.wire import HandshakeAsked, RequestAsked
from tests.effort import examples
from tests.holdings import held_by
from tests.wire.by_hand import POLLING, WEBSOCKET, Gate, House, ok
from tests.wire.test_plain_frames import stream as some_frames
from tests.wire.test_plain_requests import some_request
from tests.wire.test_plain_requests import some_stream as some_requests
from tests.wire.written import CLOSE, PING, PONG, close_frame, cut, frame, handshake, request

SETTINGS: Final = EngineSettings(path="/engine.io/", max_payload_bytes=20_000)
BLOCK: Final = 25
CONSTANT_BYTES: Final = 1000  # what a library keeps of a handshake

seeds = pytest.mark.parametrize("start", range(0, examples(25), BLOCK))


class Twin:
    """A house that answers all it is asked, and what a client has read there."""

    def __init__(self, *, shortcuts: bool, **options: Any) -> None:
        self.place = House(SETTINGS, asks_requests=True, shortcuts=shortcuts, gate=Gate(), **options)
        self.place.on_work = self._answer
        self.place.is_echoing = False  # what is said in a turn before a bad frame is written, and in the same one not

    def _answer(self, now: float) -> None:
        asked, self.place.asked = self.place.asked, []
        for one in asked:
            if isinstance(one, RequestAsked):
                one.answer(ok(repr((one.request.method, one.request.target, one.body)).encode()), now)
            else:
                assert isinstance(one, HandshakeAsked)
                one.answer(None if len(one.request.headers) % 2 else "odd", now)

    def seen(self) -> tuple[object, ...]:
        """What the engine has told, and what came of each connection."""
        told: dict[str, list[object]] = {}  # turns are not the same, so clients may come in another order
        for session, event in self.place.happened:
            told.setdefault("" if session is None else session.sid, []).append(
                event if isinstance(event, (str, bytes)) else repr(event)
            )
        ends = [(peer.wire.is_over, peer.wire.is_mute, peer.wire.wants_input) for peer in self.place.peers]
        return told, ends, [peer.received for peer in self.place.peers]


def pieces_of(random: Random, data: bytes) -> list[bytes]:
    """Cut it as a network may."""
    limit = random.choice((1, 3, 20, 200, 5000, 70_000))
    if len(data) > 300 * limit:
        limit = 5000
    return cut(random, data, limit)


def some_session(random: Random, sid: str) -> bytes:
    """Make requests of a client that has a session."""
    made: list[bytes] = []
    for _ in range(random.randrange(1, 6)):
        what = random.random()
        body = random.choice((b"4a", b"4\xc3\xa9\x1e4b", b"3", b"", b"9", b"4" * 20_001, b"bYQ==", b"\x1e", b"4\xff"))
        if what < 0.5:
            made.append(request(f"{POLLING}&sid={sid}", "POST", body, ["Expect: 100-continue"] * (what < 0.05)))
        elif what < 0.7:
            made.append(request(f"{POLLING}&sid={sid}"))
        elif what < 0.8:
            made.append(handshake(f"{WEBSOCKET}&sid={random.choice((sid, 'x'))}"))
            made += random.choices((frame("2probe"), frame("5"), frame("4a"), frame("x", 3), close_frame()), k=3)
        else:
            made.append(some_request(random))
    return b"".join(made)


def play(twin: Twin, random: Random) -> tuple[object, ...]:
    """Let one or two clients do something, the same for the same `random`."""
    place = twin.place
    sid = place.open_session()
    peers = [place.connect(can_half_close=random.random() < 0.8) for _ in range(random.randrange(1, 3))]
    for peer in peers:
        kind = random.random()
        if kind < 0.3:
            data = some_requests(random)
        elif kind < 0.7:
            data = some_session(random, sid)
        else:
            data = handshake(WEBSOCKET) + b"".join(
                random.choice((frame("4a"), frame("4é" * 300), frame(b"x" * 200), frame(b"", PONG)))
                for _ in range(random.choice((3, 20, 600)))
            )
            data += random.choice((b"", b"", close_frame(), close_frame(1000), frame("x", 3), frame(b"1", CLOSE)))
        peer.put(*pieces_of(random, data))
        if random.random() < 0.6:
            peer.put(b"")
    for _ in range(random.randrange(1, 4)):
        happening = random.random()
        place.settle()
        assert place.gate is not None
        if happening < 0.2:
            place.gate.is_congested = True
            place.settle()
            place.gate.open(place.now)
        elif happening < 0.4:
            place.gate.open(place.now)
        elif happening < 0.5:
            place.site.close(place.now)
        elif happening < 0.6:
            peers[0].lose()
        elif happening < 0.7:
            peers[0].is_reading = False
        elif happening < 0.8:
            peers[0].read_on()
        else:
            place.advance(random.choice((0.1, 5, 30, 100)))
    for peer in peers:
        peer.read_on()
    place.settle()
    assert not place.reports
    return twin.seen()


@seeds
def test_clients_see_the_same_with_and_without_shortcuts(start: int) -> None:
    for seed in range(start, start + BLOCK):
        with_shortcuts = play(Twin(shortcuts=True), Random(seed))
        without = play(Twin(shortcuts=False), Random(seed))
        assert with_shortcuts == without, f"seed {seed}"


@seeds
@pytest.mark.parametrize("per_message_deflate", [True, False])
def test_nothing_raises_and_all_comes_to_an_end(start: int, *, per_message_deflate: bool) -> None:
    for seed in range(start, start + BLOCK):
        random = Random(seed)
        twin = Twin(shortcuts=random.random() < 0.5, per_message_deflate=per_message_deflate)
        place = twin.place
        peers = [place.connect(), place.connect()]
        for peer in peers:
            extensions = ["Sec-WebSocket-Extensions: permessage-deflate"] * (random.random() < 0.5)
            data = random.choice((b"", handshake(WEBSOCKET, extensions))) + random.choice(
                (some_frames(random), some_requests(random), random.randbytes(300))
            )
            peer.put(*pieces_of(random, data))
        for _ in range(3):
            place.settle()
            check_charges(place)
            place.advance(random.choice((0.1, 10)))
        place.site.close(place.now)
        place.settle()
        place.advance(200)
        assert not place.site.wires, f"seed {seed}"
        assert not place.reports, f"seed {seed}"
        assert place.engine.session_count == 0
        assert len(place.site.timers) == 0


@pytest.mark.parametrize("shortcuts", [True, False])
def test_what_is_held_of_a_client_that_sends_without_end_is_bounded(*, shortcuts: bool) -> None:
    for start, more in (
        (b"GET /", b"x"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", b"X: y\r\n"),
        (request("/engine.io/"), b"\r\n"),
        (handshake(WEBSOCKET) + frame("4", fin=False), frame(b"a" * 100, 0, fin=False)),
        (handshake(WEBSOCKET) + frame("4" * 70_000)[:14], b"x"),
        (handshake(WEBSOCKET), frame(b"?" * 125, PING)),
    ):
        place = House(SETTINGS, shortcuts=shortcuts)
        peer = place.connect()
        peer.is_reading = False
        peer.put(start, *[more * (20_000 // len(more))] * 20)
        place.settle()
        held = held_by(peer.wire)
        assert held < 150_000, (start[:20], held)


def check_charges(place: House) -> None:
    """What a connection and its session hold is what they are charged with, at least; who is over holds nothing."""
    for peer in place.peers:
        wire, session = peer.wire, peer.wire.session
        charged = wire.held_bytes + (0 if session is None else held_bytes(session))
        assert held_by(wire) <= charged + CONSTANT_BYTES
