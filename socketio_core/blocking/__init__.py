"""A Socket.IO client for scripts, notebooks and tests that have no event loop; a thread of its own runs one inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from socketio_core.app.acks import AckTimeout, Disconnected
from socketio_core.app.client_socket import ConnectError
from socketio_core.extras import late

if TYPE_CHECKING:
    from socketio_core.blocking.client import Socket, connect
    from socketio_core.blocking.emitter import Emitter
    from socketio_core.cluster.link import ClusterUnavailable

__all__ = ["AckTimeout", "ClusterUnavailable", "ConnectError", "Disconnected", "Emitter", "Socket", "connect"]

__getattr__ = late(  # a client needs another extra than an emitter
    __name__,
    cluster={
        "ClusterUnavailable": "socketio_core.cluster.link",
        "Emitter": "socketio_core.blocking.emitter",
    },
    blocking={
        "Socket": "socketio_core.blocking.client",
        "connect": "socketio_core.blocking.client",
    },
)
