"""Clients that are wrong about the upgrade from polling to a WebSocket."""

from __future__ import annotations

from dataclasses import replace

from conformance.mutants.clients import caught_by
from socketio_core.engineio.client.carriers import ClientWebSocket
from socketio_core.engineio.client.handshake import OpenPacket
from socketio_core.engineio.client.session import ClientSession
from socketio_core.engineio.client.states import Reaction
from socketio_core.engineio.client.upgrade import Candidacy
from socketio_core.engineio.close_codes import NO_CODE
from socketio_core.engineio.outbox import Outbox
from socketio_core.engineio.packet import Payload
from socketio_core.errors import CloseReason


@caught_by("upgrade/upgrade_waits_for_the_poll")
class ForgetsThePoll(ClientSession):
    """`5` is sent while a poll is in flight."""

    def _go_on(self, now: float) -> None:
        if self.is_open and self._in_flight.upgrade.is_pausing and not self._in_flight.is_sending:
            self._finish_upgrade()
        super()._go_on(now)


@caught_by("upgrade/upgrade_waits_for_the_poll")
class KeepsPolling(ClientSession):
    """A poll is begun behind the upgrade."""

    def _finish_upgrade(self) -> None:
        super()._finish_upgrade()
        self._in_flight.begin_get(self.sid, self._now)


@caught_by("upgrade/upgrade_waits_for_the_post")
class ForgetsThePost(ClientSession):
    """`5` is sent while a POST is in flight."""

    def _go_on(self, now: float) -> None:
        if self.is_open and self._in_flight.upgrade.is_pausing and not self._in_flight.is_waiting:
            self._finish_upgrade()
        super()._go_on(now)


@caught_by("upgrade/upgrade_waits_for_the_post")
class LosesWhatWaits(Candidacy):
    """What is emitted during the upgrade is lost."""

    def finish(self, outbox: Outbox) -> ClientWebSocket:
        outbox.clear()
        return super().finish(outbox)


@caught_by("upgrade/no_upgrade_unless_offered")
class UpgradesUnasked(ClientSession):
    """A WebSocket is probed whatever the server offers."""

    def _open(self, handshake: OpenPacket, now: float) -> None:
        super()._open(replace(handshake, upgrades=("websocket",)), now)


@caught_by(
    "upgrade/refused_upgrade_leaves_polling",
    "upgrade/lost_probe_leaves_polling",
    "upgrade/wrong_probe_answer_ends_the_candidate",
    "upgrade/websocket_lost_before_the_change_leaves_polling",
)
class FailsWithTheUpgrade(ClientSession):
    """The connection ends with the WebSocket that was tried."""

    def _end_upgrade(self, detail: str, now: float, code: int = NO_CODE) -> None:
        super()._end_upgrade(detail, now, code)
        self.break_off(CloseReason.TRANSPORT_ERROR, detail)


@caught_by("upgrade/wrong_probe_answer_ends_the_candidate")
class WaitsForABetterAnswer(ClientSession):
    """A wrong answer to the probe is passed over."""

    def _act(self, action: Reaction, websocket: ClientWebSocket | None, data: Payload, now: float) -> None:
        if action is not Reaction.DROP_CANDIDATE:
            super()._act(action, websocket, data, now)
