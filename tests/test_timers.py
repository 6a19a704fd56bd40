from __future__ import annotations

import gc
from weakref import ref

from hypothesis import given
from hypothesis import strategies as st

from socketio_core.timers import Timer, TimerQueue, earliest


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
