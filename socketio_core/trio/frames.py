"""What both ends of a WebSocket do with the frames that wsproto has read."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from typing import Final, Protocol, TypeVar

from wsproto.connection import Connection as FrameConnection
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.frame_protocol import CloseReason

from socketio_core.engineio.carriers import WebSocket
from socketio_core.engineio.client.carriers import ClientWebSocket
from socketio_core.engineio.packet import Frame

_W_contra = TypeVar("_W_contra", WebSocket, ClientWebSocket, contravariant=True)


class TooBig(Enum):
    """Says that a message grew too big before its end came."""

    TOO_BIG = auto()


TOO_BIG: Final = TooBig.TOO_BIG


class Receiver(Protocol[_W_contra]):
    """What takes messages: a server's engine, or a client."""

    def receive(self, websocket: _W_contra, frame: Frame, now: float) -> None:
        """Take a whole message."""

    def receive_part(self, websocket: _W_contra, part: Frame, is_last: bool, now: float) -> None:  # noqa: FBT001 - the core's
        """Take a part of a message."""


def hand_over_messages(
    frames: FrameConnection, core: Receiver[_W_contra], websocket: _W_contra, now: float
) -> Iterator[Ping | CloseConnection | TooBig]:
    """Hand the messages that have arrived to `core`, and yield the control frames between them.

    After `TOO_BIG` nothing more should be read: the rest of that message, perhaps a deflate bomb, would be unpacked for
    nothing.
    """
    for event in frames.events():
        if isinstance(event, (TextMessage, BytesMessage)):
            data = event.data if isinstance(event, TextMessage) else bytes(event.data)
            if event.message_finished and not websocket.parts:  # fast path; benchmarks: server, client
                core.receive(websocket, data, now)
                continue
            core.receive_part(websocket, data, event.message_finished, now)
            if websocket.close_code == CloseReason.MESSAGE_TOO_BIG:
                yield TOO_BIG
                return
        elif isinstance(event, (Ping, CloseConnection)):
            yield event
