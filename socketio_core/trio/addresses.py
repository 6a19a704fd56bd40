"""How trio's listeners and streams are called: URLs and addresses for people, logs and `handshake.address`."""

from __future__ import annotations

from typing import Any, cast

import trio

from socketio_core.network.listening import address_of, url_of
from socketio_core.trio.record_stream import RecordStream


def tls_of(stream: trio.abc.Stream) -> trio.SSLStream[trio.abc.Stream] | None:
    """Return the stream if it speaks TLS."""
    return cast("trio.SSLStream[trio.abc.Stream]", stream) if isinstance(stream, trio.SSLStream) else None


def socket_stream_of(stream: trio.abc.Stream) -> trio.SocketStream | None:
    """Return the stream of the socket, below TLS if need be; `None` if there is none."""
    while (tls := tls_of(stream)) is not None:
        stream = tls.transport_stream
    if isinstance(stream, RecordStream):
        stream = stream.below
    return stream if isinstance(stream, trio.SocketStream) else None


def peer_address(stream: trio.abc.Stream) -> str:
    """Return the address of the peer, without its port; `""` if there is none, or nobody knows."""
    below = socket_stream_of(stream)
    if below is None:
        return ""
    try:
        name: Any = below.socket.getpeername()
    except OSError:
        return ""  # gone already
    return address_of(below.socket.family, name)


def listener_url(listener: trio.abc.Listener[Any], scheme: str) -> str:
    """Return where clients find a listener: a URL, the name of a Unix socket, or else whatever it calls itself."""
    inner: object = listener
    while isinstance(inner, trio.SSLListener):
        inner = cast("trio.SSLListener[trio.abc.Stream]", inner).transport_listener
    if not isinstance(inner, trio.SocketListener):
        return repr(inner)
    return url_of(inner.socket.family, inner.socket.getsockname(), scheme)
