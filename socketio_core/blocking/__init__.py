"""A Socket.IO client for scripts, notebooks and tests that have no event loop; a thread of its own runs one inside."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from socketio_core.app.acks import AckTimeout, Disconnected
from socketio_core.app.client_socket import ConnectError
from socketio_core.blocking.client import Socket, connect

if TYPE_CHECKING:
    from socketio_core.blocking.emitter import Emitter
    from socketio_core.cluster.link import ClusterUnavailable

__all__ = ["AckTimeout", "ClusterUnavailable", "ConnectError", "Disconnected", "Emitter", "Socket", "connect"]

_IMPORTED_LATE = {  # these need the extra `cluster`
    "ClusterUnavailable": "socketio_core.cluster.link",
    "Emitter": "socketio_core.blocking.emitter",
}


def __getattr__(name: str) -> object:
    if name not in _IMPORTED_LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_IMPORTED_LATE[name]), name)
