"""The upgrade from the client's side: every order of events, and every failure before `5`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from socketio_core.engineio.client import UpgradeFailed
from socketio_core.engineio.client.states import PACKET_KINDS
from socketio_core.engineio.events import Closed, Upgraded
from socketio_core.errors import CloseReason
from socketio_core.http import Response
from tests.engineio.client.scene import Scene, sent


def probed() -> Scene:
    """Return a scene whose candidate has answered; the poll and a POST are in flight."""
    scene = Scene().open()
    scene.session.send("before", scene.now)
    scene.look()
    scene.accept(scene.sockets[0])
    assert sent(scene.sockets[0]) == ["2probe"]
    scene.receive(scene.sockets[0], "3probe")
    return scene


@pytest.mark.parametrize("order", [("get", "post"), ("post", "get")])
def test_upgrade_waits_for_what_is_in_flight(order: tuple[str, str]) -> None:
    scene = probed()
    scene.session.send("meanwhile", scene.now)
    scene.session.send(b"binary", scene.now)
    scene.look()
    for what in order:
        assert sent(scene.sockets[0]) == []
        assert scene.session.is_upgrading
        if what == "get":
            scene.answer(scene.gets[1], "4from polling", "6")
        else:
            scene.respond(scene.posts[0])
    assert (len(scene.gets), len(scene.posts)) == (2, 1)
    assert scene.take_events() == ["from polling", Upgraded()]
    assert sent(scene.sockets[0]) == ["5", "4meanwhile", b"binary"]
    assert (scene.session.transport, scene.session.is_upgrading) == ("websocket", False)
    scene.receive(scene.sockets[0], "4from websocket")
    assert scene.take_events() == ["from websocket"]


def test_ping_in_the_last_poll_is_answered_behind_the_upgrade() -> None:
    scene = probed()
    scene.respond(scene.posts[0])
    scene.answer(scene.gets[1], "2")
    assert sent(scene.sockets[0]) == ["5", "3"]


def test_volatile_messages_wait_for_nothing() -> None:
    scene = probed()
    scene.respond(scene.posts[0])
    writable = [scene.session.is_writable]  # it pauses
    scene.answer(scene.gets[1], "6")
    sent(scene.sockets[0])
    assert [*writable, scene.session.is_writable] == [False, True]


@pytest.mark.parametrize(
    ("changes", "settings"),
    [({"upgrades": []}, {}), ({}, {"upgrade": False}), ({}, {"transports": ["polling"]}), ({"upgrades": ["x"]}, {})],
)
def test_no_upgrade_unless_both_want_it(changes: dict[str, Any], settings: dict[str, Any]) -> None:
    scene = Scene(**settings).open(**changes)
    assert scene.sockets == []


def packet(kind: str) -> Callable[[Scene], object]:
    return lambda scene: scene.receive(scene.sockets[0], kind)


FAILURES: dict[str, Callable[[Scene], object]] = {
    "lost": lambda s: s.session.lost(s.sockets[0], s.now, detail="reset"),
    "closed": lambda s: s.session.lost(s.sockets[0], s.now, 1005),
    "refused": lambda s: s.session.websocket_refused(s.sockets[0], Response(400), s.now),
    "protocol error": lambda s: s.session.fail(s.sockets[0], "RSV bits", 1002, s.now),
    "empty frame": lambda s: s.receive(s.sockets[0], ""),
    "binary": lambda s: s.receive(s.sockets[0], b"x"),
    "time is up": lambda s: s.wait(10),
    **{f"packet {kind}": packet(kind) for kind in PACKET_KINDS if kind != "3probe"},
}


@pytest.mark.parametrize("state", ["connecting", "probing", "pausing"])
@pytest.mark.parametrize("failure", FAILURES)
def test_failed_upgrade_leaves_polling_as_it_was(state: str, failure: str) -> None:
    scene = Scene().open()
    if state != "connecting":
        scene.accept(scene.sockets[0])
    if state == "pausing":
        scene.receive(scene.sockets[0], "3probe")
        scene.answer(scene.gets[1], "4a")
        scene.session.send("b", scene.now)
        scene.look()
        return_to_polling = (scene.gets, scene.posts)
        scene.session.send("c", scene.now)
        if scene.session.transport == "websocket":  # nothing was in flight: it is through
            assert return_to_polling == (scene.gets, [])
            return
    FAILURES[failure](scene)
    scene.look()
    assert isinstance(scene.take_events()[-1], UpgradeFailed)
    assert scene.sockets[0].is_closed
    assert not scene.session.is_upgrading
    scene.session.send("x", scene.now)
    scene.look()
    assert [post.body for post in scene.posts] == [b"4x"]
    scene.respond(scene.posts[0])
    scene.answer(scene.gets[-1], "4y")
    assert scene.take_events() == ["y"]
    scene.wait(30)  # no deadline of the upgrade is left
    assert scene.take_events() == []


@pytest.mark.parametrize("failure", FAILURES)
def test_failure_while_pausing_begins_polling_again(failure: str) -> None:
    scene = probed()
    scene.answer(scene.gets[1], "4a")  # the POST is still in flight
    scene.session.send("kept", scene.now)
    scene.look()
    assert len(scene.gets) == 2
    FAILURES[failure](scene)
    scene.look()
    assert isinstance(scene.take_events()[-1], UpgradeFailed)
    assert len(scene.gets) == 3
    scene.respond(scene.posts[0])
    assert [post.body for post in scene.posts] == [b"4before", b"4kept"]


@pytest.mark.parametrize("state", ["probing", "pausing"])
def test_closing_while_upgrading_goes_by_polling(state: str) -> None:
    scene = Scene().open()
    scene.session.send("a", scene.now)
    scene.look()
    scene.accept(scene.sockets[0])
    if state == "pausing":
        scene.receive(scene.sockets[0], "3probe")
    scene.session.send("b", scene.now)
    scene.session.close(scene.now)
    scene.look()
    assert scene.sockets[0].is_closed
    scene.receive(scene.sockets[0], "3probe")  # too late
    scene.respond(scene.posts[0])
    scene.respond(scene.posts[1])
    assert [post.body for post in scene.posts] == [b"4a", b"4b\x1e1"]
    assert scene.take_events() == [Closed(CloseReason.FORCED_CLOSE)]


@pytest.mark.parametrize("what", ["get", "post", "ping timeout"])
def test_session_that_ends_takes_its_candidate_along(what: str) -> None:
    scene = probed()
    if what == "get":
        scene.fail(scene.gets[1])
    elif what == "post":
        scene.fail(scene.posts[0])
    else:
        scene = Scene(upgrade_timeout_s=100).open()
        scene.wait(45)
    (event,) = scene.take_events()
    assert isinstance(event, Closed)
    assert scene.sockets[0].is_closed
    assert scene.session.next_deadline is None


def test_candidate_that_is_dropped_before_it_was_opened_stays_silent() -> None:
    scene = Scene().open()
    scene.wait(10)
    scene.accept(scene.sockets[0])
    assert sent(scene.sockets[0]) == []


def test_pause_of_the_reader_does_not_hold_the_upgrade_up() -> None:
    scene = probed()
    scene.session.pause_reading(scene.now)
    scene.respond(scene.posts[0])
    scene.answer(scene.gets[1], "6")
    assert scene.session.transport == "websocket"


def test_host_is_told_of_every_step_of_the_candidate() -> None:
    scene = Scene(transports=["polling", "websocket"]).open()
    session, candidate = scene.session, scene.sockets[0]
    session.pause_reading(scene.now)
    scene.answer(scene.gets[1], "6")  # no other poll is begun
    session.websocket_opened(candidate, Response(101), scene.now)
    assert (session.take_ready(), sent(candidate)) == ([candidate], ["2probe"])
    session.receive(candidate, "3probe", scene.now)
    assert (session.take_ready(), sent(candidate)) == ([candidate], ["5"])
    assert session.send("a", scene.now)
    assert (session.take_ready(), sent(candidate)) == ([candidate], ["4a"])
    session.close(scene.now)
    assert (session.take_ready(), candidate.is_closed) == ([candidate], True)


@pytest.mark.parametrize(("interval_ms", "seconds"), [(25_000, 10), (1_000, 2)])
def test_next_deadline_is_the_earliest(interval_ms: int, seconds: float) -> None:
    scene = Scene(upgrade_timeout_s=10).open(pingInterval=interval_ms, pingTimeout=1_000)
    assert scene.session.next_deadline == scene.now + seconds
