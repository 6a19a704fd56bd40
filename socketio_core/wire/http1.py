"""HTTP/1.1 of a server: the requests of one connection out of its bytes, and bytes of its responses; one at a time.

What a request means is not known here, nor when anything happens. A request that is plain does not go through h11,
unless it turns out to need it: see `plain_requests`. Between two requests the connection is h11's as soon as h11 holds
anything of the next one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from typing import Final, final

import h11

from socketio_core.http import Request, Response
from socketio_core.wire.base import BODY_PIECES
from socketio_core.wire.chunks import ChunkLines, lines_of
from socketio_core.wire.heads import MAX_HEAD_BYTES, MAX_HEADERS, BadRequest, Head, check_head
from socketio_core.wire.plain_requests import PlainRequest, plain_answer, plain_request

_BODYLESS = frozenset((204, 304))  # statuses whose responses have no body (RFC 9110, 6.4.1)
_MAX_BLANK_BYTES = 64  # between two requests; RFC 9112, 2.2 speaks of one line, and llhttp sets no limit
_LINE_ENDS = (b"\r", b"\n")
_BLANK_LINES = re.compile(rb"(\r?\n)*")
MAX_KEPT_HEAD_BYTES: Final = 4096  # of a head that is kept while its connection is idle
_FORM = (h11.LocalProtocolError, AttributeError, TypeError, ValueError)  # h11 refuses it; the others: it is no bytes


class InvalidResponse(Exception):  # noqa: N818 - an outcome
    """A response cannot be written: it is no valid HTTP."""


class Next(Enum):
    """What comes behind a response."""

    REQUEST = "request"  # another request may be read
    DRAIN = "drain"  # the rest of the request's body is to be read away first
    LINGER = "linger"  # nothing; what the client still sends is read away, or the response might be lost to a reset
    CLOSE = "close"  # nothing, and the client knows


def text_response(status: int, text: str) -> Response:
    """Return a response of one line of text."""
    return Response(status, [(b"content-type", b"text/plain; charset=utf-8")], text.encode("utf-8", "replace") + b"\n")


@final
class Http1:
    """Reads requests and makes the bytes of responses: `next_request`, `read_body`, `respond`, `finish`, and again.

    Args:
        shortcuts: read plain requests, and write plain responses, without h11.

    Attributes:
        is_ended: the client has closed its end, and no request is left.
        has_pieces: `read_body` stopped at its limit though more of the body has arrived; call it again.
    """

    __slots__ = (
        "_blank_bytes",
        "_h11",
        "_is_h11_new",
        "_is_head",
        "_last",
        "_last_bytes",
        "_lines",
        "_plain",
        "_shortcuts",
        "_unread",
        "has_pieces",
        "is_ended",
    )

    def __init__(self, *, shortcuts: bool) -> None:
        self.is_ended = False
        self.has_pieces = False
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._is_h11_new = True  # it was given nothing, so it holds nothing; asked often, and h11 answers slowly
        self._unread = b""  # what has arrived and h11 was not given
        self._lines: ChunkLines | None = None  # of the body, if it is in chunks
        self._blank_bytes = 0  # of empty lines in front of the next request
        self._plain: PlainRequest | None = None  # the request, if h11 has not seen it
        self._last: PlainRequest | None = None  # whose head is expected to come again
        self._last_bytes = 0  # what that takes
        self._is_head = False  # the request's method: its answer has no body, whatever it is
        self._shortcuts = shortcuts

    # -- reading -----------------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Take bytes of the client; `b""` says that it sends no more. Whatever is for h11 stays there."""
        if not data:
            self._give(self._unread)
            self._unread = b""
            self._give(b"")
        elif not self._is_h11_new and (self._h11.trailing_data[0] or self._h11.their_state is not h11.IDLE):
            self._give(data)
        else:
            self._unread += data

    @property
    def held_bytes(self) -> int:
        """How much has arrived of what comes behind the current request."""
        return len(self._unread) + (0 if self._is_h11_new else len(self._h11.trailing_data[0]))

    @property
    def kept_bytes(self) -> int:
        """How much memory is taken by all that has arrived and is kept."""
        plain, last = self._plain, self._last
        now = 0 if plain is None else len(plain.body) + (0 if plain is last else len(plain.head))
        return self.held_bytes + now + self._last_bytes

    @property
    def is_in_chunks(self) -> bool:
        """Whether the body of the current request is."""
        return self._lines is not None

    def _give(self, data: bytes) -> None:
        self._is_h11_new = False
        self._h11.receive_data(data)

    def next_request(self) -> Head | None:
        """Return the next request, as far as its head; `None` until it is there, or when there is none (`is_ended`).

        Raises:
            BadRequest: what came is none.
        """
        self._is_head = False
        self._lines = None
        self._skip_blank_lines()
        if self._unread == b"\r":
            return None
        if self._unread:
            if self._shortcuts:  # fast path; benchmarks: polling
                last = self._last
                is_again = last is not None and last.becomes(self._unread)
                self._plain = plain = last if is_again else plain_request(self._unread)
                if plain is not None:
                    self._unread = self._unread[plain.size_bytes :]
                    return plain
            self._give(self._unread)
            self._unread = b""
        event = self._next_event()
        if not isinstance(event, h11.Request):
            self.is_ended = isinstance(event, h11.ConnectionClosed)
            return None
        self._is_head = event.method == b"HEAD"
        check_head(event)
        self._lines = lines_of(event, MAX_HEADERS, MAX_HEAD_BYTES)
        headers = list(event.headers)
        if event.http_version < b"1.1":  # there the header means nothing (RFC 9110, 7.8)
            headers = [header for header in headers if header[0] != b"upgrade"]
        return Head(event.method, event.target, headers)

    def expect_again(self, request: Request) -> None:
        """The next request will most likely have the head of the current one, which is `request`."""
        plain = self._plain
        if plain is not None and plain is not self._last and len(plain.head) <= MAX_KEPT_HEAD_BYTES:
            plain.request = request
            self._last = plain
            self._last_bytes = len(plain.head) + request.size_bytes

    def _skip_blank_lines(self) -> None:
        """Forget empty lines in front of a request, as many clients once sent them behind a body; h11 does not.

        Spec: RFC 9112, 2.2.
        """
        if not self._unread and self._h11.their_state is h11.IDLE:
            held, is_ended = self._h11.trailing_data
            if held[:1] in _LINE_ENDS:
                self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
                self._is_h11_new = True
                self._unread = held
                self._skip_blank_lines()
                if is_ended:
                    self.feed(b"")
            return
        first = self._unread[:1]
        if first in _LINE_ENDS:
            blank = _BLANK_LINES.match(self._unread, 0, _MAX_BLANK_BYTES - self._blank_bytes)
            assert blank is not None  # it may be empty
            self._blank_bytes += blank.end()
            self._unread = self._unread[blank.end() :]
            first = self._unread[:1]
        if first and first not in _LINE_ENDS:
            self._blank_bytes = 0

    def _next_event(self) -> object:
        try:
            return self._h11.next_event() if self._lines is None else self._lines.next_event(self._h11)
        except h11.RemoteProtocolError as error:
            error.__traceback__ = None  # a frame of h11's is in it that knows the error: left to the garbage collector
            raise BadRequest(error.error_status_hint, str(error)) from None

    def ask_for_body(self) -> bytes:
        """Return what a client waits for that wants to be told to go on; to be written before the body is read."""
        if self._plain is None and self._h11.they_are_waiting_for_100_continue:
            return self._h11.send(h11.InformationalResponse(status_code=100, headers=[])) or b""
        return b""

    def read_body(self, take: Callable[[bytes], object]) -> bool:
        """Hand what has arrived of the body to `take`; it is done with when `take` says `False`. Returns whether it is.

        Some `BODY_PIECES` at a time: a client may cut its body into chunks of one byte.

        Raises:
            BadRequest: it is no body.
        """
        if self._plain is not None:  # fast path; benchmarks: polling
            if self._plain.body:
                take(self._plain.body)
            return True
        self.has_pieces = False
        for _ in range(BODY_PIECES):
            event = self._next_event()
            if event is h11.NEED_DATA:
                return False
            if not isinstance(event, h11.Data) or take(bytes(event.data)) is False:
                return True
        self.has_pieces = True
        return False

    # -- writing -----------------------------------------------------------------------------------------------------

    def respond(self, response: Response, *, closes: bool) -> bytes:
        """Return the bytes of a response.

        Args:
            closes: say that it is the last one. Some are it anyway.

        Raises:
            InvalidResponse: it cannot be written; another one can.
        """
        if self._plain is not None:  # fast path; benchmarks: polling
            answer = None if closes else plain_answer(response.status, response.headers, response.body)
            if answer is not None:
                return answer
            self._give_to_h11()
        try:
            head = self._head(response, closes=closes)
        except _FORM as error:
            raise InvalidResponse(str(error)) from error
        events: list[h11.Event] = [head]
        if response.body and response.status not in _BODYLESS and not self._is_head:
            events.append(h11.Data(data=response.body))
        try:
            return b"".join([self._h11.send(event) or b"" for event in [*events, h11.EndOfMessage()]])
        except h11.LocalProtocolError as error:  # a body of another length than its header says
            raise InvalidResponse(str(error)) from error

    def _give_to_h11(self) -> None:
        """Let h11 go on with a plain request after all: as if it had read it, but for its body."""
        plain, self._plain = self._plain, None
        if plain is not None:
            self._give(plain.raw + self._unread)
            self._unread = b""
            self._h11.next_event()

    def _head(self, response: Response, *, closes: bool) -> h11.Response:
        connection = self._h11
        headers = list(response.headers)
        b"".join((response.body,))  # `TypeError`, before a word was said, unless it is bytes
        names = {name.lower() for name, _ in headers}
        if b"content-length" not in names and response.status not in _BODYLESS:
            headers.append((b"content-length", b"%d" % len(response.body)))
        # A client that was not told to go on may send its body or leave it out: what follows could be either.
        is_last = closes or connection.they_are_waiting_for_100_continue
        if is_last or (response.status == 413 and connection.their_state is h11.SEND_BODY):
            headers = [*(h for h in headers if h[0].lower() != b"connection"), (b"connection", b"close")]
        return h11.Response(status_code=response.status, headers=headers)

    def refuse(self, status: int, detail: str) -> bytes:
        """Return the last answer, to a request that could not be read, or not in time; `b""` if one was begun."""
        self._give_to_h11()
        if self._h11.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return b""
        response = text_response(status, detail)
        headers = [*response.headers, (b"connection", b"close"), (b"content-length", b"%d" % len(response.body))]
        content = [] if self._is_head else [h11.Data(data=response.body)]
        events = [h11.Response(status_code=status, headers=headers), *content, h11.EndOfMessage()]
        return b"".join([self._h11.send(event) or b"" for event in events])

    def switch(self, headers: list[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
        """Return the answer 101, and what has arrived behind the request, which belongs to the WebSocket.

        Raises:
            InvalidResponse: the headers cannot be sent.
        """
        if self._plain is not None and (answer := plain_answer(101, headers, b"")) is not None:
            return answer, self._unread
        self._give_to_h11()
        while self._h11.next_event() not in (h11.PAUSED, h11.NEED_DATA):
            pass  # EndOfMessage
        try:
            response = h11.InformationalResponse(status_code=101, headers=headers, reason=b"Switching Protocols")
            return self._h11.send(response) or b"", self._h11.trailing_data[0]
        except _FORM as error:
            raise InvalidResponse(str(error)) from error

    def finish(self) -> Next:
        """Get ready for what comes behind the response, once it is written; ask again when `DRAIN` was done.

        Raises:
            BadRequest: what followed in the body is none.
        """
        if self._plain is not None:
            self._plain.body = b""
            self._plain = None
            return Next.REQUEST
        connection = self._h11
        is_early = connection.their_state is h11.SEND_BODY and connection.our_state is h11.DONE
        if is_early and not isinstance(self._next_event(), h11.EndOfMessage):  # of a GET, that waits there
            return Next.DRAIN
        if connection.our_state is h11.DONE and connection.their_state is h11.DONE:
            connection.start_next_cycle()
            return Next.REQUEST
        is_told = connection.our_state is h11.MUST_CLOSE and connection.their_state is not h11.CLOSED
        return Next.LINGER if is_told else Next.CLOSE
