"""Socket.IO on trio: a server that pumps bytes through h11 and wsproto into the engine."""

from __future__ import annotations

from socketio_core.app import (
    AckTimeout,
    BroadcastOperator,
    Disconnected,
    EngineApplication,
    EngineSession,
    Handshake,
    Namespace,
    Socket,
)
from socketio_core.trio.server import Server
from socketio_core.trio.timeouts import Timeouts

__all__ = [
    "AckTimeout",
    "BroadcastOperator",
    "Disconnected",
    "EngineApplication",
    "EngineSession",
    "Handshake",
    "Namespace",
    "Server",
    "Socket",
    "Timeouts",
]
