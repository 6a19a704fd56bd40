"""Where the workers of a service listen: one port for all, or one for each."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from socketio_core.cli.command import CommandFailed
from socketio_core.network.listening import explain

BACKLOG: Final = 1024

Address = tuple[int, Any]
"""A family, and the address as `socket.bind` takes it."""


def addresses_of(host: str, port: int) -> list[Address]:
    """Return the addresses that a host has.

    Raises:
        CommandFailed: none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise CommandFailed(explain(error, host, port)) from None
    return [(int(family), address) for family, _, _, _, address in dict.fromkeys(found)]


def listen(addresses: Sequence[Address], *, is_shared: bool = False) -> list[socket.socket]:
    """Return sockets that listen.

    Args:
        addresses: of one host, with one port: where that is 0, a free one is found, the same for all.
        is_shared: other processes listen there too, and the system gives each its part of the connections.

    Raises:
        CommandFailed: that is not possible.
    """
    bound = bind(addresses, is_shared=is_shared)
    for each in bound:
        each.listen(BACKLOG)
    return bound


def bind(addresses: Sequence[Address], *, is_shared: bool = False) -> list[socket.socket]:
    """Return sockets that do not listen yet, but keep others from it; see `listen`."""
    bound: list[socket.socket] = []
    with ExitStack() as undo:
        for family, address in addresses:
            is_internet, where = family != socket.AF_UNIX, address
            if is_internet and bound:  # where any port will do, all have the same
                where = (address[0], bound[0].getsockname()[1], *address[2:])
            try:
                bound.append(undo.enter_context(_bound(family, where, is_shared=is_shared)))
            except OSError as error:
                if error.errno == errno.EAFNOSUPPORT and len(addresses) > 1:
                    continue  # the resolver knows IPv6, and the machine does not
                if is_internet:
                    raise CommandFailed(explain(error, where[0], where[1])) from None
                raise CommandFailed(f"cannot listen on {where}: {os.strerror(error.errno or 0)}") from None
        undo.pop_all()
    return bound


def _bound(family: int, address: Any, *, is_shared: bool) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family == socket.AF_UNIX:
            _remove_left_over(address)
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if is_shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(address)
    except BaseException:
        made.close()
        raise
    return made


def _remove_left_over(path: str) -> None:
    """Remove the socket of a process that has ended; one that somebody listens on is taken."""
    try:
        if not stat.S_ISSOCK(Path(path).stat().st_mode):
            return  # `bind` will say that it is taken
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as trying:
        try:
            trying.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink(missing_ok=True)


def reserve(addresses: Sequence[Address]) -> list[socket.socket]:
    """Return sockets that keep a port for processes which share it, and for nobody else.

    Raises:
        CommandFailed: it is taken, also by others who would share it.
    """
    if not hasattr(socket, "SO_REUSEPORT"):
        raise CommandFailed("this system cannot share a port among workers: --own-ports gives each one of its own")
    for alone in listen(addresses):
        alone.close()  # a second service of one user would get a part of the first one's clients
    return bind(addresses, is_shared=True)
