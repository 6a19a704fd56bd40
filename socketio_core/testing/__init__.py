"""What tests of this package, and of what is built on it, share: a clock and an in-memory client (`WireClient`)."""

from __future__ import annotations

from socketio_core.testing.clock import FakeClock
from socketio_core.testing.wire import (
    Host,
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
    "Host",
    "Refused",
    "WireClient",
    "WirePoll",
    "WirePost",
    "WireSocket",
    "advance",
    "frames_of",
    "settle",
]
