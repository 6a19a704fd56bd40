"""A link of a cluster as a runtime keeps it: whatever happens to it, what follows from that is done at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from socketio_core.cluster.link import GREETING_S, Link

DIAL_S: Final = GREETING_S


class Follows(Protocol):
    """What looks at links when something has happened."""

    @property
    def next_deadline(self) -> float | None:
        """When to call `handle_timeout`."""
        ...

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""

    def work(self, now: float) -> None:
        """Look."""


class ClusterLine:
    """See `Line`.

    Args:
        link: the connection.
        owner: follows what happens to it.
        ssl_context: for `rediss`.
        keeps_time: it has the deadlines of the owner, beside its own; one line has.
    """

    def __init__(self, link: Link, owner: Follows, ssl_context: object, *, keeps_time: bool) -> None:
        self.link = link
        self.wake: Callable[[], None] = nothing
        self.dial_s = DIAL_S
        self.host = link.address.host
        self.port = link.address.port
        self.unix_path = link.address.unix_path
        self.ssl_context = (ssl_context or True) if link.address.is_secure else None
        self._owner = owner
        self._keeps_time = keeps_time

    @property
    def dial_at(self) -> float | None:
        """See `Line`."""
        return self.link.dial_at

    @property
    def next_deadline(self) -> float | None:
        """See `Line`."""
        own, others = self.link.next_deadline, self._owner.next_deadline if self._keeps_time else None
        return min((at for at in (own, others) if at is not None), default=None)

    @property
    def wants_connection(self) -> bool:
        """See `Line`."""
        return self.link.wants_connection

    @property
    def is_over(self) -> bool:
        """See `Line`."""
        return self.link.is_closed

    def dialing(self) -> None:
        """See `Line`."""
        self.link.dialing()

    def refused(self, why: str, now: float) -> None:
        """See `Line`."""
        self.link.refused(why, now)
        self._owner.work(now)

    def connected(self, now: float) -> None:
        """See `Line`."""
        self.link.connected(now)

    def receive(self, data: bytes, now: float) -> None:
        """See `Line`."""
        self.link.receive(data, now)
        self._owner.work(now)

    def lost(self, why: str, now: float) -> None:
        """See `Line`."""
        self.link.lost(why, now)
        self._owner.work(now)

    def data_to_send(self, now: float) -> bytes:
        """See `Line`."""
        data = self.link.data_to_send()
        if data:
            self._owner.work(now)  # there is room for more
        return data

    def handle_timeout(self, now: float) -> None:
        """See `Line`."""
        self.link.handle_timeout(now)
        if self._keeps_time:
            self._owner.handle_timeout(now)
        self._owner.work(now)


def nothing() -> None:
    """Do nothing: nobody keeps it yet."""
