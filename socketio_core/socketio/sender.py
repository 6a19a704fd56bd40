"""Sending where clients that were lost may come back: with offsets, and into the log; see `recovery`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.outbox import check_fits
from socketio_core.socketio.member import Member, MemberState
from socketio_core.socketio.packet import JSONValue, as_list, copied, event_packet
from socketio_core.socketio.selection import Selection
from socketio_core.socketio.shared_log import SharedEvent, SharedLog, Waiting

if TYPE_CHECKING:
    from socketio_core.socketio.recovery import Recovery
    from socketio_core.socketio.server import ServerCore


class Sender:
    """Sends events.

    Attributes:
        shared: the log that several servers have in common, if there is one; set by who has it.
    """

    shared: SharedLog | None = None

    def __init__(self, server: ServerCore, recovery: Recovery) -> None:
        self._server = server
        self._recovery = recovery
        self._log = recovery.log
        self._waiting_count = 0  # of events, for their places
        self._returned: list[Member] = []  # who came back meanwhile

    def emit(self, member: Member, name: str, args: Sequence[JSONValue], *, volatile: bool, compress: bool) -> bool:
        """Do what `Member.emit` does; to one that was lost, or has come back as another member, too."""
        session = member.recoverable
        assert session is not None  # it was given one when it asked
        is_gone = member.state is MemberState.LEFT
        if is_gone and member.successor is not None:
            return self.emit(member.successor, name, args, volatile=volatile, compress=compress)
        if is_gone and not session.is_lost:
            return False
        message = self._encode(member.namespace.name, name, args, volatile=volatile, compress=compress)
        carrier = member.connection.session
        if volatile:
            return member.state is MemberState.JOINED and carrier.is_writable and carrier.put(message)
        check_fits(message, carrier.shared.settings)
        if is_gone and not self._recovery.note_missed(session, message):
            return False
        if member.state is not MemberState.PENDING and self.shared is not None:
            members = [member] if member.state is MemberState.JOINED else []
            selection = Selection(frozenset((session.sid,)), compress=compress)
            self._share(self.shared, member.namespace.name, name, args, selection, members)
            return True
        if member.state is MemberState.PENDING and session.member is None:  # what others are sent is replayed
            member.hold_back(message)
        self._add(member.namespace.name, (session.sid,), frozenset(), message)
        if member.state is MemberState.JOINED:
            carrier.put(message)
        return True

    def broadcast(
        self, nsp: str, name: str, args: Iterable[JSONValue], selection: Selection, takers: list[Member] | None
    ) -> int:
        """Do what `ServerCore.broadcast` does."""
        volatile, rooms = selection.volatile, selection.rooms
        message = self._encode(nsp, name, args, volatile=volatile, compress=selection.compress)
        namespace = self._server.hub.namespaces.get(nsp)
        if self.shared is not None and not (volatile or selection.local) and (rooms is None or rooms):
            check_fits(message, self._server.engine_settings)
            members = [] if namespace is None else list(namespace.recipients(selection))
            self._share(self.shared, nsp, name, args, selection, members)
            if takers is not None:
                takers += members
            return len(members)
        if namespace is None or namespace.is_deserted:
            return 0
        if not volatile and (rooms is None or rooms):
            check_fits(message, self._server.engine_settings)
            self._add(nsp, rooms, selection.except_rooms, message)
        return namespace.broadcast(message, selection, takers)

    def _encode(self, nsp: str, name: str, args: Iterable[JSONValue], *, volatile: bool, compress: bool) -> WireMessage:
        offset = self._log.current_offset(nsp) if volatile else self._log.offset_of(self._log.position + 1)
        return self.encode(nsp, [name, *as_list(args)], offset, compress=compress)

    def encode(self, nsp: str, args: Sequence[JSONValue], offset: str, *, compress: bool = True) -> WireMessage:
        """Return an event, its name first, with its offset as clients are sent it."""
        packet = event_packet(nsp, cast("str", args[0]), [*args[1:], offset])
        message = self._server.parser.encode(packet)
        return message if compress else message.uncompressed()

    def _add(
        self,
        nsp: str,
        rooms: frozenset[str] | tuple[str, ...] | None,
        left_out: frozenset[str],
        message: WireMessage,
        offset: str | None = None,
    ) -> None:
        self._log.append(nsp, rooms, left_out, message, offset)
        self._recovery.logged()

    # -- what servers share ------------------------------------------------------------------------------------------

    def has_returned(self, member: Member) -> None:
        """A member was let in whose client was lost, and has been sent what it had missed until now."""
        if self._waiting_count:
            self._returned.append(member)

    def _share(
        self,
        shared: SharedLog,
        nsp: str,
        name: str,
        args: Iterable[JSONValue],
        selection: Selection,
        members: list[Member],
    ) -> None:
        event = SharedEvent(nsp, copied([name, *args]), selection, members)
        is_published = shared.publish(event)
        self._waiting_count += 1
        for member in members:
            if member.waiting is None:
                member.waiting = Waiting(member)
            member.waiting.add(event)
        if not is_published:
            self.settle(event, None)

    def settle(self, event: SharedEvent, offset: str | None) -> None:
        """Send an event that was published.

        Args:
            offset: its place in the log; `None` where that cannot be waited for.
        """
        self._waiting_count -= 1
        selection = event.selection
        text = self._log.offset_of(self._log.position + 1) if offset is None else offset
        message = event.message = self.encode(event.nsp, event.args, text, compress=selection.compress)
        self._add(event.nsp, selection.rooms, selection.except_rooms, message, offset)
        for member in event.members:
            if member.waiting is not None:
                member.waiting.release()
        namespace = self._server.hub.namespaces.get(event.nsp)
        if self._returned and namespace is not None:  # they were not there, and have been sent what they had missed
            known = set(event.members)
            for member in namespace.recipients(selection):
                if member in self._returned and member not in known:
                    member.connection.session.put(message)
        if not self._waiting_count:
            self._returned.clear()

    def part(self, event: SharedEvent) -> WireMessage:
        """Return an event for somebody who goes now, and will not come back."""
        offset = self._log.current_offset(event.nsp)
        return self.encode(event.nsp, event.args, offset, compress=event.selection.compress)

    def hear(
        self,
        nsp: str,
        args: Sequence[JSONValue],
        selection: Selection,
        offset: str,
        takers: list[Member] | None = None,
    ) -> int:
        """Send an event of another server, that has its place in the log; in the order of these.

        Args:
            args: its name first.

        Raises:
            LocalProtocolError: as `ServerCore.broadcast`; it is left out.
        """
        text = self._log.current_offset(nsp) if selection.volatile else offset
        message = self.encode(nsp, args, text, compress=selection.compress)
        check_fits(message, self._server.engine_settings)
        namespace = self._server.hub.namespaces.get(nsp)
        if not selection.volatile:
            self._add(nsp, selection.rooms, selection.except_rooms, message, offset)
        return 0 if namespace is None else namespace.broadcast(message, selection, takers)
