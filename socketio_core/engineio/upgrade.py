"""The upgrade of a session from polling to a WebSocket, server role. Spec: PROTOCOL 1.8.

A candidate has `upgrade_timeout_s` to send its probe and then `5`. Whatever else happens to it before `5` ends the
candidate alone, and polling goes on.
"""

from __future__ import annotations

from socketio_core.engineio.base import CandidacyBase
from socketio_core.engineio.carriers import WebSocket
from socketio_core.engineio.message import PROBE_ANSWER
from socketio_core.engineio.outbox import Outbox
from socketio_core.engineio.states import CarrierState


class Candidacy(CandidacyBase[WebSocket]):
    """The candidate of one session."""

    __slots__ = ()

    @property
    def is_probed(self) -> bool:
        """Whether the candidate has sent its probe, and waits for polling to run dry."""
        return self.candidate is not None and self.candidate.state is CarrierState.PROBED

    def answer_probe(self, websocket: WebSocket) -> bool:
        """The candidate has sent its probe. Returns whether it has something to write now.

        One answer at a time, however many probes a client sends without reading.
        """
        websocket.state = CarrierState.PROBED
        if websocket.outbox:
            return False
        websocket.outbox.put(PROBE_ANSWER)
        return True

    def finish(self, websocket: WebSocket, outbox: Outbox) -> None:
        """`5` arrived: the candidate is the session's WebSocket, and what waits in `outbox` moves over in order."""
        self.end()
        outbox.move_to(websocket.outbox)
        websocket.state = CarrierState.WEBSOCKET
