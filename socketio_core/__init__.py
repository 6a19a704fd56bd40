"""Socket.IO and Engine.IO as pure state machines, without I/O.

`Server` is what applications register their handlers with, and knows no event loop, and so is all that handlers see;
`socketio_core.trio` and `socketio_core.asyncio` serve it, and have a client; `socketio_core.asgi` puts it into
frameworks. `socketio_core.socketio` is the Socket.IO engine, `socketio_core.engineio` the one underneath. Importing
this package imports nothing outside the standard library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from socketio_core.cookie import Cookie
from socketio_core.cors import Cors
from socketio_core.errors import (
    BufferFull,
    CloseReason,
    ConnectRefused,
    EventRefused,
    InvalidEvent,
    LocalProtocolError,
    PacketError,
    ProtocolError,
    RemoteProtocolError,
)
from socketio_core.extras import late
from socketio_core.http import Request, Response
from socketio_core.settings import (
    ClientSettings,
    EngineClientSettings,
    EngineSettings,
    RecoverySettings,
    ServerLimits,
    SocketSettings,
)

if TYPE_CHECKING:
    from socketio_core.app.acks import AckTimeout, Disconnected
    from socketio_core.app.declared import Declare, DeclaredEvent, event
    from socketio_core.app.engine_server import EngineServer, EngineSession
    from socketio_core.app.event_handlers import EventHandlers, handles
    from socketio_core.app.incoming import IncomingEvent
    from socketio_core.app.namespace import Namespace
    from socketio_core.app.observer import Observer
    from socketio_core.app.operators import BroadcastOperator
    from socketio_core.app.rate_limit import RateLimit
    from socketio_core.app.server import Server
    from socketio_core.app.socket import Handshake, Socket
    from socketio_core.app.statistics import ServerStatistics
    from socketio_core.serving import Timeouts

__version__ = "0.1.0"

__all__ = [
    "AckTimeout",
    "BroadcastOperator",
    "BufferFull",
    "ClientSettings",
    "CloseReason",
    "ConnectRefused",
    "Cookie",
    "Cors",
    "Declare",
    "DeclaredEvent",
    "Disconnected",
    "EngineClientSettings",
    "EngineServer",
    "EngineSession",
    "EngineSettings",
    "EventHandlers",
    "EventRefused",
    "Handshake",
    "IncomingEvent",
    "InvalidEvent",
    "LocalProtocolError",
    "Namespace",
    "Observer",
    "PacketError",
    "ProtocolError",
    "RateLimit",
    "RecoverySettings",
    "RemoteProtocolError",
    "Request",
    "Response",
    "Server",
    "ServerLimits",
    "ServerStatistics",
    "Socket",
    "SocketSettings",
    "Timeouts",
    "event",
    "handles",
]

_IMPORTED_LATE = {  # who only wants the engine does not pay for what is on top of it
    "AckTimeout": "socketio_core.app.acks",
    "Disconnected": "socketio_core.app.acks",
    "Declare": "socketio_core.app.declared",
    "DeclaredEvent": "socketio_core.app.declared",
    "event": "socketio_core.app.declared",
    "EngineServer": "socketio_core.app.engine_server",
    "EngineSession": "socketio_core.app.engine_server",
    "EventHandlers": "socketio_core.app.event_handlers",
    "handles": "socketio_core.app.event_handlers",
    "IncomingEvent": "socketio_core.app.incoming",
    "Namespace": "socketio_core.app.namespace",
    "Observer": "socketio_core.app.observer",
    "BroadcastOperator": "socketio_core.app.operators",
    "RateLimit": "socketio_core.app.rate_limit",
    "Server": "socketio_core.app.server",
    "Handshake": "socketio_core.app.socket",
    "Socket": "socketio_core.app.socket",
    "ServerStatistics": "socketio_core.app.statistics",
    "Timeouts": "socketio_core.serving",
}

__getattr__ = late(__name__, _IMPORTED_LATE)


def __dir__() -> list[str]:
    return sorted({*globals(), *_IMPORTED_LATE})
