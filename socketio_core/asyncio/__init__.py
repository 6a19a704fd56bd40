"""Socket.IO on asyncio, and on uvloop: a server and a client that move bytes between transports and the engine."""

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
from socketio_core.extras import missing
from socketio_core.serving import Timeouts

try:
    from socketio_core.asyncio.client import connect
    from socketio_core.asyncio.serve import serve
    from socketio_core.asyncio.server import Server
except ModuleNotFoundError as error:
    raise missing("asyncio", error) from error

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
    "Server",
    "Socket",
    "Timeouts",
    "connect",
    "serve",
]
