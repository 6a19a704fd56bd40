"""How an HTTP answer begins, whatever was asked for: an exchange, a WebSocket, a tunnel."""

from __future__ import annotations

from typing import Final

import h11
import trio

READ_BYTES: Final = 65536
MAX_INFORMATIONAL: Final = 20  # 1xx responses before the real one

Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]
Head = h11.Response | h11.InformationalResponse


class NoAnswer(Exception):  # noqa: N818 - an outcome
    """There is none; the text says what the other side did instead."""


async def read_head(stream: Stream, connection: h11.Connection) -> Head:
    """Return status and headers of an answer, 101 among them; what follows is the caller's to read.

    Raises:
        NoAnswer: the connection was closed before, or one informational response follows another.
        h11.RemoteProtocolError: it is no HTTP.
        trio.BrokenResourceError, trio.ClosedResourceError: the connection was lost.
    """
    informational = 0
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = bytes(await stream.receive_some(READ_BYTES))
            if not data:
                raise NoAnswer("closed the connection before it answered")
            connection.receive_data(data)
        elif not isinstance(event, Head):
            raise NoAnswer("closed the connection before it answered")
        elif isinstance(event, h11.Response) or event.status_code == 101:
            return event
        else:
            informational += 1
            if informational > MAX_INFORMATIONAL:
                raise NoAnswer(f"sent more than {MAX_INFORMATIONAL} informational responses")
