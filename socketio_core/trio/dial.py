"""How a client gets a stream to its server, TCP and perhaps TLS on top, and what goes wrong there in words."""

from __future__ import annotations

import os
import socket
import ssl
from typing import Final

import trio

_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")  # what OpenSSL says of plain HTTP


class DialError(Exception):
    """There is no connection; the text says why."""


async def open_tcp(host: str, port: int) -> trio.abc.HalfCloseableStream:
    """Return a connection.

    Raises:
        DialError: there is none.
    """
    try:
        return await trio.open_tcp_stream(host, port)
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
        cause = error.__cause__
        text = ""
        if isinstance(cause, ssl.SSLCertVerificationError):
            text = f"the certificate is not trusted: {cause.verify_message} (see ssl_context)"
        elif isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            hint = " (does the server speak TLS there?)" if cause.reason in _NO_TLS else ""
            text = f"{cause.reason or cause}{hint}"
        raise DialError(text) from None
    return tls


def reason_of(error: BaseException) -> str:
    """Return the innermost reasons of an error of the network, each once: `"Connection refused"`."""
    leaves: list[BaseException] = []
    pending: list[BaseException] = [error]
    while pending:
        found = pending.pop(0)
        if isinstance(found, BaseExceptionGroup):
            pending.extend(found.exceptions)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        elif found.__cause__ is not None:
            pending.append(found.__cause__)
        else:
            leaves.append(found)
    texts = dict.fromkeys(_text_of(leaf) for leaf in leaves)
    return ", ".join(text for text in texts if text) or type(error).__name__


def _text_of(error: BaseException) -> str:
    """Return what the system says; asyncio and trio put the address in front of it, which everybody here knows."""
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno)
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
