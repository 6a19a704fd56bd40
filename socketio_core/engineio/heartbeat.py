"""The server's heartbeat: ping, wait for the pong, rest, ping again. Spec: PROTOCOL 1.7."""

from __future__ import annotations

from socketio_core.settings import EngineSettings


class Heartbeat:
    """Knows when the next ping is due and when its pong is overdue.

    Deadlines follow from the scheduled time, not from when `advance` was called: a host that wakes late finds the
    same deadlines as one that wakes in time. A pong restarts the interval from its arrival.

    Attributes:
        next_deadline: monotonic seconds; the next ping, or the end of the wait for a pong.
        confirmed_at: when the last ping was due that was answered, so that all that was sent before has arrived.
        is_waiting: a pong is awaited and the wait was not extended yet. The hot path asks this one flag.
    """

    __slots__ = (
        "_interval_s",
        "_max_pause_s",
        "_paused_until",
        "_pauses",
        "_pinged",
        "_pinged_at",
        "_timeout_s",
        "confirmed_at",
        "is_waiting",
        "next_deadline",
    )

    def __init__(self, settings: EngineSettings, now: float) -> None:
        self._interval_s = settings.ping_interval_s
        self._timeout_s = settings.ping_timeout_s
        self._max_pause_s = settings.max_pause_s
        self._pauses = 0
        self._paused_until: float | None = None
        self._pinged = False
        self._pinged_at = self.confirmed_at = now
        self.is_waiting = False
        self.next_deadline = now + self._interval_s

    def advance(self) -> bool:
        """Pass `next_deadline`. Returns `True` when a ping is to be sent now, `False` when the peer is dead."""
        if self._pinged:
            return False
        self._pinged = self.is_waiting = True
        self._pinged_at = self.next_deadline
        self.next_deadline += self._timeout_s
        if self._paused_until is not None:
            self.next_deadline = max(self.next_deadline, self._paused_until)
        return True

    def pong_received(self, now: float) -> None:
        """Restart the interval; an unsolicited pong does so too, as in the reference."""
        self.confirmed_at = self._pinged_at
        self._pinged = self.is_waiting = False
        self.next_deadline = now + self._interval_s

    def other_received(self, now: float) -> None:
        """Extend the wait, once per ping: a large upload may hold the pong up (engine.io 6.6.12, PROTOCOL 10)."""
        if self.is_waiting:
            self.is_waiting = False
            self.next_deadline = max(self.next_deadline, now + self._timeout_s)

    def pause(self, now: float) -> None:
        """The host stops reading: until it resumes, or the pause grows too long, no pong can be overdue.

        Pauses nest: reading goes on with as many calls of `resume`.
        """
        self._pauses += 1
        if self._pauses > 1:
            return
        self._paused_until = now + self._max_pause_s
        if self._pinged:
            self.next_deadline = max(self.next_deadline, self._paused_until)

    def resume(self, now: float) -> None:
        """The host reads again: an awaited pong gets its whole time-out, for it may be among what lies unread."""
        if not self._pauses:
            return
        self._pauses -= 1
        if not self._pauses:
            self._paused_until = None
            if self._pinged:
                self.next_deadline = now + self._timeout_s
