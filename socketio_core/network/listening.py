"""What adapters with sockets of their own share: how listeners and peers are called, and what can be served on.

A Unix socket is `unix:/path`, in Linux's abstract namespace `unix:@name`, and `unix:` where it has no name, as most
clients' sockets have none.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import ssl
import threading
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from typing import Any, Final

from socketio_core.app.host import ServerHost
from socketio_core.checks import check_count, check_kind
from socketio_core.http import MAX_PORT
from socketio_core.network.tls import check_context

ACCEPTED_AT_ONCE: Final = 8
"""Connections that are accepted in one turn of the event loop: one in each would make newcomers wait for a turn of
everybody's for each who came before them, and all at once would make everybody wait for the newcomers."""

NO_CAPACITY: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS))
"""Why the system cannot accept a connection just now; later it may."""

CAPACITY_WAIT_S: Final = 0.1
"""Until it is tried again."""

CATCH_UP_TURNS: Final = 4
"""Turns of the event loop before the end: what came while a handler was busy is read first. A poll would get no answer
else."""

# What no process can receive; these are not everywhere.
_DEADLY = [getattr(signal, name) for name in ("SIGKILL", "SIGSTOP") if hasattr(signal, name)]


def check_listening(host: str | None, port: int, ssl_context: ssl.SSLContext | None, signals: Collection[int]) -> None:
    """Check what a server is told to listen on.

    Raises:
        TypeError, ValueError: it cannot be.
        RuntimeError: signals are waited for in another thread than the main one, which alone has signals.
    """
    check_kind("host", host, str, "an address or a name, as in '127.0.0.1'")
    check_count("port", port, least=0)
    if port > MAX_PORT:
        raise ValueError(f"port must be from 0 to {MAX_PORT}: {port!r}")
    check_context(ssl_context, of_server=True)
    _check_signals(signals)


def _check_signals(signals: Collection[int]) -> None:
    if isinstance(signals, (str, bytes)) or not isinstance(signals, Collection):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"signals must be a list, as in [signal.SIGTERM], not: {signals!r}")
    for number in signals:
        if isinstance(number, bool) or not isinstance(number, int):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"signals must be of the module signal, as in [signal.SIGTERM], not: {number!r}")
        if number not in signal.valid_signals() or number in _DEADLY:
            raise ValueError(f"signals must be such as a process can receive, as in [signal.SIGTERM], not: {number!r}")
    if signals and threading.current_thread() is not threading.main_thread():
        raise RuntimeError("signals arrive in the main thread; elsewhere, serve without signals=...")


@contextmanager
def opening(served: ServerHost, host: str | None, port: int) -> Generator[None]:
    """Open listening sockets inside: if they cannot be, somebody may serve the server elsewhere.

    Raises:
        OSError: they cannot; it says where.
    """
    try:
        yield
    except OSError as error:
        served.release()
        where = f"{'*' if host is None else host}:{port}"
        reason, _, _ = (error.strerror or str(error)).partition(" (while attempting to bind")  # asyncio says where
        raise OSError(error.errno, f"cannot listen on {where}: {reason}") from error


def why_not_joined(error: Exception) -> str:
    """Return why a server could not be joined to others by `--redis`, and what to do about it on the command line."""
    from socketio_core.cluster.membership import SERVE_ALONE  # is installed, or it would not have come so far

    return str(error).replace(SERVE_ALONE, "(start that Redis first; without --redis the server is alone)")


def explain(error: OSError | UnicodeError, host: str, port: int) -> str:
    """Say in one line why nobody can listen on that address, and what to do."""
    code = error.errno if isinstance(error, OSError) else None
    if isinstance(error, (socket.gaierror, UnicodeError)) or code in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return f"{host} is not an address of this machine: try --host 127.0.0.1 (only here) or --host 0.0.0.0 (all)"
    if code == errno.EADDRINUSE:
        return f"port {port} on {host} is taken: stop what uses it, or choose another one with --port"
    if code == errno.EACCES:
        return f"port {port} needs privileges that you do not have: choose one above 1023 with --port"
    return f"cannot listen on {host} port {port}: {os.strerror(code) if code else error}"


def cannot_accept(error: OSError) -> str:
    """Say that no connection could be accepted."""
    return f"cannot accept connections: {error}; trying again in {CAPACITY_WAIT_S} s"


def accept_more(listener: socket.socket) -> Iterator[tuple[socket.socket, Any]]:
    """Yield the connections that wait behind one that was accepted, with their addresses; `listener` does not block.

    What goes wrong is left to whoever accepts the next one.
    """
    for _ in range(ACCEPTED_AT_ONCE - 1):
        try:
            accepted = listener.accept()
        except OSError:  # `BlockingIOError`, nearly always
            return
        yield accepted


def address_of(family: int, name: Any) -> str:
    """Return the address of a peer, as its socket says it, without the port."""
    if family in (socket.AF_INET, socket.AF_INET6):
        return _host(name)
    return _other(family, name)


def url_of(family: int, name: Any, scheme: str) -> str:
    """Return where clients find a listening socket: a URL, or the name of a Unix socket."""
    if family == socket.AF_INET:
        return f"{scheme}://{name[0]}:{name[1]}"
    if family == socket.AF_INET6:
        return f"{scheme}://[{_host(name).replace('%', '%25')}]:{name[1]}"  # RFC 6874
    return _other(family, name)


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
