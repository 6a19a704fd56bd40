"""Answers that nobody reads stop the reading, until they are read; nobody is closed for that."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Final

import pytest

from socketio_core import Server
from socketio_core.settings import EngineSettings
from tests.app.served import Served
from tests.socketio.client.scene import Scene
from tests.wire.by_hand import Peer
from tests.wire.written import POLLING, frame, request

MARK: Final = 20_000
ATTACKS: Final = {
    "acks": '420["x"]',
    "refusals": "40/no-such-namespace",
}


def served() -> Served:
    io = Server(engine=EngineSettings(high_water_bytes=MARK, max_buffered_messages=1_000_000, ping_timeout_s=10))

    @io.sockets.on("x")
    def _(_: object) -> str:
        return ""

    return Served(io)


@pytest.mark.parametrize("attack", ATTACKS)
def test_answers_that_nobody_reads_stop_the_reading(attack: str) -> None:
    """Before, one message more was taken in for ever, up to `max_buffered_bytes`, which is 16 times as much."""
    house = served()
    peer = house.join()
    peer.is_reading = False
    piece = frame(ATTACKS[attack]) * 20
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(20 * MARK // len(piece)):
            peer.send(piece)
            if not peer.is_read():
                break
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert not peer.is_read()
    assert held <= 4 * 2 * MARK
    (session,) = house.io.sockets.sockets.values()
    peer.put(piece)
    house.advance(60)  # its silence is not held against it
    assert session.connected
    peer.read_on()
    assert peer.unread == 0
    assert peer.is_read()
    peer.send(frame('427["x"]'))
    assert (1, b'437[""]') in peer.frames()


def test_polling_client_that_polls_no_more_gets_no_answer_to_its_post_until_it_does() -> None:
    house = served()
    target = f"{POLLING}&sid={house.open_session()}"
    house.connect().ask(target, "POST", b"40")
    assert house.connect().ask(target).status == 200
    body = "\x1e".join([ATTACKS["acks"]] * 100).encode()
    posts = [post_of(house, target, body)]
    while posts[-1].received:
        assert len(posts) < 1000
        posts.append(post_of(house, target, body))
    assert house.connect().ask(target).text.count("430") == 100 * len(posts[:-1])  # the last one was not looked at yet
    assert posts[-1].answer().text == "ok"


def post_of(house: Served, target: str, body: bytes) -> Peer:
    peer = house.connect()
    peer.send(request(target, "POST", body))
    return peer


def test_post_that_is_held_is_answered_when_its_session_ends() -> None:
    house = served()
    target = f"{POLLING}&sid={house.open_session()}"
    house.connect().ask(target, "POST", b"40")
    assert house.connect().ask(target).status == 200
    body = "\x1e".join([ATTACKS["acks"]] * 100).encode()
    while (post := post_of(house, target, body)).received:
        pass
    (socket,) = house.io.sockets.sockets.values()
    house.runtime.start(socket.disconnect(close=True))
    house.settle()
    assert post.answer().status == 400


def test_a_stream_of_messages_does_not_stop_the_reading() -> None:
    """Whoever emits waits at the mark itself."""
    house = served()
    peer = house.join()
    peer.is_reading = False
    (socket,) = house.io.sockets.sockets.values()
    for _ in range(10):
        house.runtime.start(socket.emit("frame", "x" * (MARK - 100)))
    house.settle()
    assert peer.is_read()


def test_client_reads_no_more_from_a_server_that_does_not_read() -> None:
    limit = 40_000
    scene = Scene(engine={"max_buffered_bytes": limit, "high_water_bytes": 10_000}).connected()
    held = 0
    while not scene.client.is_clogged:
        scene.say('20["x"]')
        scene.root.acknowledge(0, [])
        held += 1
        assert held < 1000
    assert scene.client.session is not None
    assert scene.client.session.is_open
    scene.sent()
    assert not scene.client.is_clogged
