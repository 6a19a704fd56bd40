"""Who may begin a session: how many of an address, how fast, and who makes room."""

from __future__ import annotations

import pytest

from socketio_core.engineio.admission import Admission
from socketio_core.settings import EngineSettings
from tests.engineio.scene import Scene
from tests.holdings import things_of
from tests.socketio.rig import TRANSPORTS


def test_session_that_makes_no_second_request_ends_after_a_while() -> None:
    scene = Scene(first_request_timeout_s=10)
    scene.client()
    scene.wait(9)
    assert scene.reports() == []
    scene.wait(1)
    assert scene.reports() == ["<closed: transport error: no second request in time>"]


@pytest.mark.parametrize("how", ["poll", "post", "upgrade"])
def test_any_second_request_will_do(how: str) -> None:
    scene = Scene(first_request_timeout_s=10)
    client = scene.client()
    if how == "poll":
        client.poll()
    elif how == "post":
        client.post("4x")
    else:
        client.open_websocket()
    scene.reports()
    scene.wait(20)
    assert scene.engine.session_count == 1
    assert scene.engine.shared.admission.fresh_count == 0


def test_session_over_a_websocket_needs_no_second_request() -> None:
    scene = Scene(first_request_timeout_s=10, max_sessions=1)
    scene.client("websocket")
    scene.wait(20)
    assert scene.engine.session_count == 1


def test_oldest_session_that_made_no_second_request_makes_room() -> None:
    scene = Scene(max_sessions=3)
    first, second, third = [scene.client() for _ in range(3)]
    first.poll()
    fourth = scene.stranger().open()
    assert scene.reports() == [
        "<closed: transport error: made room for another, before a second request>",
        "<opened>",
    ]
    assert [session.sid for session in scene.engine.sessions] == [first.sid, third.sid, fourth.sid]
    assert second.session is None


def test_there_are_never_many_sessions_that_nobody_may_be_behind() -> None:
    scene = Scene(max_fresh_sessions=3)
    clients = [scene.client() for _ in range(3)]
    scene.client("websocket")  # who has a connection is no such session
    clients[0].poll()
    clients.append(scene.client())
    assert scene.engine.session_count == 5
    clients += [scene.stranger().open() for _ in range(2)]
    made_room = "<closed: transport error: made room for another, before a second request>"
    assert scene.reports() == [made_room, "<opened>"] * 2
    assert [client.session is None for client in clients] == [False, True, True, False, False, False]
    for client in clients[3:]:
        client.poll()
    for _ in range(3):
        scene.client()
    assert scene.engine.session_count == 8


@pytest.mark.parametrize("limit", ["max_sessions", "max_fresh_sessions"])
def test_who_comes_again_and_again_takes_its_own_place_before_that_of_others(limit: str) -> None:
    scene = Scene(**{limit: 5})
    honest = scene.client(address="2001:db8::1")
    flood = [scene.stranger(address="192.0.2.1").open() for _ in range(100)]
    assert honest.session is not None
    assert [client.session is None for client in flood] == [True] * 96 + [False] * 4
    late = scene.stranger(address="192.0.2.3").open()  # there is none of its own yet: the oldest of all goes
    assert [each.session is None for each in (honest, flood[96])] == [True, False]
    scene.stranger(address="2001:db8::2").open()
    assert [each.session is None for each in (late, *flood[96:98])] == [False, True, False]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_sessions_of_an_address_are_limited(transport: str) -> None:
    scene = Scene(max_sessions_per_address=2)
    clients = [scene.client(transport, address="192.0.2.1") for _ in range(2)]
    for address in ("192.0.2.1", "::ffff:192.0.2.1"):
        assert _refused(scene, transport, address) == 429
    assert scene.reports() == ["<refused: 3 Too many sessions from this address>"] * 2
    scene.client(transport, address="192.0.2.2")
    scene.client(transport, address="")  # as of a Unix socket: who that is nobody knows
    scene.client(transport, address="")
    scene.client(transport, address="")
    clients[0].send("1")
    scene.reports()
    scene.client(transport, address="192.0.2.1")
    assert _refused(scene, transport, "192.0.2.1") == 429
    for client in scene.engine.sessions:
        client.abort(scene.now)
    scene.reports()
    scene.client(transport, address="192.0.2.1")


def test_sessions_of_a_home_are_limited_together() -> None:
    """An IPv6 /64 is what a home is given."""
    scene = Scene(max_sessions_per_address=2)
    scene.client(address="2001:db8::1")
    scene.client(address="2001:db8::ffff:1%eth0")
    assert _refused(scene, "polling", "2001:db8::2") == 429
    scene.reports()
    scene.client(address="2001:db8:0:1::1")


def test_handshakes_of_an_address_are_limited_for_each_second() -> None:
    scene = Scene(max_handshakes_per_s=2)
    for _ in range(2):
        scene.client(address="192.0.2.1")
        scene.client("websocket", address="192.0.2.2")
    assert _refused(scene, "polling", "192.0.2.1") == 429
    assert _refused(scene, "websocket", "192.0.2.2") == 429
    assert scene.reports() == ["<refused: 3 Too many handshakes from this address>"] * 2
    for _ in range(5):
        scene.client(address="")
    scene.wait(1)
    for _ in range(2):
        scene.client(address="192.0.2.1")
    assert _refused(scene, "polling", "192.0.2.1") == 429


def test_addresses_are_forgotten() -> None:
    admission = Admission(EngineSettings(max_handshakes_per_s=1))
    for number in range(10_000):
        assert admission.take_turn(f"10.0.{number // 256}.{number % 256}", 0.5) is None
    assert admission.take_turn("10.0.0.0", 1.0) is not None
    assert admission.take_turn("192.0.2.1", 1.4) is None  # too many at a time: all are forgotten
    assert admission.take_turn("10.0.0.0", 1.4) is None
    for number in range(9_998):
        assert admission.take_turn(f"10.1.{number // 256}.{number % 256}", 2.0) is None
    assert admission.take_turn("10.2.0.0", 2.5) is None  # those of a second ago are
    assert admission.take_turn("10.1.0.0", 2.5) is not None


def test_addresses_whose_sessions_are_over_are_forgotten() -> None:
    scene = Scene(max_sessions_per_address=2)
    known = len(things_of([scene.engine.shared.admission]))
    for number in range(50):
        scene.client("websocket", address=f"192.0.2.{number}")
    assert len(things_of([scene.engine.shared.admission])) > known + 50
    for session in list(scene.engine.sessions):
        session.abort(scene.now)
    assert len(things_of([scene.engine.shared.admission])) == known


def _refused(scene: Scene, transport: str, address: str) -> int:
    request = scene.stranger(address=address).make_request(upgrade=transport == "websocket")
    return scene.respond(request)[0]
