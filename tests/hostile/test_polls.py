"""A poll's response is bounded, whatever waits; the next one has the rest, in order."""

from __future__ import annotations

import gc
import tracemalloc

from socketio_core.settings import EngineSettings
from tests.engineio.scene import Scene
from tests.wire.by_hand import POLLING, House
from tests.wire.written import request

MB = 1_000_000


def test_next_poll_takes_the_rest() -> None:
    scene = Scene(max_poll_bytes=10)
    client = scene.client()
    session = scene.session(client)
    for text in ("1234", "5678", "9", "x" * 20, "y"):
        session.send(text, scene.now)
    assert [scene.poll(client) for _ in range(3)] == [b"41234\x1e45678", b"49", b"4" + b"x" * 20]
    assert session.buffered_bytes == 2
    assert scene.poll(client) == b"4y"


def test_poller_that_takes_no_response_holds_little_beside_what_waits() -> None:
    """Before, 16 MB that waited were 65 to 81 MB: messages, body, answer, and the rest of the write."""
    waiting = 8 * MB
    house = House(EngineSettings(path="/engine.io/", http_compression_threshold_bytes=None))
    sid = house.connect().ask().text.split('"')[3]
    (session,) = house.engine.sessions
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(waiting // 100_000):
            session.send(f"{number:06}" + "x" * 99_990, house.now)
        house.settle()
        peer = house.connect()
        peer.is_reading = False
        peer.send(request(f"{POLLING}&sid={sid}"))
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held <= 1.4 * waiting
    assert peak <= 1.7 * waiting
    peer.read_on()
    assert len(peer.answer().body) <= MB
