"""What the server takes: as many packets in one POST, and not too large ones. Spec: PROTOCOL 1.11."""

from __future__ import annotations

from socketio_core.engineio.message import WireMessage, frame_size
from socketio_core.engineio.outbox import Outbox
from socketio_core.engineio.packet import Frame
from socketio_core.errors import LocalProtocolError


def polled_size(frame: Frame) -> int:
    """Return the size of a frame in a polling payload, in bytes: base64 makes binary ones a third larger."""
    return 1 + (len(frame) + 2) // 3 * 4 if isinstance(frame, bytes) else frame_size(frame)


def light_bytes(max_payload_bytes: int | None, max_buffered_bytes: int) -> int:
    """Return how large a message may be that `check_size` lets pass, whatever is in it.

    In base64 a frame has at most four times its bytes and one, and that one only if it is empty or a single byte.
    """
    if max_payload_bytes is None:
        return max_buffered_bytes
    return min((max_payload_bytes - 1) // 4, max_buffered_bytes)


def check_size(
    message: WireMessage, max_payload_bytes: int | None, max_buffered_bytes: int, *, is_polled: bool
) -> None:
    """Check that the server takes a message; a reference client sends it, and is thrown out.

    Args:
        max_payload_bytes: what the server takes at once; `None`: no limit.
        is_polled: binary frames would go out in base64.

    Raises:
        LocalProtocolError: it does not, or no buffer holds the message.
    """
    if message.size_bytes <= light_bytes(max_payload_bytes, max_buffered_bytes):
        return
    if max_payload_bytes is not None:
        largest = max(map(polled_size if is_polled else frame_size, message.frames))
        if largest > max_payload_bytes:
            sizes = f"{largest} bytes, limit: {max_payload_bytes}"
            raise LocalProtocolError(f"message is larger than the server takes: {sizes}")
    if message.size_bytes > max_buffered_bytes:
        raise LocalProtocolError(f"message is larger than max_buffered_bytes: {message.size_bytes} bytes")


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
