"""The acks that a member waits for, and whom to tell of them: a collection, or the application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from socketio_core.socketio.acks import AckTable
from socketio_core.socketio.collection import AckCollection
from socketio_core.socketio.events import AckDropped, AckReceived
from socketio_core.socketio.packet import JSONValue

if TYPE_CHECKING:
    from socketio_core.socketio.member import Member


class MemberAcks(AckTable):
    """Those of one member, which it is told each time: to know each other would keep both until the next collection."""

    __slots__ = ()

    def arrived(self, member: Member, ack_id: int, args: list[JSONValue], size_bytes: int) -> None:
        """Settle an ack of so much memory; an unknown or repeated id means nothing (PROTOCOL 3.6)."""
        ack = self.settle(ack_id)
        if ack is None:
            return
        if isinstance(ack.context, AckCollection):
            ack.context.answered(member, args, size_bytes)
        else:
            member.connection.report(AckReceived(member, args, ack.context))

    def member_left(self, member: Member) -> None:
        """None of them will come."""
        for ack in self.drop():
            if isinstance(ack.context, AckCollection):
                ack.context.member_left(member)
            else:
                member.connection.report(AckDropped(member, ack.context))
