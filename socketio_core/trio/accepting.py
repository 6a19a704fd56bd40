"""Accepts connections: all that wait, up to a limit, in one turn of trio's loop."""

from __future__ import annotations

import os
import socket
import ssl
from typing import Any, cast

import trio

from socketio_core.network.listening import accept_more

Listener = trio.abc.Listener[Any]


async def accept_all(listener: Listener, ssl_context: ssl.SSLContext | None) -> list[trio.abc.Stream]:
    """Wait for a connection, and return it with those that wait behind it.

    Of a listener that is not a plain one, nor one for TLS with our `ssl_context`, it is always one alone.
    """
    streams: list[trio.abc.Stream] = [await listener.accept()]
    tls, plain = None, cast("Any", listener)
    if isinstance(listener, trio.SSLListener) and ssl_context is not None:
        tls, plain = ssl_context, cast("Any", listener).transport_listener
    if isinstance(plain, trio.SocketListener) and os.name == "posix":
        with socket.fromfd(plain.socket.fileno(), plain.socket.family, plain.socket.type) as waiting:
            waiting.settimeout(0)
            for found, _ in accept_more(waiting):
                stream = trio.SocketStream(trio.socket.from_stdlib_socket(found))
                if tls is None:
                    streams.append(stream)
                else:
                    streams.append(trio.SSLStream(stream, tls, server_side=True, https_compatible=True))
    return streams
