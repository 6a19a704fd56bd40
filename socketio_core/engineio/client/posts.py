"""What goes into one POST: as many packets as the server takes at once. Spec: PROTOCOL 1.11."""

from __future__ import annotations

from socketio_core.engineio.message import WireMessage, frame_size
from socketio_core.engineio.outbox import Outbox
from socketio_core.engineio.packet import Frame


def polled_size(frame: Frame) -> int:
    """Return the size of a frame in a polling payload, in bytes: base64 makes binary ones a third larger."""
    return 1 + (len(frame) + 2) // 3 * 4 if isinstance(frame, bytes) else frame_size(frame)


def take_post(outbox: Outbox, max_bytes: int | None, max_packets: int) -> list[Frame]:
    """Remove and return the oldest frames that fit into one payload; one at least, if there is one.

    A message with attachments may be cut in two: the rest of it stays in front.
    """
    taken: list[Frame] = []
    size = 0
    while outbox:
        message = outbox.messages[0]
        for index, frame in enumerate(message.frames):
            size += polled_size(frame) + (1 if taken else 0)  # with its separator
            if taken and (len(taken) >= max_packets or (max_bytes is not None and size > max_bytes)):
                _keep_rest(outbox, message, index)
                return taken
            taken.append(frame)
        outbox.messages.pop(0)
        outbox.size_bytes -= message.size_bytes
    return taken


def _keep_rest(outbox: Outbox, message: WireMessage, start: int) -> None:
    if start:
        rest = WireMessage(message.frames[start:])
        outbox.messages[0] = rest
        outbox.size_bytes -= message.size_bytes - rest.size_bytes
