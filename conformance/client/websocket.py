"""A WebSocket, frame by frame."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass

import trio
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.utilities import RemoteProtocolError

from conformance.case import Failure
from conformance.client.http import PATIENCE_S, READ_BYTES
from conformance.client.transcript import Transcript, shown

NO_CODE = 1005  # RFC 6455, 7.4.1: a close frame without a code
ABNORMAL = 1006  # no close frame at all
SMALL_BUFFER_BYTES = 65536
MAX_FLOOD_BYTES = 16_000_000  # more than the buffers on the way hold, when that of the client is small

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 0x1, 0x2, 0x0, 0x8, 0x9, 0xA


@dataclass(frozen=True, slots=True)
class Closed:
    """The server closed the WebSocket; `code` is `NO_CODE` or `ABNORMAL` where it named none."""

    code: int
    reason: str = ""


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, mask: bool = True, rsv: int = 0) -> bytes:
    """Return the bytes of one frame, legal or not. Spec: RFC 6455, 5.2."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    masked = 0x80 if mask else 0
    if len(payload) < 126:
        head = struct.pack("!BB", first, masked | len(payload))
    elif len(payload) < 65536:
        head = struct.pack("!BBH", first, masked | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, masked | 127, len(payload))
    if not mask:
        return head + payload
    key = os.urandom(4)
    repeated = (key * (len(payload) // 4 + 1))[: len(payload)]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return head + key + mixed.to_bytes(len(payload), "big")


class WebSocket:
    """An open WebSocket. Frames are read when they are asked for; pings of the WebSocket layer are answered then."""

    def __init__(self, stream: trio.abc.Stream, early_data: bytes, transcript: Transcript, label: str) -> None:
        self._stream = stream
        self._transcript = transcript
        self._label = label
        self._frames = Connection(ConnectionType.CLIENT)
        self._received: list[str | bytes | Closed | Pong] = []
        self._parts: list[str | bytes] = []
        self._closed: Closed | None = None
        self._lock = trio.Lock()
        self._answer = b""  # to what the WebSocket layer of the server asked
        self.subprotocol: str | None = None  # what the server chose
        if early_data:
            self._feed(early_data)

    # -- sending -----------------------------------------------------------------------------------------------------

    async def send(self, *packets: str | bytes) -> None:
        """Send packets, each in one frame, all in one write."""
        for packet in packets:
            self._transcript.add(">", f"ws {shown(packet)}   ({self._label})")
        await self._write(b"".join([_message(packet) for packet in packets]))

    async def send_raw(self, data: bytes) -> None:
        """Send bytes, which need not be a frame."""
        self._transcript.add(">", f"ws raw {shown(data)}   ({self._label})")
        await self._write(data)

    async def flood(self, data: bytes, seconds: float) -> None:
        """Send the same bytes again and again, and read nothing, until the server has not taken them for so long."""
        self._transcript.add(">", f"ws raw, again and again {shown(data)}   ({self._label})")
        if isinstance(self._stream, trio.SocketStream):
            self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
        with trio.CancelScope() as scope:
            for _ in range(MAX_FLOOD_BYTES // len(data)):
                scope.deadline = trio.current_time() + seconds
                await self._write(data)

    async def close(self, code: int = 1000) -> None:
        """Send a close frame."""
        self._transcript.add(">", f"ws close {code}   ({self._label})")
        await self._write(frame(CLOSE, struct.pack("!H", code)))

    async def abort(self) -> None:
        """Drop the connection without a word."""
        self._transcript.add(">", f"ws (connection dropped)   ({self._label})")
        await trio.aclose_forcefully(self._stream)

    async def _write(self, data: bytes) -> None:
        async with self._lock:  # an answer to a ping may be due while another task writes
            with suppress(trio.BrokenResourceError):  # closed by the server: for `receive` to see
                await self._stream.send_all(data)

    # -- receiving ---------------------------------------------------------------------------------------------------

    async def receive(self, patience_s: float = PATIENCE_S) -> str | bytes | Closed:
        """Wait for the next message, or the end.

        Raises:
            Failure: nothing came in time, or no valid frame.
        """
        while True:
            item = await self._next(patience_s)
            if not isinstance(item, Pong):
                return item

    async def receive_pong(self, patience_s: float = PATIENCE_S) -> bytes:
        """Wait for a pong of the WebSocket layer, which must be the next thing to come."""
        item = await self._next(patience_s)
        if not isinstance(item, Pong):
            raise Failure("no WebSocket pong", expected="a pong frame", received=item)
        return bytes(item.payload)

    async def expect(self, packet: str | bytes, patience_s: float = PATIENCE_S) -> None:
        """Wait for the next message, which must be this one."""
        received = await self.receive(patience_s)
        if received != packet:
            raise Failure("another packet came over the WebSocket", expected=packet, received=received)

    async def expect_close(self, *codes: int, patience_s: float = PATIENCE_S) -> Closed:
        """Wait for the end, which must be the next thing to come, with one of `codes` if any are given."""
        received = await self.receive(patience_s)
        if not isinstance(received, Closed):
            raise Failure("WebSocket was not closed", expected="a close", received=received)
        if codes and received.code not in codes:
            raise Failure("WebSocket was closed with another code", expected=codes, received=received.code)
        return received

    async def disconnected(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until the server has closed the connection beneath, whatever comes before that."""
        with trio.move_on_after(patience_s):
            with suppress(trio.BrokenResourceError):
                while await self._stream.receive_some(READ_BYTES):
                    pass
            return
        raise Failure(f"connection of {self._label} is still open after {patience_s:g} s")

    async def silent(self, seconds: float) -> None:
        """Check that nothing comes for a while."""
        with trio.move_on_after(seconds):
            item = await self._read()
            raise Failure("something came over the WebSocket", expected="nothing", received=item)

    async def _next(self, patience_s: float) -> str | bytes | Closed | Pong:
        with trio.move_on_after(patience_s):
            return await self._read()
        raise Failure(f"nothing came over the WebSocket within {patience_s:g} s   ({self._label})")

    async def _read(self) -> str | bytes | Closed | Pong:
        while not self._received:
            if self._closed is not None:
                return self._closed
            try:
                data = bytes(await self._stream.receive_some(READ_BYTES))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                data = b""
            if not data:
                self._end(Closed(ABNORMAL))
            else:
                self._feed(data)
                if self._frames.state is ConnectionState.REMOTE_CLOSING:
                    self._answer += frame(CLOSE)
                if self._answer:
                    answer, self._answer = self._answer, b""
                    await self._write(answer)
        return self._received.pop(0)

    def _feed(self, data: bytes) -> None:
        try:
            self._frames.receive_data(data)
            for event in self._frames.events():
                if isinstance(event, (TextMessage, BytesMessage)):
                    self._parts.append(event.data if isinstance(event, TextMessage) else bytes(event.data))
                    if event.message_finished:
                        self._add(_joined(self._parts))
                        self._parts = []
                elif isinstance(event, CloseConnection):
                    if self._frames.state is ConnectionState.OPEN:  # so wsproto reports what is no valid frame
                        raise Failure(f"server sent no valid WebSocket frame: {event.reason}")
                    self._end(Closed(int(event.code), event.reason or ""))
                elif isinstance(event, Pong):
                    self._received.append(event)
                elif isinstance(event, Ping):
                    self._answer += frame(PONG, bytes(event.payload))
        except RemoteProtocolError as error:
            raise Failure(f"server sent no valid WebSocket frame: {error}") from None

    def _add(self, message: str | bytes) -> None:
        self._transcript.add("<", f"ws {shown(message)}   ({self._label})")
        self._received.append(message)

    def _end(self, closed: Closed) -> None:
        if self._closed is None:
            self._closed = closed
            self._transcript.add("<", f"ws closed with {closed.code} {closed.reason}   ({self._label})")
            self._received.append(closed)


def _encoded(part: str | bytes) -> bytes:
    return part.encode("utf-8") if isinstance(part, str) else part


def _message(packet: str | bytes) -> bytes:
    return frame(TEXT if isinstance(packet, str) else BINARY, _encoded(packet))


def _joined(parts: list[str | bytes]) -> str | bytes:
    if all(isinstance(part, str) for part in parts):
        return "".join([part for part in parts if isinstance(part, str)])
    return b"".join([_encoded(part) for part in parts])
