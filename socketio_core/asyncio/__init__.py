"""Socket.IO on asyncio: a server that moves bytes between asyncio's transports and the engine. For uvloop too."""

from __future__ import annotations

from socketio_core.app import (
    AckTimeout,
    BroadcastOperator,
    Disconnected,
    EngineServer,
    EngineSession,
    Handshake,
    Namespace,
    Socket,
)
from socketio_core.asyncio.serve import serve
from socketio_core.asyncio.server import Server
from socketio_core.serving import Timeouts

__all__ = [
    "AckTimeout",
    "BroadcastOperator",
    "Disconnected",
    "EngineServer",
    "EngineSession",
    "Handshake",
    "Namespace",
    "Server",
    "Socket",
    "Timeouts",
    "serve",
]
