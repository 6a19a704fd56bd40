"""The connection of a client: opening, losing, opening again; many namespaces; the end."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from weakref import ref

import pytest

from socketio_core.engineio.client import Attempt, ClientWebSocket, Exchange
from socketio_core.errors import CloseReason, LocalProtocolError
from socketio_core.http import Response
from socketio_core.settings import EngineClientSettings
from socketio_core.socketio.client import (
    AckDropped,
    ClientCore,
    Closed,
    Connected,
    ConnectFailed,
    EventReceived,
    Left,
    OpenFailed,
    Pinged,
    ReconnectAttempted,
    Reconnected,
    ReconnectFailed,
    ReconnectScheduled,
)
from tests.socketio.client.scene import HANDSHAKE, Scene

PREFIX = "cannot connect to localhost/socket.io/: websocket: "


def test_nothing_happens_until_a_namespace_is_wanted() -> None:
    scene = Scene()
    assert (scene.client.take_ready(), scene.client.next_deadline) == ([], None)
    assert repr(scene.client) == "<ClientCore localhost, 1 namespaces, None>"
    assert (scene.client.is_writable, scene.client.buffered_bytes) == (False, 0)


def test_namespaces_share_the_connection() -> None:
    scene = Scene().connected()
    admin = scene.client.of("/admin")
    admin.connect(scene.now)
    assert scene.sent() == ["0/admin,"]
    scene.say('0/admin,{"sid":"B"}', '2/admin,["x"]', '2["y"]', '2/unknown,["z"]')
    assert scene.take_events() == [
        Connected(admin, recovered=False),
        EventReceived(admin, "x", [], None, 13),
        EventReceived(scene.root, "y", [], None, 6),
    ]
    scene.lose()
    assert [event.namespace for event in scene.take_events() if isinstance(event, Left)] == [scene.root, admin]


@pytest.mark.parametrize("name", ["admin", "", "/a,b"])
def test_namespaces_must_have_a_name_that_can_be_sent(name: str) -> None:
    with pytest.raises(LocalProtocolError, match="must begin with '/' and hold no comma"):
        Scene().client.of(name)


def test_namespaces_are_bounded() -> None:
    scene = Scene(max_namespaces=2)
    scene.client.of("/a")
    with pytest.raises(LocalProtocolError, match="too many namespaces, max_namespaces: 2"):
        scene.client.of("/b")


def visit(scene: Scene, name: str) -> None:
    namespace = scene.client.of(name)
    namespace.connect(scene.now)
    scene.say(f'0{name},{{"sid":"X"}}')
    assert namespace.is_connected
    namespace.disconnect(scene.now)
    scene.take_events()


@pytest.mark.parametrize("retries", [0, 1])
def test_namespaces_that_were_left_make_room(retries: int) -> None:
    scene = Scene(max_namespaces=3, retries=retries).connected()
    held = scene.client.of("/held")
    visit(scene, "/held")
    for number in range(10):
        visit(scene, f"/room{number}")
        assert len(scene.client.namespaces) <= 3
    assert "/held" not in scene.client.namespaces
    assert scene.client.of("/held") is held
    held.emit("a", [], now=scene.now)
    visit(scene, "/another")
    held.connect(scene.now)
    scene.sent()
    scene.say('0/held,{"sid":"X"}', '2/held,["b"]')
    assert scene.sent() == ['2/held,0["a"]' if retries else '2/held,["a"]']
    assert scene.take_events() == [
        Connected(held, recovered=False),
        EventReceived(held, "b", [], None, 12),
    ]


def test_namespaces_that_have_something_to_do_make_no_room() -> None:
    scene = Scene(max_namespaces=5).connected()
    names = "/left-too-early", "/emits", "/asks", "/not-wanted-yet"
    early, emits, asks, _ = [scene.client.of(name) for name in names]
    for namespace in (early, emits, asks):
        namespace.connect(scene.now)
        namespace.disconnect(scene.now)
        if namespace is not early:
            scene.say(f'0{namespace.name},{{"sid":"X"}}')
    emits.emit("a", [], now=scene.now)
    ack_id = asks.emit_with_ack("a", [], timeout_s=None, context=None, now=scene.now)
    with pytest.raises(LocalProtocolError, match="too many namespaces, max_namespaces: 5"):
        scene.client.of("/b")
    scene.say('0/left-too-early,{"sid":"X"}')
    scene.client.of("/b")
    with pytest.raises(LocalProtocolError, match="too many namespaces, max_namespaces: 5"):
        early.connect(scene.now)
    with pytest.raises(LocalProtocolError, match="too many namespaces, max_namespaces: 5"):
        early.emit("a", [], now=scene.now)
    assert ack_id is not None
    asks.connect(scene.now)
    scene.say('0/asks,{"sid":"X"}', f"3/asks,{ack_id}[]")
    asks.disconnect(scene.now)
    early.connect(scene.now)
    assert early.is_active


def test_lost_connection_is_opened_again() -> None:
    scene = Scene().connected()
    scene.lose("reset")
    (left, scheduled) = scene.take_events()
    assert isinstance(left, Left)
    assert (left.reason, str(left.error), left.will_retry) == (CloseReason.TRANSPORT_CLOSE, "reset", True)
    assert scheduled == ReconnectScheduled(1, 1.25)
    assert scene.root.is_active
    scene.wait(1.249)
    assert len(scene.sockets) == 1
    scene.wait(0.001)
    assert scene.take_events() == [ReconnectAttempted(1)]
    scene.lose("refused")
    assert scene.take_events() == [
        OpenFailed((Attempt("websocket", "refused"),)),
        ConnectFailed(scene.root, PREFIX + "refused", will_retry=True),
        ReconnectScheduled(2, 2.5),
    ]
    scene.wait(2.5)
    scene.open()
    assert scene.take_events() == [ReconnectAttempted(2), Reconnected(2)]
    scene.say('0{"sid":"B"}')
    scene.lose()
    assert scene.take_events()[-1] == ReconnectScheduled(1, 1.25)


def test_attempts_may_be_limited() -> None:
    scene = Scene(reconnection_attempts=2)
    scene.root.connect(scene.now)
    for _ in range(2):
        scene.look()
        scene.lose("refused")
        scene.wait(10)
    scene.take_events()
    scene.lose("refused")
    assert scene.take_events()[1:] == [ReconnectFailed(2), ConnectFailed(scene.root, PREFIX + "refused")]
    assert (scene.root.is_active, scene.client.next_deadline) == (False, None)
    scene.root.connect(scene.now)
    scene.look()
    scene.lose("refused")
    assert scene.take_events()[-1] == ReconnectScheduled(1, 1.25)


def test_reconnection_may_be_off() -> None:
    scene = Scene(reconnection=False).connected()
    scene.lose()
    assert scene.take_events() == [Left(scene.root, CloseReason.TRANSPORT_CLOSE)]
    assert (scene.root.is_active, scene.client.next_deadline) == (False, None)
    scene.root.connect(scene.now)
    scene.look()
    scene.lose("refused")
    assert scene.take_events()[1:] == [ConnectFailed(scene.root, PREFIX + "refused")]


@pytest.mark.parametrize(
    ("path", "status", "hint"),
    [
        ("/socket.io/", 404, ": HTTP 404 (is the path right?)"),
        ("/api/", 404, ": HTTP 404 (is the path right?); Socket.IO servers are usually at /socket.io/"),
        ("/api/", 403, ": HTTP 403 (are path and origin right?)"),
        ("/api/", 400, ": HTTP 400"),
    ],
)
def test_wrong_path_is_told_where_servers_usually_are(path: str, status: int, hint: str) -> None:
    client = ClientCore(EngineClientSettings(path=path, transports=["websocket"]), random=lambda: 0.5)
    client.of("/").connect(1.0)
    (websocket,) = client.take_ready()
    assert isinstance(websocket, ClientWebSocket)
    client.websocket_refused(websocket, Response(status), 1.0)
    (_, failed, _) = client.take_events()
    assert isinstance(failed, ConnectFailed)
    assert failed.message == f"cannot connect to localhost{path}: websocket{hint}"


def test_namespace_that_is_wanted_later_waits_for_the_next_attempt() -> None:
    scene = Scene().connected()
    scene.lose()
    scene.client.of("/admin").connect(scene.now)
    scene.wait(1.25)
    scene.open()
    assert scene.sent() == ["0", "0/admin,"]


def test_namespace_that_is_wanted_while_opening_is_connected_with_the_others() -> None:
    scene = Scene()
    scene.root.connect(scene.now)
    scene.client.of("/admin").connect(scene.now)
    scene.open()
    assert (scene.sent(), len(scene.sockets)) == (["0", "0/admin,"], 1)


def test_nobody_wants_the_next_attempt_any_more() -> None:
    scene = Scene().connected()
    scene.lose()
    scene.root.disconnect(scene.now)
    scene.wait(100)
    assert len(scene.sockets) == 1


def test_who_comes_back_of_their_own_accord_does_not_reconnect() -> None:
    scene = Scene(randomization_factor=0).connected()
    scene.lose()
    scene.wait(1)
    scene.lose("refused")
    scene.wait(2)
    assert [event for event in scene.take_events() if isinstance(event, ReconnectScheduled)] == [
        ReconnectScheduled(1, 1.0),
        ReconnectScheduled(2, 2.0),
    ]
    scene.root.disconnect(scene.now)
    scene.root.connect(scene.now)
    scene.look()
    scene.lose("refused")
    assert scene.take_events()[-1] == ReconnectScheduled(1, 1.0)
    scene.root.disconnect(scene.now)
    scene.connected()
    assert not [event for event in scene.events if isinstance(event, Reconnected)]


def test_only_who_reconnects_has_reconnected() -> None:
    scene = Scene().connected()
    scene.lose()
    scene.wait(1.25)
    scene.root.disconnect(scene.now)
    scene.take_events()
    scene.root.connect(scene.now)
    scene.open()
    assert not [event for event in scene.take_events() if isinstance(event, Reconnected)]


def test_sessions_that_are_over_are_freed() -> None:
    scene = Scene().connected()
    assert scene.client.session is not None
    known = ref(scene.client.session)
    scene.lose()
    scene.sockets.clear()
    gc.collect()
    assert known() is None


@pytest.mark.parametrize("how", ["lost", "fail", "refused", "exchange"])
def test_next_attempt_counts_from_the_failure(how: str) -> None:
    scene = Scene(randomization_factor=0, engine={"transports": ["polling"]} if how == "exchange" else None)
    client = scene.client
    scene.root.connect(scene.now)
    (carrier,) = client.take_ready()
    scene.clock.advance(5)
    if isinstance(carrier, Exchange):
        client.lost(carrier, scene.now, detail="x")
    elif how == "lost":
        client.lost(carrier, scene.now)
    elif how == "refused":
        client.websocket_refused(carrier, Response(403), scene.now)
    else:
        client.fail(carrier, "x", 1002, scene.now)
    assert client.next_deadline == scene.now + 1


@pytest.mark.parametrize("frame", ["", "x", "2{}", '51-["a"]', b"\x00", '2["connect"]', "3[]"])
def test_bad_packets_end_the_connection_with_a_reason(frame: str | bytes) -> None:
    scene = Scene().connected()
    scene.say('2["before"]')
    scene.say(frame) if frame != '51-["a"]' else scene.say(frame, "text")
    before, left, scheduled = scene.take_events()
    assert isinstance(before, EventReceived)
    assert isinstance(left, Left)
    assert left.reason is CloseReason.PARSE_ERROR
    assert str(left.error)
    assert isinstance(scheduled, ReconnectScheduled)
    assert scene.sockets[0].is_closed
    scene.say('2["behind"]')
    assert scene.take_events() == []
    scene.wait(2)
    scene.open()
    scene.say('0{"sid":"B"}', '2["again"]')  # with a decoder that knows nothing of it
    assert scene.root.is_connected


def test_engine_events_are_passed_on() -> None:
    scene = Scene().connected()
    scene.client.receive(scene.sockets[0], "2", scene.now)
    scene.look()
    assert Pinged() in scene.events
    scene.client.fail(scene.sockets[0], "RSV", 1002, scene.now)
    scene.look()
    assert any(isinstance(event, Closed) and event.reason is CloseReason.TRANSPORT_ERROR for event in scene.events)


def test_parts_and_refusals_are_passed_on() -> None:
    scene = Scene().connected()
    scene.client.receive_part(scene.sockets[0], '42["a', False, scene.now)  # noqa: FBT003
    scene.client.receive_part(scene.sockets[0], '"]', True, scene.now)  # noqa: FBT003
    assert scene.take_events() == [EventReceived(scene.root, "a", [], None, 6)]
    scene.lose()
    scene.wait(2)
    scene.take_events()
    scene.client.websocket_refused(scene.sockets[1], Response(403), scene.now)
    assert isinstance(scene.take_events()[0], OpenFailed)


def test_what_a_session_has_not_told_yet_comes_first() -> None:
    scene = Scene().connected()
    assert scene.client.session is not None
    scene.client.session.receive(scene.sockets[0], '42["a"]', scene.now)
    scene.client.receive(scene.sockets[0], '42["b"]', scene.now)
    assert [event.name for event in scene.take_events() if isinstance(event, EventReceived)] == ["a", "b"]


def test_silent_server_is_noticed() -> None:
    scene = Scene().connected()
    scene.wait(45)
    left, scheduled = scene.take_events()
    assert isinstance(left, Left)
    assert left.reason is CloseReason.PING_TIMEOUT
    assert isinstance(scheduled, ReconnectScheduled)


def test_host_that_slept_for_hours_makes_one_attempt_with_its_whole_time() -> None:
    scene = Scene(reconnection_attempts=2).connected()
    scene.wait(8 * 3600)
    left, scheduled, attempted = scene.take_events()
    assert isinstance(left, Left)
    assert (scheduled, attempted) == (ReconnectScheduled(1, 1.25), ReconnectAttempted(1))
    assert len(scene.sockets) == 2
    assert scene.client.next_deadline == scene.now + 20
    scene.open()
    scene.say('0{"sid":"B"}')
    assert scene.root.is_connected


def test_late_host_is_in_the_present_afterwards() -> None:
    scene = Scene(engine={"max_buffered_messages": 1}).connected()
    scene.root.emit_with_ack("a", [], timeout_s=5, context=None, now=scene.now)
    scene.wait(30)
    scene.root.emit("b", [], now=scene.now)
    assert scene.take_events()[-1] == ReconnectScheduled(1, 1.25)
    assert scene.client.next_deadline == scene.now + 1.25


def test_sizes_begin_anew_with_each_connection() -> None:
    scene = Scene().connected()
    scene.say('51-["a",{"_placeholder":true,"num":0}]')
    scene.lose()
    scene.wait(2)
    scene.open()
    scene.say('2["b"]', '0{"sid":"B"}')  # a missed event, which is held: the first that comes
    assert scene.take_events()[-1] == EventReceived(scene.root, "b", [], None, 6)


def test_pauses_nest_across_connections() -> None:
    scene = Scene().connected()
    scene.client.pause_reading(scene.now)
    scene.client.pause_reading(scene.now)
    scene.lose()
    scene.wait(2)
    scene.open()
    scene.say('0{"sid":"B"}')
    scene.client.resume_reading(scene.now)
    scene.wait(100)
    assert scene.root.is_connected


def test_paused_client_begins_no_poll_on_a_new_connection() -> None:
    scene = Scene(engine={"transports": ["polling"]})
    scene.client.pause_reading(scene.now)
    scene.root.connect(scene.now)
    (handshake,) = scene.client.take_ready()
    assert isinstance(handshake, Exchange)
    body = b'0{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":20000}'
    scene.client.exchange_done(handshake, Response(200, [], body), scene.now)
    assert [carrier.method for carrier in scene.client.take_ready() if isinstance(carrier, Exchange)] == ["POST"]
    scene.client.resume_reading(scene.now)
    assert [carrier.method for carrier in scene.client.take_ready() if isinstance(carrier, Exchange)] == ["GET"]


def test_pause_lasts_across_connections() -> None:
    scene = Scene().connected()
    scene.client.pause_reading(scene.now)
    scene.wait(100)
    scene.lose()
    scene.wait(2)
    scene.open()
    scene.say('0{"sid":"B"}')
    scene.wait(100)
    assert scene.root.is_connected
    scene.client.resume_reading(scene.now)
    scene.client.resume_reading(scene.now)
    scene.wait(44)
    before = scene.root.is_connected
    scene.wait(1)
    assert [before, scene.root.is_connected] == [True, False]
    scene.client.pause_reading(scene.now)
    scene.client.resume_reading(scene.now)


def test_emit_that_ends_the_session_is_reported() -> None:
    scene = Scene(engine={"max_buffered_messages": 1}).connected()
    assert scene.root.emit("a", [], now=scene.now)
    assert not scene.root.emit("b", [], now=scene.now)
    left, _ = scene.take_events()
    assert isinstance(left, Left)
    assert left.reason is CloseReason.TRANSPORT_ERROR


def test_emits_behind_one_that_ended_the_session_are_buffered() -> None:
    scene = Scene(engine={"max_buffered_messages": 1}).connected()
    assert scene.root.emit("a", [], now=scene.now)
    assert scene.root.emit_with_ack("b", [], timeout_s=None, context="b", now=scene.now) == 0
    assert scene.root.emit("c", [], now=scene.now)
    assert not scene.root.emit("volatile", [], now=scene.now, volatile=True)
    assert AckDropped(scene.root, "b") in scene.take_events()
    scene.wait(2)
    scene.open()
    scene.sent()
    scene.say('0{"sid":"B"}')
    assert scene.sent() == ['2["c"]']
    assert scene.root.emit("d", [], now=scene.now)
    assert not scene.root.emit("e", [], now=scene.now)
    assert scene.root.emit_with_ack("f", [], timeout_s=None, context="f", now=scene.now) == 1
    assert (list(scene.root.pending_acks), scene.root.buffered_count) == ([1], 1)


def test_buffer_that_ends_the_session_keeps_the_rest() -> None:
    scene = Scene(engine={"max_buffered_messages": 2})
    for number in range(4):
        scene.root.emit("n", [number], now=scene.now)
    scene.root.connect(scene.now)
    scene.open()
    scene.sent()
    scene.say('0{"sid":"A"}')
    assert scene.root.buffered_count == 2
    scene.wait(2)
    scene.open()
    scene.sent()
    scene.say('0{"sid":"B"}')
    assert scene.sent() == ['2["n",2]', '2["n",3]']


def in_a_frame(scene: Scene) -> None:
    scene.client.receive(scene.sockets[-1], '42["broken', scene.now)


def in_frames(scene: Scene) -> None:
    scene.client.receive_all(scene.sockets[-1], ['42["broken'], scene.now)


def in_parts(scene: Scene) -> None:
    scene.client.receive_part(scene.sockets[-1], '42["broken', is_last=True, now=scene.now)


def lose(scene: Scene) -> None:
    scene.client.lost(scene.sockets[-1], scene.now, 1006)


def fail(scene: Scene) -> None:
    scene.client.fail(scene.sockets[-1], "bad frame", 1002, scene.now)


@pytest.mark.parametrize("end", [in_a_frame, in_frames, in_parts, lose, fail])
def test_an_end_is_known_at_once(end: Callable[[Scene], None]) -> None:
    """What is emitted in the next line is for the next connection."""
    scene = Scene().connected()
    end(scene)
    assert (scene.root.is_connected, scene.client.session) == (False, None)


def test_what_opens_is_known_at_once() -> None:
    scene = Scene()
    scene.root.connect(scene.now)
    scene.look()
    (socket,) = scene.sockets
    scene.client.websocket_opened(socket, Response(101), scene.now)
    scene.client.receive_all(socket, ["0" + json.dumps({"sid": "s", **HANDSHAKE}), '40{"sid":"A"}'], scene.now)
    assert scene.root.is_connected


def test_a_refusal_is_known_at_once() -> None:
    scene = Scene(reconnection=False)
    scene.root.connect(scene.now)
    scene.look()
    scene.client.websocket_refused(scene.sockets[-1], Response(403), scene.now)
    assert (scene.root.is_active, scene.client.session) == (False, None)


def test_what_a_poll_brings_is_known_at_once() -> None:
    scene = Scene(engine={"transports": ["polling"]}, reconnection=False)
    scene.root.connect(scene.now)
    (handshake,) = scene.client.take_ready()
    assert isinstance(handshake, Exchange)
    scene.client.exchange_done(handshake, Response(403), scene.now)
    assert (scene.root.is_active, scene.client.session) == (False, None)


def test_an_end_by_what_had_waited_is_known_at_once() -> None:
    scene = Scene(engine={"max_buffered_messages": 1})
    for name in ("a", "b"):
        scene.root.emit(name, [], now=scene.now)
    scene.root.connect(scene.now)
    scene.open()
    scene.sent()
    scene.client.receive(scene.sockets[-1], '40{"sid":"A"}', scene.now)
    assert (scene.root.is_connected, scene.client.session) == (False, None)
