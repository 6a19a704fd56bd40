"""A Socket.IO client for scripts, notebooks and tests that have no event loop; a thread of its own runs one inside."""

from __future__ import annotations

from socketio_core.app.acks import AckTimeout, Disconnected
from socketio_core.app.client_socket import ConnectError
from socketio_core.blocking.client import Socket, connect

__all__ = ["AckTimeout", "ConnectError", "Disconnected", "Socket", "connect"]
