"""One connection of a server on asyncio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from socketio_core.asyncio.connection import Connection
from socketio_core.network.listening import address_of
from socketio_core.wire import Wire

if TYPE_CHECKING:
    from socketio_core.asyncio.serve import AsyncioServer


class ServerConnection(Connection[Wire]):
    """A client has come."""

    __slots__ = ("_server",)

    def __init__(self, server: AsyncioServer) -> None:
        super().__init__(server)
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there, and over TLS has shaken hands."""
        transport = cast("asyncio.Transport", transport)  # not by class: uvloop has its own
        self._use(transport)
        server, site = self._server, self._server.site
        scheme = "http" if transport.get_extra_info("sslcontext") is None else "https"
        address = address_of(transport.get_extra_info("socket").family, transport.get_extra_info("peername"))
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
        self._server.end_if_through()
