"""A log of events that several servers have in common, for clients that come back to another one.

An event is put into it, and comes back with its place among those of all servers: its offset, by which a client says
what it got last. Only then it is sent. So each server sends the events of a namespace in one order, and an offset
stands for all that came before it. Meanwhile members wait: what they are sent later, such as answers, stays behind.

Where the log cannot be reached, or is slow, events are sent without it, with offsets of this server alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from socketio_core.engineio.message import WireMessage
from socketio_core.records import record
from socketio_core.socketio.packet import JSONValue
from socketio_core.socketio.selection import Selection

if TYPE_CHECKING:
    from socketio_core.socketio.member import Member
    from socketio_core.socketio.recoverable import RecoverableSession


class SharedEvent:
    """An event that waits for its place.

    Attributes:
        nsp: its namespace.
        args: its name, and its arguments.
        selection: whom it is for.
        members: those of them who were there when it was emitted.
        message: what is sent; `None` as long as it waits.
    """

    __slots__ = ("args", "members", "message", "nsp", "selection")

    def __init__(self, nsp: str, args: Sequence[JSONValue], selection: Selection, members: list[Member]) -> None:
        self.nsp = nsp
        self.args = args
        self.selection = selection
        self.members = members
        self.message: WireMessage | None = None


@record
class Missed:
    """What a client has missed at other servers.

    Attributes:
        since: the offset up to which it has got everything.
        earlier: what it has missed since then, with offsets, up to a position of this server's own log.
        position: that one.
    """

    since: str
    earlier: Sequence[tuple[str, WireMessage]]
    position: int


class SharedLog(Protocol):
    """What a server puts into it; the layer above has it."""

    def publish(self, event: SharedEvent) -> bool:
        """Add an event; `Sender.settle` follows, in the order of such calls, within a moment.

        Returns `False` if that is not possible now, with nothing to follow; what waited in the namespace was settled
        then. Others may be told later all the same.
        """
        ...

    def current_offset(self, nsp: str) -> str | None:
        """Return the offset of all that was heard of a namespace; `None` if that is not known."""
        ...

    def save(self, session: RecoverableSession) -> None:
        """Keep what other servers need to know of a client that was lost, for as long as it has left."""

    def forget(self, session: RecoverableSession) -> None:
        """Keep it no longer."""


class Waiting:
    """What a member is to be sent, in order, from the first event on that waits for its place."""

    __slots__ = ("_member", "_waiting")

    def __init__(self, member: Member) -> None:
        self._member = member
        self._waiting: deque[SharedEvent | WireMessage] = deque()

    def add(self, what: SharedEvent | WireMessage) -> bool:
        """Add an event that waits, or what is to stay behind it."""
        self._waiting.append(what)
        return True

    def release(self) -> None:
        """Send what need not wait any more."""
        while self._waiting:
            first = self._waiting[0]
            message = first.message if isinstance(first, SharedEvent) else first
            if message is None:
                return
            self._waiting.popleft()
            self._member.connection.session.put(message)
        self._member.waiting = None

    def give_up(self) -> None:
        """Send all of it, for the member is about to be made to leave."""
        member, recovery = self._member, self._member.connection.recovery
        assert recovery is not None  # nothing waits without it
        for each in self._waiting:
            message = each if isinstance(each, WireMessage) else each.message or recovery.sender.part(each)
            member.connection.session.put(message)
        member.waiting = None


def put(member: Member, message: WireMessage) -> bool:
    """Put a message into a member's outbox, or behind what has to wait before it goes there."""
    waiting = member.waiting
    return member.connection.session.put(message) if waiting is None else waiting.add(message)
