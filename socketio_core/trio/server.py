"""The Socket.IO server for trio."""

from __future__ import annotations

import signal
import ssl
from collections.abc import Sequence

import trio

from socketio_core.app import server
from socketio_core.trio.accepting import Listener
from socketio_core.trio.serve import serve


class Server(server.Server):
    __doc__ = server.Server.__doc__

    async def serve(
        self,
        host: str | None = None,
        port: int = 0,
        *,
        listeners: Sequence[Listener] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        signals: Sequence[signal.Signals] = (),
        task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled or interrupted, in order; see `socketio_core.trio.serve`."""
        await serve(
            self,
            host,
            port,
            listeners=listeners,
            ssl_context=ssl_context,
            signals=signals,
            task_status=task_status,
        )
