"""The server under test, as a case sees it."""

from __future__ import annotations

import base64
import itertools
import os
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

import h11
import trio
from wsproto.utilities import generate_accept_token

from conformance.case import Failure, Skipped, expect, require
from conformance.client.http import PATIENCE_S, READ_BYTES, Exchange, Headers, Response
from conformance.client.session import UNKNOWN_SID, Polling, Session, WebSocketSession, decode_payload, open_packet
from conformance.client.socketio import SocketIO
from conformance.client.transcript import Transcript, shown
from conformance.client.websocket import WebSocket
from conformance.client.wire import Wire
from conformance.times import QUICK, Times

ENGINE_IO = "/engine.io/"
SOCKET_IO = "/socket.io/"
RECOVERY = "/recovery/"
HASTY = "/hasty/"
LIMITED = "/limited/"
MAX_PAYLOAD = 1_000_000


def target(path: str = ENGINE_IO, transport: str = "polling", sid: str = "", **query: str) -> str:
    """Return a request target, e.g. `"/engine.io/?EIO=4&transport=polling&sid=..."`."""
    fields = {"EIO": "4", "transport": transport, **({"sid": sid} if sid else {}), **query}
    return f"{path}?{urlencode(fields)}"


class Peer:
    """One server, for one case. Everything that the case opens is dropped when it ends.

    Attributes:
        times: how long the server waits for its clients.
    """

    def __init__(self, wire: Wire, times: Times = QUICK) -> None:
        self.wire = wire
        self.times = times
        self.transcript = Transcript(trio.current_time)
        self._streams: list[trio.abc.Stream] = []

    async def aclose(self) -> None:
        """Drop all connections."""
        for stream in self._streams:
            await trio.aclose_forcefully(stream)

    async def connect(self, source: str | None = None) -> trio.abc.Stream:
        """Open a connection, and say nothing on it.

        Args:
            source: the address that it comes from, which must be one of this machine's; the case is skipped elsewhere.
        """
        try:
            stream = await self.wire.connect(source)
        except (OSError, trio.TooSlowError) as error:
            if source is not None:
                raise Skipped(f"cannot connect from {source}: {error}") from None
            raise Failure(f"cannot connect to {self.wire.origin}: {str(error) or 'timeout'}") from None
        self._streams.append(stream)
        return stream

    async def has(self, path: str, what: str) -> None:
        """Skip the case unless there is something at `path`."""
        if (await self.get(target(path, "unknown"))).status == 404:
            raise Skipped(f"there is nothing at {path}, for {what}")

    async def answers(self) -> None:
        """Wait until the server has answered a request: what came before it was read by then, or at the same time."""
        await self.get(target(transport="unknown"))

    # -- HTTP --------------------------------------------------------------------------------------------------------

    async def begin(
        self,
        method: str,
        where: str,
        *,
        headers: Headers = (),
        body_size: int | None = None,
        chunked: bool = False,
        ahead: bytes = b"",
        after: Exchange | None = None,
        on: trio.abc.Stream | None = None,
    ) -> Exchange:
        """Send the head of a request. Without a body the request is complete with that.

        Args:
            ahead: send these bytes in front of it.
            after: send it on the connection of this one, which was answered; else on a new connection.
            on: send it on this connection, which is new.
            body_size: announce a body of this many bytes, to be sent with `send_body`, then `finish`.
            chunked: announce a body in chunks.
        """
        label = f"{method} {where}"
        self.transcript.add(">", label + "".join(f"   {name}: {value}" for name, value in headers))
        stream = on or (await self.connect() if after is None else after.stream)
        exchange = Exchange(stream, self.transcript, label)
        if ahead:
            await exchange.send_raw(ahead)
        fields = [("Host", self.wire.authority), *headers]
        if chunked:
            fields.append(("Transfer-Encoding", "chunked"))
        elif body_size is not None:
            fields.append(("Content-Length", str(body_size)))
        await exchange.start(method, where, fields)
        if body_size is None and not chunked:
            await exchange.finish()
        return exchange

    async def request(
        self,
        method: str,
        where: str,
        *,
        headers: Headers = (),
        body: str | bytes | None = None,
        chunks: Iterable[bytes] | None = None,
        patience_s: float = PATIENCE_S,
    ) -> Response:
        """Send a request and wait for the response, which may come before the whole body was sent.

        Args:
            chunks: send the body in chunks, these.
        """
        data = body.encode("utf-8") if isinstance(body, str) else body
        pieces = list(chunks) if chunks is not None else ([data] if data else [])
        size = None if data is None else len(data)
        exchange = await self.begin(method, where, headers=headers, body_size=size, chunked=chunks is not None)
        if data is None and chunks is None:
            return await exchange.response(patience_s)
        self.transcript.add(">", f"body {shown(b''.join(pieces).decode('utf-8', 'replace'))}")

        async def send() -> None:
            for piece in pieces:
                await exchange.send_body(piece)
            await exchange.finish()

        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send)
                response = await exchange.response(patience_s)
                nursery.cancel_scope.cancel()
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None  # the `Failure` that a case may expect, and not a group
        return response

    async def get(self, where: str, *, headers: Headers = ()) -> Response:
        """Send a GET and wait for the response."""
        return await self.request("GET", where, headers=headers)

    # -- WebSocket ---------------------------------------------------------------------------------------------------

    async def websocket(self, where: str, *, headers: Headers = ()) -> WebSocket:
        """Open a WebSocket, which must be accepted."""
        opened = await self._handshake(where, headers)
        if isinstance(opened, Response):
            raise Failure("WebSocket was refused", expected="101", received=str(opened))
        return opened

    async def refused_websocket(self, where: str, *, headers: Headers = ()) -> Response:
        """Try to open a WebSocket, which must be refused, and return the response."""
        opened = await self._handshake(where, headers)
        if isinstance(opened, WebSocket):
            raise Failure("WebSocket was accepted", expected="an HTTP error", received="101 Switching Protocols")
        return opened

    async def turned_away(self, where: str) -> None:
        """Try to open a WebSocket and probe it; it must be refused, or closed without an answer to the probe."""
        opened = await self._handshake(where, ())
        if isinstance(opened, WebSocket):
            await opened.send("2probe")
            await opened.expect_close()
        else:
            require(400 <= opened.status < 500, "WebSocket was refused with an odd status", opened.status)

    async def _handshake(self, where: str, headers: Headers) -> WebSocket | Response:
        label = f"WebSocket {where}"
        self.transcript.add(">", label + "".join(f"   {name}: {value}" for name, value in headers))
        stream = await self.connect()
        key = base64.b64encode(os.urandom(16))
        fields = [
            ("Host", self.wire.authority),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", key.decode("ascii")),
        ]
        connection = h11.Connection(h11.CLIENT)
        request = h11.Request(method="GET", target=where, headers=[*fields, *headers])
        head = (connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b"")
        await stream.send_all(head)
        with trio.move_on_after(PATIENCE_S):
            answer, body = await _answer(connection, stream)
            given = [(name.decode("ascii"), value.decode("latin-1")) for name, value in answer.headers]
            if answer.status_code != 101:
                response = Response(answer.status_code, given, body)
                self.transcript.add("<", f"{response}   ({label})")
                return response
            expect(
                dict(given).get("sec-websocket-accept"),
                generate_accept_token(key).decode("ascii"),
                "Sec-WebSocket-Accept",
            )
            self.transcript.add("<", f"101   ({label})")
            websocket = WebSocket(stream, connection.trailing_data[0], self.transcript, label)
            websocket.subprotocol = dict(given).get("sec-websocket-protocol")
            return websocket
        raise Failure(f"no answer to the handshake of {label} within {PATIENCE_S:g} s")

    # -- Engine.IO ---------------------------------------------------------------------------------------------------

    async def polling(self, path: str = ENGINE_IO, *, headers: Headers = (), **query: str) -> Polling:
        """Do a handshake over polling."""
        response = await self.get(target(path, **query), headers=headers)
        expect(response.status, 200, "status of the handshake")
        first, *rest = decode_payload(response.body)
        return Polling(self, path, open_packet(first), rest)

    async def websocket_session(
        self, path: str = ENGINE_IO, *, headers: Headers = (), **query: str
    ) -> WebSocketSession:
        """Do a handshake over WebSocket."""
        websocket = await self.websocket(target(path, "websocket", **query), headers=headers)
        return WebSocketSession(websocket, open_packet(await websocket.receive()))

    async def session(self, transport: str, path: str = ENGINE_IO, **query: str) -> Session:
        """Do a handshake over `"polling"` or `"websocket"`, or over polling with an `"upgrade"` right after it."""
        if transport == "websocket":
            return await self.websocket_session(path, headers=(), **query)
        polling = await self.polling(path, headers=(), **query)
        return await polling.upgrade() if transport == "upgrade" else polling

    async def forgotten(self, sid: str, path: str = ENGINE_IO) -> None:
        """Wait until the server no longer knows a session: soon after its end, not only when its heartbeat runs out."""
        until = trio.current_time() + self.times.ping_interval_s
        for attempt in itertools.count():
            response = await self.get(target(path, sid=sid))
            expect(response.status, 400, "status of a poll for a session that ended")
            if response.json == UNKNOWN_SID:
                return
            require(
                attempt < 3 or trio.current_time() < until, "server still knows a session that ended", response.json
            )
            await trio.sleep(0.02)

    # -- Socket.IO ---------------------------------------------------------------------------------------------------

    async def socketio(self, transport: str, nsp: str = "/", auth: dict[str, Any] | None = None) -> SocketIO:
        """Connect to a namespace, and take the `auth` event that the contract asks for."""
        client = SocketIO(await self.session(transport, SOCKET_IO))
        await client.join(nsp, auth)
        return client


async def _answer(
    connection: h11.Connection, stream: trio.abc.Stream
) -> tuple[h11.Response | h11.InformationalResponse, bytes]:
    answer: h11.Response | None = None
    body = bytearray()
    while True:
        try:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(bytes(await stream.receive_some(READ_BYTES)))
                continue
        except trio.BrokenResourceError:
            raise Failure("connection was lost during the handshake") from None
        except h11.RemoteProtocolError as error:
            raise Failure(f"no HTTP response to the handshake: {error}") from None
        if isinstance(event, h11.InformationalResponse) and event.status_code == 101:
            return event, b""
        if isinstance(event, h11.Response):
            answer = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert answer is not None  # h11 gives the head first
            return answer, bytes(body)
        elif isinstance(event, h11.ConnectionClosed):
            raise Failure("connection was closed during the handshake")
