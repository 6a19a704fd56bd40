"""HTTP/1.1 on trio: the requests and responses of one connection; what they mean is not known here.

A request that is plain does not go through h11, unless it turns out to need it: see `plain_requests`. Between two
requests the connection is h11's as soon as h11 holds anything of the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import h11
import trio

from socketio_core.http import Request, Response
from socketio_core.trio.direct import DirectStream
from socketio_core.wire.plain_requests import MAX_HEAD_BYTES, MAX_HEADERS, PlainRequest, plain_answer, plain_request

if TYPE_CHECKING:
    from socketio_core.trio.server import Server

MAX_EARLY_BYTES: Final = 65536  # what a client may send on behind a parked poll before we stop listening
MAX_LINGER_BYTES: Final = 2_000_000  # what is read away behind an early answer, so that the client gets to see it

_BODYLESS = frozenset((204, 304))  # statuses whose responses have no body (RFC 9110, 6.4.1)
_HTTP_OF = {"ws": "http", "wss": "https"}  # what some proxies call the scheme of an upgrade
_BROKEN = (trio.BrokenResourceError, trio.ClosedResourceError)


class Gone(Exception):  # noqa: N818 - no error, but an end
    """The client is gone, or too slow; there is nobody to answer."""


class TooSlow(Exception):  # noqa: N818 - likewise
    """The request's body did not come in time."""


def text_response(status: int, text: str) -> Response:
    """Return a response of one line of text."""
    return Response(status, [(b"content-type", b"text/plain; charset=utf-8")], text.encode("utf-8") + b"\n")


class Http1:
    """Reads requests and writes their responses, one after another: `next_request`, `respond`, `finish`, and again.

    Attributes:
        direct: reads and writes the stream; behind a 101 it belongs to whoever asked for it.
    """

    def __init__(self, server: Server, stream: trio.abc.Stream, address: str, scheme: str) -> None:
        self.direct = DirectStream(stream)
        self._server = server
        self._stream = stream
        self._address = address
        self._scheme = scheme
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._unread = b""  # what has arrived and h11 was not given
        self._plain: PlainRequest | None = None  # the request, if h11 has not seen it
        self._is_first = True
        self._is_head = False  # the request's method: its answer has no body, whatever it is

    # -- reading -----------------------------------------------------------------------------------------------------

    async def next_request(self) -> Request | None:
        """Wait for the next request; `None` when the connection is over, and the client was told why if it need be.

        Raises:
            Gone: the connection was lost.
            h11.RemoteProtocolError: what came is no request; to be refused with the status that it suggests.
        """
        server, timeouts = self._server, self._server.timeouts
        self._is_head = False
        event = self._waiting_request()
        if event is h11.NEED_DATA:
            wait_s = timeouts.header_s if self._is_first else timeouts.keep_alive_s
            idle = server.idle_connections
            with trio.move_on_after(0 if server.is_closing else wait_s) as scope:
                idle.add(scope)
                try:
                    began = False
                    while event is h11.NEED_DATA:
                        self._unread = await self._read()
                        event = self._waiting_request(is_ended=not self._unread)
                        if not self._is_first and not began:
                            began = True
                            scope.deadline = trio.current_time() + timeouts.header_s
                finally:
                    idle.discard(scope)
            self._is_first = False
            if scope.cancelled_caught:
                if self._h11.trailing_data[0] and server.is_closing:
                    await self.refuse(503, "server is shutting down")
                elif self._h11.trailing_data[0]:
                    await self.refuse(408, "request took too long")
                return None
        else:  # a client with many requests in one packet must not hold up all others
            await trio.lowlevel.checkpoint()
        if isinstance(event, PlainRequest):
            return self._request(event.method, event.target, event.headers)
        if not isinstance(event, h11.Request):
            return None  # ConnectionClosed
        self._is_head = event.method == b"HEAD"
        problem = _problem_of(event)
        if problem is not None:
            await self.refuse(*problem)
            return None
        headers = list(event.headers)
        if event.http_version < b"1.1":  # there the header means nothing (RFC 9110, 7.8)
            headers = [header for header in headers if header[0] != b"upgrade"]
        return self._request(event.method, event.target, headers)

    def _waiting_request(self, *, is_ended: bool = False) -> object:
        """Return a request that has arrived, plain or an event of h11, or `h11.NEED_DATA`, or the end."""
        unread, is_begun = self._unread, self._h11.trailing_data[0]
        if not (unread or is_begun or is_ended):
            return h11.NEED_DATA
        if unread and not is_begun and self._server.shortcuts:  # fast path; benchmarks: polling
            self._plain = plain = plain_request(unread)
            if plain is not None:
                self._unread = unread[len(plain.raw) :]
                return plain
        self._unread = b""
        if unread or is_ended:
            self._h11.receive_data(unread)
        return self._h11.next_event()

    def _request(self, method: bytes, target: bytes, headers: list[tuple[bytes, bytes]]) -> Request:
        scheme, address = self._scheme, self._address
        request = Request(method.decode("ascii"), target.decode("ascii"), headers, address=address, scheme=scheme)
        if self._server.trust_proxy:
            forwarded = _last(request.header("x-forwarded-proto"))
            request.scheme = _HTTP_OF.get(forwarded, forwarded) or scheme
            request.address = _last(request.header("x-forwarded-for")) or address
        return request

    async def _read(self) -> bytes:
        try:
            return await self.direct.receive()
        except _BROKEN:
            raise Gone from None

    def _give_to_h11(self) -> None:
        """Let h11 go on with a plain request after all: as if it had read it, but for its body."""
        plain, self._plain = self._plain, None
        if plain is not None:
            self._h11.receive_data(plain.raw + self._unread)
            self._unread = b""
            self._h11.next_event()

    async def _body_chunk(self) -> bytes | None:
        """Return the next piece of the body of h11's request, `None` at its end."""
        if self._h11.they_are_waiting_for_100_continue:
            await self._send(h11.InformationalResponse(status_code=100, headers=[]))
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            self._h11.receive_data(await self._read())
        return bytes(event.data) if isinstance(event, h11.Data) else None

    async def read_body(self, feed: Callable[[bytes], bool]) -> bool:
        """Read the body until its end, or until `feed` refuses more of it. Returns whether it was read to the end.

        Raises:
            TooSlow: it took too long.
        """
        if self._plain is not None:  # fast path; benchmarks: polling
            body, self._plain.body = self._plain.body, b""
            return not body or feed(body)
        with trio.move_on_after(self._server.timeouts.body_s):
            while (chunk := await self._body_chunk()) is not None:
                if not feed(chunk):
                    return False
            return True
        raise TooSlow

    async def watch(self) -> None:
        """Return when the client of a parked poll goes away; keep what it sends on meanwhile for later."""
        received = 0
        while received < MAX_EARLY_BYTES:
            try:
                data = await self.direct.receive()
            except _BROKEN:
                return
            if not data:
                return
            received += len(data)
            if self._plain is None:
                self._h11.receive_data(data)
            else:
                self._unread += data
        await trio.sleep_forever()

    # -- writing -----------------------------------------------------------------------------------------------------

    async def respond(self, request: Request, response: Response) -> bool:
        """Write a response. Returns `False` when it was no valid HTTP, and the client got a 500."""
        if self._plain is not None:  # fast path; benchmarks: polling
            closes = self._server.is_closing or request.is_websocket_upgrade or response.status == 413
            answer = None if closes else plain_answer(response.status, response.headers, response.body)
            if answer is not None:
                await self._write(answer)
                return True
            self._give_to_h11()
        is_valid = True
        try:
            head = self._head(request, response)
        except (h11.LocalProtocolError, TypeError, ValueError) as error:  # the last two: headers that are no pairs
            is_valid = False
            self._server.runtime.log_exception(f"response to {request!r} is not valid HTTP", error)
            response = text_response(500, "Internal server error")
            head = self._head(request, response)
        events: list[h11.Event] = [head]
        if response.body and response.status not in _BODYLESS and not self._is_head:
            events.append(h11.Data(data=response.body))
        events.append(h11.EndOfMessage())
        await self._send(*events)
        return is_valid

    def _head(self, request: Request, response: Response) -> h11.Response:
        """Return status and headers of a response.

        Raises:
            h11.LocalProtocolError: they cannot be sent.
        """
        connection = self._h11
        headers = list(response.headers)
        names = {name.lower() for name, _ in headers}
        if b"content-length" not in names and response.status not in _BODYLESS:
            headers.append((b"content-length", b"%d" % len(response.body)))
        # A client that was not told to go on may send its body or leave it out: what follows could be either.
        is_last = connection.they_are_waiting_for_100_continue or request.is_websocket_upgrade
        is_last = is_last or (response.status == 413 and connection.their_state is h11.SEND_BODY)
        if is_last or self._server.is_closing:
            headers = [*(h for h in headers if h[0].lower() != b"connection"), (b"connection", b"close")]
        return h11.Response(status_code=response.status, headers=headers)

    async def _send(self, *events: h11.Event) -> None:
        await self._write(b"".join([self._h11.send(event) or b"" for event in events]))

    async def _write(self, data: bytes) -> None:
        sent = self.direct.write_now(data)
        if sent == len(data):
            return
        data = data[sent:]
        with trio.move_on_after(self._server.timeouts.write_s) as scope:
            try:
                await self._stream.send_all(data)
            except _BROKEN:
                raise Gone from None
        if scope.cancelled_caught:
            raise Gone

    def switch(self, headers: list[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
        """Return the answer 101, and what has arrived behind the request, which belongs to the WebSocket.

        Raises:
            h11.LocalProtocolError: the headers cannot be sent.
        """
        if self._plain is not None and (plain := plain_answer(101, headers, b"")) is not None:
            return plain, self._unread
        self._give_to_h11()
        while self._h11.next_event() not in (h11.PAUSED, h11.NEED_DATA):
            pass  # EndOfMessage
        answer = h11.InformationalResponse(status_code=101, headers=headers, reason=b"Switching Protocols")
        return self._h11.send(answer) or b"", self._h11.trailing_data[0]

    async def refuse(self, status: int, detail: str) -> None:
        """Answer a request that could not be read, if that is still possible, and take leave."""
        body = detail.encode("utf-8", "replace") + b"\n"
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
        headers.append((b"content-length", b"%d" % len(body)))
        if self._h11.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            content = [] if self._is_head else [h11.Data(data=body)]
            try:
                await self._send(h11.Response(status_code=status, headers=headers), *content, h11.EndOfMessage())
            except Gone:
                return
            await self._linger()

    async def finish(self) -> bool:
        """Get ready for the next request; `False` when the connection is to be closed."""
        if self._plain is not None:
            self._plain = None
            return True
        connection = self._h11
        is_early = connection.their_state is h11.SEND_BODY and connection.our_state is h11.DONE
        if is_early and not isinstance(connection.next_event(), h11.EndOfMessage):  # of a GET, that waits there
            await self._read_away()
        if connection.our_state is h11.DONE and connection.their_state is h11.DONE:
            connection.start_next_cycle()
            return True
        if connection.our_state is h11.MUST_CLOSE and connection.their_state is not h11.CLOSED:
            await self._linger()
        return False

    async def _read_away(self) -> None:
        """The answer went out before the body came in: read it away, if it is not too much."""
        size = 0
        with trio.move_on_after(self._server.timeouts.linger_s):
            while size < MAX_LINGER_BYTES and (chunk := await self._body_chunk()) is not None:
                size += len(chunk)

    async def _linger(self) -> None:
        """Say that nothing more comes, and read away what does, or the answer may be lost to a connection reset."""
        if isinstance(self._stream, trio.SocketStream):
            size = 0
            with trio.move_on_after(self._server.timeouts.linger_s):
                try:
                    await self._stream.send_eof()
                    while size < MAX_LINGER_BYTES and (data := await self.direct.receive()):
                        size += len(data)
                except _BROKEN:
                    pass


def _problem_of(event: h11.Request) -> tuple[int, str] | None:
    """Say what is wrong with the head of a request that h11 lets pass, and the status that it gets."""
    if not event.http_version.startswith(b"1."):
        return 505, "HTTP version not supported"
    names = [name for name, _ in event.headers]
    # h11 looks at the size only while the head is incomplete, so one that arrives at once may have any.
    line = len(event.method) + len(event.target) + len(b"  HTTP/1.1\r\n")
    size = line + sum(len(name) + len(value) + len(b": \r\n") for name, value in event.headers)
    if len(names) > MAX_HEADERS or size > MAX_HEAD_BYTES:
        return 431, "too many headers, or too large ones"
    if b"transfer-encoding" in names and b"content-length" in names:  # request smuggling (RFC 9112, 6.3)
        return 400, "Content-Length beside Transfer-Encoding"
    return None


def _last(value: str | None) -> str:
    """Return the last item of a list header: the one that the nearest proxy added."""
    return (value or "").rpartition(",")[2].strip()
