"""The handles that a host holds, each by itself; what they do in a session is told in `test_session.py`."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from socketio_core.engineio.carriers import FAST_BYTES, Poll, Post
from socketio_core.engineio.message import WireMessage
from socketio_core.http import Headers
from tests.engineio.scene import Scene, parts


def make_poll(accept_encoding: str | None, threshold_bytes: int | None, headers: Headers = ()) -> Poll:
    scene = Scene()
    return Poll(scene.session(scene.client()), headers, accept_encoding, threshold_bytes)


def respond(
    *frames: str | bytes,
    accept_encoding: str | None = "gzip, deflate",
    threshold_bytes: int | None = 1024,
    compress: bool = True,
) -> tuple[int, dict[str, str], bytes]:
    poll = make_poll(accept_encoding, threshold_bytes)
    poll.respond([WireMessage((frame,), compress=compress) for frame in frames])
    return parts(poll.response)


def test_a_poll_is_answered_with_one_payload_and_exact_headers() -> None:
    """PROTOCOL 1.5."""
    assert respond("4hello", b"\x01\x02\x03\x04", "4€") == (
        200,
        {"content-type": "text/plain; charset=UTF-8", "cache-control": "no-store", "content-length": "21"},
        b"4hello\x1ebAQIDBA==\x1e4\xe2\x82\xac",
    )


def test_headers_of_the_request_follow_the_fixed_ones() -> None:
    poll = make_poll(None, None, [(b"x-one", b"1"), (b"x-two", b"2")])
    poll.respond([WireMessage(("2",))])
    assert poll.response is not None
    assert [name for name, _ in poll.response.headers] == [
        b"content-type",
        b"cache-control",
        b"x-one",
        b"x-two",
        b"content-length",
    ]


@pytest.mark.parametrize(("size", "is_compressed"), [(1023, False), (1024, True), (1025, True)])
def test_compresses_from_the_threshold_on(size: int, *, is_compressed: bool) -> None:
    """PROTOCOL 1.6: the encoded body counts, in bytes."""
    text = "4" + "é" * ((size - 1) // 2) + "x" * ((size - 1) % 2)
    _, headers, body = respond(text)
    assert ("content-encoding" in headers) == is_compressed
    assert headers.get("vary") == ("Accept-Encoding" if is_compressed else None)
    assert headers["content-length"] == str(len(body))
    assert (gzip.decompress(body) if is_compressed else body) == text.encode()


@pytest.mark.parametrize(
    ("accept_encoding", "chosen"),
    [("gzip", "gzip"), ("deflate", "deflate"), ("deflate, gzip;q=0.5", "deflate"), (None, None), ("br", None)],
)
def test_compresses_as_the_client_accepts(accept_encoding: str | None, chosen: str | None) -> None:
    text = "4" + "hello " * 500
    _, headers, body = respond(text, accept_encoding=accept_encoding)
    assert headers.get("content-encoding") == chosen
    assert headers["vary"] == "Accept-Encoding"
    if chosen is not None:
        body = gzip.decompress(body) if chosen == "gzip" else zlib.decompress(body)
    assert body == text.encode()


@pytest.mark.parametrize(("size", "level"), [(FAST_BYTES - 1, 2), (FAST_BYTES, 0)])
def test_compresses_what_is_large_in_less_time(size: int, level: int) -> None:
    """RFC 1950, 2.2: the upper two bits of the second byte are 0 for the fastest algorithm, 2 for the default."""
    text = "4" + "x" * (size - 1)
    _, _, body = respond(text, accept_encoding="deflate")
    assert body[1] >> 6 == level
    assert zlib.decompress(body) == text.encode()


def test_does_not_compress_when_switched_off() -> None:
    _, headers, _ = respond("4" + "x" * 9999, threshold_bytes=None)
    assert set(headers) == {"content-type", "cache-control", "content-length"}


def test_does_not_compress_when_no_message_of_the_response_wants_it() -> None:
    _, headers, _ = respond("4" + "x" * 9999, "4" + "y" * 9999, compress=False)
    assert "content-encoding" not in headers


def test_compresses_when_one_message_of_the_response_wants_it() -> None:
    poll = make_poll("gzip", 1024)
    poll.respond([WireMessage(("4" + "x" * 999,), compress=False), WireMessage(("4" + "y" * 999,))])
    assert parts(poll.response)[1]["content-encoding"] == "gzip"


@pytest.mark.parametrize("chunk", [1, 3, 100])
@pytest.mark.parametrize(("size", "fits"), [(0, True), (9, True), (10, True), (11, False), (500, False)])
def test_a_body_is_measured_as_it_arrives(size: int, chunk: int, *, fits: bool) -> None:
    scene = Scene()
    post = Post(scene.session(scene.client()), [], 10)
    body = bytes(range(size % 256)) + b"x" * (size - size % 256)
    wanted = [post.feed(body[at : at + chunk]) for at in range(0, size, chunk)]
    assert all(wanted) == fits
    assert post.is_too_large != fits
    assert post.take_body() == (body if fits else b"")


def test_pieces_of_two_bytes_take_two_bytes() -> None:
    scene = Scene()
    post = Post(scene.session(scene.client()), [], 200_000)
    tracemalloc.start()
    try:
        assert all(post.feed(b"x" * 2) for _ in range(100_000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * 200_000


def test_a_fed_buffer_may_be_used_again() -> None:
    scene = Scene()
    post = Post(scene.session(scene.client()), [], 10)
    buffer = bytearray(b"abc")
    post.feed(buffer)
    buffer[:] = b"xyz"
    assert post.take_body() == b"abc"


@pytest.mark.parametrize(("max_bytes", "taken"), [(None, 3), (1, 1), (5, 2), (6, 3)])
def test_a_host_takes_what_it_can_write_soon(max_bytes: int | None, taken: int) -> None:
    scene = Scene()
    client = scene.client("websocket")
    session, socket = scene.session(client), scene.socket(client)
    socket.is_reading = False
    for text in ("1", "2", "3"):
        session.send(text, scene.now)
    messages = socket.carrier.take(max_bytes)
    assert [message.frames for message in messages] == [("41",), ("42",), ("43",)][:taken]
    assert session.buffered_bytes == 2 * (3 - taken)
    scene.check()


@pytest.mark.parametrize(("chars", "most", "handled"), [(128, 2, 2), (129, 2, 1), (255, 3, 2), (256, 3, 1)])
def test_a_packet_of_a_post_counts_for_one_more_with_each_128_characters(chars: int, most: int, handled: int) -> None:
    scene = Scene()
    post = scene.client().begin_post()
    post.feed(b"\x1e".join([b"4" + b"x" * (chars - 1)] * 3))
    assert scene.engine.advance_post(post.carrier, most, scene.now)
    assert scene.reports() == ["x" * (chars - 1)] * handled


def test_a_post_takes_its_body_or_twice_that_while_packets_of_it_wait() -> None:
    scene = Scene()
    client = scene.client()
    session, post = scene.session(client), client.begin_post()
    post.feed(b"\x1e".join([b"4a"] * 100))
    assert session.polling.held_bytes == 299
    assert scene.engine.advance_post(post.carrier, 1, scene.now)
    assert session.polling.held_bytes == 598
    assert parts(post.finish())[0] == 200
    assert session.polling.held_bytes == 0
