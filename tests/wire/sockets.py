"""A connection that is a WebSocket in each of its states, and what has become of it."""

from __future__ import annotations

from typing import Any, Final

from socketio_core.wire import Timeouts
from socketio_core.wire.base import FIRST_PIECES
from tests.wire.by_hand import House, Peer
from tests.wire.written import CLOSE, TEXT, close_frame, frame

TIMES: Final = Timeouts(close_s=5)
MANY: Final = FIRST_PIECES + 44
BAD: Final = frame("x", 3)  # an opcode that there is none of


def house(**options: Any) -> House:
    return House(timeouts=TIMES, **options)


def close(place: House) -> None:
    place.engine.sessions[-1].close(place.now)


def reading_writing(place: House) -> Peer:
    return place.websocket()


def ending_writing(place: House) -> Peer:
    """Frames wait, and the end is known."""
    peer = place.websocket()
    peer.is_reading = False
    peer.wire.receive(frame("4a") * MANY * 2, place.now)
    peer.wire.receive(b"", place.now)
    return peer


def deaf_writing(place: House) -> Peer:
    peer = place.websocket()
    peer.is_reading = False
    peer.send(BAD)
    return peer


def told_writing(place: House) -> Peer:
    peer = place.websocket()
    peer.is_reading = False
    peer.send(close_frame(1001))
    return peer


def gone_writing(place: House) -> Peer:
    peer = place.websocket()
    peer.is_reading = False
    peer.end()
    return peer


def reading_last(place: House) -> Peer:
    """Its close frame was taken, and is not written yet."""
    peer = place.websocket()
    peer.is_reading = False
    close(place)
    place.settle()
    peer.received += peer.wire.data_to_send(place.now)
    return peer


def ending_last(place: House) -> Peer:
    peer = ending_writing(place)
    close(place)
    peer.received += peer.wire.data_to_send(place.now)
    return peer


def deaf_last(place: House) -> Peer:
    peer = reading_last(place)
    peer.send(BAD)
    return peer


def told_last(place: House) -> Peer:
    peer = reading_last(place)
    peer.send(close_frame())
    return peer


def gone_last(place: House) -> Peer:
    peer = reading_last(place)
    peer.end()
    return peer


def reading_shut(place: House) -> Peer:
    peer = place.websocket()
    close(place)
    place.settle()
    return peer


def deaf_shut(place: House) -> Peer:
    peer = place.websocket()
    peer.send(BAD)
    return peer


def seen(place: House, peer: Peer) -> str:
    """What the client has read beside messages, and what has become of its connection and its session."""
    said = [
        f"close {int.from_bytes(data[:2], 'big')}" if opcode == CLOSE else f"opcode {opcode}"
        for opcode, data in peer.frames()
        if opcode != TEXT
    ]
    wire = peer.wire
    said.append("over" if wire.is_over else "mute" if wire.is_mute else "reads" if wire.wants_input else "waits")
    assert (wire in place.site.wires) is not wire.is_over
    return " ".join([*said, *(kind.lower() for kind in place.kinds if kind == "Closed")])
