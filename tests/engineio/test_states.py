"""The table of what a packet means in each state, and that a real session obeys every cell of it."""

from __future__ import annotations

import pytest

from socketio_core.engineio.packet import PACKET_TYPES
from socketio_core.engineio.states import PACKET_KINDS, PROBE, TABLE, CarrierState, Reaction
from socketio_core.testing import WireClient
from tests.engineio.scene import Scene

CELLS = [(state, kind) for state in CarrierState for kind in PACKET_KINDS]
WRONG_DIRECTION = "<closed: transport error: invalid heartbeat direction>"
UNEXPECTED = "<closed: transport error: unexpected packet from a client>"
LEFT = "<closed: transport close>"

# What the application and the client see, for every cell: (events, is the POST answered `ok`). Deliberately not derived
# from the table.
Expected = tuple[list[str], bool]
IGNORED: Expected = ([], True)
POLLING: dict[str, Expected] = {
    "0": ([UNEXPECTED], False),
    "1": ([LEFT], True),
    "2": ([WRONG_DIRECTION], False),
    "2probe": ([WRONG_DIRECTION], False),
    "3": IGNORED,
    "4": (["data"], True),
    "5": ([UNEXPECTED], False),
    "6": IGNORED,
}
CLOSING: dict[str, Expected] = {**dict.fromkeys(PACKET_KINDS, IGNORED), "1": ([LEFT], True), "4": ([], False)}
WEBSOCKET = {kind: events for kind, (events, _) in POLLING.items()}


def frame_of(kind: str) -> str:
    """Return a packet of this kind, with data where it may have some."""
    return "4data" if kind == "4" else kind


def test_every_cell_is_filled() -> None:
    assert set(TABLE) == set(CarrierState)
    assert set(PACKET_KINDS) == {*PACKET_TYPES, PROBE}
    for row in TABLE.values():
        assert set(row) == set(PACKET_KINDS)
        assert set(map(type, row.values())) == {Reaction}


def test_every_action_is_used() -> None:
    assert {action for row in TABLE.values() for action in row.values()} == set(Reaction)


@pytest.mark.parametrize("kind", PACKET_KINDS)
def test_a_packet_posted_to_a_polling_session(kind: str) -> None:
    scene = Scene()
    client = scene.client()
    response = client.post(frame_of(kind))
    events, is_ok = POLLING[kind]
    assert (scene.reports(), response.status) == (events, 200 if is_ok else 400)
    assert scene.engine.session_count == (0 if any(str(event).startswith("<closed") for event in events) else 1)


@pytest.mark.parametrize("kind", PACKET_KINDS)
def test_a_packet_posted_to_a_closing_session(kind: str) -> None:
    scene = Scene()
    client = scene.client()
    scene.session(client).close(scene.now)
    response = client.post(frame_of(kind))
    events, is_ok = CLOSING[kind]
    assert (scene.reports(), response.status) == (events, 200 if is_ok else 400)


@pytest.mark.parametrize("kind", PACKET_KINDS)
def test_a_packet_on_the_session_s_websocket(kind: str) -> None:
    scene = Scene()
    client = scene.client("websocket")
    client.send(frame_of(kind))
    assert scene.reports() == WEBSOCKET[kind]
    assert scene.socket(client).is_open == (WEBSOCKET[kind] in ([], ["data"]))


@pytest.mark.parametrize("state", [CarrierState.CANDIDATE, CarrierState.PROBED])
@pytest.mark.parametrize("kind", PACKET_KINDS)
def test_a_packet_on_a_candidate(state: CarrierState, kind: str) -> None:
    scene = Scene()
    client = scene.client()
    candidate = client.open_websocket()
    if state is CarrierState.PROBED:
        candidate.send("2probe")
        assert candidate.take() == ["3probe"]
    assert candidate.carrier.state is state
    candidate.send(frame_of(kind))
    if kind == PROBE:
        assert (candidate.take(), candidate.carrier.state) == (["3probe"], CarrierState.PROBED)
        assert scene.session(client).is_upgrading
    elif kind == "5":
        assert (scene.reports(), candidate.carrier.state) == (["<upgraded>"], CarrierState.WEBSOCKET)
        assert scene.session(client).transport == "websocket"
    else:
        assert (candidate.is_open, candidate.carrier.state) == (False, CarrierState.DETACHED)
        assert_session_is_unharmed(scene, client)


@pytest.mark.parametrize("frame", ["", "7", "b!", b"", b"data"])
def test_what_is_no_control_packet_drops_a_candidate(frame: str | bytes) -> None:
    scene = Scene()
    client = scene.client()
    candidate = client.open_websocket()
    candidate.send(frame)
    assert not candidate.is_open
    assert_session_is_unharmed(scene, client)


@pytest.mark.parametrize("kind", PACKET_KINDS)
def test_a_packet_on_a_detached_websocket_is_ignored(kind: str) -> None:
    scene = Scene()
    client = scene.client()
    candidate = client.open_websocket()
    candidate.send("9")
    candidate.send(frame_of(kind))
    assert candidate.carrier.state is CarrierState.DETACHED
    assert_session_is_unharmed(scene, client)


@pytest.mark.parametrize("kind", [*PACKET_KINDS, "9"])
def test_a_packet_on_the_websocket_of_a_closed_session_is_ignored(kind: str) -> None:
    scene = Scene()
    client = scene.client("websocket")
    scene.session(client).close(scene.now)
    assert scene.reports() == ["<closed: forced close>"]
    client.send(frame_of(kind))
    assert scene.reports() == []
    scene.check_empty()


def assert_session_is_unharmed(scene: Scene, client: WireClient) -> None:
    """Assert that the session goes on by polling, as if nothing had happened."""
    assert scene.reports() == []
    session = scene.session(client)
    assert (session.transport, session.is_open, session.is_upgrading) == ("polling", True, False)
    session.send("still here", scene.now)
    assert client.fetch() == ["still here"]
    assert client.post("4me too").status == 200
    assert scene.reports() == ["me too"]
    client.upgrade()
    assert scene.reports() == ["<upgraded>"]
    scene.check()
