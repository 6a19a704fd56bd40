"""A broadcast that is to be acknowledged: one event tells what came of it. Spec: PROTOCOL 4.6."""

from __future__ import annotations

from math import nan
from typing import Any, Final

import pytest

from socketio_core.errors import LocalProtocolError
from socketio_core.settings import EngineSettings
from socketio_core.socketio import AckReceived, AcksCollected, ConnectionClosed, Left, Member, Selection
from socketio_core.socketio.collection import AckCollection
from socketio_core.testing import WireClient
from tests.socketio.rig import TRANSPORTS, Rig, timer_count

WHO: Final = object()


class Question:
    """Three members, each of whom is asked the same."""

    def __init__(self, transport: str = "websocket", timeout_s: float | None = 5.0, **settings: Any) -> None:
        self.rig = Rig(**settings)
        self.clients: list[WireClient] = []
        self.members: list[Member] = []
        for _ in range(3):
            client, member = self.rig.joined(transport)
            self.clients.append(client)
            self.members.append(member)
        self.rig.events()
        self.timers = timer_count(self.rig.server)
        self.collection = self.ask(timeout_s=timeout_s)
        assert self.collection is not None

    def ask(self, *args: Any, **selection: Any) -> AckCollection | None:
        return self.rig.server.broadcast_with_acks(
            "/", "q", args, Selection(**selection), context=WHO, now=self.rig.now
        )

    @property
    def pending(self) -> list[int]:
        return [len(member.pending_acks) for member in self.members]

    def settled(self) -> list[AcksCollected]:
        """Return what was reported, and who left aside."""
        events = [event for event in self.rig.events() if not isinstance(event, (Left, ConnectionClosed))]
        found = [event for event in events if isinstance(event, AcksCollected)]
        assert len(found) == len(events)
        return found


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("timeout_s", [5.0, None])
def test_answers_are_told_together_in_order_of_arrival(transport: str, timeout_s: float | None) -> None:
    it = Question(transport, timeout_s)
    assert [client.fetch() for client in it.clients] == [['20["q"]']] * 3
    it.clients[2].send('430["c","d"]')
    it.clients[0].send("430[]")
    assert it.settled() == []
    assert it.pending == [0, 1, 0]
    assert repr(it.collection) == "<AckCollection 2 of 3 acks>"
    it.clients[1].send("430[1]")
    assert it.settled() == [AcksCollected([["c", "d"], [], [1]], (), WHO)]
    assert it.pending == [0, 0, 0]
    assert timer_count(it.rig.server) == it.timers


def test_one_timer_is_enough() -> None:
    it = Question()
    assert timer_count(it.rig.server) == it.timers + 1


def test_an_answer_counts_once() -> None:
    it = Question()
    for _ in range(3):
        it.clients[0].send("430[1]")
    assert it.settled() == []
    assert it.pending == [0, 1, 1]


@pytest.mark.parametrize("answers", [0, 1, 2])
def test_the_time_is_up_once(answers: int) -> None:
    it = Question(timeout_s=5.0)
    for number in range(answers):
        it.clients[number].send(f"430[{number}]")
    it.rig.advance(4.999)
    assert it.settled() == []
    it.rig.advance(0.001)
    assert it.settled() == [AcksCollected([[number] for number in range(answers)], tuple(it.members[answers:]), WHO)]
    assert it.pending == [0, 0, 0]
    it.clients[2].send("430[2]")
    it.clients[1].send("41")
    it.rig.advance(5)
    assert it.settled() == []


@pytest.mark.parametrize("way", ["41", "1"])
def test_who_leaves_will_not_answer(way: str) -> None:
    it = Question(timeout_s=None)
    it.clients[0].send("430[1]")
    it.clients[1].send(way)
    assert it.settled() == []
    it.clients[2].send("430[3]")
    assert it.settled() == [AcksCollected([[1], [3]], (it.members[1],), WHO)]


def test_the_last_who_leaves_ends_it_before_it_is_told_to_have_left() -> None:
    it = Question()
    for client in it.clients[:2]:
        client.send("41")
    it.rig.events()
    it.clients[2].send("41")
    assert [type(event) for event in it.rig.events()] == [AcksCollected, Left]
    assert timer_count(it.rig.server) == it.timers


def test_an_answer_on_time_counts_however_late_the_host_looks() -> None:
    """And the other way round: what is due comes before what is received behind it."""
    it = Question(timeout_s=5.0)
    for client in it.clients:
        client.send("430[]")
    it.rig.advance(6)
    assert it.settled() == [AcksCollected([[], [], []], (), WHO)]


@pytest.mark.parametrize("timeout_s", [5.0, None])
def test_what_is_forgotten_reports_nothing(timeout_s: float | None) -> None:
    it = Question(timeout_s=timeout_s)
    it.clients[0].send("430[1]")
    assert it.collection is not None
    for _ in range(2):
        it.collection.forget()
    assert it.pending == [0, 0, 0]
    it.clients[1].send("430[1]")
    it.rig.advance(5)
    assert it.settled() == []
    assert timer_count(it.rig.server) == it.timers


def test_other_acks_of_a_member_are_told_one_by_one() -> None:
    it = Question()
    it.members[0].emit_with_ack("own", [], timeout_s=None, context="own", now=it.rig.now)
    it.clients[0].send('431["mine"]', '430["all"]')
    assert it.rig.events() == [AckReceived(it.members[0], ["mine"], "own")]
    assert it.pending == [0, 1, 1]


NOBODY: Final[list[tuple[str, Selection]]] = [
    ("/", Selection(frozenset())),
    ("/", Selection(frozenset({"nobody"}))),
    ("/gone", Selection()),
]


@pytest.mark.parametrize(("nsp", "selection"), NOBODY)
def test_nobody_is_waited_for_where_nobody_is(nsp: str, selection: Selection) -> None:
    rig = Rig()
    rig.joined()
    rig.events()
    timers = timer_count(rig.server)
    assert rig.server.broadcast_with_acks(nsp, "q", [], selection, context=WHO, now=rig.now) is None
    assert timer_count(rig.server) == timers
    assert rig.events() == []


def test_only_those_who_are_reached_are_asked() -> None:
    """A volatile question is not sent to who must wait, so no answer can come from there."""
    it = Question()
    for client in it.clients:
        client.fetch()
    it.members[2].emit("first", [])
    asked = it.ask(volatile=True)
    assert asked is not None
    assert list(asked.members) == it.members[:2]
    assert it.pending == [2, 2, 1]


@pytest.mark.parametrize("compress", [True, False])
def test_it_is_compressed_as_it_is_told(compress: bool) -> None:  # noqa: FBT001 - given by name
    it = Question()
    it.clients[0].fetch()
    assert it.clients[0].websocket is not None
    it.ask(compress=compress)
    assert [message.compress for message in it.clients[0].websocket.carrier.take()] == [compress]


@pytest.mark.parametrize("timeout_s", [-1, nan, "1", True])
def test_what_is_no_time_is_refused(timeout_s: Any) -> None:
    it = Question()
    with pytest.raises(LocalProtocolError, match="timeout must be a number"):
        it.ask(timeout_s=timeout_s)
    check_unchanged(it)


def test_what_cannot_be_sent_is_refused() -> None:
    it = Question()
    for wrong in (object(), "x" * EngineSettings().max_buffered_bytes):
        with pytest.raises(LocalProtocolError):
            it.ask(wrong)
    check_unchanged(it)


def test_one_member_who_is_asked_too_much_keeps_all_from_being_asked() -> None:
    it = Question(max_outstanding_acks=2)
    it.members[1].emit_with_ack("own", [], timeout_s=None, context="own", now=it.rig.now)
    it.clients[1].fetch()
    with pytest.raises(LocalProtocolError, match="too many outstanding acks, max_outstanding_acks: 2"):
        it.ask()
    check_unchanged(it, [1, 2, 1])


def check_unchanged(it: Question, pending: list[int] | None = None) -> None:
    """Nothing was sent but the first question, and nobody is waited for but about that."""
    assert it.pending == (pending or [1, 1, 1])
    assert [client.fetch() for client in (it.clients[0], it.clients[2])] == [['20["q"]']] * 2
    assert timer_count(it.rig.server) == it.timers + 1


def test_an_answer_that_is_not_taken_is_none() -> None:
    it = Question()
    assert it.collection is not None
    offered: list[tuple[Member, int]] = []

    def take(member: Member, size_bytes: int) -> bool:
        offered.append((member, size_bytes))
        return member is not it.members[1]

    it.collection.takes = take
    for client in it.clients:
        client.send('430["answer"]')
    assert it.settled() == [AcksCollected([["answer"], ["answer"]], (it.members[1],), WHO)]
    assert offered == [(member, len('30["answer"]')) for member in it.members]
