"""`Inbox`: what waits for handlers is handled in order, counted, and by as many workers as may be."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar, copy_context
from math import inf
from typing import Final

import pytest

from socketio_core.app.flow import Flow
from socketio_core.app.room import Room
from socketio_core.app.worker import TOLD_LIKE_EVENT, TURN_EVENTS, Inbox
from socketio_core.settings import SocketSettings
from socketio_core.testing import FakeClock
from tests.app.hand_runtime import HandEvent, HandRuntime
from tests.app.test_flow import Line

NAME: Final[ContextVar[str]] = ContextVar("NAME", default="nobody")


class Noting(Inbox[str]):
    """Notes what it handles; what is in `gates` waits until that is set, what sets its name does so."""

    def __init__(self, runtime: HandRuntime, flow: Flow, concurrency: int = 1, *, room: Room | None = None) -> None:
        super().__init__(runtime, flow, concurrency, room=room)
        self.notes: list[str] = []
        self.gates: dict[str, HandEvent] = {}
        self.names: list[str] = []

    async def handle(self, event: str) -> None:
        self.notes.append(f"{event} begins")
        self.names.append(NAME.get())
        if event.startswith("set"):
            NAME.set(event)
        if event in self.gates:
            await self.gates[event].wait()
        if event == "fault":
            raise RuntimeError("of ours")
        self.notes.append(f"{event} ends")


class Bench:
    def __init__(self, concurrency: int = 1) -> None:
        self.runtime = HandRuntime(FakeClock())
        self.line = Line()
        self.flow = Flow(self.runtime, self.line, SocketSettings())
        self.room = Room(inf)
        self.inbox = Noting(self.runtime, self.flow, concurrency, room=self.room)

    def put(self, event: str, size_bytes: int | None = None) -> bool:
        """Put something in, with a task if it is asked for."""
        needs_work = self.inbox.put(event, size_bytes)
        if needs_work:
            self.runtime.spawn(self.inbox.work)
        return needs_work

    def gate(self, event: str) -> HandEvent:
        """Have `event` wait for what is returned."""
        self.inbox.gates[event] = self.runtime.new_event()
        return self.inbox.gates[event]

    def is_behind(self) -> bool:
        """Whether the client was told to be weighed exactly."""
        return self.line.is_behind

    @property
    def counted(self) -> tuple[int, int]:
        return self.flow.queued_count, self.flow.queued_bytes

    def take(self) -> list[str]:
        """Let everything happen, and return what was noted since."""
        self.runtime.run_ready()
        notes, self.inbox.notes = self.inbox.notes, []
        return notes


def begun_and_ended(*events: str) -> Iterator[str]:
    return (f"{event} {what}" for event in events for what in ("begins", "ends"))


def test_events_are_handled_one_by_one_in_order_by_whoever_finds_the_inbox_idle() -> None:
    bench = Bench()
    assert [bench.put(event, 1) for event in "abc"] == [True, False, False]
    assert bench.take() == [*begun_and_ended("a", "b", "c")]
    assert bench.put("d", 1)
    assert bench.take() == [*begun_and_ended("d")]


def test_what_comes_while_one_is_handled_is_its_workers_too() -> None:
    bench = Bench()
    gate = bench.gate("a")
    bench.put("a", 1)
    assert bench.take() == ["a begins"]
    assert not bench.put("b", 1)
    assert bench.take() == []
    gate.set()
    assert bench.take() == ["a ends", *begun_and_ended("b")]


def test_events_count_until_they_are_handled_and_moments_do_not() -> None:
    bench = Bench()
    gate = bench.gate("b")
    for event, size_bytes in (("a", 1), ("moment", None), ("b", 10), ("c", 100)):
        bench.put(event, size_bytes)
    assert bench.counted == (3, 111)
    bench.take()
    assert bench.counted == (2, 110)
    gate.set()
    bench.take()
    assert bench.counted == (0, 0)


def test_who_sends_more_while_handlers_wait_is_behind_until_all_is_handled() -> None:
    bench = Bench()
    gate = bench.gate("a")
    bench.put("a", 1)
    bench.take()
    assert not bench.is_behind()  # one that is handled is soon gone
    bench.put("b", 1)
    assert bench.is_behind()
    gate.set()
    bench.take()
    assert not bench.is_behind()
    bench.flow.event_queued(1)  # for who iterates
    bench.put("c", 1)
    bench.take()
    assert bench.is_behind()
    bench.flow.event_handled(1)
    bench.put("d", 1)
    bench.take()
    assert not bench.is_behind()


@pytest.mark.parametrize("size_bytes", [None, 5])
def test_what_could_not_be_handled_does_not_count_and_the_next_is(size_bytes: int | None) -> None:
    bench = Bench()
    bench.put("fault", size_bytes)
    bench.take()
    assert str(bench.runtime.tasks[-1].error) == "of ours"
    assert bench.counted == (0, 0)
    bench.put("next", 1)
    assert bench.take() == [*begun_and_ended("next")]


def test_a_cancelled_worker_leaves_the_rest_to_the_next() -> None:
    bench = Bench()
    bench.gate("a")
    bench.put("a", 1)
    bench.put("b", 2)
    bench.take()
    bench.runtime.cancel(bench.runtime.tasks[-1])
    assert bench.take() == []
    assert bench.counted == (1, 2)
    assert bench.put("c", 3)
    assert bench.take() == [*begun_and_ended("b", "c")]


def test_several_are_handled_at_once_and_a_moment_while_nothing_else_is() -> None:
    bench = Bench(concurrency=2)
    gates = [bench.gate(event) for event in "abc"]
    assert [bench.put(event, 1) for event in "abc"] == [True, True, False]
    assert not bench.put("moment")
    assert bench.take() == ["a begins", "b begins"]
    gates[1].set()
    assert bench.take() == ["b ends", "c begins"]
    gates[0].set()
    assert bench.take() == ["a ends"]  # and its worker has nothing to do: `moment` is for who finishes last
    gates[2].set()
    assert bench.take() == ["c ends", *begun_and_ended("moment")]


def test_all_waits_until_it_is_admitted() -> None:
    bench = Bench(concurrency=0)
    assert [bench.put(event, 1) for event in "abc"] == [False, False, False]
    assert bench.take() == []
    bench.inbox.admit(2)
    assert len(bench.runtime.tasks) == 2
    assert bench.take() == [*begun_and_ended("a", "b", "c")]


@pytest.mark.parametrize("waiting", [0, 1])
def test_nobody_is_called_who_would_find_nothing_to_do(waiting: int) -> None:
    bench = Bench(concurrency=0)
    for _ in range(waiting):
        bench.put("a", 1)
    bench.inbox.admit(4)
    assert len(bench.runtime.tasks) == waiting
    assert bench.take() == [*begun_and_ended(*["a"] * waiting)]


def test_more_are_admitted_while_one_is_handled() -> None:
    bench = Bench()
    gates = [bench.gate(event) for event in "abc"]
    for event in "abcd":
        bench.put(event, 1)
    assert bench.take() == ["a begins"]
    bench.inbox.admit(3)
    assert bench.take() == ["b begins", "c begins"]
    gates[0].set()
    assert bench.take() == ["a ends", *begun_and_ended("d")]


def test_events_that_wait_can_be_dropped_but_no_moment() -> None:
    bench = Bench()
    gate = bench.gate("a")
    for event, size_bytes in (("a", 1), ("b", 10), ("moment", None), ("c", 100)):
        bench.put(event, size_bytes)
    bench.take()
    bench.inbox.drop_events()
    assert bench.counted == (1, 1)
    gate.set()
    assert bench.take() == ["a ends", *begun_and_ended("moment")]
    assert bench.counted == (0, 0)


def test_the_newest_that_waits_can_be_looked_at() -> None:
    bench = Bench()
    newest = [bench.inbox.newest]
    bench.put("a", 1)
    bench.put("b")
    newest.append(bench.inbox.newest)
    bench.take()
    assert [*newest, bench.inbox.newest] == [None, "b", None]


def test_what_is_set_in_a_context_ends_with_its_event() -> None:
    bench = Bench()
    for event in ("set 1", "a", "set 2", "b"):
        bench.put(event, 1)
    assert bench.take() == [*begun_and_ended("set 1", "a", "set 2", "b")]
    assert bench.inbox.names == ["nobody"] * 4
    assert bench.put("c", 1)  # nobody has stayed
    bench.take()


class Array:
    """Has no truth, compared with another, as those of numpy."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("truth value is ambiguous")

    __hash__ = None  # type: ignore[assignment] # as numpy's


ARRAY: Final[ContextVar[Array]] = ContextVar("ARRAY")


def test_what_is_set_may_be_something_that_cannot_be_compared() -> None:
    seen: list[Array] = []

    class Setting(Noting):
        async def handle(self, event: str) -> None:
            seen.append(ARRAY.get())
            ARRAY.set(Array())
            await super().handle(event)

    def run() -> None:
        ARRAY.set(array)
        bench = Bench()
        bench.inbox = Setting(bench.runtime, bench.flow)
        for event in "abc":
            bench.put(event, 1)
        assert bench.take() == [*begun_and_ended("a", "b", "c")]
        assert all(task.error is None for task in bench.runtime.tasks)

    array = Array()
    copy_context().run(run)
    assert all(each is array for each in seen)


def test_after_a_turn_of_one_socket_it_is_the_turn_of_others() -> None:
    bench = Bench()
    for number in range(TURN_EVENTS + 1):
        bench.put(str(number), 1)
    bench.runtime.run_one()
    assert bench.inbox.notes[-1] == f"{TURN_EVENTS - 1} ends"
    bench.runtime.run_one()
    assert bench.inbox.notes[-1] == f"{TURN_EVENTS} ends"


def test_handlers_that_have_told_many_give_way_sooner() -> None:
    bench = Bench()
    for event in "abc":
        bench.put(event, 1)
    bench.room.rounds.told = TURN_EVENTS * TOLD_LIKE_EVENT
    bench.runtime.run_one()
    assert bench.inbox.notes == [*begun_and_ended("a")]
    bench.room.rounds.told = 0  # another round
    bench.runtime.run_one()
    assert bench.inbox.notes == [*begun_and_ended("a", "b", "c")]
