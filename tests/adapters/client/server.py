"""A server of raw bytes, good unless a test replaces one of its answers; it shares no code with the client."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from hashlib import sha1
from typing import Any, Final, Literal

import trio

from tests.adapters.loops import loop
from tests.wire.written import frame

HANDSHAKE: Final[dict[str, Any]] = {
    "sid": "S",
    "upgrades": [],
    "pingInterval": 25000,
    "pingTimeout": 20000,
    "maxPayload": 1_000_000,
}
_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

Kind = Literal["accept", "handshake", "poll", "post", "websocket"]
Talk = Callable[["Connection", bytes], Awaitable[None]]
"""What is done about a request, given its key if it asks for a WebSocket."""


def open_packet(**changes: Any) -> str:
    return "0" + json.dumps({**HANDSHAKE, **changes})


def response(body: str | bytes = b"", status: str = "200 OK", headers: str = "", length: int | None = None) -> bytes:
    """Return an HTTP response; `headers` are lines that end in CRLF."""
    data = body.encode() if isinstance(body, str) else body
    size = len(data) if length is None else length
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {size}\r\n\r\n".encode() + data


def switching(key: bytes, headers: str = "", token: str | None = None) -> bytes:
    """Return a 101."""
    accept = b64encode(sha1(key + _GUID.encode()).digest()).decode() if token is None else token
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"{headers}Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ).encode()


def text(payload: str | bytes) -> bytes:
    """Return a frame as a server writes it."""
    return frame(payload, masked=False)


class Gone(Exception):  # noqa: N818 - an end
    """The client closed the connection."""


class Connection:
    """One TCP connection of the client."""

    def __init__(self, server: RawServer, stream: Any) -> None:
        self.server = server
        self.stream = stream
        self._buffer = b""

    async def write(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def read_some(self) -> bytes:
        data = await self.stream.receive_some(65536)
        if not data:
            raise Gone
        return bytes(data)

    async def read_request(self) -> tuple[bytes, bytes]:
        """Return head and body of the next request."""
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += await self.read_some()
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        found = re.search(rb"(?i)content-length: (\d+)", head)
        size = int(found[1]) if found else 0
        while len(rest) < size:
            rest += await self.read_some()
        self._buffer = rest[size:]
        return head, rest[:size]


class RawServer:
    """Answers each kind of request with what `answers` says, else as a good server would.

    Attributes:
        received: bodies of POSTs, oldest first.
        to_poll: what the next poll gets.
        connections: how many were made.
    """

    def __init__(self, answers: Mapping[Kind, bytes | Talk] | None = None, **handshake: Any) -> None:
        self.answers = dict(answers or {})
        self.handshake = open_packet(**handshake)
        self.received: list[bytes] = []
        self.to_poll = loop.new_queue()
        self.connections = 0
        self.url = ""
        self.websockets = 0

    async def serve(self, stream: Any) -> None:
        connection = Connection(self, stream)
        self.connections += 1
        try:
            if "accept" in self.answers:
                await self._answer("accept", connection, b"")
                return
            while True:
                head, body = await connection.read_request()
                await self._serve_request(connection, head, body)
        except (Gone, trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async def _serve_request(self, connection: Connection, head: bytes, body: bytes) -> None:
        key = re.search(rb"(?i)sec-websocket-key: (\S+)", head)
        if key is not None:
            self.websockets += 1
            if "websocket" in self.answers:
                await self._answer("websocket", connection, key[1])
            else:
                await good_websocket(connection, key[1])
            raise Gone
        if head.startswith(b"POST"):
            self.received.append(body)
            if "post" in self.answers:
                await self._answer("post", connection, b"")
                return
            await connection.write(response("ok"))
            self._react(body.decode())
        elif b"sid=" not in head.partition(b"\r\n")[0]:
            if "handshake" in self.answers:
                await self._answer("handshake", connection, b"")
            else:
                await connection.write(response(self.handshake))
        elif "poll" in self.answers:
            await self._answer("poll", connection, b"")
        else:
            await connection.write(response(await self.to_poll.receive()))

    async def _answer(self, kind: Kind, connection: Connection, key: bytes) -> None:
        answer = self.answers[kind]
        if isinstance(answer, bytes):
            await connection.write(answer)
        else:
            await answer(connection, key)

    def _react(self, body: str) -> None:
        for packet in body.split("\x1e"):
            if packet == "40":
                self.to_poll.send_nowait('40{"sid":"A"}')
            elif packet.startswith("42"):
                self.to_poll.send_nowait("42" + packet[2:].lstrip("0123456789"))


async def good_websocket(connection: Connection, key: bytes) -> None:
    """Be a good WebSocket that opens a session."""
    await connection.write(switching(key) + text(connection.server.handshake) + text('40{"sid":"A"}'))
    while True:
        await connection.read_some()


async def hang(connection: Connection, key: bytes) -> None:
    """Say nothing until the client has had enough."""
    while True:
        await connection.read_some()


async def close(connection: Connection, key: bytes) -> None:
    """Close the connection."""
    await connection.stream.aclose()
    raise Gone


def then_close(data: bytes) -> Talk:
    """Write, and close."""

    async def talk(connection: Connection, key: bytes) -> None:
        await connection.write(data)
        await close(connection, key)

    return talk


def endless(head: bytes, chunk: bytes) -> Talk:
    """Write without end."""

    async def talk(connection: Connection, key: bytes) -> None:
        await connection.write(head)
        while True:
            await connection.write(chunk)

    return talk


def websocket(*data: bytes, headers: str = "", token: str | None = None, stay: bool = True) -> Talk:
    """Accept a WebSocket, and write these bytes."""

    async def talk(connection: Connection, key: bytes) -> None:
        await connection.write(switching(key, headers, token) + b"".join(data))
        if stay:
            await hang(connection, key)
        await close(connection, key)

    return talk


@asynccontextmanager
async def raw_server(answers: Mapping[Kind, bytes | Talk] | None = None, **handshake: Any) -> AsyncGenerator[RawServer]:
    """Serve on a free port of 127.0.0.1."""
    server = RawServer(answers, **handshake)
    async with loop.open_nursery() as nursery:
        server.url = f"http://127.0.0.1:{await loop.serve_tcp(nursery, server.serve)}"
        yield server
        nursery.cancel_scope.cancel()
