"""The upgrade of a session from polling to a WebSocket, server role. Spec: PROTOCOL 1.8.

A candidate has `upgrade_timeout_s` to send its probe and then `5`. Whatever else happens to it before `5` ends the
candidate alone, and polling goes on. As `polling`, this decides, and the session acts on what it says.
"""

from __future__ import annotations

from socketio_core.engineio.base import CandidacyBase
from socketio_core.engineio.carriers import WebSocket
from socketio_core.engineio.close_codes import NO_CODE
from socketio_core.engineio.message import PROBE_ANSWER
from socketio_core.engineio.outbox import Outbox
from socketio_core.engineio.polling import Polling
from socketio_core.engineio.shared import Shared
from socketio_core.engineio.states import CarrierState


class Candidacy(CandidacyBase[WebSocket]):
    """The candidate of one session."""

    __slots__ = ("_polling", "_shared")

    def __init__(self, shared: Shared, polling: Polling) -> None:
        super().__init__()
        self._shared = shared
        self._polling = polling

    @property
    def is_probed(self) -> bool:
        """Whether the candidate has sent its probe, and waits for polling to run dry."""
        return self.candidate is not None and self.candidate.state is CarrierState.PROBED

    def answer_probe(self, websocket: WebSocket) -> str | None:
        """The candidate has sent its probe: polling may run dry. Returns a fault, as polling does.

        One answer at a time, however many probes a client sends without reading.
        """
        websocket.state = CarrierState.PROBED
        if not websocket.outbox:
            websocket.outbox.put(PROBE_ANSWER)
            self._shared.mark_ready(websocket)
        return self._polling.begin_upgrade()

    def finish(self, websocket: WebSocket, outbox: Outbox) -> None:
        """`5` arrived: the candidate is the session's WebSocket, and what waits in `outbox` moves over in order."""
        self.end()
        outbox.move_to(websocket.outbox)
        websocket.state = CarrierState.WEBSOCKET
        self._polling.release()  # with `6`; the reference says `1`, which would be untrue (PROTOCOL 9-13)
        self._polling.deadline = None
        if websocket.outbox:
            self._shared.mark_ready(websocket)

    def give_up(self, code: int = NO_CODE) -> None:
        """Part with the candidate, if there is one: polling goes on as if nothing had happened."""
        websocket = self.end()
        if websocket is not None:
            websocket.close_code = code
            websocket.outbox.clear()
            self._shared.part_with(websocket)
            self._polling.end_upgrade()
