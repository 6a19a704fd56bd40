"""Waiting for something that others bring about, no longer than until a given time."""

from __future__ import annotations

from collections.abc import Callable

from socketio_core.app.runtime import Event, Runtime
from socketio_core.timers import Scheduled, Timer


class Until:
    """A time after which nobody waits any more.

    Args:
        runtime: whose clock it is.
        schedule: adds a timer to a server's, or a client's.
        at: in monotonic seconds.
    """

    __slots__ = ("_at", "_runtime", "_schedule")

    def __init__(self, runtime: Runtime, schedule: Callable[[float, Scheduled], Timer[Scheduled]], at: float) -> None:
        self._runtime = runtime
        self._schedule = schedule
        self._at = at

    @property
    def left_s(self) -> float:
        """How long it is yet, in seconds; nothing, or less, once it is over."""
        return self._at - self._runtime.now()

    def set_then(self, event: Event) -> Timer[Scheduled]:
        """Set an event when it is over, unless the timer is cancelled first."""
        timer = self._schedule(self._at, _Alarm(event))
        self._runtime.output_ready()  # a deadline may be nearer
        return timer


class Waiters:
    """Several who wait for the same, each with a time of its own. Who was woken must look whether it has come."""

    __slots__ = ("_events",)

    def __init__(self) -> None:
        self._events: dict[Event, None] = {}  # in the order in which they came

    async def wait(self, runtime: Runtime, until: Until | None = None) -> None:
        """Wait until `wake`, or until that time."""
        event = runtime.new_event()
        self._events[event] = None
        timer = None if until is None else until.set_then(event)
        try:
            await event.wait()
        finally:
            self._events.pop(event, None)
            if timer is not None:
                timer.cancel()

    def wake(self) -> None:
        """Let all of them look."""
        events, self._events = self._events, {}
        for event in events:
            event.set()


class _Alarm:
    __slots__ = ("_event",)

    def __init__(self, event: Event) -> None:
        self._event = event

    def handle_timeout(self, now: float) -> None:
        """See `Scheduled`."""
        self._event.set()
