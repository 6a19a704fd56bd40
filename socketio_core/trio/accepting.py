"""Accepts connections: all that wait, up to a limit, in one turn of trio's loop."""

from __future__ import annotations

import os
import socket
import ssl
from typing import Any, cast

import trio

from socketio_core.network.listening import accept_more
from socketio_core.trio.record_stream import HandshakeQueue, RecordStream

Listener = trio.abc.Listener[Any]


class Accepting:
    """Accepts connections of one server.

    Args:
        ssl_context: that of its listeners for TLS; `None` also for listeners that somebody else has made.
    """

    def __init__(self, ssl_context: ssl.SSLContext | None) -> None:
        self._ssl_context = ssl_context
        self._queue = HandshakeQueue()

    async def accept_all(self, listener: Listener) -> list[trio.abc.Stream]:
        """Wait for a connection, and return it with those that wait behind it.

        Of a listener that is not a plain one, nor one for TLS with our context, it is always one alone.
        """
        tls, plain = None, cast("Any", listener)
        if isinstance(listener, trio.SSLListener) and self._ssl_context is not None:
            tls, plain = self._ssl_context, cast("Any", listener).transport_listener
        if not isinstance(plain, trio.SocketListener):
            return [await listener.accept()]
        streams: list[trio.abc.Stream] = [self._stream(await plain.accept(), tls)]
        if os.name == "posix":
            with socket.fromfd(plain.socket.fileno(), plain.socket.family, plain.socket.type) as waiting:
                waiting.settimeout(0)
                for found, _ in accept_more(waiting):
                    stream = trio.SocketStream(trio.socket.from_stdlib_socket(found))
                    streams.append(self._stream(stream, tls))
        return streams

    def _stream(self, stream: trio.SocketStream, tls: ssl.SSLContext | None) -> trio.abc.Stream:
        if tls is None:
            return stream
        below = RecordStream(stream, self._queue)
        return trio.SSLStream(below, tls, server_side=True, https_compatible=True)


def forget_handshake(tls: trio.SSLStream[trio.abc.Stream]) -> None:
    """Leave nothing of it to Python's garbage collector; it is over, or never will be begun.

    trio's (0.35) stream has what shakes hands, and that has the stream: each that is over would keep its buffers and
    what OpenSSL has, up to 0.2 MB, until all that is old is looked at.
    """
    if isinstance(tls.transport_stream, RecordStream):
        tls.transport_stream.records.is_shaking_hands = False
    handshake: Any = vars(tls).get("_handshook")
    if hasattr(handshake, "_afn"):
        handshake._afn = None
