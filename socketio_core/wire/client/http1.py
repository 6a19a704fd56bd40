"""HTTP/1.1 of a client: requests as bytes, and the answers of one connection out of its bytes; one at a time.

What they are about is not known here: an exchange, a WebSocket, a tunnel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

import h11

from socketio_core.engineio.client.problems import SHOWN_CHARS, describe_data
from socketio_core.wire.base import BODY_PIECES
from socketio_core.wire.chunks import ChunkLines, lines_of

MAX_HEAD_BYTES: Final = 65536  # of a response's status and headers
MAX_INFORMATIONAL: Final = 20  # 1xx responses before the real one
MAX_INFORMATIONAL_FIELDS: Final = 1_000  # headers of all of those; h11 takes 25 ms for one that is full of them

_BEGINNING: Final = b"HTTP/"  # of each answer

Head = h11.Response | h11.InformationalResponse


class BadAnswer(Exception):  # noqa: N818 - an outcome
    """There is no answer; the text says what the other side did instead, as in `"closed the connection"`.

    Of what it has sent there is the beginning in it, `SHOWN_CHARS`: all would be the 64 kB of a head.
    """


@final
class ClientHttp1:
    """Makes a request, reads its answer: `request`, `next_head`, `read_body`, `next_cycle`, and again.

    Attributes:
        has_pieces: `read_body` stopped at its limit though more of the body has arrived; call it again.
    """

    __slots__ = ("_fields", "_h11", "_informational", "_lines", "has_pieces")

    def __init__(self) -> None:
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._informational = 0  # how many have come
        self._fields = 0  # the headers of those
        self._lines: ChunkLines | None = None  # of the body, if it is in chunks
        self.has_pieces = False

    def request(self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes = b"") -> bytes:
        """Return the bytes of a request."""
        head = h11.Request(method=method, target=target, headers=headers)
        events: list[h11.Event] = [head, *([h11.Data(data=body)] if body else []), h11.EndOfMessage()]
        return b"".join([self._h11.send(event) or b"" for event in events])

    def feed(self, data: bytes) -> None:
        """Take bytes of the server; `b""` says that it sends no more."""
        self._h11.receive_data(data)

    def next_head(self) -> Head | None:
        """Return status and headers of the answer, 101 among them; `None` until they are there.

        Raises:
            BadAnswer: what came is none, or too much comes before it. What begins otherwise is told at once: whoever
                speaks another protocol, as SSH, greets and waits.
        """
        begun = self._h11.trailing_data[0][: len(_BEGINNING)]
        if not _BEGINNING.startswith(begun):
            raise BadAnswer(f"does not speak HTTP: it says {describe_data(self._h11.trailing_data[0])}")
        while (event := self._next_event()) is not h11.NEED_DATA:
            assert isinstance(event, (h11.Response, h11.InformationalResponse))  # nothing else can come first
            _check(event)
            if isinstance(event, h11.Response):
                self._lines = lines_of(event, MAX_HEAD_BYTES, MAX_HEAD_BYTES)  # their number is not limited
                return event
            if event.status_code == 101:  # h11 refuses one that was not asked for
                return event
            self._informational += 1
            if self._informational > MAX_INFORMATIONAL:
                raise BadAnswer(f"sent more than {MAX_INFORMATIONAL} informational responses")
            self._fields += len(event.headers)
            if self._fields > MAX_INFORMATIONAL_FIELDS:
                raise BadAnswer(f"sent more than {MAX_INFORMATIONAL_FIELDS} headers in informational responses")
        return None

    def read_body(self, take: Callable[[bytes], bool]) -> bool:
        """Hand what has arrived of the body to `take`; it is done with when `take` says `False`. Returns whether it is.

        Some `BODY_PIECES` at a time: a server may cut it into chunks of one byte.

        Raises:
            BadAnswer: it is no body, or was cut off.
        """
        self.has_pieces = False
        for _ in range(BODY_PIECES):
            event = self._next_event()
            if event is h11.NEED_DATA:
                return False
            if not isinstance(event, h11.Data) or not take(bytes(event.data)):
                return True
        self.has_pieces = True
        return False

    def _next_event(self) -> object:
        try:
            return self._h11.next_event() if self._lines is None else self._lines.next_event(self._h11)
        except h11.RemoteProtocolError as error:
            error.__traceback__ = None  # as at a server
            raise BadAnswer(f"does not speak HTTP: {str(error)[:SHOWN_CHARS]}") from None

    @property
    def left_over(self) -> bytes:
        """What has arrived behind the answer."""
        return self._h11.trailing_data[0]

    def next_cycle(self) -> bool:
        """Get ready for another request behind this answer. Returns whether there may be one.

        Not behind an answer that has something behind it, for that would be taken for the next one.
        """
        connection = self._h11
        left_over, is_ended = connection.trailing_data
        if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE or left_over or is_ended:
            return False
        connection.start_next_cycle()
        self._informational = self._fields = 0
        self._lines = None
        return True


def _check(head: Head) -> None:
    """Refuse what h11 lets pass. Spec: RFC 9112, 2.3, 6.1 and 6.3.

    Raises:
        BadAnswer: whoever is between may have read another answer than this.
    """
    version = head.http_version.decode("ascii")
    if not version.startswith("1."):
        raise BadAnswer(f"answers in HTTP/{version}")
    names = [name for name, _ in head.headers]
    if b"transfer-encoding" in names and b"content-length" in names:
        raise BadAnswer("sends Content-Length beside Transfer-Encoding")
    if b"transfer-encoding" in names and version == "1.0":
        raise BadAnswer("sends Transfer-Encoding in HTTP/1.0")
