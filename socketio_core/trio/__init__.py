"""Socket.IO on trio: a server and a client that pump bytes through h11 and wsproto into the engine."""

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
    from socketio_core.trio.client import connect
    from socketio_core.trio.serve import serve
    from socketio_core.trio.server import Server
except ModuleNotFoundError as error:
    raise missing("trio", error) from error

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
