"""A broadcast that is acknowledged: one answer from each, or what came of them. Spec: PROTOCOL 4.6."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from math import inf, nan
from typing import Any, Final

import pytest

from socketio_core import Server
from socketio_core.app import AckTimeout, Socket
from socketio_core.errors import LocalProtocolError
from socketio_core.testing import WireClient
from tests.app.hand_runtime import Cancelled, Task
from tests.app.rig import AppRig, flow_of, member_of
from tests.socketio.rig import TRANSPORTS, drain, timer_count

QUESTION: Final = '20["question",1]'


class Survey(AppRig):
    """Three clients, and a question to all of them under way."""

    def __init__(self, transport: str = "websocket", timeout: float = 5.0) -> None:
        super().__init__()
        self.clients: list[WireClient] = []
        self.sockets: list[Socket] = []
        for _ in range(3):
            client, socket = self.connect(client=self.open(transport))
            self.clients.append(client)
            self.sockets.append(socket)
        self.task: Task = self.start(self.io.call("question", 1, timeout=timeout))

    def answer(self, number: int, frame: str) -> None:
        self.clients[number].send(frame)
        self.run()

    @property
    def pending(self) -> list[int]:
        """How many acks each socket is waited for."""
        return [len(member_of(socket).pending_acks) for socket in self.sockets]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_everyone_answers(transport: str) -> None:
    survey = Survey(transport)
    assert [client.fetch() for client in survey.clients] == [[QUESTION]] * 3
    survey.answer(2, '430["c","d"]')
    survey.answer(0, "430[]")
    assert survey.pending == [0, 1, 0]
    survey.answer(1, "430[1]")
    assert survey.task.result == [("c", "d"), None, 1]
    assert survey.pending == [0, 0, 0]
    assert timer_count(survey.server) == 0


def test_an_answer_counts_once() -> None:
    survey = Survey()
    for _ in range(3):
        survey.answer(0, "430[1]")
    assert not survey.task.is_done
    assert survey.pending == [0, 1, 1]


@pytest.mark.parametrize("answers", [0, 1, 2])
def test_those_that_came_in_time_are_told(answers: int) -> None:
    survey = Survey(timeout=5.0)
    for number in range(answers):
        survey.answer(number, f"430[{number}]")
    survey.wait(4.999)
    assert not survey.task.is_done
    survey.wait(0.001)
    assert isinstance(survey.task.error, AckTimeout)
    assert str(survey.task.error) == f"{3 - answers} of 3 acks did not come"
    assert survey.task.error.responses == list(range(answers))
    assert survey.pending == [0, 0, 0]
    survey.answer(2, "430[2]")  # too late, and harmless


def test_who_leaves_will_not_answer() -> None:
    survey = Survey(timeout=60.0)
    survey.answer(0, "430[1]")
    survey.answer(1, "41")
    assert survey.pending == [0, 0, 1]
    survey.answer(2, "430[3]")
    assert isinstance(survey.task.error, AckTimeout)
    assert survey.task.error.responses == [1, 3]


def test_a_cancelled_call_frees_all_acks() -> None:
    survey = Survey()
    survey.answer(0, "430[1]")
    survey.runtime.cancel(survey.task)
    survey.run()
    assert isinstance(survey.task.error, Cancelled)
    assert survey.pending == [0, 0, 0]
    assert timer_count(survey.server) == 0


def test_a_call_that_begins_cancelled_asks_nobody() -> None:
    survey = Survey()
    task = survey.runtime.start(survey.io.call("another"))
    survey.runtime.cancel(task)
    survey.run()
    assert isinstance(task.error, Cancelled)
    assert survey.pending == [1, 1, 1]


@pytest.mark.parametrize("rooms", [[], "nobody", ["nobody", "either"]])
def test_nobody_answers_at_once(rooms: Any) -> None:
    rig = AppRig()
    rig.connect()
    switches = rig.runtime.switches
    assert rig.start(rig.io.to(rooms).call("question")).result == []
    assert rig.start(rig.io.of("/empty").call("question")).result == []
    assert rig.runtime.switches == switches


TIMED: Final[list[tuple[Callable[[Server], Coroutine[Any, Any, Any]], float]]] = [
    (lambda io: io.call("q"), 5.0),
    (lambda io: io.timeout(1).call("q"), 1.0),
    (lambda io: io.of("/").timeout(9.0).call("q"), 9.0),
    (lambda io: io.timeout(1).timeout(2).call("q"), 2.0),
    (lambda io: io.timeout(1).call("q", timeout=3), 3.0),
    (lambda io: io.to("a").timeout(1).to("b").except_("c").volatile.local.compress(False).call("q"), 1.0),  # noqa: FBT003
]


@pytest.mark.parametrize(("call", "timeout"), TIMED)
def test_an_operator_keeps_how_long_to_wait(call: Callable[[Server], Coroutine[Any, Any, Any]], timeout: float) -> None:
    rig = AppRig()
    _, socket = rig.connect()
    socket.join("a")
    task = rig.start(call(rig.io))
    rig.wait(timeout - 0.001)
    assert not task.is_done
    rig.wait(0.001)
    assert isinstance(task.error, AckTimeout)


@pytest.mark.parametrize("endless", [None, inf])
def test_an_operator_may_wait_as_long_as_it_takes(endless: float | None) -> None:
    rig = AppRig()
    client, _ = rig.connect()
    operator = rig.io.timeout(endless)
    tasks = [rig.start(operator.call("q")), rig.start(rig.io.timeout(1).call("q", timeout=endless))]
    rig.wait(15)
    client.send("3")
    assert not any(task.is_done for task in tasks)
    rig.send(client, "41")
    assert [type(task.error) for task in tasks] == [AckTimeout] * 2


@pytest.mark.parametrize("wrong", ["1", -1, nan, True, [1]])
def test_what_is_no_time_is_refused_at_once(wrong: Any) -> None:
    rig = AppRig()
    client, _ = rig.connect()
    for whose in (rig.io, rig.io.sockets, rig.io.to("a")):
        with pytest.raises(LocalProtocolError, match="timeout must be a number of seconds"):
            whose.timeout(wrong)
        with pytest.raises(LocalProtocolError, match="timeout must be a number of seconds"):
            rig.result_of(whose.call("q", timeout=wrong))
    assert drain(client) == []


@pytest.mark.parametrize("timeout", [1.0, 9.0])
def test_the_time_is_the_callers(timeout: float) -> None:
    """For a namespace, and for those that were chosen."""
    survey = Survey(timeout=timeout)
    chosen = survey.start(survey.io.to(survey.sockets[0].id).call("question", 1, timeout=timeout))
    survey.wait(timeout - 0.001)
    assert [survey.task.is_done, chosen.is_done] == [False, False]
    survey.wait(0.001)
    assert [type(task.error) for task in (survey.task, chosen)] == [AckTimeout, AckTimeout]


# -- all arguments, and who is missing ---------------------------------------------------------------------------------


def test_all_arguments_of_each_answer() -> None:
    survey = Survey()
    task = survey.start(survey.io.emit_with_ack("question", 1))
    for number, answer in enumerate(("[]", "[null]", '["c","d"]')):
        survey.answer(number, f"431{answer}")
    assert task.result == [[], [None], ["c", "d"]]


@pytest.mark.parametrize("is_call", [False, True])
def test_who_did_not_answer_is_named_beside_what_came(is_call: bool) -> None:  # noqa: FBT001 - a row
    """Those that left first, then those that were late."""
    survey = Survey()
    operator = survey.io.timeout(2)
    task = survey.start(operator.call("q") if is_call else operator.emit_with_ack("q"))
    survey.answer(1, '431["b",2]')
    survey.answer(2, "41")
    survey.wait(2)
    error = task.error
    assert isinstance(error, AckTimeout)
    assert error.responses == ([("b", 2)] if is_call else [["b", 2]])
    assert error.missing == [survey.sockets[2].id, survey.sockets[0].id]
    assert str(error) == "2 of 3 acks did not come"


def test_a_family_is_asked_at_once_and_answers_together() -> None:
    rig = AppRig()
    family = rig.io.of(re.compile("/a.*"))
    people = [rig.connect(nsp) for nsp in ("/a1", "/a2", "/a2")]
    task = rig.start(family.timeout(3).call("q"))
    questions = [str(client.fetch()[0]) for client, _ in people]
    assert questions == ['2/a1,0["q"]', '2/a2,0["q"]', '2/a2,0["q"]']
    rig.wait(2.5)
    rig.send(people[1][0], "43/a2,0[2]")
    rig.wait(0.5)
    error = task.error
    assert isinstance(error, AckTimeout), "no child waits longer than the first"
    assert (error.responses, error.missing) == ([2], [people[0][1].id, people[2][1].id])
    assert all(not member_of(socket).pending_acks for _, socket in people)
    assert rig.start(rig.io.of(re.compile("/nobody.*")).call("q")).result == []


def test_a_family_whose_second_child_cannot_be_asked_waits_for_none() -> None:
    rig = AppRig(max_outstanding_acks=1)
    family = rig.io.of(re.compile("/a.*"))
    (_, first), (_, second) = rig.connect("/a1"), rig.connect("/a2")
    rig.start(second.call("q"))
    task = rig.start(family.call("q"))
    assert isinstance(task.error, LocalProtocolError)
    assert not member_of(first).pending_acks
    assert not flow_of(first).is_congested


def test_an_answer_for_which_there_is_no_room_is_missing() -> None:
    rig = AppRig(max_queued_bytes=1_000)
    (client, _), (_, silent) = rig.connect(), rig.connect()
    tasks = [rig.start(rig.io.call("question", timeout=5)) for _ in range(2)]
    for ack_id in range(2):
        client.send(f'43{ack_id}["{"x" * 1_500}"]')
    rig.run()
    rig.advance(5)
    rig.run()
    first, second = (task.error for task in tasks)
    assert isinstance(first, AckTimeout)
    assert isinstance(second, AckTimeout)
    assert (len(first.responses), len(second.responses)) == (1, 0)
    assert silent.id in second.missing
    assert [line[:47] for line in rig.logged] == ["acknowledgements of clients take too much while"]
