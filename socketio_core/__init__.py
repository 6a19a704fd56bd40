"""Socket.IO and Engine.IO as pure state machines, without I/O.

`socketio_core.socketio` is the Socket.IO engine, `socketio_core.engineio` the one underneath, `socketio_core.trio` a
server and a client for trio. Importing this package imports nothing outside the standard library.
"""

from __future__ import annotations

from socketio_core.errors import (
    BufferFull,
    CloseReason,
    ConnectRefused,
    LocalProtocolError,
    PacketError,
    ProtocolError,
    RemoteProtocolError,
)
from socketio_core.http import Cookie, Cors, Request, Response
from socketio_core.settings import ClientSettings, EngineClientSettings, EngineSettings, SocketSettings

__version__ = "0.1.0"

__all__ = [
    "BufferFull",
    "ClientSettings",
    "CloseReason",
    "ConnectRefused",
    "Cookie",
    "Cors",
    "EngineClientSettings",
    "EngineSettings",
    "LocalProtocolError",
    "PacketError",
    "ProtocolError",
    "RemoteProtocolError",
    "Request",
    "Response",
    "SocketSettings",
]
