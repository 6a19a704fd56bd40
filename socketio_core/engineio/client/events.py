"""What a client's session reports. A message is its own event: a bare `str` or `bytes`."""

from __future__ import annotations

from socketio_core.engineio.client.handshake import OpenPacket
from socketio_core.engineio.events import Closed, Upgraded
from socketio_core.engineio.packet import Payload
from socketio_core.records import record


@record
class Opened:
    """The session began; it can be written to."""

    handshake: OpenPacket
    transport: str


@record
class Attempt:
    """One transport that was tried in vain."""

    transport: str
    detail: str  # why it failed, e.g. "HTTP 403: Forbidden"


@record
class OpenFailed:
    """The session could not be opened; nothing more comes from it."""

    attempts: tuple[Attempt, ...]

    def __str__(self) -> str:
        return "; ".join(f"{attempt.transport}: {attempt.detail}" for attempt in self.attempts)


@record
class UpgradeFailed:
    """The session stays on polling; nothing was lost."""

    detail: str


@record
class Pinged:
    """The server's heartbeat came, and was answered."""


EngineClientEvent = Payload | Opened | OpenFailed | Upgraded | UpgradeFailed | Pinged | Closed
