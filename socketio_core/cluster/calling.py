"""Commands that somebody waits for, over one connection that is dialed when there is one to send: an emitter's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from socketio_core.cluster.address import RedisAddress
from socketio_core.cluster.lines import nothing
from socketio_core.cluster.link import ClusterUnavailable, Link, LinkDown, LinkUp, Replied
from socketio_core.cluster.transports import Command
from socketio_core.timers import Timer, TimerQueue

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


class CallLine:
    """Sees to calls; a `Line`, which whoever has a connection keeps.

    Each call makes one attempt: where there is no connection it is dialed for, and if that fails, or breaks before the
    reply has come, the call fails. Nothing is kept for later, and nothing is sent twice.

    Args:
        address: where the Redis is.
        timeout_s: for each call; one that is not answered in time takes the connection with it.
        ssl_context: for `rediss`; `None` is the system's trust.
    """

    def __init__(self, address: RedisAddress, timeout_s: float, ssl_context: object) -> None:
        self.wake: Callable[[], None] = nothing
        self.host = address.host
        self.port = address.port
        self.unix_path = address.unix_path
        self.dial_s = timeout_s
        self.ssl_context = (ssl_context or True) if address.is_secure else None
        self._link = Link(address, float)  # which does not choose when to dial
        self._timeout_s = timeout_s
        self._waiting: dict[Call, None] = {}
        self._timers: TimerQueue[Call] = TimerQueue()

    def __repr__(self) -> str:
        return f"<CallLine {self._link!r}>"

    def call(self, command: Command, now: float, on_end: Callable[[], object]) -> Call:
        """Have a command carried out; `on_end` is called when that is over.

        Raises:
            ClusterUnavailable: it was closed.
        """
        if self._link.is_closed:
            raise ClusterUnavailable(f"{self._link.address.url}: closed")
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
        self._link.close(now)
        self._work()

    # -- as a line ---------------------------------------------------------------------------------------------------

    @property
    def dial_at(self) -> float | None:
        """See `Line`: when there is something to send, whatever came of it the last time."""
        return _NOW if self._waiting and self._link.dial_at is not None else None

    @property
    def next_deadline(self) -> float | None:
        """See `Line`."""
        both = (self._link.next_deadline, self._timers.next_deadline)
        return min((each for each in both if each is not None), default=None)

    @property
    def wants_connection(self) -> bool:
        """See `Line`."""
        return self._link.wants_connection

    @property
    def is_over(self) -> bool:
        """See `Line`."""
        return self._link.is_closed

    def dialing(self) -> None:
        """See `Line`."""
        self._link.dialing()

    def refused(self, why: str, now: float) -> None:
        """See `Line`."""
        self._link.refused(why, now)
        self._work()

    def connected(self, now: float) -> None:
        """See `Line`."""
        self._link.connected(now)

    def receive(self, data: bytes, now: float) -> None:
        """See `Line`."""
        self._link.receive(data, now)
        self._work()

    def lost(self, why: str, now: float) -> None:
        """See `Line`."""
        self._link.lost(why, now)
        self._work()

    def data_to_send(self, now: float) -> bytes:
        """See `Line`."""
        return self._link.data_to_send()

    def handle_timeout(self, now: float) -> None:
        """See `Line`."""
        while (call := self._timers.pop_due(now)) is not None:
            why = f"no answer in {self._timeout_s:g} s"
            self._end(call, why)
            self._link.lost(why, now)
        self._link.handle_timeout(now)
        self._work()

    # -- inside ------------------------------------------------------------------------------------------------------

    def _send_waiting(self) -> None:
        if self._link.is_up:
            for call in self._waiting:
                self._link.send(*call.command, token=call)
            self._waiting.clear()

    def _work(self) -> None:
        for event in self._link.take_events():
            if isinstance(event, LinkUp):
                self._send_waiting()
            elif isinstance(event, LinkDown):
                waiting, self._waiting = self._waiting, {}
                for call in waiting:
                    self._end(call, event.reason)
            elif isinstance(event, Replied):
                self._end(event.token, event.error)
        self.wake()

    def _end(self, call: Call, why: str | None) -> None:
        if call.is_over:
            return
        self.forget(call)
        if why is not None:
            call.error = ClusterUnavailable(f"{self._link.address.url}: {why}")
        call.on_end()
