"""Bytes on the wire, written by hand: nothing here shares code with the package."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha1
from random import Random
from typing import Final

PATH: Final = "/socket.io/?EIO=4"
POLLING: Final = f"{PATH}&transport=polling"
WEBSOCKET: Final = f"{PATH}&transport=websocket"
WS_KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="  # the example of RFC 6455, 1.3
WS_HEADERS: Final = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
WS_REQUEST: Final = (*WS_HEADERS, f"Sec-WebSocket-Key: {WS_KEY}")
WS_ACCEPT: Final = b64encode(sha1(f"{WS_KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()

DEFLATE: Final = "permessage-deflate"
RSV1: Final = 4  # the bit of a frame whose message is compressed. Spec: RFC 7692, 6

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
_MASK: Final = b"\x37\xfa\x21\x3d"


def request(
    target: str = POLLING, method: str = "GET", body: bytes | None = None, headers: Iterable[str] = ()
) -> bytes:
    """Return an HTTP/1.1 request; with a body comes its Content-Length."""
    lines = [f"{method} {target} HTTP/1.1", "Host: test", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def chunked(*chunks: bytes) -> bytes:
    """Return a complete body in chunks."""
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])


def handshake(target: str = WEBSOCKET, headers: Iterable[str] = (), *, key: str | None = WS_KEY) -> bytes:
    """Return the request for a WebSocket."""
    keys = [] if key is None else [f"Sec-WebSocket-Key: {key}"]
    return request(target, headers=[*WS_HEADERS, *keys, *headers])


def frame(
    payload: str | bytes = b"",
    opcode: int | None = None,
    *,
    fin: bool = True,
    masked: bool = True,
    rsv: int = 0,
    length: int | None = None,
) -> bytes:
    """Return a WebSocket frame of a client; the keywords make it a bad one."""
    if opcode is None:
        opcode = TEXT if isinstance(payload, str) else BINARY
    data = payload.encode() if isinstance(payload, str) else payload
    size = len(data) if length is None else length
    head = bytes([fin << 7 | rsv << 4 | opcode])
    bit = masked << 7
    if size < 126:
        head += bytes([bit | size])
    elif size < 65536:
        head += bytes([bit | 126]) + struct.pack("!H", size)
    else:
        head += bytes([bit | 127]) + struct.pack("!Q", size)
    if not masked:
        return head + data
    mask = (_MASK * (len(data) // 4 + 1))[: len(data)]
    return head + _MASK + bytes(a ^ b for a, b in zip(data, mask, strict=True))


def close_frame(code: int | None = None, reason: bytes = b"") -> bytes:
    """Return a close frame of a client."""
    return frame(b"" if code is None else struct.pack("!H", code) + reason, CLOSE)


class Packer:
    """One direction of a connection that compresses: what was sent before is the dictionary of what follows."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(wbits=-15)

    def __call__(self, data: str | bytes) -> bytes:
        """Return what a frame that is marked with `RSV1` holds."""
        raw = data.encode() if isinstance(data, str) else data
        return (self._deflate.compress(raw) + self._deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


def finished(text: str) -> bytes:
    """Return a message whose last block says that it is the last. Spec: RFC 7692, 7.2.3.5."""
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(text.encode()) + deflate.flush()


@dataclass
class Answer:
    """An HTTP response."""

    status: int
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""

    @property
    def text(self) -> str:
        return self.body.decode()


def cut(random: Random, data: bytes, limit: int) -> list[bytes]:
    """Cut it as a network may, into pieces of at most so many bytes."""
    pieces: list[bytes] = []
    while data:
        size = random.randrange(1, limit + 1)
        pieces.append(data[:size])
        data = data[size:]
    return pieces
