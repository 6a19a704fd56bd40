"""A server that does only what a case says, byte by byte. It shares no code with any client."""

from __future__ import annotations

import json
import math
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from hashlib import sha1
from typing import Any, Final
from urllib.parse import parse_qsl

import h11
import trio

from conformance.case import Failure

PATIENCE_S: Final = 3.0
"""How long a client may take for anything, unless whoever runs the cases gives it longer."""

patience: Final = ContextVar("patience", default=PATIENCE_S)
"""How long it may take here."""

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_READ_BYTES: Final = 65536
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def open_packet(sid: str, *, upgrades: bool = False, **changes: Any) -> str:
    """Return the open packet of a session."""
    fields = {
        "sid": sid,
        "upgrades": ["websocket"] if upgrades else [],
        "pingInterval": 25000,
        "pingTimeout": 20000,
        "maxPayload": 1_000_000,
    }
    return "0" + json.dumps({**fields, **changes})


def payload(*packets: str | bytes) -> bytes:
    """Return packets in their polling form."""
    texts = ["b" + b64encode(packet).decode() if isinstance(packet, bytes) else packet for packet in packets]
    return "\x1e".join(texts).encode()


def packets_of(body: bytes) -> list[str | bytes]:
    """Undo `payload`."""
    parts = body.decode().split("\x1e")
    return [b64decode(part[1:], validate=True) if part.startswith("b") else part for part in parts]


def frame(opcode: int, data: bytes, *, fin: bool = True) -> bytes:
    """Return a WebSocket frame of a server."""
    size = len(data)
    length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
    if size > 65535:
        length = b"\x7f" + size.to_bytes(8, "big")
    return bytes([(128 if fin else 0) | opcode]) + length + data


class Request:
    """A request of the client, which waits for `respond` or becomes a WebSocket."""

    def __init__(self, stream: trio.abc.Stream, event: h11.Request, body: bytes) -> None:
        self.method = event.method.decode()
        self.path, _, query = event.target.decode().partition("?")
        self.query = dict(parse_qsl(query, keep_blank_values=True))
        self.headers = {name.decode().lower(): value.decode("latin-1") for name, value in event.headers}
        self.body = body
        self.done = trio.Event()
        self._stream = stream

    @property
    def kind(self) -> str:
        """`"handshake"`, `"poll"`, `"post"` or `"websocket"`."""
        if self.headers.get("upgrade", "").lower() == "websocket":
            return "websocket"
        if self.method == "POST":
            return "post"
        return "poll" if "sid" in self.query else "handshake"

    async def respond(self, body: bytes | str = b"ok", status: int = 200, **headers: str) -> None:
        """Answer it."""
        data = body.encode() if isinstance(body, str) else body
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(data)}", "Content-Type: text/plain; charset=UTF-8"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self._stream.send_all("\r\n".join([*lines, "", ""]).encode() + data)
        self.done.set()

    async def drop(self) -> None:
        """Close its connection."""
        await self._stream.aclose()
        self.done.set()

    async def accept(self) -> WebSocket:
        """Answer 101."""
        key = self.headers["sec-websocket-key"].encode()
        token = b64encode(sha1(key + _GUID).digest())
        head = b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + token
        await self._stream.send_all(head + b"\r\n\r\n")
        return WebSocket(self._stream)


class WebSocket:
    """The server's end of a WebSocket."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._buffer = b""

    async def send(self, *messages: str | bytes) -> None:
        """Send messages, each in one frame, all at once: so they come together, as packets in a poll do."""
        frames = [
            frame(TEXT, message.encode()) if isinstance(message, str) else frame(BINARY, message)
            for message in messages
        ]
        await self._stream.send_all(b"".join(frames))

    async def send_frame(self, opcode: int, data: bytes = b"", *, fin: bool = True) -> None:
        """Send one frame."""
        await self._stream.send_all(frame(opcode, data, fin=fin))

    async def receive(self) -> str | bytes:
        """Return the next message; pings and pongs are skipped."""
        while True:
            frame = await self.receive_frame()
            if frame is None or frame[0] == CLOSE:
                raise Failure("the client closed the WebSocket where a message was expected")
            opcode, data = frame
            if opcode in (TEXT, BINARY):
                return data.decode() if opcode == TEXT else data

    async def receive_frame(self) -> tuple[int, bytes] | None:
        """Return the opcode and data of the next frame, which must be whole and masked; `None` when there is no more.

        A client that drops the connection without a close frame ends so.
        """
        try:
            first, second = await self._read(2)
            size = second & 127
            if size > 125:
                size = int.from_bytes(await self._read(2 if size == 126 else 8), "big")
            if not second & 128:
                raise Failure("the client sent a frame that is not masked")
            if not first & 128:
                raise Failure("the client sent a fragment; this suite reads whole messages")
            mask = await self._read(4)
            data = await self._read(size)
        except (trio.EndOfChannel, trio.BrokenResourceError):
            return None
        return first & 15, bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))

    async def _read(self, size: int) -> bytes:
        while len(self._buffer) < size:
            data = await self._stream.receive_some(_READ_BYTES)
            if not data:
                raise trio.EndOfChannel
            self._buffer += data
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    async def end(self) -> str:
        """Wait until the client ends it, and return how: `"close frame"` or `"end of the stream"`."""
        with trio.move_on_after(patience.get()):
            while (frame := await self.receive_frame()) is not None:
                if frame[0] == CLOSE:
                    return "close frame"
            return "end of the stream"
        raise Failure("the client leaves the WebSocket open")

    async def drop(self) -> None:
        """Close the connection without a word."""
        await trio.aclose_forcefully(self._stream)


class ScriptedServer:
    """Accepts connections; what comes is for the case to answer, in any order."""

    def __init__(self) -> None:
        self.url = ""
        self.lost: set[str] = set()
        """Sessions whose requests are dropped."""
        self.released: set[str] = set()
        """Sessions whose polls are answered with a noop at once."""
        self._arrived, self._requests = trio.open_memory_channel[Request](math.inf)
        self._waiting: list[Request] = []

    async def next(self, kind: str, patience_s: float | None = None) -> Request:
        """Return the next request of this kind; others wait for their turn."""
        for request in self._waiting:
            if request.kind == kind:
                self._waiting.remove(request)
                return request
        with trio.move_on_after(patience.get() if patience_s is None else patience_s):
            while True:
                request = await self._requests.receive()
                if request.kind == kind:
                    return request
                self._waiting.append(request)
        raise Failure(f"no {kind} request", expected=kind, received=[other.kind for other in self._waiting])

    async def none(self, kind: str, seconds: float = 0.15) -> None:
        """Fail if a request of this kind comes within a moment."""
        with trio.move_on_after(seconds):
            while True:
                self._waiting.append(await self._requests.receive())
        if any(request.kind == kind for request in self._waiting):
            raise Failure(f"a {kind} request that must not come yet")

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serve one connection: its requests one after another."""
        try:
            while (request := await self._read(stream)) is not None:
                if request.query.get("sid") in self.lost:
                    return
                if request.kind == "poll" and request.query.get("sid") in self.released:
                    await request.respond("6")
                else:
                    self._arrived.send_nowait(request)
                    await request.done.wait()
        except (trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError):
            pass

    async def _read(self, stream: trio.SocketStream) -> Request | None:
        connection = h11.Connection(h11.SERVER)
        head: h11.Request | None = None
        body = b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(bytes(await stream.receive_some(_READ_BYTES)))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return Request(stream, head, body)
            else:
                return None


@asynccontextmanager
async def scripted_server() -> AsyncGenerator[ScriptedServer]:
    """Serve on a free port of 127.0.0.1."""
    server = ScriptedServer()
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        server.url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        nursery.start_soon(trio.serve_listeners, server.serve, [listener])
        yield server
        nursery.cancel_scope.cancel()
