"""The lines between the chunks of a body, of which h11 lets pass what it should not. Spec: RFC 9112, 7.1.

h11 (0.16) takes anything for an extension: a bare CR, which others may take for the end of the line, or 20 kB.
"""

from __future__ import annotations

import re
from typing import Final, final

import h11

MAX_EXTENSION_BYTES: Final = 16384  # of one body: Node's limit

_LINE = re.compile(rb"(?:\r?\n)?[0-9A-Fa-f]++([ \t]*+(?:;[\t -~\x80-\xff]*+)?+)\r\n")


@final
class ChunkLines:
    """Looks at each line before h11 does."""

    __slots__ = ("_extension_bytes", "_is_at_line")

    def __init__(self) -> None:
        self._is_at_line = True
        self._extension_bytes = 0

    def next_event(self, connection: h11.Connection) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Return the next event of a connection, once the line that it needs was looked at.

        Raises:
            h11.RemoteProtocolError: the line is none, or the connection raises it.
        """
        if self._is_at_line and connection.their_state is h11.SEND_BODY:
            self._check(connection.trailing_data[0])
        event = connection.next_event()
        if isinstance(event, h11.Data):
            self._is_at_line = event.chunk_end
        return event

    def _check(self, data: bytes) -> None:
        if b"\n" not in data[2:]:  # but for what may be left of the last chunk's; the line has not arrived yet
            return
        line = _LINE.match(data)
        if line is None:
            raise h11.RemoteProtocolError("illegal chunk header", error_status_hint=400)
        self._is_at_line = False
        self._extension_bytes += len(line[1])
        if self._extension_bytes > MAX_EXTENSION_BYTES:
            raise h11.RemoteProtocolError("too many chunk extensions", error_status_hint=400)


def lines_of(head: h11.Request | h11.Response) -> ChunkLines | None:
    """Return what looks at the lines of a body, if it is in chunks."""
    return ChunkLines() if any(name == b"transfer-encoding" for name, _ in head.headers) else None
