"""The polling form: packets joined by a record separator, binary ones as `b` and base64. Spec: PROTOCOL 1.1."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Final

from socketio_core.engineio.packet import BINARY_PREFIX, Frame
from socketio_core.errors import PacketError

SEPARATOR: Final = "\x1e"
PACKET_CHARS: Final = 128  # of a packet, that count as one more: a kilobyte of small lists takes long


def polling_form(frame: Frame) -> str:
    """Return a frame as it stands in a polling payload: `"4hello"`, `"bAQID"`."""
    return frame if isinstance(frame, str) else BINARY_PREFIX + b64encode(frame).decode("ascii")


def encode_payload(frames: Iterable[Frame]) -> bytes:
    """Join frames into the body of a polling request or response."""
    return SEPARATOR.join(map(polling_form, frames)).encode("utf-8")


def split_payload(body: bytes | bytearray, max_packets: int) -> Iterator[str]:
    """Return the packets of a polling body one by one, still in their polling form (see `packet.decode_frame`).

    Packets before the one that breaks the limit come first, so no good packet is lost with a bad one.

    Raises:
        PacketError: the body is not UTF-8; or, from the iterator, it holds more than `max_packets` packets.
    """
    try:
        parts = body.decode("utf-8").split(SEPARATOR, max_packets)
    except UnicodeDecodeError as error:
        raise PacketError(f"payload is not UTF-8 at byte {error.start}") from None
    return iter(parts) if len(parts) <= max_packets else _first(max_packets, parts)


def _first(max_packets: int, parts: list[str]) -> Iterator[str]:
    yield from parts[:max_packets]
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
