"""How listeners and peers are called: URLs and addresses for people, logs and `handshake.address`.

A Unix socket is `unix:/path`, in Linux's abstract namespace `unix:@name`, and `unix:` where it has no name, as most
clients' sockets have none.
"""

from __future__ import annotations

import os
import socket
from typing import Any, cast

import trio


def tls_of(stream: trio.abc.Stream) -> trio.SSLStream[trio.abc.Stream] | None:
    """Return the stream if it speaks TLS."""
    return cast("trio.SSLStream[trio.abc.Stream]", stream) if isinstance(stream, trio.SSLStream) else None


def peer_address(stream: trio.abc.Stream) -> str:
    """Return the address of the peer, without its port; `""` if there is none, or nobody knows."""
    while (tls := tls_of(stream)) is not None:
        stream = tls.transport_stream
    if not isinstance(stream, trio.SocketStream):
        return ""
    try:
        name: Any = stream.socket.getpeername()
    except OSError:
        return ""  # gone already
    if stream.socket.family in (socket.AF_INET, socket.AF_INET6):
        return _host(name)
    return _other(stream.socket.family, name)


def listener_url(listener: trio.abc.Listener[Any], scheme: str) -> str:
    """Return where clients find a listener: a URL, the name of a Unix socket, or else whatever it calls itself."""
    inner: object = listener
    while isinstance(inner, trio.SSLListener):
        inner = cast("trio.SSLListener[trio.abc.Stream]", inner).transport_listener
    if not isinstance(inner, trio.SocketListener):
        return repr(inner)
    name: Any = inner.socket.getsockname()
    if inner.socket.family == socket.AF_INET:
        return f"{scheme}://{name[0]}:{name[1]}"
    if inner.socket.family == socket.AF_INET6:
        return f"{scheme}://[{_host(name).replace('%', '%25')}]:{name[1]}"  # RFC 6874
    return _other(inner.socket.family, name)


def _host(name: tuple[Any, ...]) -> str:
    """Return the host of an Internet address, with the zone that a link-local one means nothing without."""
    host = str(name[0])
    zone = name[3] if len(name) > 3 else 0
    if not zone or "%" in host:
        return host
    try:
        return f"{host}%{socket.if_indextoname(zone)}"
    except OSError:
        return f"{host}%{zone}"


def _other(family: int, name: object) -> str:
    if isinstance(name, str | bytes):  # Python says bytes for a name in the abstract namespace, which begins with a NUL
        raw = os.fsencode(name)
        text = (
            ("@" + raw[1:].decode("utf-8", "backslashreplace"))
            if raw[:1] == b"\0"
            else raw.decode("utf-8", "backslashreplace")
        )
        # Whoever connects chooses such a name: it must not begin a line of its own in a log.
        return "unix:" + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return f"{getattr(family, 'name', family)}:{name}"
