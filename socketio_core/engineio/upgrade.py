"""The upgrade of a session from polling to a WebSocket, server role. Spec: PROTOCOL 1.8.

A candidate has `upgrade_timeout_s` to send its probe and then `5`. Whatever else happens to it before `5` ends the
candidate alone, and polling goes on.
"""

from __future__ import annotations

from socketio_core.engineio.base import UpgradeBase
from socketio_core.engineio.carriers import WebSocket
from socketio_core.engineio.states import CarrierState


class Upgrade(UpgradeBase[WebSocket]):
    """The candidate of one session."""

    __slots__ = ()

    @property
    def is_probed(self) -> bool:
        """Whether the candidate has sent its probe, and waits for polling to run dry."""
        return self.candidate is not None and self.candidate.state is CarrierState.PROBED
