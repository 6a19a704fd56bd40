"""The upgrade of a session from polling to a WebSocket, server role. Spec: PROTOCOL 1.8.

A candidate has `upgrade_timeout_s` to send its probe and then `5`. Whatever else happens to it before `5` ends the
candidate alone, and polling goes on.
"""

from __future__ import annotations

from socketio_core.engineio.carriers import WebSocket
from socketio_core.engineio.states import CarrierState


class Upgrade:
    """The candidate of one session.

    Attributes:
        candidate: `None` before, afterwards, and when there is no upgrade.
        until: when the candidate is given up.
    """

    __slots__ = ("candidate", "until")

    def __init__(self) -> None:
        self.candidate: WebSocket | None = None
        self.until: float | None = None

    @property
    def is_probed(self) -> bool:
        """Whether the candidate has sent its probe, and waits for polling to run dry."""
        return self.candidate is not None and self.candidate.state is CarrierState.PROBED

    def begin(self, websocket: WebSocket, until: float) -> None:
        """A WebSocket wants to replace polling."""
        self.candidate = websocket
        self.until = until

    def end(self) -> WebSocket | None:
        """Forget the candidate, and return it, if there is one: the session turns it away, or moves to it."""
        websocket, self.candidate, self.until = self.candidate, None, None
        return websocket
