from __future__ import annotations

import gc
from math import inf
from random import Random
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio_core.timers import Agenda, Timer, TimerQueue, earliest
from tests.effort import examples


def test_items_come_out_by_deadline_and_not_before() -> None:
    queue: TimerQueue[str] = TimerQueue()
    queue.schedule(2.0, "second")
    queue.schedule(1.0, "first")
    assert (queue.next_deadline, len(queue)) == (1.0, 2)
    assert queue.pop_due(0.999) is None
    assert queue.pop_due(1.0) == "first"
    assert queue.pop_due(1.0) is None
    assert queue.pop_due(5.0) == "second"
    assert (queue.pop_due(5.0), queue.next_deadline, len(queue)) == (None, None, 0)


def test_equal_deadlines_keep_the_order_of_scheduling() -> None:
    queue: TimerQueue[str] = TimerQueue()
    for item in "abc":
        queue.schedule(1.0, item)
    assert [queue.pop_due(1.0) for _ in range(3)] == ["a", "b", "c"]


def test_cancelled_timer_never_comes_out() -> None:
    queue: TimerQueue[str] = TimerQueue()
    timer = queue.schedule(1.0, "gone")
    queue.schedule(2.0, "stays")
    timer.cancel()
    timer.cancel()
    assert (queue.next_deadline, len(queue)) == (2.0, 1)
    assert queue.pop_due(9.0) == "stays"


def test_cancelling_what_has_come_out_changes_nothing() -> None:
    queue: TimerQueue[str] = TimerQueue()
    timer = queue.schedule(1.0, "done")
    assert queue.pop_due(1.0) == "done"
    timer.cancel()
    assert len(queue) == 0
    queue.schedule(2.0, "next")
    assert len(queue) == 1


class Thing:
    """Something that a timer is for."""


def test_cancelled_timer_holds_nothing() -> None:
    queue: TimerQueue[Thing] = TimerQueue()
    thing = Thing()
    known = ref(thing)
    timer = queue.schedule(1e9, thing)
    del thing
    assert known() is not None
    timer.cancel()
    assert known() is None


def _timer_count() -> int:
    return sum(type(each) is Timer for each in gc.get_objects())


def test_many_cancelled_timers_do_not_pile_up() -> None:
    before = _timer_count()
    queue: TimerQueue[int] = TimerQueue()
    stays = queue.schedule(1e9, -1)
    for number in range(10_000):
        queue.schedule(1e9 + number, number).cancel()
    assert len(queue) == 1
    assert _timer_count() < before + 200
    assert stays.item == -1


def test_order_is_kept_when_cancelled_timers_are_thrown_out() -> None:
    queue: TimerQueue[int] = TimerQueue()
    timers = [queue.schedule(at, at) for at in ((number * 7919) % 1000 for number in range(1000))]
    for timer in timers:
        if timer.at % 3:
            timer.cancel()
    assert len(queue) == 334
    assert [queue.pop_due(1000) for _ in range(335)] == [*range(0, 1000, 3), None]


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=200))
def test_queue_agrees_with_a_sorted_list(script: list[tuple[int, bool]]) -> None:
    queue: TimerQueue[int] = TimerQueue()
    model: list[tuple[int, int]] = []
    timers: list[Timer[int]] = []
    for number, (at, is_cancelled) in enumerate(script):
        timers.append(queue.schedule(at, number))
        if is_cancelled:
            timers[-1].cancel()
        else:
            model.append((at, number))
    model.sort()
    assert queue.next_deadline == (model[0][0] if model else None)
    out: list[int] = []
    while (item := queue.pop_due(20)) is not None:
        out.append(item)
    assert out == [number for _, number in model]


def test_earliest_of_some_deadlines() -> None:
    assert earliest() is earliest(None, None) is None
    assert earliest(2.0, None, 1.0) == 1.0


# -- lanes -----------------------------------------------------------------------------------------------------------


def test_timers_in_lanes_come_out_among_the_others() -> None:
    queue: TimerQueue[str] = TimerQueue()
    short, long = queue.new_lane(), queue.new_lane()
    queue.schedule(1.0, "short, first", lane=short)
    queue.schedule(3.0, "long, first", lane=long)
    queue.schedule(2.0, "alone")
    queue.schedule(2.0, "short, second", lane=short)
    queue.schedule(2.0, "above", layer=1)
    queue.schedule(2.0, "short, third", lane=short)
    queue.schedule(3.5, "long, second", lane=long)
    order = ["short, first", "alone", "short, second", "short, third", "above", "long, first", "long, second", None]
    assert [queue.pop_due(9.0) for _ in order] == order
    assert (queue.next_deadline, len(queue)) == (None, 0)


def test_a_lane_takes_anything_again_when_it_is_empty() -> None:
    """As after one that was set for a time far away."""
    queue: TimerQueue[str] = TimerQueue()
    lane = queue.new_lane()
    queue.schedule(1e9, "far", lane=lane)
    near = queue.schedule(1.0, "near", lane=lane)
    assert near.lane is None
    assert queue.pop_due(1e9) == "near"
    assert queue.pop_due(1e9) == "far"
    again = queue.schedule(2.0, "again", lane=lane)
    assert again.lane is lane
    assert queue.pop_due(2.0) == "again"


def test_a_moved_timer_comes_out_once() -> None:
    queue: TimerQueue[str] = TimerQueue()
    lane = queue.new_lane()
    timer = queue.schedule(1.0, "x", lane=lane)
    timer.move(2.0, "y", lane)
    timer.move(3.0, "z")
    assert (queue.next_deadline, len(queue), timer.at) == (3.0, 1, 3.0)
    assert [queue.pop_due(9.0), queue.pop_due(9.0), timer.item] == ["z", None, None]
    timer.move(4.0, "w", lane)
    assert (queue.next_deadline, len(queue)) == (4.0, 1)
    timer.cancel()
    assert (queue.next_deadline, len(queue), timer.item) == (None, 0, None)


def _entry_count() -> int:
    """How many entries are kept, empty shells among them."""
    return sum(type(each) is tuple and len(each) == 5 and type(each[3]) is Timer for each in gc.get_objects())


@pytest.mark.parametrize("order", ["first to last", "last to first", "the same again and again"])
def test_cancelled_timers_do_not_pile_up_in_lanes(order: str) -> None:
    """Peers that answer, and one that says so all the time."""
    queue: TimerQueue[int] = TimerQueue()
    lane = queue.new_lane()
    before = _entry_count()
    timers = [queue.schedule(float(number), number, lane=lane) for number in range(1000)]
    if order == "the same again and again":
        for number in range(10_000):
            timers[500].move(1000.0 + number, number, lane)
        assert len(queue) == 1000
        assert _entry_count() < before + 2100
        return
    for timer in timers[1:] if order == "first to last" else timers[:0:-1]:
        timer.cancel()
        assert queue.next_deadline == 0.0
    assert len(queue) == 1
    assert _entry_count() < before + 200
    assert [queue.pop_due(1e9), queue.pop_due(1e9)] == [0, None]


@pytest.mark.parametrize("liveliness", [1, 3, 12])
@pytest.mark.parametrize("seed", range(examples(20)))
def test_lanes_agree_with_a_sorted_list(seed: int, liveliness: int) -> None:
    """Whatever is scheduled, moved, cancelled and taken out, by turns; many are cancelled, a few, or nearly none."""
    dice = Random(seed)
    queue: TimerQueue[int] = TimerQueue()
    lanes = [queue.new_lane(), queue.new_lane(), None, None]
    timers: list[Timer[int]] = []
    model: dict[int, tuple[float, int, int]] = {}  # by number: when, in which layer, and as which that was
    acts = ["schedule"] * liveliness + ["pop"] * dice.randint(0, 2) + ["move", "move", "cancel"]
    for turn in range(600):
        act, lane = dice.choice(acts), dice.choice(lanes)
        at = turn // 4 + dice.choice([5, 5, 20, 20, dice.randrange(40)])
        if act == "schedule" or not timers:
            layer = dice.randrange(2) if lane is None else 0
            model[len(timers)] = (at, layer, turn)
            timers.append(queue.schedule(at, len(timers), layer=layer, lane=lane))
        elif act == "pop":
            first = min(((place, number) for number, place in model.items()), default=((inf, 0, 0), -1))
            expected = first[1] if first[0][0] <= turn // 4 else None
            assert queue.pop_due(turn // 4) == expected
            model.pop(first[1] if expected is not None else -1, None)
        else:
            number = dice.randrange(max(0, len(timers) - 100), len(timers))
            if act == "move":
                timers[number].move(at, number, lane)
                model[number] = (at, 0, turn)
            else:
                timers[number].cancel()
                model.pop(number, None)
        assert len(queue) == len(model)
        assert queue.next_deadline == min((at for at, _, _ in model.values()), default=None)
    assert [number for number, timer in enumerate(timers) if timer.item is not None] == sorted(model)
    assert [queue.pop_due(inf) for _ in range(len(model) + 1)] == [*sorted(model, key=model.__getitem__), None]


class _Nosy:
    """Asks the agenda to go on, in the midst of what is due."""

    def __init__(self, agenda: Agenda, name: str, log: list[str]) -> None:
        self._agenda, self._name, self._log = agenda, name, log

    def handle_timeout(self, now: float) -> None:
        self._log.append(f"{self._name} begins")
        self._agenda.catch_up(now + 10)
        self._log.append(f"{self._name} ends")


def test_what_is_due_is_done_one_after_another() -> None:
    agenda, log = Agenda(), list[str]()
    for at, name in enumerate("ab"):
        agenda.schedule(at, _Nosy(agenda, name, log))
    agenda.catch_up(5.0)
    assert log == ["a begins", "a ends", "b begins", "b ends"]
