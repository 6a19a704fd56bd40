"""The application layer: registration, dispatch, operators, acks. The same on every event loop.

What differs between event loops is behind `Runtime`; an adapter such as `socketio_core.trio` implements it and pumps
bytes.
"""

from __future__ import annotations

from socketio_core.app.application import Application
from socketio_core.app.client_host import ClientHost
from socketio_core.app.client_manager import ClientManager
from socketio_core.app.client_socket import ClientSocket, ConnectError
from socketio_core.app.engine_application import EngineApplication, EngineSession
from socketio_core.app.event_stream import EventStream
from socketio_core.app.namespace import BroadcastOperator, Namespace, ParentNamespace
from socketio_core.app.runtime import Event, Runtime
from socketio_core.app.socket import AckTimeout, Disconnected, Handshake, Socket

__all__ = [
    "AckTimeout",
    "Application",
    "BroadcastOperator",
    "ClientHost",
    "ClientManager",
    "ClientSocket",
    "ConnectError",
    "Disconnected",
    "EngineApplication",
    "EngineSession",
    "Event",
    "EventStream",
    "Handshake",
    "Namespace",
    "ParentNamespace",
    "Runtime",
    "Socket",
]
