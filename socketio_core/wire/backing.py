"""What stands behind a WebSocket."""

from __future__ import annotations

from typing import Protocol, TypeVar

from socketio_core.engineio.carriers import WebSocket
from socketio_core.engineio.client.carriers import ClientWebSocket
from socketio_core.engineio.core import Core
from socketio_core.settings import EngineClientSettings, EngineSettings
from socketio_core.wire.base import Pace

_W_contra = TypeVar("_W_contra", bound=WebSocket | ClientWebSocket, contravariant=True)


class Backing(Protocol[_W_contra]):
    """What stands behind a WebSocket, in either role."""

    @property
    def core(self) -> Core[_W_contra, _W_contra]:
        """What takes the messages."""
        ...

    @property
    def max_payload_bytes(self) -> int:
        """The limit on a message, as in the settings."""
        ...

    @property
    def engine_settings(self) -> EngineSettings | EngineClientSettings:
        """The other limits."""
        ...

    def pace_for(self, websocket: _W_contra) -> Pace | None:
        """Return how the application keeps up; `None` if that is not known, or not yet."""
        ...
