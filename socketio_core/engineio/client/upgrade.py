"""The upgrade from polling to a WebSocket, client role. Spec: PROTOCOL 1.8.

The candidate is probed while polling goes on. When it has answered, no new GET or POST begins; once those in flight are
through, `5` goes out and the candidate is the session's WebSocket. Whatever happens to it before `5` ends the candidate
alone, and polling goes on.
"""

from __future__ import annotations

from typing import Final

from socketio_core.engineio.base import CandidacyBase
from socketio_core.engineio.client.carriers import ClientWebSocket
from socketio_core.engineio.client.states import CarrierState
from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.outbox import Outbox
from socketio_core.engineio.packet import PING, UPGRADE

PROBE_MESSAGE: Final = WireMessage((PING + "probe",))
UPGRADE_MESSAGE: Final = WireMessage((UPGRADE,))


class Candidacy(CandidacyBase[ClientWebSocket]):
    """What one session tries beside polling."""

    __slots__ = ()

    @property
    def is_pausing(self) -> bool:
        """Whether polling runs dry, for the candidate has answered."""
        return self.candidate is not None and self.candidate.state is CarrierState.PROBED

    def finish(self, outbox: Outbox) -> ClientWebSocket:
        """Return the candidate as the session's WebSocket: what waits in `outbox` follows behind its `5`."""
        websocket = self.end()
        assert websocket is not None  # it has answered
        websocket.state = CarrierState.WEBSOCKET
        websocket.outbox.put(UPGRADE_MESSAGE)
        outbox.move_to(websocket.outbox)
        return websocket
