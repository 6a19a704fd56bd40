"""Commands that somebody waits for, over one connection that is dialed when there is one to send: an emitter's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from socketio_core.cluster.address import RedisAddress
from socketio_core.cluster.lines import LinkLine
from socketio_core.cluster.link import ClusterUnavailable, Command, Link, LinkDown, LinkUp, Replied
from socketio_core.timers import Timer, TimerQueue, earliest

_NOW: Final = 0.0  # long ago on any clock: dial at once


class Call:
    """A command, and what came of it.

    Attributes:
        error: why it was not carried out, or nobody knows; `None` as long as nothing is wrong.
        is_over: it was carried out, or `error` says why not.
    """

    __slots__ = ("command", "error", "is_over", "on_end", "timer")

    def __init__(self, command: Command, on_end: Callable[[], object]) -> None:
        self.command = command
        self.error: ClusterUnavailable | None = None
        self.is_over = False
        self.on_end = on_end
        self.timer: Timer[Call]


class CallLine(LinkLine):
    """Sees to calls; whoever has a connection keeps it.

    Each call makes one attempt: where there is no connection it is dialed for, and if that fails, or breaks before the
    reply has come, the call fails. Nothing is kept for later, and nothing is sent twice.

    Args:
        address: where the Redis is.
        timeout_s: for each call; one that is not answered in time takes the connection with it.
        ssl_context: for `rediss`; `None` is the system's trust.
    """

    def __init__(self, address: RedisAddress, timeout_s: float, ssl_context: object) -> None:
        super().__init__(Link(address, float), timeout_s, ssl_context)  # a link that does not choose when to dial
        self._timeout_s = timeout_s
        self._waiting: dict[Call, None] = {}
        self._timers: TimerQueue[Call] = TimerQueue()

    def __repr__(self) -> str:
        return f"<CallLine {self.link!r}>"

    def call(self, command: Command, now: float, on_end: Callable[[], object]) -> Call:
        """Have a command carried out; `on_end` is called when that is over.

        Raises:
            ClusterUnavailable: it was closed.
        """
        if self.link.is_closed:
            raise ClusterUnavailable(f"{self.link.address.url}: closed")
        call = Call(command, on_end)
        call.timer = self._timers.schedule(now + self._timeout_s, call)
        self._waiting[call] = None
        self._send_waiting()
        self.wake()
        return call

    def forget(self, call: Call) -> None:
        """Nobody waits for a call any more; it is not sent, if it was not sent yet."""
        self._waiting.pop(call, None)
        call.timer.cancel()
        call.is_over = True

    def close(self, now: float) -> None:
        """End it for good, and all calls."""
        self.link.close(now)
        self._work(now)

    # -- as a line ---------------------------------------------------------------------------------------------------

    @property
    def dial_at(self) -> float | None:
        """See `Line`: when there is something to send, whatever came of it the last time."""
        return _NOW if self._waiting and self.link.dial_at is not None else None

    @property
    def next_deadline(self) -> float | None:
        """See `Line`."""
        return earliest(self.link.next_deadline, self._timers.next_deadline)

    def handle_timeout(self, now: float) -> None:
        """See `Line`."""
        while (call := self._timers.pop_due(now)) is not None:
            why = f"no answer in {self._timeout_s:g} s"
            self._end(call, why)
            self.link.lost(why, now)
        super().handle_timeout(now)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _send_waiting(self) -> None:
        if self.link.is_up:
            for call in self._waiting:
                self.link.send(*call.command, token=call)
            self._waiting.clear()

    def _work(self, now: float) -> None:
        for event in self.link.take_events():
            if isinstance(event, LinkUp):
                self._send_waiting()
            elif isinstance(event, LinkDown):
                waiting, self._waiting = self._waiting, {}
                for call in waiting:
                    self._end(call, event.reason)
            else:
                assert isinstance(event, Replied)  # somebody waits for each of them
                self._end(event.token, event.error)
        self.wake()

    def _end(self, call: Call, why: str | None) -> None:
        if call.is_over:
            return
        self.forget(call)
        if why is not None:
            call.error = ClusterUnavailable(f"{self.link.address.url}: {why}")
        call.on_end()
