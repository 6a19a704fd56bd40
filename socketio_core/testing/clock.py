"""A clock that moves only when it is told to."""

from __future__ import annotations


class FakeClock:
    """Monotonic seconds for tests: `host.handle_timeout(clock.now)`.

    Attributes:
        now: starts far from zero, so that a time-out mistaken for a time is noticed.
    """

    __slots__ = ("now",)

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __repr__(self) -> str:
        return f"<FakeClock {self.now}>"

    def advance(self, seconds: float) -> float:
        """Move forward and return the new time. To do what falls due on the way too, use `testing.advance`."""
        if seconds < 0:
            raise ValueError(f"time does not go back: {seconds!r}")
        self.now += seconds
        return self.now
