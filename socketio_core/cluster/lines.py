"""A link of a cluster as a runtime keeps it: whatever happens to it, what follows from that is done at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, Protocol

from socketio_core.cluster.link import GREETING_S, Link
from socketio_core.timers import Timed, earliest

DIAL_S: Final = GREETING_S


class Follows(Timed, Protocol):
    """What looks at links when something has happened."""

    def work(self, now: float) -> None:
        """Look."""

    def fail(self, error: Exception, now: float) -> None:
        """Something failed here that should not have. Nothing but the links is to end by it."""


class LinkLine(ABC):
    """See `Line`.

    Args:
        link: the connection.
        dial_s: how long dialing may take.
        ssl_context: for `rediss`; `None` is the system's trust.
    """

    def __init__(self, link: Link, dial_s: float, ssl_context: object) -> None:
        self.link = link
        self.wake: Callable[[], None] = nothing
        self._dial_s = dial_s
        self.host = link.address.host
        self.port = link.address.port
        self.unix_path = link.address.unix_path
        self.ssl_context = (True if ssl_context is None else ssl_context) if link.address.is_secure else None

    @abstractmethod
    def _work(self, now: float) -> None:
        """Do what follows from what has happened to the link."""

    @property
    def dial_at(self) -> float | None:
        """See `Line`."""
        return self.link.dial_at

    @property
    @abstractmethod
    def next_deadline(self) -> float | None:
        """See `Line`."""

    @property
    def wants_connection(self) -> bool:
        """See `Line`."""
        return self.link.wants_connection

    @property
    def has_to_send(self) -> bool:
        """See `Line`."""
        return self.link.has_to_send

    @property
    def is_over(self) -> bool:
        """See `Line`."""
        return self.link.is_closed

    def dialing(self, now: float) -> None:
        """See `Line`."""
        self.link.dialing(now, self._dial_s)

    def refused(self, why: str, now: float) -> None:
        """See `Line`."""
        self.link.refused(why, now)
        self._work(now)

    def connected(self, now: float) -> None:
        """See `Line`."""
        self.link.connected(now)

    def receive(self, data: bytes, now: float) -> None:
        """See `Line`."""
        self.link.receive(data, now)
        self._work(now)

    def lost(self, why: str, now: float) -> None:
        """See `Line`."""
        self.link.lost(why, now)
        self._work(now)

    def data_to_send(self, now: float) -> bytes:
        """See `Line`."""
        return self.link.data_to_send()

    def handle_timeout(self, now: float) -> None:
        """See `Line`."""
        self.link.handle_timeout(now)
        self._work(now)


class ClusterLine(LinkLine):
    """One of several that a server keeps.

    Args:
        link: the connection.
        owner: follows what happens to it.
        ssl_context: for `rediss`; `None` is the system's trust.
        keeps_time: it has the deadlines of the owner, beside its own; one line has.
    """

    def __init__(self, link: Link, owner: Follows, ssl_context: object, *, keeps_time: bool) -> None:
        super().__init__(link, DIAL_S, ssl_context)
        self._owner = owner
        self._keeps_time = keeps_time

    def _guarded(self, now: float, step: Callable[..., object], *args: object) -> None:
        """Take a step of which a failure must not end the server."""
        try:
            step(*args, now)
        except Exception as error:  # noqa: BLE001 - as said above
            self._owner.fail(error, now)

    def _work(self, now: float) -> None:
        self._guarded(now, self._owner.work)

    @property
    def next_deadline(self) -> float | None:
        """See `Line`."""
        return earliest(self.link.next_deadline, self._owner.next_deadline if self._keeps_time else None)

    def data_to_send(self, now: float) -> bytes:
        """See `Line`."""
        data = super().data_to_send(now)
        if data:
            self._work(now)  # there is room for more
        return data

    def receive(self, data: bytes, now: float) -> None:
        """See `Line`."""
        self._guarded(now, super().receive, data)

    def handle_timeout(self, now: float) -> None:
        """See `Line`."""
        if self._keeps_time:
            self._guarded(now, self._owner.handle_timeout)
        super().handle_timeout(now)


def nothing() -> None:
    """Do nothing: nobody keeps it yet."""
