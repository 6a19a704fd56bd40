"""What is sent: the data of each size, as text and as the masked frames of a client."""

from __future__ import annotations

import json
from typing import Any, Final

TINY: Final[list[Any]] = ["echo", 1]
CHAT: Final[list[Any]] = [
    "echo",
    {
        "room": "general",
        "from": {"id": 4711, "name": "Ada"},
        "text": "The engine weaves algebraic patterns as the loom weaves flowers and leaves.",
        "at": 1732406400.25,
        "mentions": ["Charles", "Mary"],
        "edited": False,
    },
]
LARGE: Final[list[Any]] = [
    "echo",
    [{"id": n, "name": f"item {n}", "price": n * 1.25, "tags": ["a", "b"], "in_stock": n % 3 == 0} for n in range(128)],
]
BINARY: Final = bytes(range(256)) * 4

_MASK: Final = b"\x12\x9a\x5c\xe7"


def compact(data: Any) -> str:
    """Return data as JSON, as short as a client sends it."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)


def event(data: list[Any], *, name: str | None = None, head: str = "42") -> str:
    """Return the packet of an event, perhaps under another name."""
    return head + compact(data if name is None else [name, *data[1:]])


def frame(payload: str | bytes) -> bytes:
    """Return a masked WebSocket frame, as a client sends it."""
    data = payload.encode() if isinstance(payload, str) else payload
    head = bytes((0x81 if isinstance(payload, str) else 0x82,))
    head += bytes((0x80 | len(data),)) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    return head + _MASK + bytes(byte ^ _MASK[index % 4] for index, byte in enumerate(data))


def opened(frames: bytes) -> bytes:
    """Return masked frames as a server sends them: without the mask."""
    found = b""
    while frames:
        size, start = frames[1] & 0x7F, 2
        if size == 126:
            size, start = int.from_bytes(frames[2:4], "big"), 4
        head = frames[:1] + bytes((frames[1] & 0x7F,)) + frames[2:start]
        start += len(_MASK)
        found += head + bytes(byte ^ _MASK[index % 4] for index, byte in enumerate(frames[start : start + size]))
        frames = frames[start + size :]
    return found


BINARY_HEADER: Final = '451-["echo",{"_placeholder":true,"num":0}]'
