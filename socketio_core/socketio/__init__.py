"""Socket.IO 5 without I/O, on top of `socketio_core.engineio`. Start at `Server`."""

from __future__ import annotations

from socketio_core.socketio.connection import Connection
from socketio_core.socketio.events import (
    AckDropped,
    AckExpired,
    AckReceived,
    ConnectionClosed,
    ConnectRequested,
    Event,
    EventReceived,
    Left,
)
from socketio_core.socketio.hub import Hub, Namespace
from socketio_core.socketio.json_parser import JsonModule, JsonParser
from socketio_core.socketio.member import Member, MemberState
from socketio_core.socketio.packet import JSONValue, Packet
from socketio_core.socketio.parser import Decoder, Parser
from socketio_core.socketio.server import Server

__all__ = [
    "AckDropped",
    "AckExpired",
    "AckReceived",
    "ConnectRequested",
    "Connection",
    "ConnectionClosed",
    "Decoder",
    "Event",
    "EventReceived",
    "Hub",
    "JSONValue",
    "JsonModule",
    "JsonParser",
    "Left",
    "Member",
    "MemberState",
    "Namespace",
    "Packet",
    "Parser",
    "Server",
]
