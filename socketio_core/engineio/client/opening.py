"""How a session opens: which transport is tried, which are left, and why those before failed."""

from __future__ import annotations

from socketio_core.engineio.client.events import Attempt, OpenFailed
from socketio_core.engineio.client.requests import ClientMemory
from socketio_core.settings import EngineClientSettings


class Attempts:
    """The attempts of one session; they share one deadline, which the session watches over.

    Attributes:
        transport: the one that is tried.
    """

    __slots__ = ("_attempts", "_left", "transport")

    def __init__(self, settings: EngineClientSettings, memory: ClientMemory) -> None:
        first, *left = settings.transports
        if settings.remember_upgrade and memory.websocket_worked and "websocket" in settings.transports:
            first, left = "websocket", [name for name in settings.transports if name != "websocket"]
        self.transport = first
        self._left = left if settings.try_all_transports else []
        self._attempts: list[Attempt] = []

    def next_transport(self, detail: str) -> bool:
        """Go on to the next transport, for this one failed. Returns `False` when there is none."""
        self._attempts.append(Attempt(self.transport, detail))
        if not self._left:
            return False
        self.transport = self._left.pop(0)
        return True

    def give_up(self) -> None:
        """The time is up, for all that are left."""
        self._left = []

    def outcome(self) -> OpenFailed:
        """Return what is to be reported when all have failed."""
        return OpenFailed(tuple(self._attempts))
