"""Several servers, ours and Node's, that a Redis joins so that they act as one: `Server(adapter=RedisAdapter(url))`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from socketio_core.extras import late

if TYPE_CHECKING:
    from socketio_core.app.remote_socket import RemoteSocket
    from socketio_core.cluster.adapter import RedisAdapter
    from socketio_core.cluster.link import ClusterUnavailable
    from socketio_core.cluster.machine import ClusterTimeout
    from socketio_core.cluster.streams_adapter import RedisStreamsAdapter
    from socketio_core.errors import ClusterError

__all__ = [
    "ClusterError",
    "ClusterTimeout",
    "ClusterUnavailable",
    "RedisAdapter",
    "RedisStreamsAdapter",
    "RemoteSocket",
]

_IMPORTED_LATE = {  # an emitter needs none of these
    "ClusterError": "socketio_core.errors",
    "ClusterTimeout": "socketio_core.cluster.machine",
    "ClusterUnavailable": "socketio_core.cluster.link",
    "RedisAdapter": "socketio_core.cluster.adapter",
    "RedisStreamsAdapter": "socketio_core.cluster.streams_adapter",
    "RemoteSocket": "socketio_core.app.remote_socket",
}

__getattr__ = late(__name__, cluster=_IMPORTED_LATE)
