"""One client in one namespace: what users of Socket.IO call a socket, without the handlers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.outbox import check_fits
from socketio_core.errors import BufferFull, CloseReason, LocalProtocolError, RemoteProtocolError
from socketio_core.socketio.acks import PendingAck, check_timeout
from socketio_core.socketio.events import AckExpired, Left
from socketio_core.socketio.hub import check_room, check_room_count, room_bytes
from socketio_core.socketio.member_acks import MemberAcks
from socketio_core.socketio.packet import (
    ACK,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    JSONValue,
    Packet,
    as_list,
    event_data,
)
from socketio_core.socketio.shared_log import Waiting, put

if TYPE_CHECKING:
    from socketio_core.socketio.connection import Connection
    from socketio_core.socketio.hub import NamespaceCore
    from socketio_core.socketio.recoverable import RecoverableSession


DISCONNECTED: Final = "Disconnected"
"""The message of a CONNECT_ERROR to who was disconnected while it was being decided about."""


class MemberState(Enum):
    """The life of a member: it is decided about, is in, and is out."""

    PENDING = "pending"
    JOINED = "joined"
    LEFT = "left"


_JOINED: Final = MemberState.JOINED  # to look into an enum takes longer than to compare (benchmarks: server)


class Member:
    """One client in one namespace. A pending one is not in it: it gets no broadcast, and its events are held.

    What is emitted to a pending one is held too, up to `max_held_packets` and `max_held_bytes`, and goes out right
    behind the packet that lets it in; if that never comes, it is dropped, and acks that are waited for with it.

    Attributes:
        sid: its public id, which is also the name of a room of its own; not the Engine.IO session id.
        namespace: where it is, or wants to be.
        auth_bytes: what the CONNECT took that asked for it; the application keeps that as long as the member.
        context: belongs to the layer above.
        data: belongs to it too, and comes back with a session that is recovered.
        recoverable: what is kept if its client is lost, and may come back; see `recovery`.
        is_recovered: its client was lost, and came back.
        waiting: what is sent when an event before it has its place in a log; see `shared_log`.
        was_let_go: the server made it leave; it did so too if `connection.session.was_let_go`. Events that are not
            handled yet came behind that, and should not be.
    """

    __slots__ = (
        "_is_decided",
        "_room_bytes",
        "_rooms",
        "auth_bytes",
        "connection",
        "context",
        "data",
        "held",
        "is_recovered",
        "namespace",
        "pending_acks",
        "recoverable",
        "sid",
        "state",
        "unsent",
        "waiting",
        "was_accepted",
        "was_let_go",
    )

    def __init__(self, connection: Connection, namespace: NamespaceCore, sid: str, auth_bytes: int = 0) -> None:
        self.connection = connection
        self.namespace = namespace
        self.sid = sid
        self.auth_bytes = auth_bytes
        self.state = MemberState.PENDING
        self.was_accepted = False
        self.was_let_go = False
        self._rooms: dict[str, None] = {}  # an empty set takes 150 bytes more; benchmarks: memory
        self._room_bytes = 0
        self.context: object = None
        self.data: Any = None
        self.recoverable: RecoverableSession | None = None
        self.is_recovered = False
        self.waiting: Waiting | None = None
        self.pending_acks = MemberAcks()
        self.held: list[tuple[Packet, int]] = []
        self.unsent: tuple[WireMessage, ...] = ()  # what was emitted while it was pending
        self._is_decided = False
        namespace.pending_count += 1

    def __repr__(self) -> str:
        return f"<Member {self.sid} of {self.namespace.name}, {self.state.value}>"

    @property
    def held_bytes(self) -> int:
        """How much memory it takes, about: what it asked with, its rooms, and what waits for the decision."""
        left = 0 if self.recoverable is None else self.recoverable.history.left_bytes
        held = self.auth_bytes + self._room_bytes + left
        if self.state is MemberState.PENDING:
            held += sum(size for _, size in self.held) + sum(message.size_bytes for message in self.unsent)
        return held

    @property
    def successor(self) -> Member | None:
        """Who stands for its client now, if it was lost and has come back."""
        session = self.recoverable
        return None if session is None or session.member is self else session.member

    # -- joining and leaving -----------------------------------------------------------------------------------------

    def accept(self, now: float) -> bool:
        """Let the member in. Returns `False` when it went away meanwhile, or the parser cannot tell it.

        What was emitted to it in the meantime goes out, and what the client sent follows as events, both in order. In
        front of the answer comes what a client that was lost has missed (PROTOCOL 9-41).

        Raises:
            LocalProtocolError: it was accepted before.
        """
        self.connection.catch_up(now)
        if not self._decide() or not self._let_in(now):
            return False
        self.state = MemberState.JOINED
        self.namespace.pending_count -= 1
        self.was_accepted = True
        self.namespace.add(self)
        for room in tuple(self._rooms):
            self.namespace.add_to_room(self, room)
        unsent, self.unsent = self.unsent, ()
        for message in unsent:
            self.connection.session.put(message)
        if self.connection.recovery is not None:
            self.connection.recovery.joined(self, now)
        self.connection.note_accepted(self, now)
        return True

    def _let_in(self, now: float) -> bool:
        answer = {"sid": self.sid}
        recovery = self.connection.recovery
        if recovery is not None and self.recoverable is not None:
            if not recovery.replay(self):
                return False
            answer["pid"] = self.recoverable.pid
        return self.connection.send_control(Packet(CONNECT, self.namespace.name, answer), now)

    def restore(self, session: RecoverableSession) -> bool:
        """Make a pending member what a client was before it was lost: its id, its rooms, its data; then `accept` it.

        Returns `False` when the member went away meanwhile, and the session waits on; or that is over.

        Args:
            session: what `ServerCore.take_session` has returned.

        Raises:
            LocalProtocolError: it was accepted before.
        """
        recovery = self.connection.recovery
        if self.state is MemberState.JOINED or recovery is None:
            raise LocalProtocolError("a member can be restored only while it is decided about, where there is recovery")
        if session.is_over:  # it was disconnected
            return False
        if self.state is MemberState.LEFT:
            recovery.keep(session)
            return False
        recovery.assign(self, session)
        self.recoverable = session
        self.is_recovered = True
        self.sid = session.sid
        self._rooms = dict.fromkeys(sorted(session.history.rooms))
        self._room_bytes = sum(map(room_bytes, self._rooms))
        self.data = session.data
        return True

    def refuse(self, message: str, data: JSONValue = None) -> bool:
        """Keep the member out: it gets a CONNECT_ERROR packet. Returns `False` when it went away meanwhile.

        Raises:
            LocalProtocolError: it was accepted before, or `data` is not JSON or too large (nothing was sent then).
        """
        if not self._decide():
            return False
        payload: dict[str, JSONValue] = {"message": message}
        if data is not None:
            payload["data"] = data
        self.connection.session.put(self.connection.parser.encode(Packet(CONNECT_ERROR, self.namespace.name, payload)))
        self.connection.note_refused(self)
        return True

    def _decide(self) -> bool:
        """Count the decision, once, and say whether there is still anybody to tell."""
        if self.state is MemberState.JOINED:
            raise LocalProtocolError("member was accepted already")
        if not self._is_decided:
            self._is_decided = True
            self.connection.undecided -= 1
        return self.state is MemberState.PENDING

    def disconnect(self, now: float, *, close: bool = False) -> None:
        """Make the member leave its namespace; with `close`, all of its client's, and close the connection.

        Spec: PROTOCOL 4.4. What the client has in flight for the namespace is ignored, while the reference closes the
        whole connection for it (PROTOCOL 9-31). A pending member is refused, with the message `"Disconnected"`; the
        reference does nothing then, and lets it in. Of a member that has left, nothing more should be handled then
        either; with `close`, of none of a client that is gone.

        Whoever was lost, and has come back or still may, is meant all the same.
        """
        self.connection.catch_up(now)
        self.was_let_go = True
        if self.state is MemberState.LEFT:
            if self.recoverable is not None:
                self.recoverable.disconnect(now, close=close)
            if close and not self.connection.session.is_open:
                self.connection.session.close(now)
            return
        if close:
            self.connection.disconnect(now)
            return
        if self.waiting is not None:
            self.waiting.give_up()
        packet = Packet(DISCONNECT, self.namespace.name)
        if self.state is MemberState.PENDING:
            self._decide()
            packet = Packet(CONNECT_ERROR, self.namespace.name, {"message": DISCONNECTED})
        if self.connection.send_control(packet, now):
            self.connection.remove(self, CloseReason.SERVER_NAMESPACE_DISCONNECT)

    def end(self, reason: CloseReason, error: RemoteProtocolError | None, detail: str = "") -> None:
        """Free all that the member holds, and report it; called by its connection."""
        rooms = frozenset(self._rooms)
        if self.connection.recovery is not None:
            self.connection.recovery.left(self, reason)
        if self.state is MemberState.JOINED:
            for room in tuple(self._rooms):
                self.namespace.remove_from_room(self, room)
            self.namespace.remove(self)
        else:  # it was pending: who has left is no longer known to the connection
            self.namespace.pending_count -= 1
        self.state = MemberState.LEFT
        self._rooms.clear()
        self.held.clear()
        self.unsent = ()
        self.waiting = None
        self.pending_acks.member_left(self)
        self.connection.report(Left(self, reason, error, rooms, detail))

    # -- rooms -------------------------------------------------------------------------------------------------------

    @property
    def rooms(self) -> set[str]:
        """The rooms it joined, as a copy; without the one named by its id."""
        return set(self._rooms)

    def join(self, room: str) -> None:
        """Join a room; a pending member is in it once it is accepted, one that left stays out, unless it was lost.

        Raises:
            LocalProtocolError: the room is not a string, or it would be in more than `max_rooms`.
        """
        room = check_room(room)
        if self.state is MemberState.LEFT and self.recoverable is not None:
            self.recoverable.join(room)
        if self.state is MemberState.LEFT or room == self.sid or room in self._rooms:
            return
        self.check_rooms((room,))
        self._rooms[room] = None
        self._room_bytes += room_bytes(room)
        if self.connection.recovery is not None:
            self.connection.recovery.moved(self, room, is_in=True)
        if self.state is MemberState.JOINED:
            self.namespace.add_to_room(self, room)

    def check_rooms(self, rooms: Collection[str]) -> None:
        """See that it may join all of these; for who would rather join none than some.

        Raises:
            LocalProtocolError: it would be in more than `max_rooms`.
        """
        if self.state is not MemberState.LEFT:
            check_room_count(self._rooms.keys(), rooms, self.sid, self.connection.settings.max_rooms)
        elif self.recoverable is not None:
            self.recoverable.check_rooms(rooms)

    def leave(self, room: str) -> None:
        """Leave a room; the room named by its own id cannot be left.

        Raises:
            LocalProtocolError: the room is not a string.
        """
        room = check_room(room)
        if self.state is MemberState.LEFT and self.recoverable is not None:
            self.recoverable.leave(room)
        if room in self._rooms:
            del self._rooms[room]
            self._room_bytes -= room_bytes(room)
            if self.connection.recovery is not None:
                self.connection.recovery.moved(self, room, is_in=False)
            self.namespace.remove_from_room(self, room)

    # -- events ------------------------------------------------------------------------------------------------------

    @property
    def is_over_high_water(self) -> bool:
        """Whether the client reads too slowly for more: wait, or drop."""
        return self.connection.session.is_over_high_water

    def emit(self, name: str, args: Sequence[JSONValue], *, volatile: bool = False, compress: bool = True) -> bool:
        """Send an event. Returns `False` when it was dropped: the member has left, or it is volatile and must wait.

        Where clients that were lost may come back, what is sent to one of them is kept, and not dropped.

        It is not told the time, unlike a client's: nothing depends on it here. What goes to a client that has fallen
        silent is lost, whoever notices first; a client keeps it for the next connection, if it notices in time.

        Raises:
            LocalProtocolError: a reserved name, data that is not JSON, an event that no buffer holds (`Session.put`).
            BufferFull: the member is pending, and too much is held for it already.
            Nothing was sent then.
        """
        recovery = self.connection.recovery
        if recovery is not None:
            return recovery.sender.emit(self, name, args, volatile=volatile, compress=compress)
        if self.state is not _JOINED:
            if self.state is MemberState.LEFT:
                return False
            message = self.connection.parser.encode_fields(EVENT, self.namespace.name, event_data(name, args))
            return not volatile and self.hold_back(message if compress else message.uncompressed())
        message = self.connection.parser.encode_fields(EVENT, self.namespace.name, event_data(name, args))
        if not compress:
            message = message.uncompressed()
        session = self.connection.session
        if volatile and not session.is_writable:
            return False
        return session.put(message)

    def emit_nowait(self, name: str, args: Sequence[JSONValue], *, compress: bool = True) -> bool:
        """The same, but refuse to fill the buffer of a client that reads too slowly.

        Raises:
            BufferFull: the session is over its high-water mark already, or as `emit`; nothing was sent.
        """
        if self.state is MemberState.LEFT and self.successor is not None:
            return self.successor.emit_nowait(name, args, compress=compress)
        if self.is_over_high_water and self.state is MemberState.JOINED:  # else it is held apart, or dropped
            raise BufferFull(
                f"outgoing buffer is full: {self.connection.session.buffered_bytes} bytes, see high_water_bytes"
            )
        return self.emit(name, args, compress=compress)

    def emit_with_ack(
        self,
        name: str,
        args: Sequence[JSONValue],
        *,
        timeout_s: float | None,
        context: object,
        now: float,
        volatile: bool = False,
        compress: bool = True,
    ) -> int | None:
        """Send an event that the client is to acknowledge; one of `AckReceived`, `AckExpired`, `AckDropped` follows.

        Returns the ack's id, for `forget_ack`, or `None`, with nothing to follow, when the event was dropped: the
        member has left, or it is volatile and must wait.

        Args:
            timeout_s: `None` waits until the member leaves.
            context: comes back with the event, to tell who waits.

        Raises:
            LocalProtocolError, BufferFull: as `emit`, no such time, or more than `max_outstanding_acks` are waited for.
        """
        self.connection.catch_up(now)
        timeout_s = check_timeout(timeout_s)
        if self.state is MemberState.LEFT:
            return None
        ack_id = self.namespace.take_ack_id()
        message = self.connection.parser.encode_fields(EVENT, self.namespace.name, event_data(name, args), ack_id)
        message = message if compress else message.uncompressed()
        if volatile and not (self.state is MemberState.JOINED and self.connection.session.is_writable):
            return None
        ack = self.pending_acks.expect(self, ack_id, context, self.connection.settings.max_outstanding_acks)
        if timeout_s is not None:
            ack.timer = self.connection.schedule(now + timeout_s, ack)
        try:
            put(self, message) if self.state is MemberState.JOINED else self.hold_back(message)
        except LocalProtocolError:
            self.forget_ack(ack_id)
            raise
        return ack_id

    def forget_ack(self, ack_id: int) -> None:
        """Stop waiting for an ack: nothing more is reported about it."""
        self.pending_acks.settle(ack_id)

    def acknowledge(self, ack_id: int, args: Sequence[JSONValue]) -> bool:
        """Answer an event of the client; at most once. Returns `False` when the member has left.

        Raises:
            LocalProtocolError: data that is not JSON, or no list of it.
        """
        if self.state is not MemberState.JOINED:
            return False
        message = self.connection.parser.encode_fields(ACK, self.namespace.name, as_list(args), ack_id)
        return put(self, message)

    def ack_expired(self, ack: PendingAck) -> None:
        """The time of an ack is up."""
        self.connection.report(AckExpired(self, ack.context))

    def hold_back(self, message: WireMessage) -> bool:
        """Keep a message until the member is accepted.

        Raises:
            BufferFull: too much is held already.
        """
        check_fits(message, self.connection.session.shared.settings)
        settings, unsent = self.connection.settings, (*self.unsent, message)
        size_bytes = sum(each.size_bytes for each in unsent)
        if len(unsent) > settings.max_held_packets or size_bytes > settings.max_held_bytes:
            raise BufferFull(f"too much is held for a socket that is not connected yet: {size_bytes} bytes")
        self.unsent = unsent
        self.connection.session.shared.unseen_puts += 1
        return True
