"""The lines between the chunks of a body, of which h11 lets pass what it should not. Spec: RFC 9112, 7.1.

h11 (0.16) takes anything for an extension: a bare CR, which others may take for the end of the line, or 20 kB. And what
comes behind the last chunk it takes as it comes: 64 kB of headers, if they arrive at once, 15,000 of them.
"""

from __future__ import annotations

import re
from typing import Final, final

import h11

MAX_EXTENSION_BYTES: Final = 16384  # of one body: Node's limit

_LINE = re.compile(rb"(?:\r?\n)?([0-9A-Fa-f]++)([ \t]*+(?:;[\t -~\x80-\xff]*+)?+)\r\n")
_EMPTY_LINES: Final = (b"\n\n", b"\n\r\n")  # looked for, not matched: a trailer may come byte by byte


@final
class ChunkLines:
    """Looks at each line before h11 does.

    Args:
        max_headers: that may come behind the last chunk.
        max_head_bytes: of these together.
    """

    __slots__ = ("_extension_bytes", "_is_at_line", "_is_at_trailer", "_max_head_bytes", "_max_headers")

    def __init__(self, max_headers: int, max_head_bytes: int) -> None:
        self._max_headers = max_headers
        self._max_head_bytes = max_head_bytes
        self._is_at_line = True
        self._is_at_trailer = False  # the last chunk's line has come
        self._extension_bytes = 0

    def next_event(self, connection: h11.Connection) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Return the next event of a connection, once the line that it needs was looked at.

        Raises:
            h11.RemoteProtocolError: the line is none, or the connection raises it.
        """
        is_in_body = connection.their_state is h11.SEND_BODY
        if self._is_at_line and is_in_body:
            self._check(connection.trailing_data[0])
        elif self._is_at_trailer and is_in_body:
            self._check_trailer(connection.trailing_data[0])
        event = connection.next_event()
        if isinstance(event, h11.Data):
            self._is_at_line = event.chunk_end
        return event

    def _check(self, data: bytes) -> None:
        if data.find(b"\n", 2) < 0:  # but for what may be left of the last chunk's; the line has not arrived yet
            return
        line = _LINE.match(data)
        if line is None:
            raise h11.RemoteProtocolError("illegal chunk header", error_status_hint=400)
        self._is_at_line = False
        size, extension = line.groups()
        self._extension_bytes += len(extension)
        if self._extension_bytes > MAX_EXTENSION_BYTES:
            raise h11.RemoteProtocolError("too many chunk extensions", error_status_hint=400)
        if not size.strip(b"0"):
            self._is_at_trailer = True
            self._check_trailer(data[line.end() :])

    def _check_trailer(self, data: bytes) -> None:
        """Refuse more headers behind a body than in front of it."""
        if data.startswith((b"\n", b"\r\n")):  # nearly always: there is none
            return
        trailer = data[: min([at + 1 for line in _EMPTY_LINES if (at := data.find(line)) >= 0], default=len(data))]
        if trailer.count(b"\n") > self._max_headers or len(trailer) > self._max_head_bytes:
            raise h11.RemoteProtocolError("too many headers behind the body, or too large ones", error_status_hint=431)


def lines_of(head: h11.Request | h11.Response, max_headers: int, max_head_bytes: int) -> ChunkLines | None:
    """Return what looks at the lines of a body, if it is in chunks; the limits are those of the head in front of it."""
    is_in_chunks = any(name == b"transfer-encoding" for name, _ in head.headers)
    return ChunkLines(max_headers, max_head_bytes) if is_in_chunks else None
