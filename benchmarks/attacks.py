"""What hostile clients send. A row for each kind; `hostile` sends them to servers, `tests/hostile` to wires by hand.

To add one is to add a row to `ATTACKS`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

READ_BYTES: Final = 65536  # as much as servers read at once

_CONTINUATION, _TEXT, BINARY, _PING, _PONG = 0, 1, 2, 9, 10
_FINAL, _COMPRESSED, _MASKED = 0x80, 0x40, 0x80


@dataclass(frozen=True)
class Attack:
    """One kind of hostile client: it opens a connection, and sends a block of bytes on it, again and again.

    Attributes:
        name: in tables.
        opening: sent first, a handshake and what is sent once that is answered.
        block: what is sent then; `{sid}` in it becomes the id of a session by polling.
        pieces: how many frames, chunks or packets a block is for a server that counts them; 256 make a turn of ours.
        reads: takes what the server sends; otherwise it never reads.
        stays: sends its block once, and holds the connection.
        is_brief: sends its block once on each connection, and makes another.
        deflates: offers permessage-deflate; only where a server has it.
        is_dense: each event costs many times what other events of its size do.
        record_bytes: of each TLS record; 0 for as many as fit.
        changes_keys: sends nothing but changes of keys, which are dear in TLS 1.3.
    """

    name: str
    opening: bytes
    block: bytes
    pieces: int
    reads: bool = True
    stays: bool = False
    is_brief: bool = False
    deflates: bool = False
    is_dense: bool = False
    record_bytes: int = 0
    changes_keys: bool = False


def frame(payload: bytes, opcode: int = _TEXT, *, first: int = _FINAL) -> bytes:
    """Return a masked frame; the mask is zero, so that it costs no time to make many."""
    size = len(payload)
    if size < 126:
        length = bytes((_MASKED | size,))
    elif size < 1 << 16:
        length = bytes((_MASKED | 126,)) + size.to_bytes(2, "big")
    else:
        length = bytes((_MASKED | 127,)) + size.to_bytes(8, "big")
    return bytes((first | opcode,)) + length + bytes(4) + payload


def request(target: str, *headers: str, method: str = "GET", body: bytes = b"") -> bytes:
    """Return a request."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


POLLING: Final = "/socket.io/?EIO=4&transport=polling"
_SESSION: Final = POLLING + "&sid={sid}"
UPGRADE: Final = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
HANDSHAKE: Final = request("/socket.io/?EIO=4&transport=websocket", *UPGRADE)
_DEFLATE: Final = request(
    "/socket.io/?EIO=4&transport=websocket", *UPGRADE, "Sec-WebSocket-Extensions: permessage-deflate"
)
OPENED: Final = b'0{"sid"'  # a server's answer to the handshake; some take nothing before they have said it
JOIN: Final = frame(b"40")
JOINED: Final = b'40{"sid"'
_ECHO: Final = b'42["echo",1]'


def _many(piece: bytes, limit: int = READ_BYTES) -> tuple[bytes, int]:
    count = limit // len(piece)
    return piece * count, count


def _websocket(name: str, piece: bytes, pieces: int = 1, **how: Any) -> Attack:
    block, count = _many(piece)
    return Attack(name, HANDSHAKE + JOIN, block, count * pieces, **how)


def _fragmented(count: int) -> bytes:
    """Return an event in fragments of one byte, empty ones between them."""
    text = b'42["nobody","' + b"x" * (count // 2 - 15) + b'"]'
    frames = [frame(text[:1], first=0)]
    for at in range(1, len(text)):
        frames += [frame(b"", _CONTINUATION, first=0), frame(text[at : at + 1], _CONTINUATION, first=0)]
    return b"".join(frames) + frame(b"", _CONTINUATION)


def packed_event(size: int) -> bytes:
    """Return an event of as many bytes, compressed."""
    return _packed(b'42["nobody","' + b"x" * (size - 15) + b'"]')


def _packed(text: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH)
    return frame(packed[:-4], first=_FINAL | _COMPRESSED)


def _chunked_post(size: int) -> tuple[bytes, int]:
    body = b"\x1e".join([b'42["nobody",1]'] * (size // 15))
    head = request(_SESSION, "Transfer-Encoding: chunked", method="POST")
    return head + b"".join(b"1\r\n%c\r\n" % char for char in body) + b"0\r\n\r\n", len(body)


_DENSE: Final[dict[str, tuple[Callable[[int], str], str, int]]] = {
    "keys": (lambda number: f'"{number:x}":{number % 10}', "{}", 1),
    "long integers": (lambda number: f"{number + 1}" + "9" * 4290, "[]", 1025),
    "floats": (lambda number: f"1.{number:07d}", "[]", 1),
    "records": (lambda number: f'{{"id":{number},"name":"user {number}","score":{number}.5}}', "[]", 3),
}


def dense(values: str, size: int = 990_000) -> bytes:
    """Return an event that is echoed, full of what is slow to read for its size: one of `_DENSE`.

    Records are what an honest one is full of. Its size in bytes is `size` or less, for the limit on values is 100,000,
    and one may count for many.
    """
    make, brackets, worth = _DENSE[values]
    pieces: list[str] = []
    while size > 0 and len(pieces) * worth < 90_000:
        pieces.append(make(len(pieces)))
        size -= len(pieces[-1]) + 1
    return f'42["echo",{brackets[0]}{",".join(pieces)}{brackets[1]}]'.encode("ascii")


def _post_in_chunks(packets: int) -> bytes:
    head = request(_SESSION, "Transfer-Encoding: chunked", method="POST")
    packet = b'42["nobody",1]'
    chunks = [packet, *[b"\x1e" + packet] * (packets - 1)]
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def _post(packets: int) -> bytes:
    return request(_SESSION, method="POST", body=b"\x1e".join([b'42["nobody",1]'] * packets))


def _attacks() -> list[Attack]:
    bomb = _packed(b'42["nobody",[' + b"[]," * 300_000 + b"[]]]")  # small values, which take 28 times as much memory
    chunks, chunk_count = _chunked_post(8000)
    return [
        _websocket("empty pings", frame(b"", _PING)),
        _websocket("empty pings, pongs not read", frame(b"", _PING), reads=False),
        _websocket("pings of 125 bytes, pongs not read", frame(bytes(125), _PING), reads=False),
        _websocket("pongs", frame(b"", _PONG)),
        _websocket("fragments of 1 byte", _fragmented(1000), 1000),
        _websocket("tiny events", frame(_ECHO)),
        _websocket("tiny events, echoes not read", frame(_ECHO), reads=False),
        _websocket("events nobody listens to", frame(b'42["nobody"]')),
        _websocket("events of many values", frame(b'42["nobody",[' + b"[]," * 300 + b"0]]"), 8),
        _websocket("acks nobody asked for", frame(b"430[]")),
        Attack("deflate bombs", _DEFLATE + JOIN, bomb * 16, 16 * 256, deflates=True),
        Attack("chunks of 1 byte", b"", chunks, chunk_count),
        Attack("POSTs of 9,000 packets", b"", _post(9000), 9000),
        Attack("POSTs of many values", b"", request(_SESSION, method="POST", body=b"\x1e".join(
            [b'42["nobody",[' + b"[]," * 300 + b"0]]"] * 500)), 500 * 8),
        Attack("POSTs that are nearly large", b"", 4 * request(
            _SESSION, method="POST", body=b'42["nobody",[' + b"[]," * 5200 + b"0]]"), 4 * 122),
        Attack("POSTs in 60 chunks", b"", 8 * _post_in_chunks(60), 8 * 60),
        Attack("POSTs with headers behind the body", b"", request(
            _SESSION, "Transfer-Encoding: chunked", method="POST")
               + b"1\r\n6\r\n0\r\n" + b"a:\r\n" * 15_000 + b"\r\n", 1),
        *(Attack(f"dense events, {what}", HANDSHAKE + JOIN, frame(dense(what)), 1, is_dense=True)
          for what in ("keys", "long integers", "floats")),
        Attack("dense events of 16 kB", HANDSHAKE + JOIN, frame(dense("keys", 16_000)), 125, is_dense=True),
        Attack("dense events in POSTs", b"", request(_SESSION, method="POST", body=dense("keys")), 1, is_dense=True),
        Attack("requests sent on behind each other", b"", *_many(request("/elsewhere"))),
        Attack("sessions nobody goes on with", b"", *_many(request(POLLING))),
        Attack("connections without a word", b"", b"", 0, is_brief=True),
        Attack("handshakes, again and again", HANDSHAKE + JOIN, frame(_ECHO), 1, is_brief=True),
        Attack("half a message in fragments", HANDSHAKE + JOIN + frame(b"4", first=0),
               frame(b"xx", _CONTINUATION, first=0) * 16_000, 16_000, stays=True),
        Attack("half a POST in chunks", b"", request(_SESSION, "Transfer-Encoding: chunked", method="POST")
               + b"2\r\nxx\r\n" * 400_000, 400_000, stays=True),
    ]  # fmt: skip


ATTACKS: Final = {attack.name: attack for attack in _attacks()}
TLS_ATTACKS: Final = {
    attack.name: attack
    for attack in (
        _websocket("records of 1 byte", frame(_ECHO), record_bytes=1),
        _websocket("keys changed again and again", frame(_ECHO), changes_keys=True),
    )
}
"""What there is over TLS only."""
