"""Bytes on the wire, written and read by hand: nothing here shares code with the server."""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Final

import trio

PATH: Final = "/socket.io/?EIO=4"
POLLING: Final = f"{PATH}&transport=polling"
WEBSOCKET: Final = f"{PATH}&transport=websocket"
WS_KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="  # the example of RFC 6455, 1.3
WS_HEADERS: Final = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
WS_REQUEST: Final = (*WS_HEADERS, f"Sec-WebSocket-Key: {WS_KEY}")
WS_ACCEPT: Final = b64encode(sha1(f"{WS_KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
_MASK = b"\x37\xfa\x21\x3d"


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


@dataclass
class Answer:
    """An HTTP response."""

    status: int
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""

    @property
    def text(self) -> str:
        return self.body.decode()


class Ended(Exception):  # noqa: N818 - what a reader finds
    """The server has ended the connection."""


class Peer:
    """The client's end of a connection: bytes go out, answers and frames come in."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._received = bytearray()

    async def send(self, data: bytes) -> None:
        """Send bytes; a server that hangs up meanwhile is for whoever reads to find out."""
        try:
            await self.stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.lowlevel.checkpoint()

    async def _more(self) -> None:
        try:
            data = await self.stream.receive_some(65536)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            data = b""
        if not data:
            raise Ended
        self._received += data

    async def exactly(self, size: int) -> bytes:
        """Read so many bytes."""
        while len(self._received) < size:
            await self._more()
        data = bytes(self._received[:size])
        del self._received[:size]
        return data

    async def until(self, mark: bytes) -> bytes:
        """Read up to `mark`, and the mark."""
        while (at := self._received.find(mark)) < 0:
            await self._more()
        return await self.exactly(at + len(mark))

    async def rest(self) -> bytes:
        """Read to the end."""
        try:
            while True:
                await self._more()
        except Ended:
            return await self.exactly(len(self._received))

    async def answer(self, *, to: str = "GET") -> Answer:
        """Read one HTTP response to a request of method `to`."""
        first, *lines = (await self.until(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        answer = Answer(int(first.split(" ")[1]))
        for line in filter(None, lines):
            name, _, value = line.partition(": ")
            key = name.lower()
            answer.headers[key] = f"{answer.headers[key]}, {value}" if key in answer.headers else value
        if to != "HEAD" and answer.status >= 200 and answer.status not in (204, 304):
            answer.body = await self.exactly(int(answer.headers["content-length"]))
        return answer

    async def ask(
        self, target: str = POLLING, method: str = "GET", body: bytes | None = None, headers: Iterable[str] = ()
    ) -> Answer:
        """Send one request and read its response."""
        await self.send(request(target, method, body, headers))
        return await self.answer(to=method)

    async def frame(self, rsv: int = 0) -> tuple[int, bytes]:
        """Read one WebSocket frame, which must be whole and unmasked; returns opcode and payload."""
        first, second = await self.exactly(2)
        assert first >> 4 == 8 | rsv, f"not a final frame with the right extension: {first:#x}"
        assert second < 128, "a server must not mask"
        size = second
        if size == 126:
            size = int.from_bytes(await self.exactly(2), "big")
        elif size == 127:
            size = int.from_bytes(await self.exactly(8), "big")
        return first & 15, await self.exactly(size)

    async def cut(self, data: bytes) -> None:
        """Read nothing, and send `data` now and then, until the server has cut the connection."""
        try:
            while True:
                await self.stream.send_all(data)
                await trio.sleep(0.1)
        except trio.BrokenResourceError:
            await trio.lowlevel.checkpoint()

    async def close(self) -> None:
        await trio.aclose_forcefully(self.stream)

    async def reset(self) -> None:
        """End the connection with an RST instead of a FIN."""
        assert isinstance(self.stream, trio.SocketStream)
        self.stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
        await self.close()
