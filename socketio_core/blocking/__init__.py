"""A Socket.IO client for scripts, notebooks and tests that have no event loop; a thread of its own runs one inside."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from socketio_core.app.acks import AckTimeout, Disconnected
from socketio_core.app.client_socket import ConnectError
from socketio_core.extras import missing

if TYPE_CHECKING:
    from socketio_core.blocking.client import Socket, connect
    from socketio_core.blocking.emitter import Emitter
    from socketio_core.cluster.link import ClusterUnavailable

__all__ = ["AckTimeout", "ClusterUnavailable", "ConnectError", "Disconnected", "Emitter", "Socket", "connect"]

_IMPORTED_LATE = {  # a client needs another extra than an emitter: `(module, extra)`
    "ClusterUnavailable": ("socketio_core.cluster.link", "cluster"),
    "Emitter": ("socketio_core.blocking.emitter", "cluster"),
    "Socket": ("socketio_core.blocking.client", "blocking"),
    "connect": ("socketio_core.blocking.client", "blocking"),
}


def __getattr__(name: str) -> object:
    if name not in _IMPORTED_LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, extra = _IMPORTED_LATE[name]
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise missing(extra, error) from error
