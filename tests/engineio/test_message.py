"""What lies in an outbox."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio_core.engineio.message import (
    CLOSE_MESSAGE,
    NOOP_MESSAGE,
    PING_MESSAGE,
    PROBE_ANSWER,
    WireMessage,
    frame_size,
    received_size,
)
from socketio_core.engineio.packet import Frame
from socketio_core.engineio.payload import encode_payload
from socketio_core.errors import LocalProtocolError


@pytest.mark.parametrize(
    ("frame", "size"), [("", 0), ("4abc", 4), ("4é", 3), ("4€", 4), ("4😀", 5), (b"", 0), (b"\xff\xff", 2)]
)
def test_size_is_what_utf_8_takes(frame: Frame, size: int) -> None:
    assert frame_size(frame) == size
    assert WireMessage((frame,)).size_bytes == size
    assert received_size(frame) == size


def test_a_message_of_many_frames_counts_them_all() -> None:
    message = WireMessage(("451-€", b"12", b"345"))
    assert message.size_bytes == 7 + 2 + 3
    assert message.polling_text == "451-€\x1ebMTI=\x1ebMzQ1"
    assert repr(message) == "<WireMessage 3 frames, 12 bytes>"


def test_a_lone_surrogate_is_refused_with_its_place() -> None:
    with pytest.raises(LocalProtocolError, match="text holds a lone surrogate at index 2"):
        WireMessage(("4a\ud800b",))


def test_a_received_lone_surrogate_is_measured_in_characters() -> None:
    assert received_size("4\ud800") == 2


def test_polling_text_is_encoded_once() -> None:
    message = WireMessage((b"abc",))
    assert message.polling_text is message.polling_text


@pytest.mark.parametrize(
    ("frames", "times"),
    [
        (("4" + "x" * 10_000,), 2),  # with the form of a WebSocket
        (("4" + "é" * 10_000,), 1.5),
        (("4" + "€" * 10_000,), 5 / 3),
        (("4" + "x" * 10_000 + "😀",), 5),
        ((bytes(10_000),), 2 + 4 / 3),
        (("451-x", bytes(10_000)), 2 + 4 / 3),
        (("451-😀", bytes(10_000)), 2 + 4 * 4 / 3),
    ],
)
def test_what_it_takes_in_memory_is_more_than_its_bytes(frames: tuple[Frame, ...], times: float) -> None:
    message = WireMessage(frames)
    before = message.held_bytes
    assert before >= sum(map(len, frames))
    assert message.most_bytes == pytest.approx(times * message.size_bytes, rel=0.02)
    message.host_cache = bytes(message.size_bytes)
    assert message.polling_text
    assert before < message.held_bytes == pytest.approx(message.most_bytes, rel=0.02)


def test_the_host_has_a_place_of_its_own() -> None:
    message = WireMessage(("4a",))
    assert message.host_cache is None
    message.host_cache = marker = object()
    assert message.host_cache is marker


@pytest.mark.parametrize(
    ("message", "frame", "compress"),
    [
        (PING_MESSAGE, "2", True),
        (CLOSE_MESSAGE, "1", False),
        (NOOP_MESSAGE, "6", False),
        (PROBE_ANSWER, "3probe", False),
    ],
)
def test_control_packets_are_on_the_wire_as_documented(message: WireMessage, frame: str, compress: bool) -> None:  # noqa: FBT001
    """PROTOCOL 1.6: noop, close and probe have no compress flag."""
    assert (message.frames, message.compress) == ((frame,), compress)


@given(st.lists(st.text() | st.binary(), min_size=1))
def test_polling_text_equals_the_payload_of_the_frames(frames: list[Frame]) -> None:
    message = WireMessage(frames)
    assert message.polling_text.encode() == encode_payload(frames)
    assert message.size_bytes == sum(map(frame_size, frames))


def test_as_text_puts_bytes_in_base64_and_leaves_the_rest() -> None:
    text, binary = WireMessage(("4a",)), WireMessage(("451-[]", b"\x01\x02\xff"), compress=False)
    assert text.as_text() is text
    assert (binary.as_text().frames, binary.as_text().compress) == (["451-[]", "bAQL/"], False)
    assert binary.frames == ("451-[]", b"\x01\x02\xff")
