"""The Socket.IO server for asyncio."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
from collections.abc import Sequence

from socketio_core.app import server
from socketio_core.asyncio.serve import serve


class Server(server.Server):
    __doc__ = server.Server.__doc__

    async def serve(
        self,
        host: str | None = None,
        port: int = 0,
        *,
        listeners: Sequence[socket.socket] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        signals: Sequence[signal.Signals] = (),
        started: asyncio.Future[list[str]] | None = None,
    ) -> None:
        """Serve until cancelled or interrupted, in order; see `socketio_core.asyncio.serve`."""
        await serve(self, host, port, listeners=listeners, ssl_context=ssl_context, signals=signals, started=started)
