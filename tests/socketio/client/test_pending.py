"""Emits that wait, and what they weigh."""

from __future__ import annotations

import pytest

from socketio_core.engineio.message import WireMessage
from socketio_core.errors import BufferFull
from socketio_core.socketio.client.pending import Emit, EmitBuffer


def test_sizes_follow_what_is_put_taken_and_removed() -> None:
    buffer = EmitBuffer(10, 100)
    for number, text in enumerate(("4a", "4bc", "4def")):
        buffer.put(Emit(text, WireMessage((text,)), number))
    assert (len(buffer), buffer.size_bytes) == (3, 9)
    first = buffer.pop()
    assert (first.name, buffer.size_bytes) == ("4a", 7)
    buffer.put_back(first)
    assert ([emit.name for emit in buffer.emits], buffer.size_bytes) == (["4a", "4bc", "4def"], 9)
    buffer.remove(1)
    buffer.remove(1)
    assert ([emit.name for emit in buffer.emits], buffer.size_bytes) == (["4a", "4def"], 6)


@pytest.mark.parametrize(
    ("count", "max_count", "max_bytes", "fits"),
    [
        (0, 1, 1, True),
        (1, 2, 10, True),
        (1, 1, 10, False),
        (1, 2, 9, False),
    ],
)
def test_room_is_bounded_by_count_and_bytes(count: int, max_count: int, max_bytes: int, *, fits: bool) -> None:
    buffer = EmitBuffer(max_count, max_bytes)
    message = WireMessage(("4five",))
    for _ in range(count):
        buffer.put(Emit("x", message))
    if fits:
        buffer.check_room(message)
    else:
        with pytest.raises(BufferFull, match="1 events, 5 bytes"):
            buffer.check_room(message)
