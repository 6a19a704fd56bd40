"""The acks of a broadcast: one from each recipient, reported together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from socketio_core.socketio.acks import Cancellable
from socketio_core.socketio.events import AcksCollected
from socketio_core.socketio.packet import JSONValue

if TYPE_CHECKING:
    from socketio_core.socketio.member import Member


class AckCollection:
    """Waits until each recipient has answered, has left, or the time is up, and reports that once: `AcksCollected`.

    It stands in the tables of its recipients, as the context of an ack that has no time of its own: one timer is enough
    for all of them.

    Attributes:
        members: the recipients.
        timer: `None`: for as long as they are there.
        each: is told of each answer as it comes, if somebody wants to know; must change nothing.
        takes: is asked about each before, with who gave it and how much memory it takes, if that is bounded; one that
            it does not take is none, and its member counts among those who did not answer.
    """

    __slots__ = (
        *("_ack_id", "_answers", "_context", "_left", "_report", "_waiting_count"),
        *("each", "members", "takes", "timer"),
    )

    def __init__(
        self, members: Sequence[Member], ack_id: int, context: object, report: Callable[[AcksCollected], None]
    ) -> None:
        self.members = members
        self.timer: Cancellable | None = None
        self.each: Callable[[list[JSONValue]], None] | None = None
        self.takes: Callable[[Member, int], bool] | None = None
        self._ack_id = ack_id
        self._context = context
        self._report = report
        self._answers: list[list[JSONValue]] = []
        self._left: list[Member] = []
        self._waiting_count = len(members)

    def __repr__(self) -> str:
        return f"<AckCollection {len(self._answers)} of {len(self.members)} acks>"

    def answered(self, member: Member, args: list[JSONValue], size_bytes: int) -> None:
        """A recipient has answered; called by it, once."""
        if self.takes is not None and not self.takes(member, size_bytes):
            self.member_left(member)
            return
        self._answers.append(args)
        if self.each is not None:
            self.each(args)
        self._count_down()

    def member_left(self, member: Member) -> None:
        """A recipient will not answer; called by it, once."""
        self._left.append(member)
        self._count_down()

    def _count_down(self) -> None:
        self._waiting_count -= 1
        if not self._waiting_count:
            if self.timer is not None:
                self.timer.cancel()
            self._report(AcksCollected(self._answers, tuple(self._left), self._context))

    def handle_timeout(self, now: float) -> None:
        """The time is up: later answers are ignored."""
        late = [member for member in self.members if self._ack_id in member.pending_acks]
        self.forget()
        self._report(AcksCollected(self._answers, (*self._left, *late), self._context))

    def forget(self) -> None:
        """Stop waiting: nothing more is reported."""
        if self.timer is not None:
            self.timer.cancel()
        for member in self.members:
            member.forget_ack(self._ack_id)
