"""The upgrade of a session from polling to a WebSocket, server role. Spec: PROTOCOL 1.8.

A candidate has `upgrade_timeout_s` to send its probe and then `5`. Whatever else happens to it before `5` ends the
candidate alone, and polling goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from socketio_core.engineio.carriers import WebSocket
from socketio_core.engineio.message import PROBE_ANSWER
from socketio_core.engineio.shared import Shared
from socketio_core.engineio.states import Action, CarrierState

if TYPE_CHECKING:
    from socketio_core.engineio.session import Session


class Upgrade:
    """The candidate of one session.

    Attributes:
        candidate: `None` before, afterwards, and when there is no upgrade.
        until: when the candidate is given up.
    """

    __slots__ = ("_session", "_shared", "candidate", "until")

    def __init__(self, session: Session, shared: Shared) -> None:
        self._session = session
        self._shared = shared
        self.candidate: WebSocket | None = None
        self.until: float | None = None

    @property
    def is_probed(self) -> bool:
        """Whether the candidate has sent its probe, and waits for polling to run dry."""
        return self.candidate is not None and self.candidate.state is CarrierState.PROBED

    def begin(self, websocket: WebSocket, now: float) -> None:
        """A WebSocket wants to replace polling; it has `upgrade_timeout_s` to do so."""
        self.candidate = websocket
        self.until = now + self._shared.settings.upgrade_timeout_s
        self._session.reschedule()

    def act(self, action: Action, websocket: WebSocket) -> None:
        """Carry out a cell of the table that is in the candidates' rows only."""
        if action is Action.ANSWER_PROBE:
            websocket.state = CarrierState.PROBED
            if not websocket.outbox:  # one answer at a time, however many probes a client sends without reading
                websocket.outbox.put(PROBE_ANSWER)
                self._shared.mark_ready(websocket)
            self._session.polling.begin_upgrade()
        elif action is Action.UPGRADE:
            self.candidate = self.until = None
            self._session.move_to(websocket)
        else:
            self.end()

    def end(self) -> None:
        """Drop the candidate; the session goes on by polling as if nothing had happened."""
        websocket, self.candidate, self.until = self.candidate, None, None
        if websocket is not None:
            websocket.outbox.clear()
            self._session.turn_away(websocket)
            self._session.polling.end_upgrade()
            self._session.reschedule()
