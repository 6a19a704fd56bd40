"""What the package of every event loop shows, beside what is its own."""

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
from socketio_core.app.client_manager import ClientManager
from socketio_core.app.client_socket import ClientSocket, ConnectError
from socketio_core.app.event_stream import EventStream
from socketio_core.serving import Timeouts

__all__ = [
    "AckTimeout",
    "BroadcastOperator",
    "ClientManager",
    "ClientSocket",
    "ConnectError",
    "Disconnected",
    "EngineServer",
    "EngineSession",
    "EventStream",
    "Handshake",
    "Namespace",
    "Socket",
    "Timeouts",
]
