"""Deadlines of many machines in one heap, without keeping what was cancelled alive."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Generic, Protocol, TypeVar

_T = TypeVar("_T")

_COMPACT_ABOVE = 64  # cancelled entries that may lie in the heap before it is worth looking at their share


class Scheduled(Protocol):
    """Something with a deadline."""

    def handle_timeout(self, now: float) -> None:
        """The deadline has come."""


class Timer(Generic[_T]):
    """One entry of a `TimerQueue`; `cancel()` frees its item at once."""

    __slots__ = ("_queue", "at", "item")

    def __init__(self, queue: TimerQueue[_T], at: float, item: _T) -> None:
        self._queue = queue
        self.at = at
        self.item: _T | None = item

    def cancel(self) -> None:
        """Forget the timer; a second call does nothing."""
        if self.item is not None:
            self.item = None
            self._queue.note_cancelled()


class TimerQueue(Generic[_T]):
    """A queue of `(deadline, item)`.

    Cancelled entries stay in the heap as empty shells until they surface or outnumber the living, so that a million
    short-lived timers with far deadlines (ack time-outs, heartbeats of clients that left) hold no memory.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer[_T]]] = []
        self._sequence = 0
        self._cancelled = 0

    def __len__(self) -> int:
        return len(self._heap) - self._cancelled

    def schedule(self, at: float, item: _T) -> Timer[_T]:
        """Add `item`, due at `at` (monotonic seconds); equal deadlines come out in the order of scheduling."""
        timer = Timer(self, at, item)
        self._sequence += 1
        heappush(self._heap, (at, self._sequence, timer))
        return timer

    @property
    def next_deadline(self) -> float | None:
        """The earliest deadline, or `None` when nothing is scheduled."""
        self._drop_cancelled()
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> _T | None:
        """Remove and return the earliest item whose deadline is at or before `now`, else `None`."""
        self._drop_cancelled()
        if not self._heap or self._heap[0][0] > now:
            return None
        timer = heappop(self._heap)[2]
        item, timer.item = timer.item, None
        return item

    def _drop_cancelled(self) -> None:
        heap = self._heap
        while heap and heap[0][2].item is None:
            heappop(heap)
            self._cancelled -= 1

    def note_cancelled(self) -> None:
        """Count a timer that was cancelled; called by the timer."""
        self._cancelled += 1
        if self._cancelled > _COMPACT_ABOVE and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].item is not None]
            heapify(self._heap)
            self._cancelled = 0
