"""The candidate of an upgrade; `test_session_upgrade.py` has the sessions around it."""

from __future__ import annotations

from socketio_core.engineio.client.states import CarrierState
from socketio_core.engineio.client.upgrade import Candidacy
from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.outbox import Outbox
from tests.engineio.client.scene import Scene, sent


def begun() -> tuple[Candidacy, Outbox]:
    """Return an upgrade whose candidate has answered, and what waits meanwhile."""
    upgrade, outbox = Candidacy(), Outbox()
    (websocket,) = Scene(transports=["websocket"]).sockets
    websocket.is_open = True
    upgrade.begin(websocket, 1010.0)
    assert (upgrade.is_pausing, upgrade.until) == (False, 1010.0)
    websocket.state = CarrierState.PROBED
    assert upgrade.is_pausing
    outbox.put(WireMessage(("4waits",)))
    return upgrade, outbox


def test_what_waits_follows_behind_the_upgrade_packet() -> None:
    upgrade, outbox = begun()
    websocket = upgrade.finish(outbox)
    assert (sent(websocket), websocket.state, bool(outbox)) == (["5", "4waits"], CarrierState.WEBSOCKET, False)
    assert (upgrade.candidate, upgrade.until, upgrade.is_pausing) == (None, None, False)


def test_candidate_that_is_given_up_takes_nothing_along() -> None:
    upgrade, outbox = begun()
    assert upgrade.end() is not None
    assert upgrade.end() is None
    assert (upgrade.candidate, upgrade.until, bool(outbox)) == (None, None, True)
