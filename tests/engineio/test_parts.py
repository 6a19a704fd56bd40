"""A message that arrives in parts; `test_session_parts.py` has what sessions make of it."""

from __future__ import annotations

import tracemalloc

import pytest

from socketio_core.engineio.packet import Frame
from socketio_core.engineio.parts import Parts
from socketio_core.errors import LocalProtocolError


@pytest.mark.parametrize(
    ("frames", "whole"),
    [
        (["a"], "a"),
        ([""], ""),
        ([b""], b""),
        (["a", "é", "b"], "aéb"),
        (["", "a", "", ""], "a"),
        (["", "", ""], ""),
        ([b"1", b"2"], b"12"),
        ([b"1", b""], b"1"),
        (["a\ud83d", "\ude00"], "a\ud83d\ude00"),
    ],
)
def test_the_last_part_gives_the_whole_and_nothing_is_left(frames: list[Frame], whole: Frame) -> None:
    parts = Parts()
    *first, last = frames
    for frame in first:
        assert parts.add(frame, is_last=False) is None
    assert parts.size_bytes == sum(
        len(frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame) for frame in first
    )
    assert parts.add(last, is_last=True) == whole
    assert (parts.size_bytes, bool(parts)) == (0, False)


@pytest.mark.parametrize("second", [b"", b"b"])
def test_parts_are_of_one_kind(second: bytes) -> None:
    parts = Parts()
    parts.add("a", is_last=False)
    with pytest.raises(LocalProtocolError, match="another kind than the parts before it: bytes"):
        parts.add(second, is_last=True)
    assert parts.add("b", is_last=True) == "ab"


@pytest.mark.parametrize("part", ["xy", b"xy"])
def test_parts_of_two_bytes_take_two_bytes(part: Frame) -> None:
    parts = Parts()
    tracemalloc.start()
    try:
        for _ in range(100_000):
            parts.add(part, is_last=False)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * 200_000
