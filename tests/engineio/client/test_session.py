"""A client's session: opening, the heartbeat, what a server does wrong, the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from socketio_core.engineio.client import (
    Attempt,
    ClientMemory,
    Opened,
    OpenFailed,
    OpenPacket,
    Pinged,
    UpgradeFailed,
)
from socketio_core.engineio.client.states import PACKET_KINDS
from socketio_core.engineio.events import Closed
from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.states import SessionState
from socketio_core.errors import CloseReason, LocalProtocolError
from socketio_core.http import Response
from tests.engineio.client.scene import Scene, closed_with, open_packet, sent

OPENED = Opened(OpenPacket("SID", ("websocket",), 25.0, 20.0, 100), "polling")


# -- opening -----------------------------------------------------------------------------------------------------------


def test_opening_over_polling_begins_the_next_poll() -> None:
    scene = Scene(upgrade=False)
    scene.answer(scene.gets[0], open_packet(), "4hello", b"\x01")
    assert scene.take_events() == [OPENED, "hello", b"\x01"]
    assert (len(scene.gets), scene.sockets) == (2, [])
    assert repr(scene.session) == "<ClientSession polling, open, 0 bytes buffered>"


def test_opening_over_websocket() -> None:
    scene = Scene(transports=["websocket"])
    scene.accept(scene.sockets[0])
    scene.receive(scene.sockets[0], open_packet(upgrades=[]))
    (event,) = scene.take_events()
    assert isinstance(event, Opened)
    assert (event.transport, scene.session.transport) == ("websocket", "websocket")


@pytest.mark.parametrize(
    ("frames", "detail"),
    [
        (["40"], "unexpected packet, not the open packet: '0', in the response '40'"),
        (["2"], "unexpected packet, not the open packet: '', in the response '2'"),
        (["0{}"], "open packet without a usable 'sid', in the response '0{}'"),
        (["<html>"], "unknown packet type: '<', in the response '<html>'"),
        ([""], "empty packet, in the response ''"),
        (['6:0{"a"}2:40'], "the server speaks Engine.IO 3, as Socket.IO 2 does, and this client 4: '6:0{\"a\"}2:40'"),
        ([b"x"], "unexpected packet, not the open packet: 'x', in the response 'beA=='"),
    ],
)
def test_first_packet_must_open(frames: list[str | bytes], detail: str) -> None:
    scene = Scene()
    scene.answer(scene.gets[0], *frames)
    assert scene.take_events() == [OpenFailed((Attempt("polling", detail),))]
    assert scene.state is SessionState.CLOSED


FAILURES: dict[str, Callable[[Scene], object]] = {
    "connection refused": lambda s: s.session.lost(s.sockets[0], s.now, detail="connection refused"),
    "the server closed the WebSocket before the open packet": lambda s: s.session.lost(s.sockets[0], s.now, 1000),
    "HTTP 400": lambda s: s.session.websocket_refused(s.sockets[0], Response(400), s.now),
    "bad frame": lambda s: s.session.fail(s.sockets[0], "bad frame", 1002, s.now),
    "empty packet": lambda s: s.receive(s.sockets[0], ""),
    "no answer within 20 s": lambda s: s.wait(20),
}


@pytest.mark.parametrize("detail", FAILURES)
def test_failed_opening_over_websocket_says_why(detail: str) -> None:
    scene = Scene(transports=["websocket"])
    assert scene.session.next_deadline == scene.now + 20
    FAILURES[detail](scene)
    scene.look()
    assert scene.take_events() == [OpenFailed((Attempt("websocket", detail),))]
    assert scene.sockets[0].is_closed


@pytest.mark.parametrize(("seconds", "is_over"), [(19.999, False), (20, True), (20.001, True)])
def test_opening_has_a_deadline(seconds: float, is_over: bool) -> None:  # noqa: FBT001 - a row
    scene = Scene()
    scene.wait(seconds)
    wanted = [OpenFailed((Attempt("polling", "no answer within 20 s"),))] if is_over else []
    assert scene.take_events() == wanted
    assert (scene.cancelled == scene.gets) is is_over


def test_transports_are_tried_in_order_if_told_so() -> None:
    scene = Scene(transports=["websocket", "polling"], try_all_transports=True)
    scene.session.lost(scene.sockets[0], scene.now, detail="refused")
    scene.look()
    assert scene.take_events() == []
    scene.respond(scene.gets[0], status=403)
    (event,) = scene.take_events()
    assert isinstance(event, OpenFailed)
    assert str(event) == "websocket: refused; polling: HTTP 403: ok"


def test_deadline_is_for_all_transports_together() -> None:
    scene = Scene(try_all_transports=True)
    scene.wait(10)
    scene.fail(scene.gets[0], "reset")
    assert len(scene.sockets) == 1
    scene.wait(10)
    assert str(scene.take_events()[0]) == "polling: reset; websocket: no answer within 20 s"
    scene = Scene(try_all_transports=True)
    scene.wait(20)
    assert str(scene.take_events()[0]) == "polling: no answer within 20 s"
    assert scene.sockets == []


def test_second_transport_may_work() -> None:
    scene = Scene(try_all_transports=True)
    scene.fail(scene.gets[0])
    scene.open("websocket")
    assert scene.session.is_open


def test_websocket_that_worked_is_remembered_until_something_fails() -> None:
    memory = ClientMemory()
    scene = Scene(memory=memory, remember_upgrade=True)
    assert scene.gets
    scene.open()
    assert [memory.websocket_worked] == [False]  # it is being tried
    scene.accept(scene.sockets[0])
    scene.receive(scene.sockets[0], "3probe")
    scene.answer(scene.gets[1], "6")
    assert memory.websocket_worked
    second = Scene(memory=memory, remember_upgrade=True)
    assert (second.gets, len(second.sockets)) == ([], 1)
    second.session.lost(second.sockets[0], second.now, detail="refused")
    assert Scene(memory=memory, remember_upgrade=True).gets
    assert Scene(memory=memory, remember_upgrade=True, transports=["polling"]).gets


def test_websocket_that_worked_for_another_session_is_forgotten_when_the_upgrade_fails() -> None:
    memory = ClientMemory()
    scene = Scene(memory=memory, remember_upgrade=True)
    other = Scene(memory=memory, transports=["websocket"]).open("websocket")
    assert (other.session.is_open, memory.websocket_worked) == (True, True)
    scene.open()
    scene.session.lost(scene.sockets[0], scene.now, detail="refused")
    scene.look()
    assert isinstance(scene.take_events()[0], UpgradeFailed)
    assert Scene(memory=memory, remember_upgrade=True).gets


# -- heartbeat ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_pings_are_answered_and_keep_the_session(transport: str) -> None:
    scene = Scene(transports=[transport]).open(transport)
    scene.wait(44.9)
    if transport == "polling":
        scene.answer(scene.gets[-1], "2")
        assert [post.body for post in scene.posts] == [b"3"]
    else:
        scene.receive(scene.sockets[0], "2")
        assert sent(scene.sockets[0]) == ["3"]
    assert scene.take_events() == [Pinged()]
    scene.wait(44.9)
    assert scene.session.is_open
    scene.wait(0.1)
    assert closed_with(scene) == (CloseReason.PING_TIMEOUT, "the server has fallen silent: no ping in time")


def test_messages_are_no_pings() -> None:
    scene = Scene(transports=["websocket"]).open("websocket")
    scene.wait(44)
    scene.receive(scene.sockets[0], "4x")
    scene.wait(1)
    assert closed_with(scene)[0] is CloseReason.PING_TIMEOUT


def test_pause_before_the_session_is_open_counts_from_the_start() -> None:
    scene = Scene()
    for call in ["resume", "pause", "pause", "resume", "pause"]:
        getattr(scene.session, f"{call}_reading")(scene.now)
    scene.open(upgrades=[])
    assert (len(scene.gets), scene.session.next_deadline) == (1, scene.now + scene.settings.max_pause_s)
    scene.session.resume_reading(scene.now)
    scene.look()
    assert len(scene.gets) == 1
    scene.session.resume_reading(scene.now)
    scene.look()
    assert (len(scene.gets), scene.session.next_deadline) == (2, scene.now + 45)


def test_pause_keeps_the_session_and_begins_no_poll() -> None:
    scene = Scene(upgrade=False).open()
    scene.session.pause_reading(scene.now)
    scene.answer(scene.gets[-1], "4a")
    assert len(scene.gets) == 2
    scene.wait(100)
    assert scene.session.is_open
    scene.session.resume_reading(scene.now)
    scene.look()
    assert len(scene.gets) == 3
    scene.wait(44.9)
    assert scene.session.is_open
    unopened = Scene()
    unopened.session.pause_reading(0)
    unopened.session.resume_reading(0)
    assert unopened.state is SessionState.OPENING


# -- what the server does wrong ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("kind", PACKET_KINDS)
def test_every_packet_on_an_open_session(transport: str, kind: str) -> None:
    scene = Scene(transports=[transport]).open(transport)
    if transport == "polling":
        scene.answer(scene.gets[-1], kind)
    else:
        scene.receive(scene.sockets[0], kind)
    events = scene.take_events()
    if kind in ("2", "4", "6"):
        assert events == {"2": [Pinged()], "4": [""], "6": []}[kind]
        return
    (event,) = events
    assert isinstance(event, Closed)
    assert event.reason is (CloseReason.TRANSPORT_CLOSE if kind == "1" else CloseReason.PARSE_ERROR)


@pytest.mark.parametrize("first", ["1", "5"])
def test_nothing_comes_behind_the_end(first: str) -> None:
    scene = Scene(upgrade=False).open()
    scene.answer(scene.gets[-1], first, "4a", "2", "1", "9")
    (event,) = scene.take_events()
    assert isinstance(event, Closed)


def test_what_came_before_a_bad_packet_is_delivered() -> None:
    scene = Scene(upgrade=False, max_packets_per_payload=3).open()
    scene.answer(scene.gets[-1], "4a", b"b", "9", "4c")
    assert scene.take_events()[:2] == ["a", b"b"]
    scene = Scene(upgrade=False, max_packets_per_payload=2).open()
    scene.answer(scene.gets[-1], "4a", "4b", "4c")
    assert scene.events[:2] == ["a", "b"]
    assert closed_with(scene)[1].startswith("too many packets in one payload, max_packets_per_payload: 2")
    scene = Scene(upgrade=False, max_packets_per_payload=1).open()
    scene.answer(scene.gets[-1], "1", "4b")
    assert scene.take_events() == [Closed(CloseReason.TRANSPORT_CLOSE)]
    scene = Scene(upgrade=False).open()
    scene.answer(scene.gets[-1], "4a", "1", "4b", "9")
    assert scene.take_events() == ["a", Closed(CloseReason.TRANSPORT_CLOSE)]


@pytest.mark.parametrize(
    ("headers", "status", "detail"),
    [
        ([], 500, "HTTP 500: ok"),
        ([], 204, "HTTP 204: ok"),
        ([(b"Content-Encoding", b"gzip")], 200, "response is encoded as 'gzip', which was not asked for"),
    ],
)
def test_only_plain_200_is_an_answer(headers: list[tuple[bytes, bytes]], status: int, detail: str) -> None:
    scene = Scene(upgrade=False).open()
    scene.respond(scene.gets[-1], b"ok", status, headers)
    assert closed_with(scene) == (CloseReason.TRANSPORT_ERROR, detail)
    scene = Scene(upgrade=False).open()
    scene.session.send("x", scene.now)
    scene.look()
    scene.respond(scene.posts[0], b"ok", status, headers)
    assert closed_with(scene) == (CloseReason.TRANSPORT_ERROR, f"server refused a POST: {detail}")
    scene = Scene()
    scene.respond(scene.gets[0], b"ok", status, headers)
    assert scene.take_events() == [OpenFailed((Attempt("polling", detail),))]


def test_identity_is_no_encoding() -> None:
    scene = Scene(upgrade=False)
    scene.respond(scene.gets[0], open_packet().encode(), headers=[(b"content-encoding", b"identity")])
    assert scene.session.is_open


def test_handles_say_what_they_are() -> None:
    scene = Scene().open()
    assert repr(scene.gets[0]) == "<Exchange GET /engine.io/>"
    assert repr(scene.sockets[0]) == "<ClientWebSocket candidate, not open>"


def test_lost_requests_end_the_session() -> None:
    scene = Scene(upgrade=False).open()
    scene.session.send("x", scene.now)
    scene.look()
    scene.fail(scene.posts[0], "reset")
    assert closed_with(scene) == (CloseReason.TRANSPORT_ERROR, "POST failed: reset")
    assert scene.cancelled == [scene.gets[1]]
    scene = Scene(upgrade=False).open()
    scene.fail(scene.gets[1], "reset")
    assert closed_with(scene) == (CloseReason.TRANSPORT_ERROR, "GET failed: reset")


def test_news_of_what_is_over_change_nothing() -> None:
    scene = Scene().open()
    candidate = scene.sockets[0]
    scene.session.abort(scene.now)
    scene.look()
    scene.take_events()
    scene.respond(scene.gets[1], b"4late")
    scene.fail(scene.gets[1])
    scene.accept(candidate)
    scene.receive(candidate, "3probe")
    scene.session.lost(candidate, scene.now, detail="x")
    scene.session.fail(candidate, "x", 1002, scene.now)
    scene.session.resume_reading(scene.now)
    scene.session.close(scene.now)
    scene.session.abort(scene.now)
    scene.wait(1000)
    assert (scene.take_events(), candidate.is_open) == ([], False)


# -- the end -----------------------------------------------------------------------------------------------------------


def test_closing_while_opening_drops_everything() -> None:
    scene = Scene()
    scene.session.close(scene.now)
    scene.look()
    assert closed_with(scene) == (CloseReason.FORCED_CLOSE, "")
    assert scene.cancelled == scene.gets


def test_closing_on_polling_sends_what_is_left_and_goodbye() -> None:
    scene = Scene(upgrade=False, max_packets_per_post=2).open()
    for text in "abc":
        scene.session.send(text, scene.now)
    scene.session.close(scene.now)
    assert not scene.session.send("late", scene.now)
    scene.look()
    scene.answer(scene.gets[1], "4too late", "2")
    scene.respond(scene.posts[0])
    assert scene.take_events() == []
    scene.respond(scene.posts[1])
    assert [post.body for post in scene.posts] == [b"4a\x1e4b", b"4c\x1e1"]
    assert closed_with(scene) == (CloseReason.FORCED_CLOSE, "")


@pytest.mark.parametrize("what", ["GET fails", "GET is refused", "GET says 1"])
def test_polls_do_not_matter_while_closing(what: str) -> None:
    scene = Scene(upgrade=False).open()
    scene.session.send("a", scene.now)
    scene.session.close(scene.now)
    scene.look()
    if what == "GET fails":
        scene.fail(scene.gets[1])
    elif what == "GET is refused":
        scene.respond(scene.gets[1], status=400)
    else:
        scene.answer(scene.gets[1], "1")
        assert closed_with(scene) == (CloseReason.TRANSPORT_CLOSE, "")
        return
    assert scene.take_events() == []
    scene.respond(scene.posts[0])
    assert closed_with(scene) == (CloseReason.FORCED_CLOSE, "")


@pytest.mark.parametrize("what", ["POST fails", "POST is refused", "time is up"])
def test_closing_ends_even_if_nobody_listens(what: str) -> None:
    scene = Scene(upgrade=False).open()
    scene.session.close(scene.now)
    scene.look()
    if what == "POST fails":
        scene.fail(scene.posts[0])
    elif what == "POST is refused":
        scene.respond(scene.posts[0], status=400)
    else:
        scene.wait(9.999)
        assert scene.state is SessionState.CLOSING
        scene.wait(0.001)
    assert closed_with(scene) == (CloseReason.FORCED_CLOSE, "")


def test_closing_on_a_websocket_leaves_the_rest_to_the_host() -> None:
    scene = Scene(transports=["websocket"]).open("websocket")
    scene.session.send("a", scene.now)
    scene.session.close(scene.now)
    scene.look()
    (websocket,) = scene.sockets
    assert closed_with(scene) == (CloseReason.FORCED_CLOSE, "")
    assert (websocket.is_closed, sent(websocket)) == (True, ["4a"])


def test_aborting_loses_what_is_left() -> None:
    scene = Scene(transports=["websocket"]).open("websocket")
    scene.session.put(WireMessage(("4a",)))
    scene.session.abort(scene.now)
    assert sent(scene.sockets[0]) == []


@pytest.mark.parametrize(
    ("code", "detail", "error", "echo"),
    [
        (None, "", "the connection ended without a WebSocket close frame", 1005),
        (None, "reset", "reset", 1005),
        (1005, "", "", 1005),
        (1000, "bye", "", 1000),
        (1001, "", "the server closed the WebSocket with code 1001", 1001),
        (4000, "go away", "the server closed the WebSocket with code 4000 go away", 4000),
        (1006, "", "the server closed the WebSocket with code 1006", 1005),  # as some libraries have it
    ],
)
def test_lost_websocket_ends_the_session(code: int | None, detail: str, error: str, echo: int) -> None:
    scene = Scene(transports=["websocket"]).open("websocket")
    scene.session.lost(scene.sockets[0], scene.now, code, detail)
    scene.look()
    closed = scene.events[-1]
    assert isinstance(closed, Closed)
    assert (closed.code, closed.detail) == (code, detail)
    assert (scene.sockets[0].is_closed, scene.sockets[0].close_code) == (True, echo)
    assert closed_with(scene) == (CloseReason.TRANSPORT_CLOSE, error)


def test_what_closed_a_websocket_first_is_in_its_close_frame() -> None:
    scene = Scene(transports=["websocket"]).open("websocket")
    scene.session.fail(scene.sockets[0], "RSV", 1002, scene.now)
    scene.session.lost(scene.sockets[0], scene.now, 1000)
    assert scene.sockets[0].close_code == 1002
    other = Scene(transports=["websocket"]).open("websocket")
    other.session.close(other.now)
    other.session.lost(other.sockets[0], other.now, 4000)
    assert other.sockets[0].close_code == 1005


@pytest.mark.parametrize("code", [999, 1004, 1006, 1015, 1016, 2999, 5000, -1, "1000", None, 1000.5])
def test_close_code_must_be_one(code: Any) -> None:
    scene = Scene(transports=["websocket"]).open("websocket")
    with pytest.raises(LocalProtocolError, match="no close code that can be sent"):
        scene.session.fail(scene.sockets[0], "x", code, scene.now)
    assert scene.state is SessionState.OPEN


def test_repeated_and_early_timeouts_change_nothing() -> None:
    scene = Scene().open()
    before = scene.session.next_deadline
    for _ in range(3):
        scene.session.handle_timeout(scene.now)
    assert (scene.session.next_deadline, scene.session.take_events()) == (before, [])


def test_end_is_told_once_however_late_the_host_looks() -> None:
    opening, closing = Scene(), Scene().open()
    opening.session.close(opening.now)
    opening.look()
    closing.session.close(closing.now)
    closing.look()
    closing.fail(closing.posts[-1])
    for scene in (opening, closing):
        assert closed_with(scene) == (CloseReason.FORCED_CLOSE, "")
        scene.wait(1000)
        assert scene.take_events() == []


@pytest.mark.parametrize("what", ["get", "post"])
def test_failure_of_what_was_cancelled_is_no_news(what: str) -> None:
    scene = Scene().open()
    scene.session.send("a", scene.now)
    scene.look()
    scene.session.abort(scene.now)
    scene.look()
    assert closed_with(scene) == (CloseReason.FORCED_CLOSE, "")
    exchange = scene.gets[1] if what == "get" else scene.posts[0]
    scene.fail(exchange)
    scene.respond(exchange, status=403)
    assert scene.take_events() == []


def test_heartbeat_is_over_while_closing() -> None:
    scene = Scene(close_timeout_s=30).open(pingInterval=1000, pingTimeout=1000)
    scene.session.close(scene.now)
    assert scene.session.next_deadline == scene.now + 30


def test_transport_that_failed_is_dropped_before_the_next_one() -> None:
    scene = Scene(transports=["websocket", "polling"], try_all_transports=True)
    websocket = scene.sockets[0]
    scene.accept(websocket)
    scene.session.receive(websocket, "4too early", scene.now)
    assert (websocket.is_closed, scene.session.transport, scene.session.sid) == (True, "polling", "")
    assert scene.session.take_ready()[0] is websocket
    scene = Scene(transports=["polling", "websocket"], try_all_transports=True)
    scene.fail(scene.gets[0])
    scene.fail(scene.gets[0])  # a second time is no news
    assert (len(scene.sockets), scene.take_events()) == (1, [])


def test_websocket_that_failed_later_is_not_remembered() -> None:
    memory = ClientMemory()
    scene = Scene(memory=memory, transports=["websocket"]).open("websocket")
    assert memory.websocket_worked
    scene.wait(45)
    assert closed_with(scene)[0] is CloseReason.PING_TIMEOUT
    assert Scene(memory=memory, remember_upgrade=True).gets


def test_websocket_that_the_client_closed_is_remembered() -> None:
    memory = ClientMemory()
    scene = Scene(memory=memory, transports=["websocket"]).open("websocket")
    scene.session.close(scene.now)
    assert Scene(memory=memory, remember_upgrade=True).gets == []
