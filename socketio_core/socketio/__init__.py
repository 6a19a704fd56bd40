"""Socket.IO 5 without I/O, on top of `socketio_core.engineio`. Start at `ServerCore`."""

from __future__ import annotations

from socketio_core.socketio.collection import AckCollection
from socketio_core.socketio.connection import Connection
from socketio_core.socketio.events import (
    AckDropped,
    AckExpired,
    AckReceived,
    AcksCollected,
    Claim,
    ConnectionClosed,
    ConnectionOpened,
    ConnectionUpgraded,
    ConnectRequested,
    EventReceived,
    Left,
    ServerEvent,
    SessionOver,
)
from socketio_core.socketio.hub import Hub, NamespaceCore
from socketio_core.socketio.json_module import JsonModule
from socketio_core.socketio.json_parser import JsonParser
from socketio_core.socketio.member import Member, MemberState
from socketio_core.socketio.packet import JSONValue, Packet
from socketio_core.socketio.parser import Decoder, Parser
from socketio_core.socketio.recoverable import RecoverableSession
from socketio_core.socketio.recovery import Recovery
from socketio_core.socketio.selection import Selection
from socketio_core.socketio.server import ServerCore

__all__ = [
    "AckCollection",
    "AckDropped",
    "AckExpired",
    "AckReceived",
    "AcksCollected",
    "Claim",
    "ConnectRequested",
    "Connection",
    "ConnectionClosed",
    "ConnectionOpened",
    "ConnectionUpgraded",
    "Decoder",
    "EventReceived",
    "Hub",
    "JSONValue",
    "JsonModule",
    "JsonParser",
    "Left",
    "Member",
    "MemberState",
    "NamespaceCore",
    "Packet",
    "Parser",
    "RecoverableSession",
    "Recovery",
    "Selection",
    "ServerCore",
    "ServerEvent",
    "SessionOver",
]
