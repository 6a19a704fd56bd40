"""Handlers work so long in a round; those whose events take long have a line, and some are called up in each."""

from __future__ import annotations

import pytest

from socketio_core.app.flow import Flow
from socketio_core.app.room import Room
from socketio_core.app.rounds import LONG_S, LOOK_EVENTS, ROUND_S, Rounds, Timing
from socketio_core.app.worker import Inbox
from socketio_core.settings import SocketSettings
from socketio_core.testing import FakeClock
from tests.app.hand_runtime import Cancelled, HandEvent, HandRuntime, Task
from tests.app.test_flow import Line


class Taking(Inbox[float]):
    """Takes as long for an event as it says, and notes whose it was."""

    def __init__(self, place: Place, name: str) -> None:
        flow = Flow(place.runtime, Line(), SocketSettings())
        super().__init__(place.runtime, flow, room=place.room)
        self._place = place
        self._name = name

    async def handle(self, event: float) -> None:
        self._place.runtime.clock.now += event
        self._place.handled += self._name


class Place:
    def __init__(self, *, is_timed: bool = True) -> None:
        self.runtime = HandRuntime(FakeClock())
        self.room = Room()
        self.handled = ""
        if is_timed:
            self.room.rounds.begin()

    def send(self, name: str, *events: float) -> Taking:
        inbox = Taking(self, name)
        self.more(inbox, *events)
        return inbox

    def more(self, inbox: Taking, *events: float) -> None:
        for event in events:
            if inbox.put(event, 1):
                self.runtime.spawn(inbox.work)

    def rounds(self, most: int = 1000) -> list[str]:
        """Return who is handled in each round, as an event loop goes through tasks."""
        found: list[str] = []
        while most and (self.runtime.ready or not found or self.room.rounds.is_crowded):
            self.room.rounds.begin()
            for _ in range(len(self.runtime.ready)):
                self.runtime.run_one()
            found.append(self.handled)
            self.handled = ""
            most -= 1
        return found


def test_who_sends_much_that_takes_long_gives_way_to_others() -> None:
    place = Place()
    place.send("a", *[2 * ROUND_S] * 3)
    place.send("b", *[2 * ROUND_S] * 2)
    place.send("n", 0.0, 0.0)
    assert place.rounds(1) == ["abnn"]
    place.send("n", 0.0)
    assert place.rounds() == ["an", "b", "a", ""]


def test_those_in_line_are_called_in_turn() -> None:
    place = Place()
    for name in "abc":
        place.send(name, *[2 * ROUND_S] * 4)
    assert place.rounds() == ["abc", *"abcabcabc", ""]


def test_what_takes_little_is_handled_whatever_the_time() -> None:
    place = Place()
    place.send("a", *[LONG_S / 2] * 5 * LOOK_EVENTS, *[2 * LONG_S] * 5 * LOOK_EVENTS)
    first, *others = place.rounds()
    assert 5 < len(first) / LOOK_EVENTS < 7
    assert max(map(len, others)) <= ROUND_S / LONG_S / 2 + 2


def test_who_took_long_once_is_looked_at_again_though_only_one_comes_at_a_time() -> None:
    place = Place()
    new = place.send("n", *[2 * LONG_S] * 2)
    place.rounds()
    for name in "ab":
        place.send(name, *[2 * ROUND_S] * 9)
    place.rounds(2)
    place.more(new, 0.0)
    assert "n" not in place.rounds(1)[0]
    assert "n" in "".join(place.rounds(2))
    place.more(new, 0.0)
    assert "n" in place.rounds()[0]


def test_who_begins_with_what_takes_little_is_looked_at_in_the_end() -> None:
    place = Place()
    burst = [0.0, *[2 * ROUND_S] * LOOK_EVENTS]
    inboxes = [place.send(name, *burst) for name in "abc"]
    place.rounds()
    for inbox in inboxes:
        place.more(inbox, *burst)
    assert all(len(set(each)) < 2 for each in place.rounds())


def test_nothing_is_timed_where_nobody_tells_of_rounds() -> None:
    place = Place(is_timed=False)
    place.send("a", *[ROUND_S] * 3)
    place.runtime.run_one()
    assert place.handled == "aaa"
    rounds = Rounds()
    rounds.note(2 * ROUND_S)
    assert not rounds.is_crowded


def waiting(rounds: Rounds, runtime: HandRuntime, count: int) -> list[Task]:
    tasks = [runtime.start(rounds.turn(runtime, ROUND_S)) for _ in range(count)]
    runtime.run_ready()
    return tasks


class Incomparable(HandEvent):
    """Fails if it is compared, as each is with each where a line is searched."""

    __hash__ = HandEvent.__hash__

    def __eq__(self, other: object) -> bool:
        raise AssertionError(other)


class LineRuntime(HandRuntime):
    def new_event(self) -> HandEvent:
        return Incomparable(self)


def test_nobody_looks_through_the_line() -> None:
    runtime, rounds = LineRuntime(FakeClock()), Rounds()
    first, second, third = waiting(rounds, runtime, 3)
    rounds.begin()
    runtime.cancel(third)
    runtime.run_ready()
    assert [first.is_done, second.is_done, third.is_done] == [True, False, True]
    assert [first.error, type(third.error)] == [None, Cancelled]


def test_who_takes_less_than_a_round_has_no_more_of_it() -> None:
    place = Place()
    timing = Timing(place.room.rounds, place.runtime.now)
    timing.begin()
    place.runtime.clock.now += 2 * LONG_S
    timing.look()
    assert timing.work_s(3) == pytest.approx(6 * LONG_S)


def test_who_is_called_when_the_time_is_over_keeps_its_place() -> None:
    async def work(name: str) -> None:
        await rounds.turn(runtime, ROUND_S / 8)
        done.append(name)
        rounds.note(2 * ROUND_S)

    runtime, rounds = HandRuntime(FakeClock()), Rounds()
    done: list[str] = []
    for name in "abcd":
        runtime.start(work(name))
    runtime.run_ready()
    for count in range(1, 5):
        flushes = runtime.flushes
        rounds.begin()
        runtime.run_ready()
        assert "".join(done) == "abcd"[:count]
        assert (runtime.flushes > flushes) is (count < 4)
    rounds.begin()
    assert not rounds.is_crowded


def test_who_is_cancelled_in_line_holds_nobody_up() -> None:
    runtime, rounds = HandRuntime(FakeClock()), Rounds()
    first, second, third = waiting(rounds, runtime, 3)
    runtime.cancel(first)
    runtime.run_ready()
    rounds.begin()
    flushes = runtime.flushes
    runtime.run_ready()
    assert [first.is_done, second.is_done, third.is_done] == [True, True, False]
    assert runtime.flushes > flushes  # for the third
    rounds.begin()
    runtime.run_ready()
    assert third.is_done
    assert not rounds.is_crowded
