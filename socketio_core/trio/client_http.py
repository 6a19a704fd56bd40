"""HTTP exchanges of a client on trio: h11 for the bytes; connections are kept for the next exchange."""

from __future__ import annotations

from typing import Final

import h11
import trio

from socketio_core.engineio.client.carriers import Exchange
from socketio_core.http import Response
from socketio_core.trio.answers import READ_BYTES, NoAnswer, Stream, read_head
from socketio_core.trio.dial import Dialer, DialError, reason_of

MAX_HEAD_BYTES: Final = 65536  # of a response's status and headers
MAX_IDLE_S: Final = 4.0  # Node and uvicorn close idle connections after 5 seconds


class FetchError(Exception):
    """There will be no response; the text says why."""


class _Idle:
    __slots__ = ("connection", "since", "stream")

    def __init__(self, stream: Stream, connection: h11.Connection, since: float) -> None:
        self.stream = stream
        self.connection = connection
        self.since = since


class HttpPool:
    """Makes the exchanges of one client, over as few connections as possible.

    An exchange is never made twice: of one that failed nobody knows whether the server acted on it.
    """

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer
        self._idle: list[_Idle] = []

    @property
    def is_holding(self) -> bool:
        """Whether it keeps connections for later."""
        return bool(self._idle)

    async def fetch(self, exchange: Exchange) -> Response:
        """Make an exchange and return its response, as a whole.

        Raises:
            FetchError: there is none, or its body is larger than the exchange allows.
        """
        stream, connection = await self._connect()
        kept = False
        try:
            await self._send(stream, connection, exchange)
            response = await self._receive(stream, connection, exchange.limit_bytes)
            if connection.their_state is h11.DONE and not connection.trailing_data[0]:
                connection.start_next_cycle()
                self._idle.append(_Idle(stream, connection, trio.current_time()))
                kept = True
        except trio.BrokenResourceError as error:  # nobody else closes it
            raise FetchError(f"the connection was lost: {reason_of(error)}") from None
        except NoAnswer as error:
            raise FetchError(f"the server {error}") from None
        except h11.RemoteProtocolError as error:
            raise FetchError(f"the server does not speak HTTP: {error}") from None
        finally:
            if not kept:
                await trio.aclose_forcefully(stream)
        return response

    async def aclose(self) -> None:
        """Close all idle connections."""
        while self._idle:
            await trio.aclose_forcefully(self._idle.pop().stream)

    async def _connect(self) -> tuple[Stream, h11.Connection]:
        idle = await self._take_idle()
        if idle is not None:
            return idle.stream, idle.connection
        try:
            stream = await self._dialer.dial(through_tunnel=False)
        except DialError as error:
            raise FetchError(str(error)) from None
        return stream, h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)

    async def _take_idle(self) -> _Idle | None:
        while self._idle:
            idle = self._idle.pop()
            stream = idle.stream
            socket_stream = stream if isinstance(stream, trio.SocketStream) else stream.transport_stream
            # Something to read on an idle connection is its end.
            is_alive = trio.current_time() - idle.since < MAX_IDLE_S and not socket_stream.socket.is_readable()
            if is_alive:
                return idle
            await trio.aclose_forcefully(stream)
        return None

    async def _send(self, stream: Stream, connection: h11.Connection, exchange: Exchange) -> None:
        headers = list(exchange.headers)
        target = exchange.target
        dialer = self._dialer
        if dialer.proxy is not None and not dialer.address.is_secure:
            target = dialer.address.url + target
            if dialer.proxy.authorization is not None:
                headers.append((b"proxy-authorization", dialer.proxy.authorization))
        if exchange.method == "POST":
            headers.append((b"content-length", b"%d" % len(exchange.body)))
        data = connection.send(h11.Request(method=exchange.method, target=target, headers=headers)) or b""
        if exchange.body:
            data += connection.send(h11.Data(data=exchange.body)) or b""
        data += connection.send(h11.EndOfMessage()) or b""
        await stream.send_all(data)

    async def _receive(self, stream: Stream, connection: h11.Connection, limit_bytes: int) -> Response:
        head = await read_head(stream, connection)  # no 101: h11 refuses one that was not asked for
        chunks: list[bytes] = []
        size = 0
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                connection.receive_data(bytes(await stream.receive_some(READ_BYTES)))
            elif isinstance(event, h11.Data):
                size += len(event.data)
                if size > limit_bytes:
                    raise FetchError(f"response is too large, max_message_bytes: {limit_bytes}")
                chunks.append(bytes(event.data))
        return Response(head.status_code, list(head.headers), b"".join(chunks))
