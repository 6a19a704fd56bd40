"""Engine.IO 4 without I/O, client role. Start at `ClientSession`."""

from __future__ import annotations

from socketio_core.engineio.client.carriers import ClientCarrier, ClientWebSocket, Exchange
from socketio_core.engineio.client.cookies import CookieJar
from socketio_core.engineio.client.events import Attempt, EngineClientEvent, Opened, OpenFailed, Pinged, UpgradeFailed
from socketio_core.engineio.client.handshake import OpenPacket
from socketio_core.engineio.client.requests import ClientMemory
from socketio_core.engineio.client.session import ClientSession

__all__ = [
    "Attempt",
    "ClientCarrier",
    "ClientMemory",
    "ClientSession",
    "ClientWebSocket",
    "CookieJar",
    "EngineClientEvent",
    "Exchange",
    "OpenFailed",
    "OpenPacket",
    "Opened",
    "Pinged",
    "UpgradeFailed",
]
