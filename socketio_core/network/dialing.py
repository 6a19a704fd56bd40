"""What adapters with sockets of their own share about dialing: what goes wrong, in words for people."""

from __future__ import annotations

import os
import select
import socket
import ssl
from collections.abc import Sequence
from typing import Any, Final, Protocol

from socketio_core.network.tls import check_context

SEE_CONTEXT: Final = "(see ssl_context)"
"""What to do about a certificate that is not trusted, for who writes a program."""

_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")  # what OpenSSL says of plain HTTP


Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]
"""As `socket.getaddrinfo` returns it."""


class DialError(Exception):
    """There is no connection; the text says why."""


class Reachable(Protocol):
    """Where something is: a Unix socket, or a host and a port."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def unix_path(self) -> str | None: ...


class Trust:
    """Whom to trust over TLS.

    Args:
        given: a client's `ssl.SSLContext`; `True` is the system's trust, `None` that TLS is not spoken.

    Raises:
        TypeError, ValueError: it is nothing of that.
    """

    def __init__(self, given: object) -> None:
        check_context(None if given is True else given, of_server=False)
        self._given = given

    @property
    def context(self) -> ssl.SSLContext:
        """What TLS is to be spoken with; made when it is needed, for the system's takes 30 ms."""
        if not isinstance(self._given, ssl.SSLContext):
            self._given = ssl.create_default_context()
        return self._given


def in_turns(addresses: Sequence[Address]) -> list[Address]:
    """Return the addresses of a host with the first one of another family second: the first family may not work."""
    first_family = addresses[0][0]
    other = next((address for address in addresses if address[0] != first_family), None)
    if other is None:
        return list(addresses)
    return [addresses[0], other, *(address for address in addresses[1:] if address is not other)]


def has_unread(fileno: int) -> bool:
    """Whether a socket has something that was not read yet, or the end; `-1` is one that was closed."""
    if fileno < 0:
        return False
    if not hasattr(select, "poll"):  # Windows, where numbers of sockets have no limit
        return bool(select.select([fileno], [], [], 0)[0])
    poll = select.poll()
    poll.register(fileno, select.POLLIN)
    return bool(poll.poll(0))


def tls_problem(error: BaseException | None) -> str:
    """Say why the handshake of TLS failed; `""` if the connection was just closed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message} {SEE_CONTEXT}"
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
