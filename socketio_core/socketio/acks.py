"""Acknowledgements that are waited for, of both roles. Spec: PROTOCOL 3.6."""

from __future__ import annotations

from collections.abc import Container
from typing import Final, Protocol

from socketio_core.errors import LocalProtocolError

_FOREVER_S: Final = 1e300  # an integer may be more than any float is, and then the end is no time


def check_timeout(timeout_s: object) -> float | None:
    """Return how long an ack may take, in seconds; `None`, and infinity, is as long as the socket is there.

    Raises:
        LocalProtocolError: it is no such time.
    """
    if timeout_s is None:
        return None
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, (int, float)) or not timeout_s >= 0:
        text = f"timeout must be a number of seconds, or None to wait without limit, not: {timeout_s!r}"
        raise LocalProtocolError(text)
    return None if timeout_s > _FOREVER_S else timeout_s


class AckOwner(Protocol):
    """Who waits, and reports what became of it."""

    def ack_expired(self, ack: PendingAck) -> None:
        """The time of an ack is up; it is no longer in the table."""


class Cancellable(Protocol):
    """A timer, whatever else is in its queue."""

    def cancel(self) -> None:
        """Forget it."""


class PendingAck:
    """An acknowledgement that is waited for.

    Attributes:
        context: comes back with what is reported.
        timer: `None`: for as long as the socket is there.
    """

    __slots__ = ("_owner", "_table", "ack_id", "context", "timer")

    def __init__(self, owner: AckOwner, table: AckTable, ack_id: int, context: object) -> None:
        self._owner = owner
        self._table = table
        self.ack_id = ack_id
        self.context = context
        self.timer: Cancellable | None = None

    def handle_timeout(self, now: float) -> None:
        """The time is up: a later answer is ignored."""
        del self._table[self.ack_id]  # what takes it out of there cancels the timer
        self._owner.ack_expired(self)


class AckTable(dict[int, PendingAck]):
    """The acks that one socket waits for, by id. What leaves it is settled: it will not expire any more."""

    __slots__ = ()

    def expect(self, owner: AckOwner, ack_id: int, context: object, limit: int) -> PendingAck:
        """Wait for an ack; its timer is up to the caller.

        Raises:
            LocalProtocolError: `limit` are waited for already.
        """
        if len(self) >= limit:
            raise LocalProtocolError(f"too many outstanding acks, max_outstanding_acks: {limit}")
        ack = self[ack_id] = PendingAck(owner, self, ack_id, context)
        return ack

    def settle(self, ack_id: int) -> PendingAck | None:
        """Remove and return an ack; an unknown or repeated id means nothing."""
        ack = self.pop(ack_id, None)
        if ack is not None and ack.timer is not None:
            ack.timer.cancel()
        return ack

    def drop(self, but: Container[int | None] = ()) -> list[PendingAck]:
        """Settle all, but some; in the order of asking."""
        settled = [self.settle(ack_id) for ack_id in list(self) if ack_id not in but]
        return [ack for ack in settled if ack is not None]
