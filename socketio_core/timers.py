"""Deadlines of many machines in one heap, without keeping what was cancelled alive."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from heapq import heapify, heappop, heappush, heapreplace
from math import inf
from typing import Generic, Protocol, TypeVar

_T = TypeVar("_T")

_COMPACT_ABOVE = 64  # cancelled entries that may lie in the heap before it is worth looking at their share


def earliest(*times: float | None) -> float | None:
    """Return the earliest of some deadlines; `None` is never."""
    return min((at for at in times if at is not None), default=None)


class Scheduled(Protocol):
    """Something with a deadline."""

    def handle_timeout(self, now: float) -> None:
        """The deadline has come."""


class Timed(Protocol):
    """Whatever is told the time: engines, sites, and what else has something to do by itself."""

    @property
    def next_deadline(self) -> float | None:
        """When to call `handle_timeout`, in monotonic seconds; `None` when nothing is scheduled."""
        ...

    def handle_timeout(self, now: float) -> None:
        """Do all that is due at `now`. Early, late and repeated calls are fine."""


class Timer(Generic[_T]):
    """What stands in a `TimerQueue`, again and again if it is moved; `cancel()` frees its item at once."""

    __slots__ = ("_queue", "at", "item", "lane", "sequence")

    at: float
    item: _T | None
    lane: Lane[_T] | None
    sequence: int  # of its entry; any other is a shell

    def __init__(self, queue: TimerQueue[_T]) -> None:
        self._queue = queue
        self.item = None  # `move` sets the rest

    def move(self, at: float, item: _T, lane: Lane[_T] | None = None, layer: int = 0) -> None:
        """Be due at another time, or once more: the same as a new timer in its place."""
        queue = self._queue
        if self.item is not None:
            self._leave()
        queue.sequence = sequence = queue.sequence + 1
        if lane is not None and at < lane.last_at:
            lane = None
        self.at = at
        self.item = item
        self.lane = lane
        self.sequence = sequence
        if lane is not None:
            lane.last_at = at
            if lane.is_led:
                lane.followers[self] = None
                return
            lane.is_led = True
        queue.push((at, layer, sequence, self, lane))

    def cancel(self) -> None:
        """Forget the timer; a second call does nothing."""
        if self.item is not None:
            self.item = None
            self._leave()

    def _leave(self) -> None:
        lane = self.lane
        if lane is not None and self in lane.followers:
            del lane.followers[self]
        else:
            self.sequence = 0
            self._queue.note_cancelled()


_Entry = tuple[float, int, int, Timer[_T], "Lane[_T] | None"]


class Lane(Generic[_T]):
    """Timers that are set for the same span of time, so the first to be set is the first to be due: they stand in line.

    The first is in the heap, for all of them; so the heap is small and their number costs nothing. One that does not
    fit behind the last is in the heap by itself.

    Attributes:
        followers: those behind the first, in order.
        is_led: there is a first, which may be a shell.
        last_at: when the last is due.
    """

    __slots__ = ("followers", "is_led", "last_at")

    def __init__(self) -> None:
        self.followers: OrderedDict[Timer[_T], None] = OrderedDict()  # whose first is found, and gone, at once
        self.is_led = False
        self.last_at = -inf


class TimerQueue(Generic[_T]):
    """A queue of `(deadline, item)`.

    Cancelled entries of the heap stay where they are as empty shells until they come to the front or outnumber the
    living, so that a million short-lived timers with far deadlines (ack time-outs) hold no memory.

    Attributes:
        due_at: the earliest deadline, so one comparison tells that there is nothing to do; `inf` when it is empty.
        sequence: of the last timer that was set.
    """

    def __init__(self) -> None:
        self.due_at = inf
        self.sequence = 0
        self._heap: list[_Entry[_T]] = []
        self._lanes: list[Lane[_T]] = []
        self._cancelled = 0  # how many entries are shells

    def __len__(self) -> int:
        return len(self._heap) - self._cancelled + sum([len(lane.followers) for lane in self._lanes])

    def new_lane(self) -> Lane[_T]:
        """Return a line for timers that are all set for the same span of time."""
        lane: Lane[_T] = Lane()
        self._lanes.append(lane)
        return lane

    def schedule(self, at: float, item: _T, *, layer: int = 0, lane: Lane[_T] | None = None) -> Timer[_T]:
        """Add `item`, due at `at` (monotonic seconds); equal deadlines come out in the order of scheduling.

        Those of a lower `layer` come before: what it has to report is older news than what is made of it. Whoever
        stands in a lane is of layer 0.
        """
        timer: Timer[_T] = Timer(self)
        timer.move(at, item, lane, layer)
        return timer

    def push(self, entry: _Entry[_T]) -> None:
        """Put an entry into the heap; called by its timer."""
        heappush(self._heap, entry)
        if entry[0] < self.due_at:
            self.due_at = entry[0]

    @property
    def next_deadline(self) -> float | None:
        """The earliest deadline, or `None` when nothing is scheduled."""
        return None if self.due_at == inf else self.due_at

    def pop_due(self, now: float) -> _T | None:
        """Remove and return the earliest item whose deadline is at or before `now`, else `None`."""
        heap = self._heap
        if not heap or self.due_at > now:
            return None
        _, _, _, timer, lane = heap[0]
        item, timer.item = timer.item, None
        self._drop_first(lane)
        if heap and heap[0][2] == heap[0][3].sequence:  # most often
            self.due_at = heap[0][0]
        else:
            self._drop_cancelled()
        return item

    def _drop_first(self, lane: Lane[_T] | None) -> None:
        """Drop the first of the heap; the next one in its lane is in its place."""
        if lane is None:
            heappop(self._heap)
        elif lane.followers:
            timer, _ = lane.followers.popitem(last=False)
            heapreplace(self._heap, (timer.at, 0, timer.sequence, timer, lane))
        else:
            heappop(self._heap)
            lane.is_led = False
            lane.last_at = -inf

    def _drop_cancelled(self) -> None:
        heap = self._heap
        while heap and heap[0][2] != heap[0][3].sequence:
            self._cancelled -= 1
            self._drop_first(heap[0][4])
        self.due_at = heap[0][0] if heap else inf

    def note_cancelled(self) -> None:
        """Count a shell in the heap; called by the timer."""
        self._cancelled += 1
        if self._cancelled > _COMPACT_ABOVE and self._cancelled * 2 > len(self._heap):
            self._compact()
        elif self._heap[0][2] == self._heap[0][3].sequence:  # most often it was not the earliest
            return
        self._drop_cancelled()

    def _compact(self) -> None:
        """Throw out the shells, but those that lead a lane."""
        self._heap = [entry for entry in self._heap if entry[4] is not None or entry[2] == entry[3].sequence]
        heapify(self._heap)
        self._cancelled = sum([entry[2] != entry[3].sequence for entry in self._heap])


class Agenda(TimerQueue[Scheduled]):
    """All that one server or client has to do at some time, whichever layer it belongs to.

    What is due is done before anything else is judged, however late the host's own timer is: every method that is told
    the time, and that a host can call, begins with

        agenda.catch_up(now)

    or, where a call is too much, with `if agenda.due_at <= now` before it.

    Attributes:
        run: does one item, given it, its deadline and the time; the outermost layer may put its own here.
    """

    def __init__(self) -> None:
        super().__init__()
        self.run: Callable[[Scheduled, float, float], None] = _run
        self._is_catching_up = False

    def catch_up(self, now: float) -> None:
        """Do all that is due at `now`, in the order in which it fell due; nothing while that is being done."""
        if self.due_at > now or self._is_catching_up:
            return
        self._is_catching_up = True
        try:
            while (at := self.due_at) <= now:
                item = self.pop_due(at)
                assert item is not None  # it is due
                self.run(item, at, now)
        finally:
            self._is_catching_up = False


def _run(item: Scheduled, at: float, now: float) -> None:  # noqa: ARG001 - others need it
    item.handle_timeout(at)
