"""One connection of a server on asyncio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from socketio_core.asyncio.connection import GONE, Connection
from socketio_core.network.listening import address_of
from socketio_core.network.runtime import DROPPED
from socketio_core.wire import Wire

if TYPE_CHECKING:
    from socketio_core.asyncio.serve import AsyncioServer


class ServerConnection(Connection[Wire]):
    """A client has come.

    Args:
        family: that of its socket, which the transport does not know by heart (benchmarks: connect, on uvloop).
        is_tls: whether it is one over TLS.
        name: of the peer; `None` if only the transport knows.
    """

    __slots__ = ("_family", "_is_tls", "_name", "_server")

    def __init__(self, server: AsyncioServer, family: int, *, is_tls: bool, name: Any = None) -> None:
        super().__init__(server)
        self._server = server
        self._family = family
        self._is_tls = is_tls
        self._name = name

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there, and over TLS has shaken hands."""
        transport = cast("asyncio.Transport", transport)  # not by class: uvloop has its own
        self._use(transport, is_tls=self._is_tls)
        server, site = self._server, self._server.site
        scheme = "https" if self._is_tls else "http"
        name = transport.get_extra_info("peername") if self._name is None else self._name
        address = address_of(self._family, name)
        now = server.now()
        self._wire = site.connect(now, address, scheme, can_half_close=transport.can_write_eof())
        self._wire.context = self
        server.wake_in_time()  # it has a deadline, though it may never say anything
        if site.is_closing:  # it was on its way
            self._wire.close(now)
            server.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `Connection`."""
        super().connection_lost(exc)
        self._transport = GONE  # one of TLS holds 256 kB
        self._wire.context = DROPPED
        self._server.end_if_through()
