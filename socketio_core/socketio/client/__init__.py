"""Socket.IO 5 without I/O, client role, on top of `socketio_core.engineio.client`. Start at `ClientCore`."""

from __future__ import annotations

from socketio_core.engineio.client.events import Opened, OpenFailed, Pinged, UpgradeFailed
from socketio_core.engineio.events import Closed, Upgraded
from socketio_core.socketio.client.backoff import Backoff
from socketio_core.socketio.client.client import ClientCore
from socketio_core.socketio.client.events import (
    AckDropped,
    AckExpired,
    AckReceived,
    AuthRequested,
    ClientEvent,
    Connected,
    ConnectFailed,
    EmitFailed,
    EventReceived,
    Left,
    ReconnectAttempted,
    Reconnected,
    ReconnectFailed,
    ReconnectScheduled,
)
from socketio_core.socketio.client.namespace import ClientNamespace, NamespaceState

__all__ = [
    "AckDropped",
    "AckExpired",
    "AckReceived",
    "AuthRequested",
    "Backoff",
    "ClientCore",
    "ClientEvent",
    "ClientNamespace",
    "Closed",
    "ConnectFailed",
    "Connected",
    "EmitFailed",
    "EventReceived",
    "Left",
    "NamespaceState",
    "OpenFailed",
    "Opened",
    "Pinged",
    "ReconnectAttempted",
    "ReconnectFailed",
    "ReconnectScheduled",
    "Reconnected",
    "UpgradeFailed",
    "Upgraded",
]
