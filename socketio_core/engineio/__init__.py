"""Engine.IO 4 without I/O, usable alone. Start at `Engine`."""

from __future__ import annotations

from socketio_core.engineio.actions import Action, Park, ReadBody, Respond, Upgrade
from socketio_core.engineio.carriers import Carrier, Poll, Post, WebSocket
from socketio_core.engineio.core import AnyClient, AnyServer, Core
from socketio_core.engineio.engine import Engine
from socketio_core.engineio.events import Closed, EngineEvent, Opened, RequestRefused, Upgraded
from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.packet import Frame, Payload
from socketio_core.engineio.session import Session
from socketio_core.engineio.states import SessionState

__all__ = [
    "Action",
    "AnyClient",
    "AnyServer",
    "Carrier",
    "Closed",
    "Core",
    "Engine",
    "EngineEvent",
    "Frame",
    "Opened",
    "Park",
    "Payload",
    "Poll",
    "Post",
    "ReadBody",
    "RequestRefused",
    "Respond",
    "Session",
    "SessionState",
    "Upgrade",
    "Upgraded",
    "WebSocket",
    "WireMessage",
]
