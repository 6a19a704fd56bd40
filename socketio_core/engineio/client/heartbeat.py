"""The heartbeat as a client sees it: the server pings, and its silence is the sign of a dead connection.

Spec: PROTOCOL 1.7.
"""

from __future__ import annotations


class HeartbeatWatch:
    """Knows when a ping is overdue.

    Attributes:
        next_deadline: monotonic seconds; the connection is dead then. `None` before it has begun.
        is_waiting: it is to be told of whatever arrives: never, only pings count, as in the reference.
    """

    __slots__ = ("_max_pause_s", "_paused_until", "_pauses", "_silence_s", "is_waiting", "next_deadline")

    def __init__(self, max_pause_s: float) -> None:
        self._max_pause_s = max_pause_s
        self._silence_s = 0.0
        self._pauses = 0
        self._paused_until = 0.0
        self.is_waiting = False
        self.next_deadline: float | None = None

    def begin(self, ping_interval_s: float, ping_timeout_s: float, now: float) -> None:
        """The session is open: wait for the first ping."""
        self._silence_s = ping_interval_s + ping_timeout_s
        self._paused_until = now + self._max_pause_s
        self.ping_received(now)

    @property
    def is_paused(self) -> bool:
        """Whether the host has stopped reading."""
        return self._pauses > 0

    def ping_received(self, now: float) -> None:
        """Wait for the next one; only pings count, as in the reference."""
        self.next_deadline = now + self._silence_s
        if self._pauses:
            self.next_deadline = max(self.next_deadline, self._paused_until)

    def pause(self, now: float) -> None:
        """The host stops reading: until it resumes, or the pause grows too long, no ping can be overdue.

        Pauses nest: reading goes on with as many calls of `resume`.
        """
        self._pauses += 1
        if self._pauses == 1 and self.next_deadline is not None:
            self._paused_until = now + self._max_pause_s
            self.next_deadline = max(self.next_deadline, self._paused_until)

    def resume(self, now: float) -> None:
        """The host reads again: a ping may be among what lies unread, so the wait for one begins anew."""
        if self._pauses:
            self._pauses -= 1
            if not self._pauses and self.next_deadline is not None:
                self.next_deadline = now + self._silence_s
