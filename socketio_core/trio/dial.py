"""How a stream is dialed, by clients and by servers: TCP, perhaps with TLS on top, or a Unix socket."""

from __future__ import annotations

import ssl

import trio

from socketio_core.network.dialing import DialError, Reachable, reason_of, tls_problem


async def dial(there: Reachable) -> trio.abc.HalfCloseableStream:
    """Return a connection.

    Raises:
        DialError: there is none.
    """
    try:
        if there.unix_path is not None:
            return await trio.open_unix_socket(there.unix_path)
        return await trio.open_tcp_stream(there.host, there.port)
    except OSError as error:
        raise DialError(reason_of(error)) from None


async def shake_hands(stream: trio.abc.Stream, context: ssl.SSLContext, server_name: str) -> trio.abc.Stream:
    """Begin TLS on a connection. Returns what is to be used in its place.

    Raises:
        DialError: it failed; the text may be empty, if the connection was just closed.
    """
    tls = trio.SSLStream(stream, context, server_hostname=server_name, https_compatible=True)
    try:
        await tls.do_handshake()
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise DialError(tls_problem(error.__cause__)) from None
    return tls
