"""How something is sent to one socket, of both roles: `timeout`, `volatile`, `compress`, and to whom else: `local`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest

from socketio_core.app import (
    AckTimeout,
    BroadcastOperator,
    ClientSocket,
    ClientSocketOperator,
    Disconnected,
    Observer,
    Socket,
    SocketOperator,
)
from socketio_core.errors import BufferFull, LocalProtocolError
from tests.app.client_rig import ClientRig
from tests.app.rig import AppRig, member_of
from tests.app.test_socket import SMALL, resume, stalled
from tests.socketio.rig import drain

# -- a server's --------------------------------------------------------------------------------------------------------


def test_operators_leave_each_other_and_the_socket_alone() -> None:
    rig = AppRig()
    client, socket = rig.connect()
    quick, patient = socket.timeout(1), socket.timeout(None)
    silent = quick.volatile
    tasks = [rig.start(way.call("q")) for way in (quick, patient, socket)]
    assert drain(client) == ['20["q"]', '21["q"]', '22["q"]']
    rig.wait(1.0)
    assert [task.is_done for task in tasks] == [True, False, False]
    assert isinstance(tasks[0].error, AckTimeout)
    rig.wait(4.0)
    assert [task.is_done for task in tasks] == [True, False, True]
    rig.send(client, "431[7]")
    assert tasks[1].result == 7
    assert silent is not quick


def test_time_of_a_call_goes_before_that_of_the_operator() -> None:
    rig = AppRig()
    _, socket = rig.connect()
    ways: list[Callable[..., Any]] = [socket.timeout(1).call, socket.timeout(1).emit_with_ack]
    tasks = [rig.start(way("q", timeout=3)) for way in ways]
    rig.wait(2.5)
    assert [task.is_done for task in tasks] == [False, False]
    rig.wait(0.5)
    assert [type(task.error) for task in tasks] == [AckTimeout, AckTimeout]


def test_all_arguments_of_an_acknowledgement() -> None:
    rig = AppRig()
    client, socket = rig.connect()
    task = rig.start(socket.timeout(2).emit_with_ack("q", 1))
    rig.send(client, "430[null]")
    assert task.result == [None]


@pytest.mark.parametrize("seconds", [True, "5", -1.0, float("nan")])
def test_a_time_must_be_one(seconds: Any) -> None:
    _, socket = AppRig().connect()
    client_socket = ClientRig().up().host.socket_of("/")
    for each in (socket, socket.volatile, client_socket, client_socket.volatile):
        with pytest.raises(LocalProtocolError, match="timeout must be a number of seconds"):
            each.timeout(seconds)


def test_what_is_not_to_be_compressed_says_so_on_all_ways() -> None:
    rig = AppRig()
    client, socket = rig.connect()
    how = socket.compress(False)  # noqa: FBT003 - as users write it
    assert client.websocket is not None
    client.websocket.is_reading = False
    outbox = member_of(socket).connection.session.outbox
    assert how.emit_nowait("nowait")
    assert rig.start(how.emit("emit")).result is True
    rig.start(how.call("call"))
    rig.start(how.compress(True).emit("yes"))  # noqa: FBT003
    rig.start(socket.emit("usual"))
    assert [message.compress for message in outbox.messages] == [False, False, False, True, True]


def test_what_is_sent_in_a_middleware_keeps_how() -> None:
    rig = AppRig()

    @rig.io.use
    def greet(socket: Socket) -> None:
        assert socket.compress(False).emit_nowait("held")  # noqa: FBT003
        assert not socket.volatile.emit_nowait("dropped")

    client = rig.open("websocket")
    assert client.websocket is not None
    client.websocket.is_reading = False
    client.send("40")
    rig.run()
    (session,) = rig.server.sessions
    assert [(message.frames[0], message.compress) for message in session.outbox.messages][1:] == [('42["held"]', False)]


def test_volatile_events_leave_at_once_or_not_at_all() -> None:
    rig = AppRig()
    client, socket = rig.connect()
    assert socket.volatile.emit_nowait("a")
    assert not socket.volatile.emit_nowait("b")
    rig.run()
    assert rig.start(socket.volatile.compress(False).emit("c")).result is True  # noqa: FBT003
    assert drain(client) == ['2["a"]', '2["c"]']


def test_a_volatile_call_that_cannot_leave_fails_at_once_and_nobody_waits() -> None:
    rig = AppRig(SMALL)
    client, socket = stalled(rig)
    task = rig.start(socket.volatile.call("q"))
    assert "could not leave at once" in str(task.error)
    assert member_of(socket).pending_acks == {}
    resume(rig, client)
    assert "q" not in str(client.take_messages())
    answered = rig.start(socket.volatile.call("q"))
    (question,) = client.take_messages()
    rig.send(client, f"43{str(question)[1]}[1]")
    assert answered.result == 1
    rig.send(client, "41")
    assert isinstance(rig.start(socket.volatile.call("q")).error, Disconnected)


def test_events_that_are_not_volatile_wait_above_the_mark_or_are_refused() -> None:
    rig = AppRig(SMALL)
    client, socket = stalled(rig)
    task = rig.start(socket.compress(False).emit("late"))  # noqa: FBT003
    with pytest.raises(BufferFull):
        socket.compress(False).emit_nowait("now")  # noqa: FBT003
    assert not task.is_done
    resume(rig, client)
    assert task.result is True


def test_observers_hear_of_what_was_sent() -> None:
    rig = AppRig()
    sent: list[str] = []

    class Hearer(Observer):
        def event_sent(self, socket: Socket, name: str, args: Sequence[Any]) -> None:
            assert (socket.nsp, args) == ("/", ())
            sent.append(name)

    rig.io.observe(Hearer())
    _, socket = rig.connect()
    socket.volatile.emit_nowait("a")
    socket.volatile.emit_nowait("dropped")
    rig.run()
    rig.start(socket.timeout(1).call("b"))
    rig.start(socket.timeout(1).emit("c"))
    assert sent == ["a", "b", "c"]


OTHERS: Final[dict[str, tuple[Callable[[Socket], BroadcastOperator], str]]] = {
    "local": (lambda socket: socket.local, "bc"),
    "local of an operator": (lambda socket: socket.compress(True).local, "bc"),  # noqa: FBT003
    "broadcast": (lambda socket: socket.volatile.broadcast, "bc"),
    "to": (lambda socket: socket.volatile.to("room"), "b"),
    "in_": (lambda socket: socket.timeout(1).in_("room"), "b"),
    "except_": (lambda socket: socket.volatile.except_("room"), "c"),
}


@pytest.mark.parametrize("way", OTHERS)
def test_others_are_reached_and_not_the_socket_itself(way: str) -> None:
    choose, hear = OTHERS[way]
    rig = AppRig()
    clients = {name: rig.connect() for name in "abc"}
    clients["b"][1].join("room")
    clients["a"][1].join("room")
    assert rig.start(choose(clients["a"][1]).emit("x")).result == len(hear)
    assert [name for name, (client, _) in clients.items() if drain(client)] == list(hear)


def test_how_goes_along_to_others() -> None:
    rig = AppRig()
    _, socket = rig.connect()
    other, _ = rig.connect()
    task = rig.start(socket.timeout(1).to("nobody").to(rig_ids(rig, socket)).call("q"))
    assert drain(other)
    rig.wait(1.0)
    assert isinstance(task.error, AckTimeout)


def rig_ids(rig: AppRig, socket: Socket) -> list[str]:
    return [sid for sid in rig.io.sockets.sockets if sid != socket.id]


# -- a client's --------------------------------------------------------------------------------------------------------


def connected(**settings: Any) -> tuple[ClientRig, ClientSocket]:
    rig = ClientRig(**settings).up()
    return rig, rig.host.socket_of("/")


def test_a_clients_calls_take_the_time_of_the_operator() -> None:
    rig, socket = connected()
    tasks = [rig.start(way.call("q")) for way in (socket.timeout(1), socket.timeout(None), socket)]
    last = rig.start(socket.timeout(1).emit_with_ack("q", timeout=None))
    assert rig.sent() == ['20["q"]', '21["q"]', '22["q"]', '23["q"]']
    rig.wait(1.0)
    rig.run()
    assert [task.is_done for task in tasks] == [True, False, False]
    assert isinstance(tasks[0].error, AckTimeout)
    rig.hear("31[7]", "33[null]")
    assert (tasks[1].result, last.result) == (7, [None])


def test_a_clients_events_say_that_they_are_not_to_be_compressed() -> None:
    rig, socket = connected()
    how = socket.compress(False)  # noqa: FBT003 - as users write it
    assert how.emit_nowait("nowait")
    assert rig.start(how.emit("emit")).result is True
    rig.start(how.call("call"))
    rig.start(socket.emit("usual"))
    assert compressed(rig) == [False, False, False, True]


def test_how_is_kept_while_there_is_no_connection_and_with_retries() -> None:
    rig, socket = connected()
    rig.lose()
    rig.run()
    assert socket.compress(False).emit_nowait("later")  # noqa: FBT003
    retrying, other = connected(retries=1)
    assert other.compress(False).emit_nowait("first")  # noqa: FBT003
    assert compressed(retrying) == [False]


def compressed(rig: ClientRig) -> list[bool]:
    session = rig.client.session
    assert session is not None
    return [message.compress for message in session.outbox.messages]


def test_a_clients_volatile_events_leave_at_once_or_not_at_all() -> None:
    rig, socket = connected()
    assert socket.volatile.emit_nowait("a")
    assert rig.start(socket.volatile.emit("b")).result is False
    assert isinstance(rig.start(socket.volatile.call("c")).error, AckTimeout)
    assert rig.sent() == ['2["a"]']
    answered = rig.start(socket.volatile.call("d"))
    (question,) = rig.sent()
    rig.hear(f"3{str(question)[1]}[1]")
    assert answered.result == 1


def test_a_volatile_call_is_not_tried_again() -> None:
    rig, socket = connected(retries=1)
    task = rig.start(socket.volatile.timeout(1).call("a"))
    assert len(rig.sent()) == 1
    rig.wait(1.0)
    rig.run()
    assert isinstance(task.error, AckTimeout)
    assert rig.sent() == []


def test_a_closed_client_answers_nothing() -> None:
    rig, socket = connected()
    rig.client.close(rig.now)
    rig.run()
    assert isinstance(rig.start(socket.volatile.call("a")).error, Disconnected)


def test_operators_of_both_roles_have_their_types() -> None:
    _, socket = AppRig().connect()
    _, client_socket = connected()
    assert isinstance(socket.volatile.compress(True).timeout(1), SocketOperator)  # noqa: FBT003
    assert isinstance(client_socket.volatile.compress(True).timeout(1), ClientSocketOperator)  # noqa: FBT003
