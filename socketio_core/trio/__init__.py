"""Socket.IO on trio: a server and a client that pump bytes through h11 and wsproto into the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from socketio_core.extras import Needing, late
from socketio_core.network import names
from socketio_core.network.names import *  # noqa: F403 - the same on every event loop

if TYPE_CHECKING:
    from socketio_core.cluster.link import ClusterUnavailable
    from socketio_core.trio.emitter import Emitter

with Needing("trio"):
    from socketio_core.trio.client import connect
    from socketio_core.trio.serve import serve
    from socketio_core.trio.server import Server

__all__ = ["ClusterUnavailable", "Emitter", "Server", "connect", "serve"]
__all__ += names.__all__

__getattr__ = late(  # who has no cluster need not have its packages
    __name__,
    cluster={"ClusterUnavailable": "socketio_core.cluster.link", "Emitter": "socketio_core.trio.emitter"},
)
