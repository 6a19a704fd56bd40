"""One Engine.IO packet: its type digit, and its frame on a WebSocket.

A frame is what a WebSocket carries: a `str` that begins with the type digit, or `bytes`, which are always a binary
message. It is also the canonical form inside the package; polling re-encodes it (see `payload`). Spec: PROTOCOL 1.1.
"""

from __future__ import annotations

from binascii import a2b_base64
from typing import Final

from socketio_core.errors import LocalProtocolError, PacketError

OPEN: Final = "0"
CLOSE: Final = "1"
PING: Final = "2"
PONG: Final = "3"
MESSAGE: Final = "4"
UPGRADE: Final = "5"
NOOP: Final = "6"

PACKET_TYPES: Final = OPEN + CLOSE + PING + PONG + MESSAGE + UPGRADE + NOOP
BINARY_PREFIX: Final = "b"

Frame = str | bytes
Payload = str | bytes
"""What a message carries: text or bytes."""


def message_frame(payload: Payload) -> Frame:
    """Return the frame of a message: `"4hello"`, or the bytes themselves.

    Raises:
        LocalProtocolError: it is neither text nor anything like bytes.
    """
    if type(payload) is bytes:
        return payload
    if isinstance(payload, str):
        return MESSAGE + payload
    if not isinstance(payload, (bytes, bytearray, memoryview)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise LocalProtocolError(f"message must be str or bytes, not {type(payload).__name__}")
    return bytes(payload)


def decode_frame(frame: Frame) -> tuple[str, Payload]:
    """Split a frame into its type digit and its data: `("4", "hello")`, `("2", "probe")`, `("4", b"...")`.

    A text frame that begins with `b` is a binary message in base64, on every transport.

    Raises:
        PacketError: empty text, an unknown type, or malformed base64. (The reference skips what is not base64; here
            line breaks and blanks are skipped, the alphabet for URLs is read and padding may be missing, as real
            clients write it, but a damaged attachment is an error and not other bytes.)
    """
    if isinstance(frame, bytes):
        return MESSAGE, frame
    kind = frame[:1]
    if kind == MESSAGE:  # first, for most are; benchmarks: codec
        return MESSAGE, frame[1:]
    if kind == BINARY_PREFIX:
        return MESSAGE, _decode_base64(frame)
    if not kind:
        raise PacketError("empty packet")
    if kind not in PACKET_TYPES:
        raise PacketError(f"unknown packet type: {kind!r}")
    return kind, frame[1:]


# Encoders of MIME break lines after 76 characters (Android's default); those for URLs have two other characters.
_AS_USUAL: Final = str.maketrans("-_", "+/", " \t\n\f\r")


def _decode_base64(frame: str) -> bytes:
    try:
        return a2b_base64(frame[1:], strict_mode=True)
    except ValueError:  # also what is outside ASCII
        text = frame[1:].translate(_AS_USUAL)
    if not text.endswith("="):
        text += "=" * (-len(text) % 4)
    try:
        return a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise PacketError(f"malformed base64 in a binary packet: {error}") from None
