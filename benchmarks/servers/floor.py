"""The floor: a bare program on trio that makes the same system calls as our server, and nothing else.

It answers with made texts, in the order in which the loads of `server`, `connect`, `polling` and `memory` ask: nothing
is taken apart that these do not need, and nothing is checked. With `--json` it also does what no server in Python can
do without: it takes frames or packets apart, has `json` read each event, has an async handler called in a context of
its own, and has `json` write what that emits. What a server on trio takes above that is its own.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import socket
from collections import deque
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, Final

import trio

from benchmarks.messages import opened
from benchmarks.network import SERVER_LOADS

_OPEN: Final = '0{"sid":"%020d","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
_JOINED: Final = b'40{"sid":"AAAAAAAAAAAAAAAAAAAB"}'
_SWITCH: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
_HEAD: Final = b"HTTP/1.1 200 \r\ncontent-type: text/plain; charset=UTF-8\r\ncache-control: no-store\r\n"
_TEXT: Final = 0x81
_CLOSE: Final = b"\x88\x02\x03\xe8"
_TOGETHER_S: Final = 0.010  # pings that are due within it go together
_write_json: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def _frame(text: bytes, opcode: int = _TEXT) -> bytes:
    size = len(text)
    return (bytes((opcode, size)) if size < 126 else bytes((opcode, 126)) + size.to_bytes(2, "big")) + text


def _response(body: bytes) -> bytes:
    return b"%bcontent-length: %d\r\n\r\n%b" % (_HEAD, len(body), body)


@dataclass(slots=True, eq=False)
class Session:
    """A client.

    Attributes:
        waiting: the socket of its poll.
        messages: for its next one.
    """

    sid: int
    waiting: int | None = None
    messages: list[bytes] = field(default_factory=list[bytes])


@dataclass(slots=True)
class Connection:
    """A socket; as a WebSocket, the message that it sends again and again, and the answer."""

    fileno: int
    session: Session | None = None
    is_websocket: bool = False
    has_joined: bool = False
    message: bytes = b""
    answer: bytes = b""
    unanswered_bytes: int = 0


class Floor:
    """The server.

    Args:
        reads: have events read and written, rather than answered with what was made before.
    """

    def __init__(self, ping_interval_s: float, *, reads: bool) -> None:
        self._interval_s = ping_interval_s
        self._reads = reads
        self._epoll = select.epoll()  # of all sockets; it is what trio waits for
        self._connections: dict[int, Connection] = {}
        self._sessions: dict[bytes, Session] = {}
        self._to_ping: deque[tuple[float, Connection]] = deque()
        self._out: list[bytes] = []
        self._count = 0

    # -- HTTP --------------------------------------------------------------------------------------------------------

    def _request(self, connection: Connection, data: bytes) -> bytes:
        line = data[: data.index(b"\r\n")]
        _, _, after = line.partition(b"&sid=")
        sid = after.partition(b" ")[0]
        session = self._sessions.get(sid) or self._open()
        if b"transport=websocket" in line:
            connection.is_websocket, connection.session = True, session
            if sid:
                connection.has_joined = True
                return _SWITCH
            self._to_ping.append((trio.current_time() + self._interval_s, connection))
            return _SWITCH + _frame(_OPEN.encode() % session.sid)
        if not sid:
            return _response(_OPEN.encode() % session.sid)
        if line.startswith(b"POST"):
            body = data[data.index(b"\r\n\r\n") + 4 :]
            session.messages.append(_JOINED if body == b"40" else self._packets(body))
            if session.waiting is not None:
                os.write(session.waiting, self._poll(session))
            return _response(b"ok")
        if session.messages:
            return self._poll(session)
        session.waiting = connection.fileno
        return b""

    def _open(self) -> Session:
        self._count += 1
        session = self._sessions[b"%020d" % self._count] = Session(self._count)
        return session

    def _poll(self, session: Session) -> bytes:
        body = b"\x1e".join(session.messages)
        session.messages, session.waiting = [], None
        return _response(body)

    def _packets(self, body: bytes) -> bytes:
        if not self._reads:
            return body
        return b"\x1e".join([self._handle(packet) for packet in body.decode().split("\x1e")])

    # -- WebSockets --------------------------------------------------------------------------------------------------

    def _frames(self, connection: Connection, data: bytes) -> bytes:
        if not connection.has_joined:
            connection.has_joined = True
            return _frame(_JOINED)
        if data[0] == _CLOSE[0]:
            return _CLOSE
        if not connection.message:  # nothing but the first, or what leads to an upgrade, which comes alone and unmasked
            text = data[6:]
            if text == b"2probe":
                session = connection.session
                if session is not None and session.waiting is not None:
                    session.messages.append(b"6")
                    os.write(session.waiting, self._poll(session))
                return _frame(b"3probe")
            if text[:1] in (b"5", b"3"):  # the pongs of an idle one, too
                return _frame(b'42["echo",1]') if b"42[" in text else b""
            found = [load.data for load in SERVER_LOADS.values() if data.startswith(load.data)]
            if not found:
                return _frame(text)
            connection.message, connection.answer = found[0], opened(found[0])
        count, connection.unanswered_bytes = divmod(connection.unanswered_bytes + len(data), len(connection.message))
        if not self._reads:
            return connection.answer * count
        return b"".join([self._taken_apart(connection.message) for _ in range(count)])

    def _taken_apart(self, data: bytes) -> bytes:
        """Return the answer to one event; that which comes again and again."""
        at, answer = 0, b""
        while at < len(data):
            opcode, size, start = data[at], data[at + 1] & 0x7F, at + 2
            if size == 126:
                size, start = int.from_bytes(data[start : start + 2], "big"), start + 2
            at = start + 4 + size
            mask = data[start : start + 4] * (size // 4 + 1)
            masked = int.from_bytes(data[start + 4 : at], "big")
            payload = (masked ^ int.from_bytes(mask[:size], "big")).to_bytes(size, "big")
            answer += _frame(self._handle(payload.decode())) if opcode == _TEXT else _frame(payload, opcode)
        return answer

    # -- events ------------------------------------------------------------------------------------------------------

    def _handle(self, packet: str) -> bytes:
        start = packet.index("[")
        head, (name, *args) = packet[:start], json.loads(packet[start:])
        coroutine = self._echo(head, name, *args)
        with suppress(StopIteration):
            copy_context().run(coroutine.send, None)
        return self._out.pop()

    async def _echo(self, head: str, name: str, *args: Any) -> None:
        self._out.append((head + _write_json([name, *args])).encode())

    # -- sockets -----------------------------------------------------------------------------------------------------

    def _ready(self, listener: socket.socket) -> None:
        for fileno, _ in self._epoll.poll(0):
            if fileno == listener.fileno():
                accepted, _ = listener.accept()
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                accepted.setblocking(False)  # noqa: FBT003 - its only argument
                number = accepted.detach()
                self._connections[number] = Connection(number)
                self._epoll.register(number, select.EPOLLIN)
                continue
            connection = self._connections[fileno]
            try:
                data = os.read(fileno, 65536)
            except OSError:
                data = b""
            answer = b"" if not data else (self._frames if connection.is_websocket else self._request)(connection, data)
            if answer:
                os.write(fileno, answer)
            if not data or answer is _CLOSE:
                self._epoll.unregister(fileno)
                os.close(fileno)
                connection.fileno = -1
                session = self._connections.pop(fileno).session
                if session is not None:
                    self._sessions.pop(b"%020d" % session.sid, None)

    async def ping(self) -> None:
        """Ping each WebSocket every so often."""
        while True:
            await trio.sleep_until(self._to_ping[0][0] + _TOGETHER_S if self._to_ping else trio.current_time() + 0.1)
            now = trio.current_time()
            while self._to_ping and self._to_ping[0][0] <= now:
                _, connection = self._to_ping.popleft()
                if connection.fileno >= 0:
                    os.write(connection.fileno, b"\x81\x012")
                    self._to_ping.append((now + self._interval_s, connection))

    async def run(self) -> None:
        """Serve."""
        with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
            listener.setblocking(False)  # noqa: FBT003 - its only argument
            self._epoll.register(listener, select.EPOLLIN)
            print(listener.getsockname()[1], flush=True)
            while True:
                await trio.lowlevel.wait_readable(self._epoll.fileno())
                self._ready(listener)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ping-interval", type=float, default=25.0)
    parser.add_argument("--json", action="store_true", help="take events apart, and have a handler called")
    options = parser.parse_args()
    floor = Floor(options.ping_interval, reads=options.json)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(floor.ping)
        nursery.start_soon(floor.run)


if __name__ == "__main__":
    trio.run(main)
