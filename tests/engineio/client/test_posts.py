"""What goes into one POST."""

from __future__ import annotations

import pytest

from socketio_core.engineio.client.posts import check_size, light_bytes, polled_size, take_post
from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.outbox import Outbox
from socketio_core.engineio.packet import Frame
from socketio_core.engineio.payload import encode_payload
from socketio_core.errors import LocalProtocolError

MESSAGES: list[list[Frame]] = [["4a"], ["451-x", b"\x01\x02"], ["4é"], [b"", b"123", b"1234"], ["4b"]]


def outbox_with(*messages: list[Frame]) -> Outbox:
    outbox = Outbox()
    for frames in messages:
        outbox.put(WireMessage(tuple(frames)))
    return outbox


@pytest.mark.parametrize("frame", ["4", "4é😀", b"", b"1", b"12", b"123", b"1234"])
def test_size_is_that_of_the_payload(frame: Frame) -> None:
    assert polled_size(frame) == len(encode_payload([frame]))


@pytest.mark.parametrize("max_packets", [1, 2, 3, 100])
@pytest.mark.parametrize("max_bytes", [None, 1, 2, 5, 6, 7, 8, 9, 12, 13, 30, 1000])
def test_payloads_are_full_but_not_too_full(max_bytes: int | None, max_packets: int) -> None:
    outbox = outbox_with(*MESSAGES)
    frames = [frame for message in MESSAGES for frame in message]
    taken: list[Frame] = []
    while outbox:
        post = take_post(outbox, max_bytes, max_packets)
        size = len(encode_payload(post))
        assert 1 <= len(post) <= max_packets
        assert max_bytes is None or size <= max_bytes or len(post) == 1
        taken += post
        if len(taken) < len(frames) and len(post) < max_packets:  # one more would have been too much
            assert max_bytes is not None
            assert len(encode_payload([*post, frames[len(taken)]])) > max_bytes
        assert outbox.size_bytes == sum(message.size_bytes for message in outbox.messages)
    assert taken == frames
    assert outbox.size_bytes == 0


def test_nothing_is_taken_from_nothing() -> None:
    assert take_post(Outbox(), 10, 10) == []


@pytest.mark.parametrize(
    ("frames", "is_polled", "size"),
    [
        (["4" + "x" * 99], True, None),
        (["4" + "x" * 100], True, 101),
        (["4" + "é" * 50], False, 101),
        ([b"x" * 75], True, 101),
        ([b"x" * 100], False, None),
        ([b"x" * 101], False, 101),
        (["4" * 90, b"x" * 90], False, None),
        (["4" * 90, b"x" * 90], True, 121),
    ],
)
def test_largest_frame_is_what_counts(frames: list[Frame], is_polled: bool, size: int | None) -> None:  # noqa: FBT001
    message = WireMessage(tuple(frames))
    check_size(message, None, 1000, is_polled=is_polled)
    if size is None:
        check_size(message, 100, 1000, is_polled=is_polled)
    else:
        with pytest.raises(LocalProtocolError, match=f"larger than the server takes: {size} bytes, limit: 100"):
            check_size(message, 100, 1000, is_polled=is_polled)


@pytest.mark.parametrize("frame", [b"", b"1", b"12", b"123", b"1234"])
def test_smallest_limit_that_a_frame_passes_is_its_size(frame: bytes) -> None:
    """Of a single byte base64 makes five, with the `b`."""
    size = polled_size(frame)
    check_size(WireMessage((frame,)), size, 1000, is_polled=True)
    with pytest.raises(LocalProtocolError, match=f"larger than the server takes: {size} bytes, limit: {size - 1}"):
        check_size(WireMessage((frame,)), size - 1, 1000, is_polled=True)


def test_message_that_no_buffer_holds_is_too_large() -> None:
    with pytest.raises(LocalProtocolError, match="larger than max_buffered_bytes: 11 bytes"):
        check_size(WireMessage(("4" * 11,)), None, 10, is_polled=True)


@pytest.mark.parametrize("limit", [1, 4, 5, 8, 9, 100, 101])
def test_what_is_light_is_within_the_limit_however_it_is_written(limit: int) -> None:
    light = light_bytes(limit, 1000)
    assert light_bytes(None, 1000) == 1000
    assert light_bytes(10_000, 1000) == 1000
    for size in range(light + 1):
        check_size(WireMessage((b"x" * size,)), limit, 1000, is_polled=True)
