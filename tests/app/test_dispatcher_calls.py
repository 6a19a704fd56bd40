"""Calls that get in each other's way, and refusals that are hard to put into words. Spec: PROTOCOL 3.7."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from socketio_core.app import AckTimeout, Socket
from socketio_core.errors import ConnectRefused, LocalProtocolError
from socketio_core.settings import EngineSettings
from socketio_core.testing import WireClient
from tests.app.hand_runtime import Task
from tests.app.rig import AppRig, member_of


class Group:
    """Three clients of one application, and what a broadcast `call` to them came to."""

    def __init__(self, engine: EngineSettings | None = None, **settings: Any) -> None:
        self.rig = AppRig(engine, **settings)
        pairs = [self.rig.connect() for _ in range(3)]
        self.clients: list[WireClient] = [client for client, _ in pairs]
        self.sockets: list[Socket] = [socket for _, socket in pairs]

    def call(self, **options: Any) -> Task:
        return self.rig.start(self.rig.io.call("x", 1, **options))

    def answer(self, number: int, frame: str) -> None:
        self.rig.send(self.clients[number], frame)

    @property
    def outstanding(self) -> list[int]:
        """How many acks are waited for, by socket."""
        return [len(member_of(socket).pending_acks) for socket in self.sockets]


@pytest.fixture
def group() -> Group:
    return Group()


CHOICES: Final[list[tuple[Callable[[Group], Any], list[int]]]] = [
    (lambda it: it.rig.io.sockets, [1, 1, 1]),
    (lambda it: it.rig.io.to(it.sockets[0].id), [1, 0, 0]),
    (lambda it: it.rig.io.except_(it.sockets[0].id), [0, 1, 1]),
    (lambda it: it.sockets[1].broadcast, [1, 0, 1]),
]


@pytest.mark.parametrize(("choose", "asked"), CHOICES)
def test_only_those_who_were_chosen_are_asked(group: Group, choose: Callable[[Group], Any], asked: list[int]) -> None:
    task = group.rig.start(choose(group).call("x"))
    assert group.outstanding == asked
    assert [len(client.take_messages()) for client in group.clients] == asked
    for number, is_asked in enumerate(asked):
        assert task.is_done is not any(asked[number:])
        if is_asked:
            group.answer(number, "430[7]")
    assert task.result == [7] * sum(asked)


def test_a_call_that_overflows_a_buffer_does_not_wait_for_that_client() -> None:
    group = Group(EngineSettings(path="/socket.io/", high_water_bytes=300, max_buffered_bytes=300))
    websocket = group.clients[1].websocket
    assert websocket is not None
    websocket.is_reading = False
    group.sockets[1].emit_nowait("x", "y" * 285)
    task = group.call()
    assert not group.sockets[1].connected
    for number in (0, 2):
        assert not task.is_done
        group.answer(number, "430[1]")
    assert isinstance(task.error, AckTimeout)
    assert task.error.responses == [1, 1]


@pytest.mark.parametrize("busy", [0, 1, 2])
def test_too_many_outstanding_acks_at_one_socket_keep_all_from_being_asked(busy: int) -> None:
    group = Group(max_outstanding_acks=1)
    group.rig.start(group.sockets[busy].call("busy", timeout=60.0))
    for client in group.clients:
        client.take()
    task = group.call()
    assert isinstance(task.error, LocalProtocolError)
    assert str(task.error) == "too many outstanding acks, max_outstanding_acks: 1"
    assert [client.take_messages() for client in group.clients] == [[], [], []]
    assert group.outstanding == [int(number == busy) for number in range(3)]  # that of the other call is still there


def test_calls_to_all_and_to_one_do_not_take_each_others_answers(group: Group) -> None:
    """One counter for the namespace (PROTOCOL 9-50)."""
    many = group.call()
    one = group.rig.start(group.sockets[0].call("y"))
    group.answer(0, '431["one"]')
    assert (one.result, many.is_done) == ("one", False)
    for number in range(3):
        group.answer(number, f"430[{number}]")
    assert many.result == [0, 1, 2]


@pytest.mark.parametrize("end", ["answer", "time", "leaving"])
def test_acks_that_somebody_else_waits_for_are_left_alone(group: Group, end: str) -> None:
    """Who uses the engine directly settles its acks itself."""
    socket, client = group.sockets[0], group.clients[0]
    mine = object()
    member_of(socket).emit_with_ack("x", (), timeout_s=1.0, context=mine, now=group.rig.now)
    if end == "time":
        group.rig.wait(1.0)
    else:
        group.rig.send(client, "430[]" if end == "answer" else "41")
    assert member_of(socket).pending_acks == {}
    assert group.rig.logged == []
    assert [task.error for task in group.rig.runtime.tasks if task.error is not None] == []


class Unprintable:
    """No text at all, not even by `str()`."""

    def __str__(self) -> str:
        raise KeyError("no text")

    __repr__ = __str__


@pytest.mark.parametrize("kind", ["message", "data"])
def test_a_refusal_that_cannot_be_put_into_words_is_one_all_the_same(kind: str) -> None:
    rig = AppRig()

    @rig.io.use
    def refuse(socket: Socket) -> None:
        refusal = ConnectRefused("no")
        setattr(refusal, kind, Unprintable())
        raise refusal

    text = "no" if kind == "data" else "Internal server error"
    assert rig.send(rig.open(), "40") == [f'4{{"message":"{text}"}}']
    assert rig.logged == ["message or data of the refusal cannot be sent"]
    assert {task.error for task in rig.runtime.tasks} == {None}
