"""The client's sockets: handlers, acks, streams, waiting, and what is logged."""

from __future__ import annotations

import gc
from typing import Any
from weakref import ref

import pytest

from socketio_core.app.acks import Disconnected
from socketio_core.app.client_socket import ConnectError
from socketio_core.errors import LocalProtocolError
from tests.app.client_rig import ClientRig
from tests.app.hand_runtime import HandEvent

# -- handlers ----------------------------------------------------------------------------------------------------------


def test_handlers_get_the_arguments_in_order() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    socket.on_any(rig.note("any"))
    socket.on("a", rig.note("a"))
    socket.off("a", rig.note("another"))

    @socket.event
    async def b(*args: Any) -> None:
        rig.calls.append(("b", *args))

    rig.hear('2["a",1]', '2["b"]', '2["c",2]')
    assert rig.calls == [("any", "a", 1), ("a", 1), ("any", "b"), ("b",), ("any", "c", 2)]


def test_handlers_run_one_after_another_and_acks_meanwhile() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")

    @socket.on("a")
    async def ask(number: int) -> None:
        rig.calls.append(("asked", number))
        rig.calls.append(("answer", await socket.call("q", number)))

    rig.hear('2["a",1]', '2["a",2]')
    assert (rig.calls, rig.sent()) == ([("asked", 1)], ['20["q",1]'])
    rig.hear('30["x"]')
    assert rig.calls == [("asked", 1), ("answer", "x"), ("asked", 2)]


@pytest.mark.parametrize(
    ("result", "answer"),
    [(None, "37[]"), (1, "37[1]"), ((), "37[]"), ((1, 2), "37[1,2]"), ([1], "37[[1]]")],
)
def test_what_handlers_return_is_the_acknowledgement(result: object, answer: str) -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    socket.on("a", lambda: result)
    socket.on("a", lambda: None)
    rig.hear('27["a"]', '28["nobody listens"]', '2["a"]')
    assert rig.sent() == [answer]


def test_handlers_of_every_event_acknowledge_only_with_an_answer() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    answers: list[Any] = [None, 1]

    @socket.on_any
    def answer(name: str) -> Any:
        return answers.pop(0)

    rig.hear('27["a"]', '28["a"]')
    assert rig.sent() == ["38[1]"]


def test_handlers_can_see_whether_an_acknowledgement_is_asked_for() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    seen = [socket.asks_ack]
    socket.on("a", lambda: seen.append(socket.asks_ack))
    rig.hear('27["a"]', '2["a"]', '28["a"]')
    assert seen == [False, True, False, True]
    assert not socket.asks_ack


def test_failing_handlers_are_logged_and_acknowledge_nothing() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")

    def fail() -> None:
        raise RuntimeError

    socket.on("a", fail)
    socket.on("a", rig.note("a"))
    socket.on("b", object)
    rig.hear('27["a"]', '28["b"]')
    assert (rig.calls, rig.sent()) == ([("a",)], [])
    assert rig.logged == ["handler of 'a' failed", "return value of the handler of 'b' cannot be sent"]


def test_life_of_a_socket_is_told() -> None:
    rig = ClientRig()
    socket = rig.host.socket_of("admin")
    assert repr(socket) == "<ClientSocket of /admin, waiting>"
    assert (socket.id, socket.nsp, socket.connected, socket.active, socket.transport) == (
        "",
        "/admin",
        False,
        True,
        "websocket",
    )
    for moment in ("connect", "disconnect", "connect_error"):
        socket.on(moment, rig.note(moment))
    socket.on("connection", rig.note("an event of the server"))
    rig.host.release()
    rig.open()
    rig.hear('0/admin,{"sid":"A"}', '2/admin,["connection"]')
    assert [socket.id, socket.connected, socket.recovered] == ["A", True, False]
    rig.lose("reset")
    rig.run()
    rig.wait(2)
    rig.lose("refused")
    rig.run()
    *others, (name, error) = rig.calls
    assert others == [("connect",), ("an event of the server",), ("disconnect", "transport close")]
    assert name == "connect_error"
    assert isinstance(error, ConnectError)
    assert error.message == "cannot connect to localhost/socket.io/: websocket: refused"
    assert socket.transport is None


def test_nothing_is_told_before_release_and_nothing_is_missed() -> None:
    rig = ClientRig().up(release=False)
    socket = rig.host.socket_of("/")
    rig.hear('2["a"]')
    socket.on("connect", rig.note("connect"))
    socket.on("a", rig.note("a"))
    assert rig.calls == []
    rig.host.release()
    rig.run()
    assert rig.calls == [("connect",), ("a",)]


def test_marks_for_recovery_are_left_out_where_they_do_not_fit() -> None:
    rig = ClientRig().up('0{"sid":"A","pid":"P"}')
    socket = rig.host.socket_of("/")

    def one(text: str) -> None:
        rig.calls.append(("one", text))

    socket.on("a", one)
    socket.on("a", rig.note("all"))
    found: set[str] = set()
    socket.on("a", found.update)  # nobody can say what it takes, so it gets all
    rig.hear('2["a","text","offset"]')
    assert rig.calls == [("one", "text"), ("all", "text", "offset")]
    assert found == set("text") | set("offset")


def test_arguments_that_do_not_fit_are_left_alone_without_recovery() -> None:
    rig = ClientRig().up()

    def one(text: str) -> None:
        rig.calls.append(text)

    rig.host.socket_of("/").on("a", one)
    rig.hear('2["a","text","more"]')
    assert rig.calls == []
    (line,) = rig.logged
    assert line.endswith("one of 'a' takes (text: 'str'), and was given ('text', 'more')")


# -- auth --------------------------------------------------------------------------------------------------------------


def test_auth_is_a_value_or_made_each_time() -> None:
    rig = ClientRig()

    async def make() -> dict[str, int]:
        return {"made": 1}

    rig.host.socket_of("/", {"value": 1})
    rig.host.socket_of("/made", make)
    rig.host.socket_of("/sync", lambda: None)
    rig.open()
    rig.run()
    assert rig.sent() == ['0{"value":1}', '0/made,{"made":1}', "0/sync,"]


def test_auth_that_cannot_be_made_is_a_refusal() -> None:
    rig = ClientRig()

    def fail() -> None:
        raise RuntimeError("no password")

    socket = rig.host.socket_of("/", fail)
    waiting = rig.start(socket.wait_first_outcome())
    rig.open()
    rig.run()
    assert str(waiting.error) == "auth could not be made or sent: no password"
    assert rig.logged == ["auth could not be made or sent"]


@pytest.mark.parametrize("auth", ["secret", 5, ["a"]])
def test_auth_of_a_wrong_kind_is_refused_in_words(auth: Any) -> None:
    rig = ClientRig()
    with pytest.raises(TypeError, match=r"auth must be a dict or a function that returns one, as in auth={'token'"):
        rig.host.socket_of("/", auth)
    waiting = rig.start(rig.host.socket_of("/made", lambda: auth).wait_first_outcome())
    rig.open()
    rig.run()
    assert "auth must be a dict" in str(waiting.error)


def test_auth_can_be_replaced_before_the_next_connect() -> None:
    rig = ClientRig().up()
    admin = rig.host.socket_of("/admin", {"token": "bad"})
    rig.run()
    rig.hear('4/admin,{"message":"no"}')
    admin.auth = {"token": "good"}
    admin.connect()
    rig.run()
    rig.hear('4/admin,{"message":"no"}')
    assert admin.of("/admin", lambda: {"made": 1}) is admin
    rig.run()
    rig.hear('0/admin,{"sid":"B"}')
    assert admin.of("/admin", {"ignored": "while connected"}) is admin
    rig.run()
    assert rig.sent() == ['0/admin,{"token":"bad"}', '0/admin,{"token":"good"}', '0/admin,{"made":1}']


# -- waiting -----------------------------------------------------------------------------------------------------------


def test_waiting_until_connected() -> None:
    rig = ClientRig()
    socket = rig.host.socket_of("/")
    first, later = rig.start(socket.wait_first_outcome()), rig.start(socket.wait_connected())
    rig.look()
    rig.lose("refused")
    rig.run()
    assert isinstance(first.error, ConnectError)
    assert [later.is_done] == [False]
    rig.wait(2)
    rig.open()
    rig.hear('0{"sid":"A"}')
    assert later.is_done
    assert later.error is None
    assert rig.start(socket.wait_first_outcome()).is_done


def test_waiting_ends_when_it_is_in_vain() -> None:
    rig = ClientRig().up()
    other = rig.host.socket_of("/other")
    waiting = rig.start(other.wait_connected())
    rig.hear('4/other,{"message":"no","data":1}')
    assert isinstance(waiting.error, ConnectError)
    assert (waiting.error.message, waiting.error.data) == ("no", 1)
    again = rig.start(other.wait_connected())
    assert isinstance(again.error, ConnectError)
    assert (again.error.message, again.error.data) == ("no", 1)
    other.connect()
    waiting = rig.start(other.wait_connected())
    rig.start(other.disconnect())
    assert str(waiting.error) == "socket was disconnected"
    rig.hear("1")
    assert "call socket.connect()" in str(rig.start(rig.host.socket_of("/").wait_connected()).error)


def test_disconnecting_before_any_outcome_says_so() -> None:
    rig = ClientRig()
    socket = rig.host.socket_of("/")
    rig.start(socket.disconnect())
    assert "call socket.connect()" in str(rig.start(socket.wait_connected()).error)


def test_an_old_refusal_does_not_explain_a_new_end() -> None:
    rig = ClientRig().up()
    other = rig.host.socket_of("/other")
    rig.run()
    rig.hear('4/other,{"message":"no"}')
    other.connect()
    rig.run()
    rig.hear('0/other,{"sid":"B"}', "1/other,")
    assert "call socket.connect()" in str(rig.start(other.wait_connected()).error)


@pytest.mark.parametrize("end", ["connected", "cancelled"])
def test_nothing_is_kept_of_who_waited(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = ClientRig()
    socket = rig.host.socket_of("/")
    made: list[ref[object]] = []
    new_event = rig.runtime.new_event

    def noted() -> HandEvent:
        event = new_event()
        made.append(ref(event))
        return event

    monkeypatch.setattr(rig.runtime, "new_event", noted)
    waiting = rig.start(socket.wait_connected())
    if end == "connected":
        rig.open()
        rig.hear('0{"sid":"A"}')
    else:
        rig.runtime.cancel(waiting)
        rig.run()
    assert waiting.is_done
    del waiting
    rig.runtime.tasks.clear()
    gc.collect()
    assert [event() for event in made] == [None]


def test_closing_ends_every_wait() -> None:
    rig = ClientRig()
    socket = rig.host.socket_of("/")
    waiting = rig.start(socket.wait_connected())
    rig.client.close(rig.now)
    rig.host.close()
    rig.run()
    assert str(waiting.error) == "client was closed"
    with pytest.raises(LocalProtocolError):
        socket.of("/other")
    with pytest.raises(LocalProtocolError):
        socket.connect()
    call = rig.start(socket.call("q"))
    assert isinstance(call.error, Disconnected)
    assert str(call.error) == "client is closed, so 'q' was not sent"
    assert rig.start(socket.emit("e")).result is False


def test_a_message_is_an_event_without_a_name() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    assert not socket.disconnected
    for by in (socket, socket.timeout(1)):
        assert rig.start(by.send(1)).result is True
    assert rig.sent() == ['2["message",1]'] * 2
    rig.lose()
    assert socket.disconnected
