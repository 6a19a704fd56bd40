"""The Socket.IO server for trio."""

from __future__ import annotations

from socketio_core.app import server
from socketio_core.trio.serve import serve


class Server(server.Server):
    __doc__ = server.Server.__doc__

    serve = serve
