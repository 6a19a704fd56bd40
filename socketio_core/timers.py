"""Deadlines of many machines in one heap, without keeping what was cancelled alive."""

from __future__ import annotations

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

    Attributes:
        due_at: the earliest deadline, so one comparison tells that there is nothing to do; `inf` when it is empty.
    """

    def __init__(self) -> None:
        self.due_at = inf
        self._heap: list[tuple[float, int, int, Timer[_T]]] = []
        self._sequence = 0
        self._cancelled = 0

    def __len__(self) -> int:
        return len(self._heap) - self._cancelled

    def schedule(self, at: float, item: _T, *, layer: int = 0) -> Timer[_T]:
        """Add `item`, due at `at` (monotonic seconds); equal deadlines come out in the order of scheduling.

        Those of a lower `layer` come before: what it has to report is older news than what is made of it.
        """
        timer = Timer(self, at, item)
        self._sequence += 1
        heappush(self._heap, (at, layer, self._sequence, timer))
        self.due_at = min(at, self.due_at)
        return timer

    @property
    def next_deadline(self) -> float | None:
        """The earliest deadline, or `None` when nothing is scheduled."""
        return None if self.due_at == inf else self.due_at

    def pop_due(self, now: float) -> _T | None:
        """Remove and return the earliest item whose deadline is at or before `now`, else `None`."""
        if not self._heap or self.due_at > now:
            return None
        timer = heappop(self._heap)[-1]
        item, timer.item = timer.item, None
        self._drop_cancelled()
        return item

    def _drop_cancelled(self) -> None:
        heap = self._heap
        while heap and heap[0][-1].item is None:
            heappop(heap)
            self._cancelled -= 1
        self.due_at = heap[0][0] if heap else inf

    def note_cancelled(self) -> None:
        """Count a timer that was cancelled; called by the timer."""
        self._cancelled += 1
        if self._cancelled > _COMPACT_ABOVE and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[-1].item is not None]
            heapify(self._heap)
            self._cancelled = 0
        if not self._heap or self._heap[0][-1].item is None:
            self._drop_cancelled()


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
            while (at := self.next_deadline) is not None and at <= now:
                item = self.pop_due(at)
                assert item is not None  # it is due
                self.run(item, at, now)
        finally:
            self._is_catching_up = False


def _run(item: Scheduled, at: float, now: float) -> None:  # noqa: ARG001 - others need it
    item.handle_timeout(at)
