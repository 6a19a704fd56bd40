"""How a client gets a connection to its server, on any of the server's addresses."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Any, Final

from socketio_core.network.dialing import Address, DialError, in_turns, reason_of

STAGGER_S: Final = 0.25
"""The next address is tried when the one before has failed, or has not answered for so long (RFC 8305, section 5)."""


async def open_tcp(host: str, port: int) -> socket.socket:
    """Return a socket that is connected.

    Raises:
        DialError: there is none.
    """
    try:
        addresses = in_turns(await _addresses_of(host, port))
    except OSError as error:
        raise DialError(reason_of(error)) from None
    opened: list[socket.socket] = []
    failed: list[Exception] = []
    try:
        async with asyncio.TaskGroup() as group:
            running: set[asyncio.Task[None]] = set()
            for address in addresses:
                running.add(group.create_task(_attempt(address, opened, failed)))
                _, running = await asyncio.wait(running, timeout=STAGGER_S, return_when=asyncio.FIRST_COMPLETED)
                if opened:
                    break
            while running and not opened:
                _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for attempt in running:
                attempt.cancel()
        if opened:
            return opened.pop(0)
    finally:
        for unused in opened:
            unused.close()
    raise DialError(reason_of(ExceptionGroup("", failed)))


async def open_unix(path: str) -> socket.socket:
    """Return a socket that is connected to a Unix socket.

    Raises:
        DialError: it is not.
    """
    try:
        return await _connected(socket.AF_UNIX, socket.SOCK_STREAM, 0, path)
    except OSError as error:
        raise DialError(reason_of(error)) from None


async def _addresses_of(host: str, port: int) -> Sequence[Address]:
    try:  # an address needs no resolver, and no thread
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)


async def _attempt(address: Address, opened: list[socket.socket], failed: list[Exception]) -> None:
    family, kind, protocol, _, name = address
    try:
        opened.append(await _connected(family, kind, protocol, name))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        failed.append(error)


async def _connected(family: int, kind: int, protocol: int, name: Any) -> socket.socket:
    # This fails already where the resolver knows IPv6, and the machine does not.
    connecting = socket.socket(family, kind, protocol)
    try:
        connecting.settimeout(0)
        await asyncio.get_running_loop().sock_connect(connecting, name)
    except BaseException:
        connecting.close()
        raise
    return connecting
