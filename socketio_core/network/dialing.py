"""What adapters with sockets of their own share about dialing: what goes wrong, in words for people."""

from __future__ import annotations

import os
import socket
import ssl
from typing import Final

_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")  # what OpenSSL says of plain HTTP


class DialError(Exception):
    """There is no connection; the text says why."""


def tls_problem(error: BaseException | None) -> str:
    """Say why the handshake of TLS failed; `""` if the connection was just closed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message} (see ssl_context)"
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        reason: str | None = getattr(error, "reason", None)  # OpenSSL's errors have one
        return f"{reason or error}" + (" (does the server speak TLS there?)" if reason in _NO_TLS else "")
    return ""


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
