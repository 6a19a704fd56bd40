"""The application layer: registration, dispatch, operators, acks. The same on every event loop.

What differs between event loops is behind `Runtime`; an adapter such as `socketio_core.trio` implements it and pumps
bytes.
"""

from __future__ import annotations

from socketio_core.app.acks import AckTimeout, Answers, Disconnected
from socketio_core.app.adapter import Adapter, Asked, LocalAdapter
from socketio_core.app.client_host import ClientHost
from socketio_core.app.client_manager import ClientManager
from socketio_core.app.client_socket import ClientSocket, ConnectError
from socketio_core.app.engine_server import EngineServer, EngineSession
from socketio_core.app.event_stream import EventStream
from socketio_core.app.incoming import IncomingEvent
from socketio_core.app.namespace import Namespace, ParentNamespace
from socketio_core.app.observer import Observer
from socketio_core.app.operators import BroadcastOperator
from socketio_core.app.remote_socket import RemoteSocket
from socketio_core.app.runtime import Event, Runtime
from socketio_core.app.server import Server
from socketio_core.app.socket import Handshake, Socket
from socketio_core.app.socket_operator import ClientSocketOperator, SocketOperator

__all__ = [
    "AckTimeout",
    "Adapter",
    "Answers",
    "Asked",
    "BroadcastOperator",
    "ClientHost",
    "ClientManager",
    "ClientSocket",
    "ClientSocketOperator",
    "ConnectError",
    "Disconnected",
    "EngineServer",
    "EngineSession",
    "Event",
    "EventStream",
    "Handshake",
    "IncomingEvent",
    "LocalAdapter",
    "Namespace",
    "Observer",
    "ParentNamespace",
    "RemoteSocket",
    "Runtime",
    "Server",
    "Socket",
    "SocketOperator",
]
