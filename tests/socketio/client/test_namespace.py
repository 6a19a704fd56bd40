"""A namespace of a client: joining and leaving, what is emitted, what comes."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_core.errors import CloseReason, LocalProtocolError
from socketio_core.socketio.client import (
    AuthRequested,
    Connected,
    ConnectFailed,
    EventReceived,
    Left,
    NamespaceState,
    ReconnectScheduled,
)
from tests.socketio.client.scene import Scene

OLD_SERVER = "the server answered CONNECT without a socket id; is it Socket.IO 2, which speaks another protocol?"


# -- joining and leaving -----------------------------------------------------------------------------------------------


def test_connecting_sends_connect_and_waits_for_the_answer() -> None:
    scene = Scene()
    scene.root.connect(scene.now)
    scene.root.connect(scene.now)
    scene.open()
    assert scene.sent() == ["0"]
    states = [scene.root.state]
    scene.say('0{"sid":"A"}')
    assert scene.take_events() == [Connected(scene.root, recovered=False)]
    assert [*states, scene.root.state] == [NamespaceState.CONNECTING, NamespaceState.CONNECTED]
    assert (scene.root.is_connected, scene.root.sid) == (True, "A")
    assert repr(scene.root) == "<ClientNamespace /, connected>"


def test_auth_is_sent_each_time() -> None:
    scene = Scene()
    admin = scene.client.of("/admin", {"token": "é"})
    assert scene.client.of("/admin") is admin
    admin.connect(scene.now)
    scene.open()
    assert scene.sent() == ['0/admin,{"token":"é"}']
    scene.lose()
    scene.wait(2)
    scene.open()
    assert scene.sent() == ['0/admin,{"token":"é"}']


def test_auth_can_be_asked_for() -> None:
    scene = Scene()
    admin = scene.client.of("/admin", asks_auth=True)
    admin.connect(scene.now)
    scene.open()
    assert (scene.take_events(), scene.sent()) == ([AuthRequested(admin, 1)], [])
    with pytest.raises(LocalProtocolError):
        admin.provide_auth(1, {"x": object()}, scene.now)
    assert admin.provide_auth(1, {"x": 1}, scene.now)
    assert scene.sent() == ['0/admin,{"x":1}']
    assert not admin.provide_auth(1, {"x": 2}, scene.now)
    assert not admin.fail_auth(1, "no", scene.now)


def test_answers_to_an_earlier_question_are_ignored() -> None:
    scene = Scene()
    admin = scene.client.of("/admin", asks_auth=True)
    admin.connect(scene.now)
    scene.open()
    scene.lose()
    scene.wait(2)
    scene.open()
    assert scene.take_events()[-1] == AuthRequested(admin, 2)
    assert not admin.provide_auth(1, {"old": 1}, scene.now)
    assert admin.provide_auth(2, None, scene.now)
    assert scene.sent() == ["0/admin,"]


def test_no_auth_is_no_connection() -> None:
    scene = Scene()
    admin = scene.client.of("/admin", asks_auth=True)
    admin.connect(scene.now)
    scene.open()
    scene.take_events()
    assert admin.fail_auth(1, "forgot the password", scene.now)
    assert scene.take_events() == [ConnectFailed(admin, "forgot the password")]
    assert (admin.is_active, scene.sockets[0].is_closed) == (False, True)


def test_auth_that_is_no_json_is_a_refusal() -> None:
    scene = Scene()
    scene.client.of("/admin", {"x": float("nan")}).connect(scene.now)
    scene.open()
    (event,) = scene.take_events()
    assert isinstance(event, ConnectFailed)
    assert event.message.startswith("auth cannot be sent: data cannot be sent as JSON")


@pytest.mark.parametrize(
    ("answer", "message", "data"),
    [
        ('4{"message":"no","data":{"code":42}}', "no", {"code": 42}),
        ('4{"message":"no"}', "no", None),
        ('4"no"', "no", None),
        ("4{}", "the server gave no reason", None),
        ('4{"message":1}', "the server gave no reason", None),
        ("0", OLD_SERVER, None),
        ("0{}", OLD_SERVER, None),
        ('0{"sid":1}', OLD_SERVER, None),
        ('0{"sid":""}', OLD_SERVER, None),
        ("1", "the server disconnected the socket before it was connected", None),
    ],
)
def test_refusals_are_told_and_final(answer: str, message: str, data: object) -> None:
    scene = Scene()
    other = scene.client.of("/other")
    other.connect(scene.now)
    scene.root.connect(scene.now)
    scene.open()
    scene.say(answer)
    assert scene.take_events() == [ConnectFailed(scene.root, message, data, will_retry=False)]
    assert (scene.root.is_active, scene.sockets[0].is_closed) == (False, False)
    scene.wait(30)
    assert scene.sent() == ["0", "0/other,"]


def test_connect_that_is_not_answered_fails_in_time() -> None:
    scene = Scene(engine={"max_pause_s": 1000})
    scene.root.connect(scene.now)
    scene.open(pingInterval=100_000)
    scene.wait(44.9)
    assert scene.take_events() == []
    scene.wait(0.1)
    assert scene.take_events() == [ConnectFailed(scene.root, "no answer to CONNECT within 45 s")]


def test_leaving_while_auth_is_asked_for_ends_it() -> None:
    scene = Scene()
    admin = scene.client.of("/admin", asks_auth=True)
    admin.connect(scene.now)
    scene.open()
    admin.disconnect(scene.now)
    assert not admin.provide_auth(1, None, scene.now)
    assert scene.client.session is None


def test_packets_that_mean_nothing_while_connecting_are_ignored() -> None:
    scene = Scene()
    scene.root.connect(scene.now)
    scene.open()
    scene.say("30[]")
    scene.say('0{"sid":"A"}')
    assert scene.take_events() == [Connected(scene.root, recovered=False)]


def test_answer_that_nobody_waits_for_is_declined() -> None:
    scene = Scene()
    other = scene.client.of("/other")
    other.connect(scene.now)
    scene.root.connect(scene.now)
    scene.open()
    scene.root.disconnect(scene.now)
    scene.sent()
    scene.say('0{"sid":"A"}', '2["x"]', '30["y"]')
    assert (scene.sent(), scene.take_events()) == (["1"], [])
    scene.say('0{"sid":"nobody asked"}', '4{"message":"no"}')
    assert (scene.sent(), scene.take_events()) == (["1"], [])


def with_other_namespace() -> Scene:
    """Return a scene whose root may be left: another namespace keeps the connection open."""
    scene = Scene()
    scene.client.of("/other").connect(scene.now)
    scene.root.connect(scene.now)
    scene.open()
    scene.say('0/other,{"sid":"O"}')
    scene.take_events()
    assert scene.sent() == ["0", "0/other,"]
    return scene


@pytest.mark.parametrize(("answer", "decline"), [('0{"sid":"A"}', ["1"]), ('4{"message":"no"}', [])])
def test_coming_back_waits_for_the_answer_that_is_owed(answer: str, decline: list[str]) -> None:
    scene = with_other_namespace()
    for _ in range(2):
        scene.root.disconnect(scene.now)
        scene.root.connect(scene.now)
    assert (scene.sent(), scene.root.state) == ([], NamespaceState.WAITING)
    scene.say('2["for the first one"]', answer)
    assert (scene.sent(), scene.root.state) == ([*decline, "0"], NamespaceState.CONNECTING)
    scene.say('0{"sid":"B"}')
    assert (scene.take_events(), scene.root.sid) == ([Connected(scene.root, recovered=False)], "B")
    scene.wait(44)
    assert scene.root.is_connected


def test_answer_that_is_owed_may_come_when_nobody_wants_it_any_more() -> None:
    scene = with_other_namespace()
    scene.root.disconnect(scene.now)
    scene.say('0{"sid":"A"}')
    assert scene.sent() == ["1"]
    scene.root.connect(scene.now)
    assert scene.sent() == ["0"]


def test_answer_that_is_owed_may_come_after_its_time() -> None:
    scene = with_other_namespace()
    scene.client.receive(scene.sockets[0], "2", scene.now)
    scene.wait(44)
    scene.client.receive(scene.sockets[0], "2", scene.now)
    scene.wait(1)
    assert scene.take_events()[-1] == ConnectFailed(scene.root, "no answer to CONNECT within 45 s")
    scene.sent()
    scene.root.connect(scene.now)
    scene.say('0{"sid":"A"}')
    assert scene.sent() == ["1", "0"]
    scene.say('0{"sid":"B"}')
    assert scene.root.is_connected


def test_coming_back_fails_in_time_if_the_server_never_answers() -> None:
    scene = with_other_namespace()
    scene.root.disconnect(scene.now)
    scene.root.connect(scene.now)
    for _ in range(3):
        scene.client.receive(scene.sockets[0], "2", scene.now)
        scene.wait(15)
    assert scene.take_events()[-1] == ConnectFailed(scene.root, "no answer to CONNECT within 45 s")


def test_new_connection_owes_nothing() -> None:
    scene = with_other_namespace()
    scene.root.disconnect(scene.now)
    scene.lose()
    scene.root.connect(scene.now)
    scene.wait(2)
    scene.open()
    assert scene.sent() == ["0", "0/other,"]
    scene.root.disconnect(scene.now)
    scene.client.of("/other").disconnect(scene.now)  # the last one
    scene.root.connect(scene.now)
    scene.open()
    assert scene.sent() == ["0"]


def test_disconnect_of_the_server_is_no_answer() -> None:
    scene = with_other_namespace()
    scene.say("1")  # it was for the one before
    scene.root.connect(scene.now)
    assert scene.sent() == []
    scene.say('0{"sid":"A"}')
    assert scene.sent() == ["1", "0"]


def test_leaving_says_so_and_the_last_one_closes_the_connection() -> None:
    scene = Scene().connected()
    other = scene.client.of("/other")
    other.connect(scene.now)
    scene.say('0/other,{"sid":"B"}')
    scene.take_events()
    other.disconnect(scene.now)
    other.disconnect(scene.now)
    assert scene.take_events() == [Left(other, CloseReason.IO_CLIENT_DISCONNECT)]
    assert scene.sent() == ["0/other,", "1/other,"]
    assert not scene.sockets[0].is_closed
    scene.root.disconnect(scene.now)
    assert (scene.sent(), scene.sockets[0].is_closed) == (["1"], True)
    assert scene.take_events() == [Left(scene.root, CloseReason.IO_CLIENT_DISCONNECT)]


def test_leaving_before_there_is_a_connection_forgets_it() -> None:
    scene = Scene()
    scene.root.connect(scene.now)
    scene.look()
    scene.root.disconnect(scene.now)
    assert scene.take_events() == []
    assert (scene.sockets[0].is_closed, scene.client.next_deadline) == (True, None)


def test_goodbye_of_the_server_is_final() -> None:
    scene = Scene().connected()
    scene.say("1")
    assert scene.take_events() == [Left(scene.root, CloseReason.IO_SERVER_DISCONNECT)]
    assert (scene.root.is_active, scene.client.session) == (False, None)
    scene.wait(100)
    scene.root.connect(scene.now)
    scene.open()
    assert scene.sent() == ["0"]


def test_lost_connection_while_connecting_is_told() -> None:
    scene = Scene()
    scene.root.connect(scene.now)
    scene.open()
    scene.lose("reset")
    assert scene.take_events() == [
        ConnectFailed(scene.root, "transport close: reset", will_retry=True),
        ReconnectScheduled(1, 1.25),
    ]
    scene.wait(2)
    scene.open()
    scene.lose()
    assert scene.take_events()[-2] == ConnectFailed(scene.root, "transport close", will_retry=True)


def test_lost_connection_while_connecting_is_final_without_reconnection() -> None:
    scene = Scene(reconnection=False)
    scene.client.of("/idle")
    scene.root.connect(scene.now)
    scene.open()
    scene.lose()
    assert scene.take_events() == [ConnectFailed(scene.root, "transport close")]
    scene.root.connect(scene.now)
    scene.look()
    scene.lose("refused")
    assert scene.take_events()[1:] == [
        ConnectFailed(scene.root, "cannot connect to localhost/socket.io/: websocket: refused")
    ]


# -- what comes --------------------------------------------------------------------------------------------------------


def test_events_come_with_arguments_ids_and_sizes() -> None:
    scene = Scene().connected()
    scene.say('2["a",1,"é"]', '27["b"]', '51-["c",{"_placeholder":true,"num":0}]', b"\x00\x01")
    assert scene.take_events() == [
        EventReceived(scene.root, "a", [1, "é"], None, 13),
        EventReceived(scene.root, "b", [], 7, 7),
        EventReceived(scene.root, "c", [b"\x00\x01"], None, 40),
    ]
    assert scene.root.acknowledge(7, ["x", b"\x02"])
    assert scene.sent() == ['61-7["x",{"_placeholder":true,"num":0}]', b"\x02"]


def test_events_before_connect_are_held_for_it() -> None:
    scene = Scene()
    scene.root.connect(scene.now)
    scene.open()
    scene.say('2["a"]', '30["nobody asked"]')
    assert scene.take_events() == []
    scene.say('0{"sid":"A","pid":"P"}')
    assert scene.take_events() == [Connected(scene.root, recovered=False), EventReceived(scene.root, "a", [], None, 6)]


def test_held_events_are_lost_with_their_connection() -> None:
    scene = Scene(max_held_events=1)
    scene.root.connect(scene.now)
    scene.open()
    scene.say('2["a"]')
    scene.lose()
    scene.wait(2)
    scene.open()
    scene.take_events()
    scene.say('2["b"]', '0{"sid":"B"}')
    assert scene.take_events() == [Connected(scene.root, recovered=False), EventReceived(scene.root, "b", [], None, 6)]


@pytest.mark.parametrize("limits", [{"max_held_events": 2}, {"max_held_event_bytes": 12}])
def test_too_many_events_before_connect_end_the_connection(limits: dict[str, Any]) -> None:
    scene = Scene(**limits)
    scene.root.connect(scene.now)
    scene.open()
    scene.say('2["a"]', '2["b"]')
    assert scene.take_events() == []
    scene.say('2["c"]')
    (failed, _) = scene.take_events()
    assert isinstance(failed, ConnectFailed)
    ((name, limit),) = limits.items()
    assert failed.message == f"parse error: too many events before the namespace was connected, {name}: {limit}"


@pytest.mark.parametrize("packet", ['0{"sid":"B"}', '4{"message":"x"}'])
def test_answers_to_nothing_end_the_connection(packet: str) -> None:
    scene = Scene().connected()
    scene.say(packet)
    left, _ = scene.take_events()
    assert isinstance(left, Left)
    assert (left.reason, left.will_retry) == (CloseReason.PARSE_ERROR, True)
    assert str(left.error) == f"packet of type {packet[0]} for a namespace that is connected: '/'"
    assert scene.sockets[0].is_closed


# -- recovery ----------------------------------------------------------------------------------------------------------


def test_state_is_recovered_with_pid_and_offset() -> None:
    scene = Scene().connected('0{"sid":"A","pid":"P"}')
    scene.say('2["a","o1"]', '2["b",1]', '25["c","no offset"]', '2["d"]')
    assert [event.has_offset for event in scene.take_events() if isinstance(event, EventReceived)] == [
        True,
        False,
        False,
        False,
    ]
    scene.lose()
    scene.wait(2)
    scene.open()
    assert scene.sent() == ['0{"pid":"P","offset":"o1"}']
    scene.take_events()
    scene.say('2["missed","o2"]', '0{"sid":"A","pid":"P"}')
    assert scene.take_events() == [
        Connected(scene.root, recovered=True),
        EventReceived(scene.root, "missed", ["o2"], None, 16, has_offset=True),
    ]
    assert scene.root.recovered


def test_another_pid_is_no_recovery_and_forgets_the_offset() -> None:
    scene = Scene()
    scene.root.auth = {"pid": "mine", "x": 1}
    scene.connected('0{"sid":"A","pid":"P"}')
    scene.say('2["a","o1"]')
    scene.lose()
    scene.wait(2)
    scene.open()
    assert scene.sent() == ['0{"pid":"mine","offset":"o1","x":1}']
    scene.say('0{"sid":"B","pid":"Q"}')
    assert scene.take_events()[-1] == Connected(scene.root, recovered=False)
    scene.lose()
    scene.wait(2)
    scene.root.auth = None
    scene.open()
    assert scene.sent() == ['0{"pid":"Q"}']


# -- nothing is left of an earlier attempt -----------------------------------------------------------------------------


def test_refused_namespace_may_ask_again_over_the_same_connection() -> None:
    scene = Scene().connected()
    admin = scene.client.of("/admin")
    for _ in range(2):
        admin.connect(scene.now)
        assert scene.sent() == ["0/admin,"]
        scene.say('4/admin,{"message":"no"}')
    assert scene.take_events() == [ConnectFailed(admin, "no", None)] * 2


def test_late_answer_ends_the_wait_for_it() -> None:
    scene = Scene(namespace_timeout_s=20.0).connected()
    admin = scene.client.of("/admin")
    admin.connect(scene.now)
    admin.disconnect(scene.now)
    scene.wait(5)
    admin.connect(scene.now)
    scene.wait(5)
    scene.say('0/admin,{"sid":"late"}')
    assert scene.sent() == ["0/admin,", "1/admin,", "0/admin,"]
    scene.wait(19)
    assert scene.take_events() == []
    scene.wait(1)
    assert scene.take_events() == [ConnectFailed(admin, "no answer to CONNECT within 20 s", None)]


@pytest.mark.parametrize("end", ["lost", "left"])
def test_time_of_an_attempt_ends_with_it(end: str) -> None:
    scene = Scene(namespace_timeout_s=20.0).connected()
    admin = scene.client.of("/admin")
    admin.connect(scene.now)
    scene.wait(1)
    if end == "left":
        admin.disconnect(scene.now)
    else:
        scene.lose()
        scene.wait(2)
        scene.open()
        scene.say('0{"sid":"B"}')
    scene.take_events()
    scene.wait(19)
    assert scene.take_events() == []


@pytest.mark.parametrize("is_answered", [False, True])
def test_held_events_count_for_one_attempt_only(*, is_answered: bool) -> None:
    scene = Scene(max_held_event_bytes=20)
    scene.root.connect(scene.now)
    for _ in range(3):
        scene.open()
        scene.say('2["a","b"]', '2["a","b"]')
        if is_answered:
            scene.say('0{"sid":"A"}')
        scene.lose()
        scene.wait(5)
    reasons = [event.message for event in scene.take_events() if isinstance(event, ConnectFailed)]
    assert reasons == ([] if is_answered else ["transport close"] * 3)


def test_id_goes_with_the_connection() -> None:
    scene = Scene()
    ids = [(scene.root.sid, scene.root.recovered)]
    scene.connected()
    ids.append((scene.root.sid, scene.root.recovered))
    scene.lose()
    ids.append((scene.root.sid, scene.root.recovered))
    assert ids == [("", False), ("A", False), ("", False)]


def test_auth_is_for_the_attempt_that_asked() -> None:
    scene = Scene().connected()
    admin = scene.client.of("/admin", asks_auth=True)
    admin.connect(scene.now)
    scene.lose()
    scene.wait(2)
    scene.open()
    scene.sent()
    asked = [event.attempt for event in scene.take_events() if isinstance(event, AuthRequested)]
    assert asked == [1, 2]
    for attempt in (0, 1, 3):
        assert not admin.fail_auth(attempt, "late", scene.now)
        assert not admin.provide_auth(attempt, {}, scene.now)
    assert (admin.state, scene.sent()) == (NamespaceState.ASKING, [])
    assert admin.fail_auth(2, "none", scene.now)
