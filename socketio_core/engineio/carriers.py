"""The handles that a host holds: one waiting GET, one POST being read, one WebSocket.

Each has a `context` that belongs to the host and that the core never touches (a `trio.Event`, a `threading.Event`,
an ASGI `send`). The host wakes it when `take_ready()` names the carrier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final
from zlib import MAX_WBITS, Z_BEST_SPEED, Z_DEFAULT_COMPRESSION, compressobj

from socketio_core.engineio.close_codes import NO_CODE
from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.outbox import Outbox
from socketio_core.engineio.parts import Parts
from socketio_core.engineio.payload import SEPARATOR, HandedOn, hand_on, split_payload
from socketio_core.engineio.states import CarrierState
from socketio_core.http import Headers, Response, preferred_encoding

if TYPE_CHECKING:
    from socketio_core.engineio.session import Session

POLL_HEADERS: Headers = [(b"content-type", b"text/plain; charset=UTF-8"), (b"cache-control", b"no-store")]
"""Of each response to a poll (PROTOCOL 1.5)."""

FAST_BYTES: Final = 16_384
"""From here on a response is compressed by level 1, as nginx does: 1 MB takes 3 to 25 ms, not 9 to 77, and nobody
else is served meanwhile. It is larger by some tenths at most: numbers by one, records by none."""

WRITE_BYTES: Final = 262_144
"""What a host takes at once: of an outbox, which does not bound it any more; of responses to polls, in one turn of its
loop."""

_ALL, _SOME = HandedOn.ALL, HandedOn.SOME
_WINDOW_BITS = {"gzip": MAX_WBITS | 16, "deflate": MAX_WBITS}  # "deflate" is the zlib format (PROTOCOL 1.6)


class Poll:
    """A long poll: a GET that is answered when there is something to say.

    The host waits until `response` is set and writes it. When the client goes away before, or the response cannot be
    written, it calls `lost`, and the packets go out with the next poll.

    Attributes:
        response: `None` while the poll is parked.
        failure: why the response could not be made of what a parser or an application gave; it is a 500 then, and the
            session is over. To be logged.
    """

    __slots__ = (
        "_accept_encoding",
        "_headers",
        "_threshold",
        "context",
        "failure",
        "is_ready",
        "messages",
        "response",
        "session",
    )

    def __init__(
        self, session: Session, headers: Headers, accept_encoding: str | None, threshold_bytes: int | None
    ) -> None:
        self.session = session
        self.context: object = None
        self.response: Response | None = None
        self.failure: Exception | None = None
        self.is_ready = False
        self.messages: list[WireMessage] = []
        self._headers = headers
        self._accept_encoding = accept_encoding
        self._threshold = threshold_bytes

    def respond(self, messages: list[WireMessage]) -> bool:
        """Set the response: all `messages` in one payload; or say that it failed. Called by the session."""
        self.messages = messages
        try:
            self.response = self._made_of(messages)
        except Exception as error:  # noqa: BLE001 - of frames that are anybody's: the other carriers must get theirs
            self.messages = []
            self.failure = error
            body = b"Internal server error\n"
            self.response = Response(500, [*POLL_HEADERS, *self._headers, (b"content-length", b"%d" % len(body))], body)
        return self.failure is None

    def _made_of(self, messages: list[WireMessage]) -> Response:
        body = SEPARATOR.join([message.polling_text for message in messages]).encode("utf-8")
        headers = [*POLL_HEADERS, *self._headers]
        if self._threshold is not None and len(body) >= self._threshold and any(m.compress for m in messages):
            encoding = preferred_encoding(self._accept_encoding)
            if encoding is not None:
                level = Z_BEST_SPEED if len(body) >= FAST_BYTES else Z_DEFAULT_COMPRESSION
                compressor = compressobj(level, wbits=_WINDOW_BITS[encoding])
                body = compressor.compress(body) + compressor.flush()
                headers.append((b"content-encoding", encoding.encode("ascii")))
            headers.append((b"vary", b"Accept-Encoding"))
        headers.append((b"content-length", b"%d" % len(body)))
        return Response(200, headers, body)


class Post:
    """A POST whose body is being read. Feed it the body as it arrives, then call `finish_post`.

    Attributes:
        is_too_large: the body passed the limit; what came was thrown away, and more is not wanted.
        packets: those of the body that were not processed yet; `None` before the first was.
        is_accepted: all of them were.
        is_refused: one of them was not by the layer above.
    """

    __slots__ = (
        "_body",
        "_fed_bytes",
        "context",
        "headers",
        "is_accepted",
        "is_refused",
        "is_too_large",
        "limit_bytes",
        "packets",
        "session",
    )

    def __init__(self, session: Session, headers: Headers, limit_bytes: int) -> None:
        self.session = session
        self.context: object = None
        self.headers = headers
        self.limit_bytes = limit_bytes
        self.is_too_large = False
        self.packets: Iterator[str] | None = None
        self.is_accepted = self.is_refused = False
        self._body = bytearray()  # joined at once, for a client may cut it into pieces of one byte
        self._fed_bytes = 0  # what that is, or was, once its packets wait

    def feed(self, chunk: bytes | bytearray) -> bool:
        """Add a piece of the body. Returns `False` once the body is too large: stop reading, call `finish_post`."""
        size_bytes = self._fed_bytes = len(self._body) + len(chunk)
        if size_bytes > self.limit_bytes:
            self.is_too_large = True
            self._body.clear()
        if self.is_too_large:
            return False
        self._body += chunk
        return True

    @property
    def size_bytes(self) -> int:
        """How much memory it takes, about: what was fed so far, or the packets that wait."""
        return len(self._body) if self.packets is None else 2 * self._fed_bytes

    @property
    def work_bytes(self) -> int:
        """How much is to be read with it: its own, and what came before and waits for it."""
        return self.size_bytes + self.session.unfinished_bytes

    def advance(self, receive: Callable[[str], bool], max_packets: float) -> bool:
        """Hand on packets, large ones counted for several, until one is refused. Returns whether there may be more.

        Called by the session, once the whole body is here.

        Raises:
            PacketError: it cannot be taken apart, or a packet of it makes no sense.
        """
        if self.packets is None:
            self.packets = split_payload(self.take_body(), self.session.engine_settings.max_packets_per_payload)
        outcome = hand_on(self.packets, receive, max_packets)
        self.is_accepted = outcome is _ALL
        return outcome is _SOME

    def take_body(self) -> bytearray:
        """Return what was fed so far, and forget it."""
        body, self._body = self._body, bytearray()
        return body


class WebSocket:
    """A WebSocket, from before its handshake until it is lost or closed.

    The host writes what `take()` returns. Once `is_closed` is true it writes what is left, sends a close frame with
    `close_code` and `close_text`, and drops the connection; frames that still arrive are ignored.
    It may be closed from the beginning: then the handshake is completed, and that is all (`Engine.handle_request`).

    Attributes:
        close_code: for the close frame: `NO_CODE` (1005) says that it has none, as libraries for WebSockets have it.
            After `lost` it is what answers the client's own close frame.
        is_base64: binary messages leave as text, for a client that cannot take them otherwise.
        parts: of a message that has not arrived as a whole.
    """

    __slots__ = (
        "close_code",
        "close_text",
        "context",
        "is_base64",
        "is_closed",
        "is_ready",
        "outbox",
        "parts",
        "session",
        "state",
    )

    def __init__(self, session: Session, state: CarrierState, *, is_base64: bool = False) -> None:
        self.session = session
        self.is_base64 = is_base64
        self.context: object = None
        self.outbox = Outbox()
        self.is_ready = False
        self.is_closed = False
        self.close_code = NO_CODE
        self.close_text = ""
        self.parts = Parts()
        self.state = state

    def take(self, max_bytes: int | None = None) -> list[WireMessage]:
        """Remove and return what is to be sent now, in order; no more than `max_bytes`, but at least one message.

        What was taken is no longer in `session.buffered_bytes`; take only what can be written soon.
        """
        outbox = self.outbox
        if not self.is_base64 and max_bytes is not None and outbox.size_bytes <= max_bytes:
            taken, outbox.messages, outbox.size_bytes = outbox.messages, [], 0  # fast path; benchmarks: broadcast
            return taken
        taken = outbox.take(max_bytes=max_bytes)
        return [message.as_text() for message in taken] if self.is_base64 else taken

    def detach(self) -> None:
        """Be no part of the session any more. Called by the session."""
        self.state = CarrierState.DETACHED
        self.is_closed = True
        self.parts.clear()


Carrier = Poll | WebSocket
