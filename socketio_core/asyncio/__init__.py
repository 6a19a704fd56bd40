"""Socket.IO on asyncio, and on uvloop: a server and a client that move bytes between transports and the engine."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from socketio_core.asyncio.emitter import Emitter
    from socketio_core.cluster.link import ClusterUnavailable

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
    "ClusterUnavailable",
    "ConnectError",
    "Disconnected",
    "Emitter",
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

_IMPORTED_LATE = {  # who has no cluster need not have its packages
    "ClusterUnavailable": "socketio_core.cluster.link",
    "Emitter": "socketio_core.asyncio.emitter",
}


def __getattr__(name: str) -> object:
    if name not in _IMPORTED_LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(_IMPORTED_LATE[name]), name)
    except ModuleNotFoundError as error:
        raise missing("cluster", error) from error
