"""Packets of a polling body. PROTOCOL 1.1."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio_core.engineio.packet import Frame, decode_frame
from socketio_core.engineio.payload import PART_BYTES, encode_payload, polling_form, split_in_parts, split_payload
from socketio_core.errors import PacketError


@pytest.mark.parametrize(
    ("frames", "body"),
    [
        ([], b""),
        (["4hello"], b"4hello"),
        (["4hello", "2", "4€"], b"4hello\x1e2\x1e4\xe2\x82\xac"),
        (["4hello", b"\x01\x02\x03\x04"], b"4hello\x1ebAQIDBA=="),
        ([b""], b"b"),
        (["4", "4"], b"4\x1e4"),
    ],
)
def test_encodes_frames_with_a_separator_between_them(frames: list[Frame], body: bytes) -> None:
    assert encode_payload(frames) == body


@pytest.mark.parametrize(
    ("body", "packets"),
    [
        (b"", [""]),
        (b"4a", ["4a"]),
        (b"4a\x1e4b", ["4a", "4b"]),
        (b"4a\x1e", ["4a", ""]),
        (b"\x1e4a", ["", "4a"]),
        (b"\x1e\x1e", ["", "", ""]),
        ("4€\x1e4😀".encode(), ["4€", "4😀"]),
    ],
)
def test_splits_a_body_at_the_separators(body: bytes, packets: list[str]) -> None:
    assert list(split_payload(body, 100)) == packets


@pytest.mark.parametrize(("count", "is_accepted"), [(1, True), (2, True), (3, True), (4, False), (500, False)])
def test_yields_packets_up_to_the_limit_and_then_raises(count: int, is_accepted: bool) -> None:  # noqa: FBT001
    packets: list[str] = []
    splitting = split_payload(b"\x1e".join([b"4x"] * count), 3)
    if is_accepted:
        packets.extend(splitting)
        assert packets == ["4x"] * count
        return
    with pytest.raises(PacketError, match="too many packets in one payload, max_packets_per_payload: 3"):
        packets.extend(splitting)
    assert packets == ["4x"] * 3


@pytest.mark.parametrize(
    ("body", "index"),
    [(b"\xff", 0), (b"4a\x1e4\xc3(", 4), (b"4\xed\xa0\x80", 1), (b"4\xf0\x9f\x98", 1), (b"4\xc0\x80", 1)],
)
def test_refuses_what_is_not_utf_8(body: bytes, index: int) -> None:
    with pytest.raises(PacketError, match=f"payload is not UTF-8 at byte {index}"):
        list(split_payload(body, 100))


def test_takes_a_large_body_apart_as_its_packets_are_taken() -> None:
    packet = "4" + "x" * 999
    many = 2 * PART_BYTES // 1000
    body = encode_payload([packet] * many)
    splitting = split_payload(body + b"\xff", many)
    assert [next(splitting) for _ in range(PART_BYTES // 1000)] == [packet] * (PART_BYTES // 1000)
    with pytest.raises(PacketError, match=f"payload is not UTF-8 at byte {len(body)}"):
        list(splitting)
    assert list(split_payload(body, many)) == [packet] * many


def _outcome(splitting: Callable[[], Iterator[str]]) -> tuple[list[str], str]:
    packets: list[str] = []
    try:
        packets.extend(splitting())
    except PacketError as error:
        return packets, str(error)
    return packets, ""


@given(st.lists(st.text("4\x1eé€", max_size=9)).map("\x1e".join), st.integers(0, 9), st.integers(1, 20), st.booleans())
def test_parts_make_no_difference(text: str, part_bytes: int, limit: int, is_broken: bool) -> None:  # noqa: FBT001
    body = text.encode() + b"\xc3" * is_broken
    packets, problem = _outcome(lambda: split_in_parts(body, limit, part_bytes))
    expected, expected_problem = _outcome(lambda: split_payload(body, limit))
    if not is_broken:
        assert (packets, problem) == (expected, expected_problem)
    else:  # what came before is not lost with it, and there may be too many before it
        assert packets == text.split("\x1e")[: len(packets)]
        assert problem in (
            f"payload is not UTF-8 at byte {len(body) - 1}",
            f"too many packets in one payload, max_packets_per_payload: {limit}",
        )


FRAMES = st.one_of(
    st.text(alphabet=st.characters(exclude_characters="\x1e", codec="utf-8")).map(lambda text: "4" + text), st.binary()
)


@given(st.lists(FRAMES, min_size=1))
def test_frames_come_back_from_a_payload(frames: list[Frame]) -> None:
    packets = list(split_payload(encode_payload(frames), len(frames)))
    assert packets == [polling_form(frame) for frame in frames]
    assert [decode_frame(packet) for packet in packets] == [decode_frame(frame) for frame in frames]


@given(st.binary(), st.integers(1, 5))
def test_splitting_raises_nothing_but_packet_error(body: bytes, limit: int) -> None:
    packets: list[str] = []
    try:
        packets.extend(split_payload(body, limit))
    except PacketError:
        assert len(packets) in (0, limit)
    else:
        assert "\x1e".join(packets).encode() == body
