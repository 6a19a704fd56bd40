"""What the Engine.IO layer reports. A message is its own event: a bare `str` or `bytes`."""

from __future__ import annotations

from socketio_core.engineio.packet import Payload
from socketio_core.errors import CloseReason, RemoteProtocolError
from socketio_core.http import Request
from socketio_core.records import record


@record
class Opened:
    """A session began; it can be written to at once."""

    request: Request  # the handshake


@record
class Upgraded:
    """The session moved from polling to its WebSocket; nothing was lost or reordered."""


@record
class Closed:
    """The session ended; nothing more comes from it, and nothing can be sent."""

    reason: CloseReason
    error: RemoteProtocolError | None = None  # what the peer did wrong, if it did
    code: int | None = None  # of the peer's close frame; `NO_CODE`: it had none; `None`: there was no close frame
    detail: str = ""  # the text in the close frame, or what the host said of the end


@record
class RequestRefused:
    """A request was answered with an error before it reached any session. Spec: PROTOCOL 1.4."""

    request: Request
    code: int | None  # the reference's error codes, 0 to 5; `None`: the answer has none
    message: str  # as the client sees it
    detail: str  # for the server's log: what was wrong, and what was expected
    foreign_origin: str | None = None  # of the page that it came from, if that was why
    error: Exception | None = None  # what a function in the settings raised, if that was why


EngineEvent = Payload | Opened | Upgraded | Closed | RequestRefused
