"""Handlers work so long in a round; those whose events take long have a line, and some are called up in each."""

from __future__ import annotations

from contextvars import Context, ContextVar
from math import inf
from typing import Final

import pytest

from socketio_core.app.flow import Flow
from socketio_core.app.room import SMALL_BYTES, Room
from socketio_core.app.rounds import LONG_ROUND_S, LONG_S, LOOK_EVENTS, ROUND_S, WATCHED_ROUNDS, Rounds, Timing
from socketio_core.app.worker import Inbox
from socketio_core.settings import SocketSettings
from socketio_core.testing import FakeClock
from tests.app.hand_runtime import Cancelled, HandEvent, HandRuntime, Task
from tests.app.test_flow import Line

ANY: Final = ContextVar[int]("ANY")


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


class LookedAt(HandRuntime):
    """Counts how often somebody has looked at the clock."""

    looks = 0

    def now(self) -> float:
        self.looks += 1
        return super().now()


class Place:
    """Where events are handled.

    Args:
        is_timed: somebody tells when rounds begin.
        tells_time: and what the time is then.
        limit_bytes: of the room.
    """

    def __init__(self, *, is_timed: bool = True, tells_time: bool = False, limit_bytes: float = inf) -> None:
        self.runtime = LookedAt(FakeClock())
        self.room = Room(limit_bytes)
        self.handled = ""
        self._tells_time = tells_time
        if is_timed:
            self._begin()

    def _begin(self) -> None:
        self.room.rounds.begin(self.runtime.clock.now if self._tells_time else None)

    def send(self, name: str, *events: float, size_bytes: int = 1) -> Taking:
        inbox = Taking(self, name)
        self.more(inbox, *events, size_bytes=size_bytes)
        return inbox

    def more(self, inbox: Taking, *events: float, size_bytes: int = 1) -> None:
        for event in events:
            if inbox.put(event, size_bytes):
                self.runtime.spawn(inbox.work)

    def be_calm(self) -> None:
        """Let rounds pass that are short, until nobody looks any more."""
        for _ in range(WATCHED_ROUNDS):
            self.runtime.clock.now += LONG_ROUND_S * 0.99
            self._begin()

    def rounds(self, most: int = 1000) -> list[str]:
        """Return who is handled in each round, as an event loop goes through tasks."""
        found: list[str] = []
        while most and (self.runtime.ready or not found or self.room.rounds.is_crowded):
            self._begin()
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


@pytest.mark.parametrize("has_variables", [True, False])
def test_those_in_line_are_called_in_turn(*, has_variables: bool) -> None:
    """Though a program sets no context variables, as most: a `Context` without any is as good as `False`."""

    def rounds() -> list[str]:
        if has_variables:
            ANY.set(1)
        place = Place()
        for name in "abc":
            place.send(name, *[2 * ROUND_S] * 4)
        return place.rounds()

    assert Context().run(rounds) == ["abc", *"abcabcabc", ""]


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


def test_who_sends_one_at_a_time_is_looked_at_when_a_round_was_long() -> None:
    place = Place(tells_time=True)
    place.be_calm()
    late = {name: place.send(name, 2 * ROUND_S) for name in "abc"}
    new = place.send("n", 0.0)
    assert place.rounds(1) == ["abcn"]  # nobody has looked, for rounds were short
    for at in range(3 * WATCHED_ROUNDS):
        for name in "abc" if at % 3 else "cba":
            if late[name].newest is None:
                place.more(late[name], 2 * ROUND_S)
        place.more(new, 0.0)
        (handled,) = place.rounds(1)
        assert "n" in handled
        assert at == 0 or len(handled) <= 2


def test_who_hides_what_takes_long_behind_what_does_not_is_found_when_a_round_was_long() -> None:
    place = Place(tells_time=True)
    place.be_calm()
    burst = [0.0, *[2 * ROUND_S] * LOOK_EVENTS]
    for name in "abc":
        place.send(name, *burst, *burst)
    first, second, *others = place.rounds()
    assert len(first) > LOOK_EVENTS
    assert len(second) <= 3
    assert max(map(len, others)) <= 2


def test_nobody_looks_at_the_clock_while_rounds_are_short() -> None:
    place = Place(tells_time=True)
    inbox = place.send("a", 0.0)
    place.rounds()
    place.be_calm()
    looks = place.runtime.looks
    for _ in range(WATCHED_ROUNDS):
        place.more(inbox, 0.0)
        place.rounds()
    assert place.runtime.looks == looks
    place.runtime.clock.now += 2 * LONG_ROUND_S
    place.rounds(1)
    place.more(inbox, 0.0)
    place.rounds()
    assert place.runtime.looks > looks


def test_those_who_get_room_at_once_have_a_line_all_the_same() -> None:
    place = Place(limit_bytes=1_000_000)
    inboxes = {name: place.send(name, *[2 * ROUND_S] * 2) for name in "abcd"}
    place.rounds()
    place.room.held_bytes += 900_000
    for inbox in inboxes.values():
        place.more(inbox, 2 * ROUND_S, size_bytes=2 * SMALL_BYTES)
    assert place.rounds() == [""]
    place.room.give_back(900_000)
    assert place.rounds(2) == ["a", "b"]
    waiting_still = [task for task in place.runtime.tasks if not task.is_done]
    place.runtime.cancel(waiting_still[0])
    assert "".join(place.rounds()) == "d"
    assert place.room.held_bytes == 0


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
    timing.left -= 1
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
