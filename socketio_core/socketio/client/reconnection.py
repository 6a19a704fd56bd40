"""When a client opens its connection again, and how often it has tried. Spec: PROTOCOL 5.1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from socketio_core.settings import ClientSettings
from socketio_core.socketio.client.backoff import Backoff
from socketio_core.socketio.client.events import (
    ClientEvent,
    ReconnectAttempted,
    Reconnected,
    ReconnectFailed,
    ReconnectScheduled,
)
from socketio_core.timers import Scheduled, Timer


class _Owner(Protocol):
    def report(self, event: ClientEvent) -> None:
        """Tell what happened."""

    def schedule(self, at: float, item: Scheduled) -> Timer[Scheduled]:
        """Call `item.handle_timeout` then."""
        ...

    def open(self, now: float) -> None:
        """Open the connection."""


class Reconnection:
    """The attempts of one client to open a connection again that could not be opened, or was lost.

    Args:
        random: returns floats from 0 (inclusive) to 1 (exclusive).

    Attributes:
        attempt: which one is being made; 0: the first connection of all.
    """

    __slots__ = ("_backoff", "_owner", "_settings", "_timer", "attempt")

    def __init__(self, owner: _Owner, settings: ClientSettings, random: Callable[[], float]) -> None:
        self._owner = owner
        self._settings = settings
        self._backoff = Backoff(settings, random)
        self._timer: Timer[Scheduled] | None = None
        self.attempt = 0

    @property
    def is_scheduled(self) -> bool:
        """Whether the time of the next attempt is waited for."""
        return self._timer is not None

    @property
    def may_follow(self) -> bool:
        """Whether the settings allow another attempt."""
        limit = self._settings.reconnection_attempts
        return self._settings.reconnection and (limit is None or self._backoff.attempts < limit)

    def go_on(self, now: float, *, will_retry: bool) -> None:
        """There is no connection any more: make another attempt when it is time, if there is to be one."""
        if not will_retry:
            self.forget()
            return
        delay_s = self._backoff.next_delay_s()
        self._timer = self._owner.schedule(now + delay_s, self)
        self._owner.report(ReconnectScheduled(self._backoff.attempts, delay_s))

    def handle_timeout(self, now: float) -> None:
        """It is time."""
        self._timer = None
        self.attempt = self._backoff.attempts
        self._owner.report(ReconnectAttempted(self.attempt))
        self._owner.open(now)

    def succeeded(self) -> None:
        """There is a connection; the next loss begins again with the first delay."""
        if self.attempt:
            self._owner.report(Reconnected(self.attempt))
        self._backoff.reset()

    def failed(self) -> None:
        """The last attempt has failed, and none will follow."""
        if self.attempt:
            self._owner.report(ReconnectFailed(self.attempt))

    def forget(self) -> None:
        """No connection is wanted, or none will be opened by itself: what comes next is a first attempt."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._backoff.reset()
