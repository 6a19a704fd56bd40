"""Deadlines of many machines in one heap, without keeping what was cancelled alive."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
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


class Timer(Generic[_T]):
    """What stands in a `TimerQueue`, again and again if it is moved; `cancel()` frees its item at once."""

    __slots__ = ("_queue", "at", "item", "lane", "sequence")

    at: float
    item: _T | None
    lane: Lane[_T] | None
    sequence: int  # of its entry; any other is a shell

    def __init__(self, queue: TimerQueue[_T]) -> None:
        self._queue = queue  # which sets the rest

    def move(self, at: float, item: _T, lane: Lane[_T] | None = None) -> None:
        """Be due at another time, or once more: the same as a new timer in its place, of layer 0."""
        queue = self._queue
        if self.item is not None:
            self.sequence = 0
            queue.note_cancelled(self.lane)
        queue.put(self, at, item, 0, lane)

    def cancel(self) -> None:
        """Forget the timer; a second call does nothing."""
        if self.item is not None:
            self.item = None
            self.sequence = 0
            self._queue.note_cancelled(self.lane)


_Entry = tuple[float, int, int, Timer[_T], "Lane[_T] | None"]


class Lane(Generic[_T]):
    """Timers that are set for the same span of time, so the first to be set is the first to be due: they stand in line.

    The first is in the heap, for all of them; so the heap is small and their number costs nothing. One that does not
    fit behind the last is in the heap by itself.

    Attributes:
        entries: those behind the first, in order.
        is_led: there is a first, which may be a shell.
        last_at: when the last is due.
    """

    __slots__ = ("entries", "is_led", "last_at")

    def __init__(self) -> None:
        self.entries: deque[_Entry[_T]] = deque()
        self.is_led = False
        self.last_at = -inf


class TimerQueue(Generic[_T]):
    """A queue of `(deadline, item)`.

    Cancelled entries stay where they are as empty shells until they come to the front or outnumber the living, so that
    a million short-lived timers with far deadlines (ack time-outs, heartbeats of clients that left) hold no memory.

    Attributes:
        due_at: the earliest deadline, so one comparison tells that there is nothing to do; `inf` when it is empty.
    """

    def __init__(self) -> None:
        self.due_at = inf
        self._heap: list[_Entry[_T]] = []
        self._lanes: list[Lane[_T]] = []
        self._sequence = 0
        self._cancelled = 0  # how many entries are shells

    def __len__(self) -> int:
        return self._entry_count - self._cancelled

    @property
    def _entry_count(self) -> int:
        return len(self._heap) + sum([len(lane.entries) for lane in self._lanes])

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
        self.put(timer, at, item, layer, lane)
        return timer

    def put(self, timer: Timer[_T], at: float, item: _T, layer: int, lane: Lane[_T] | None) -> None:
        """Add a timer; called by the timer."""
        self._sequence = sequence = self._sequence + 1
        if lane is not None and at < lane.last_at:
            lane = None
        timer.at = at
        timer.item = item
        timer.lane = lane
        timer.sequence = sequence
        entry = (at, layer, sequence, timer, lane)
        if lane is not None:
            lane.last_at = at
            if lane.is_led:
                lane.entries.append(entry)
                return
            lane.is_led = True
        heappush(self._heap, entry)
        if at < self.due_at:
            self.due_at = at

    @property
    def next_deadline(self) -> float | None:
        """The earliest deadline, or `None` when nothing is scheduled."""
        return None if self.due_at == inf else self.due_at

    def pop_due(self, now: float) -> _T | None:
        """Remove and return the earliest item whose deadline is at or before `now`, else `None`."""
        heap = self._heap
        if not heap or self.due_at > now:
            return None
        _, _, _, timer, lane = heappop(heap)
        item, timer.item = timer.item, None
        if lane is not None:
            self._lead(lane)
        if heap and heap[0][2] == heap[0][3].sequence:  # most often
            self.due_at = heap[0][0]
        else:
            self._drop_cancelled()
        return item

    def _lead(self, lane: Lane[_T]) -> None:
        """Let the next one in a lane be its first."""
        entries = lane.entries
        if entries and entries[0][2] != entries[0][3].sequence:
            self._drop_shells(lane)
        if entries:
            heappush(self._heap, entries.popleft())
        else:
            lane.is_led = False
            lane.last_at = -inf

    def _drop_shells(self, lane: Lane[_T]) -> None:
        entries = lane.entries
        while entries and entries[0][2] != entries[0][3].sequence:
            entries.popleft()
            self._cancelled -= 1

    def _drop_cancelled(self) -> None:
        heap = self._heap
        while heap and heap[0][2] != heap[0][3].sequence:
            lane = heappop(heap)[4]
            self._cancelled -= 1
            if lane is not None:
                self._lead(lane)
        self.due_at = heap[0][0] if heap else inf

    def note_cancelled(self, lane: Lane[_T] | None) -> None:
        """Count a timer that was cancelled; called by the timer."""
        self._cancelled += 1
        if lane is not None:
            self._drop_shells(lane)  # who answers does so in order, most often
        if self._cancelled > _COMPACT_ABOVE and self._cancelled * 2 > self._entry_count:
            self._compact()
        elif self._heap[0][2] == self._heap[0][3].sequence:  # most often it was not the earliest
            return
        self._drop_cancelled()

    def _compact(self) -> None:
        """Throw all shells out."""
        self._heap = [entry for entry in self._heap if entry[2] == entry[3].sequence]
        heapify(self._heap)
        leading = [lane for *_, lane in self._heap if lane is not None]
        for lane in self._lanes:
            lane.entries = deque([entry for entry in lane.entries if entry[2] == entry[3].sequence])
            if lane not in leading:
                self._lead(lane)
        self._cancelled = 0


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
