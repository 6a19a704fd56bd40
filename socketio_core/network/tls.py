"""What TLS can be spoken with."""

from __future__ import annotations

import ssl

from socketio_core.checks import check_kind


def check_context(context: object, *, of_server: bool) -> None:
    """Check an `ssl_context`: one of the other end would fail at each handshake, as if it were the peer's fault.

    Raises:
        TypeError: it is none.
        ValueError: it is of the other end.
    """
    check_kind("ssl_context", context, ssl.SSLContext, "an ssl.SSLContext")
    if not isinstance(context, ssl.SSLContext):
        return
    if of_server and context.protocol == ssl.PROTOCOL_TLS_CLIENT:
        raise ValueError("ssl_context must be of a server, as ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)")
    if not of_server and context.protocol == ssl.PROTOCOL_TLS_SERVER:
        raise ValueError("ssl_context must be of a client, as ssl.create_default_context()")
