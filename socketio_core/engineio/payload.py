"""The polling form: packets joined by a record separator, binary ones as `b` and base64. Spec: PROTOCOL 1.1."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Final

from socketio_core.engineio.packet import BINARY_PREFIX, Frame
from socketio_core.errors import PacketError

SEPARATOR: Final = "\x1e"
_SEPARATOR_BYTE: Final = b"\x1e"  # and never a part of another character
PART_BYTES: Final = 1_000_000  # taken apart at once, in 2 ms; the 100 MB that a client takes last 170 ms
PACKET_CHARS: Final = 128  # of a packet, that count as one more: a kilobyte of small lists takes long


def polling_form(frame: Frame) -> str:
    """Return a frame as it stands in a polling payload: `"4hello"`, `"bAQID"`."""
    return frame if isinstance(frame, str) else BINARY_PREFIX + b64encode(frame).decode("ascii")


def encode_payload(frames: Iterable[Frame]) -> bytes:
    """Join frames into the body of a polling request or response."""
    return SEPARATOR.join(map(polling_form, frames)).encode("utf-8")


def split_payload(body: bytes | bytearray, max_packets: int) -> Iterator[str]:
    """Return the packets of a polling body one by one, still in their polling form (see `packet.decode_frame`).

    Packets before the one that breaks the limit come first, so no good packet is lost with a bad one. A large body is
    taken apart as its packets are taken.

    Raises:
        PacketError: the body is not UTF-8; or, from the iterator, it is not further on, or it holds more than
            `max_packets` packets.
    """
    if len(body) > PART_BYTES:
        return split_in_parts(body, max_packets, PART_BYTES)
    parts = _decode(body, 0).split(SEPARATOR, max_packets)
    return iter(parts) if len(parts) <= max_packets else _first(max_packets, max_packets, parts)


def split_in_parts(body: bytes | bytearray, max_packets: int, part_bytes: int) -> Iterator[str]:
    """Do the same, with a little more than so many bytes at a time: up to the next separator."""
    left, start, end = max_packets, 0, 0
    while end >= 0:
        end = body.find(_SEPARATOR_BYTE, start + part_bytes)
        parts = _decode(body[start:] if end < 0 else body[start:end], start).split(SEPARATOR, left)
        yield from parts if len(parts) <= left else _first(left, max_packets, parts)
        left -= len(parts)
        start = end + 1


def _decode(part: bytes | bytearray, start: int) -> str:
    try:
        return part.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PacketError(f"payload is not UTF-8 at byte {start + error.start}") from None


def _first(count: int, max_packets: int, parts: list[str]) -> Iterator[str]:
    yield from parts[:count]
    raise PacketError(f"too many packets in one payload, max_packets_per_payload: {max_packets}")


class HandedOn(Enum):
    """What became of the packets of a payload."""

    ALL = "all"
    REFUSED = "refused"  # one of them, and those behind it were not looked at
    SOME = "some"  # as many as were to be; there may be more


_ALL, _REFUSED, _SOME = HandedOn.ALL, HandedOn.REFUSED, HandedOn.SOME  # a look into an enum takes longer


def hand_on(packets: Iterator[str], receive: Callable[[str], bool], max_packets: float) -> HandedOn:
    """Hand on packets, large ones counted for several, until one is refused or so many were taken."""
    for packet in packets:
        if not receive(packet):
            return _REFUSED
        max_packets -= 1
        if packet[PACKET_CHARS:]:
            max_packets -= len(packet) // PACKET_CHARS
        if max_packets <= 0:
            return _SOME
    return _ALL
