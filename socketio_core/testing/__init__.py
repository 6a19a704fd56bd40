"""What tests of this package, and of what is built on it, share: a clock, a client by hand, and a network in memory."""

from __future__ import annotations

from socketio_core.testing.clock import FakeClock
from socketio_core.testing.network import HttpLink, Network, SocketLink
from socketio_core.testing.wire import (
    Refused,
    WireClient,
    WirePoll,
    WirePost,
    WireSocket,
    advance,
    frames_of,
    settle,
)

__all__ = [
    "FakeClock",
    "HttpLink",
    "Network",
    "Refused",
    "SocketLink",
    "WireClient",
    "WirePoll",
    "WirePost",
    "WireSocket",
    "advance",
    "frames_of",
    "settle",
]
