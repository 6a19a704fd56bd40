"""What is kept of a socket over its connections; see `recovery`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from socketio_core.engineio.message import WireMessage
from socketio_core.socketio.hub import check_room_count
from socketio_core.socketio.room_history import RoomHistory
from socketio_core.socketio.selection import Selection
from socketio_core.timers import Scheduled, Timer

if TYPE_CHECKING:
    from socketio_core.socketio.hub import NamespaceCore
    from socketio_core.socketio.member import Member
    from socketio_core.socketio.recovery import Recovery


class RecoverableSession:
    """What is kept of a socket over its connections.

    Attributes:
        pid: the secret by which the client claims it.
        sid: the socket's id.
        namespace: where it is.
        member: who stands for it now.
        history: when it was in which rooms, without the one named by its id.
        data: belongs to the layer above; see `Member.data`.
        context: belongs to it too.
        earlier: what it has missed before this server knew of it, with offsets.
        since: the offset behind which that is, in the log that servers share; `None` is unknown.
        saved: belongs to who keeps it for other servers.
        held_bytes: what it takes while it is lost, as `Recovery` counts it.
        is_over: it was forgotten.
        is_proven: it is known that it was in this namespace; servers of Node do not say so.
        origin: the Engine.IO session that was lost; the same for all namespaces of a client.
    """

    __slots__ = (
        "_recovery",
        "context",
        "data",
        "earlier",
        "expires_at",
        "held_bytes",
        "history",
        "is_over",
        "is_proven",
        "joined_at",
        "member",
        "missed_bytes",
        "missed_count",
        "namespace",
        "origin",
        "own_start",
        "pid",
        "saved",
        "sid",
        "since",
        "start",
        "timer",
    )

    def __init__(self, recovery: Recovery, pid: str, sid: str, namespace: NamespaceCore, position: int) -> None:
        self._recovery = recovery
        self.pid = pid
        self.sid = sid
        self.namespace = namespace
        self.member: Member | None = None
        self.history = RoomHistory()
        self.data: Any = None
        self.context: object = None
        self.earlier: Sequence[tuple[str, WireMessage]] = ()
        self.since: str | None = None
        self.saved: object = None
        self.held_bytes = 0
        self.is_over = False
        self.is_proven = True
        self.origin = ""
        self.own_start = position  # what was sent to it alone up to here is not missed
        self.start = position  # nor what was sent to its rooms, or everyone, up to here
        self.joined_at = 0.0  # when it was let in last
        self.expires_at = 0.0
        self.timer: Timer[Scheduled] | None = None  # while it is lost
        self.missed_count = 0  # of events that were sent to it alone since it was lost
        self.missed_bytes = 0

    def __repr__(self) -> str:
        return f"<RecoverableSession {self.sid} of {self.namespace.name}>"

    @property
    def is_lost(self) -> bool:
        """Whether it waits for its client."""
        return self.timer is not None

    def has_received(self, position: int) -> None:
        """The client has got everything up to a position."""
        if 0 < position >= self.start:
            self.earlier = ()
        self.own_start = max(self.own_start, position)
        self.start = max(self.start, position)
        self.history.forget_before(position)

    def has_received_through(self, offset: str | None) -> None:
        """The client says what it got last; it may have been one of those from before this server knew of it."""
        known = [index for index, (each, _) in enumerate(self.earlier) if each == offset]
        if known:
            self.earlier = self.earlier[known[0] + 1 :]

    # -- while its client is away: once it is back, it is as if it had been there ------------------------------------

    def is_chosen(self, selection: Selection) -> bool:
        """Whether a broadcast would go to its client, if that were there."""
        rooms, left_out = selection.rooms, selection.except_rooms
        if rooms is not None and not self._is_in(rooms):
            return False
        return not (left_out and self._is_in(left_out))

    def _is_in(self, rooms: frozenset[str]) -> bool:
        mine = self.history.rooms if self.member is None else self.member.rooms
        return self.sid in rooms or not rooms.isdisjoint(mine)

    def join(self, room: str) -> None:
        """Have its client in a room; it has missed what is said there from now on.

        Raises:
            LocalProtocolError: it would be in more than `max_rooms`.
        """
        if self.member is not None:
            self.member.join(room)
        elif room != self.sid and room not in self.history.current:
            self.check_rooms((room,))
            self.history.join(room, self._recovery.log.position)
            self._recovery.changed(self)

    def check_rooms(self, rooms: Collection[str]) -> None:
        """See that it may join all of these: see `Member.check_rooms`."""
        if self.member is not None:
            self.member.check_rooms(rooms)
        else:
            check_room_count(self.history.current, rooms, self.sid, self._recovery.max_rooms)

    def leave(self, room: str) -> None:
        """Have its client in a room no more; it has missed what was said there up to now."""
        if self.member is not None:
            self.member.leave(room)
        else:
            self.history.leave(room, self._recovery.log.position)
            self._recovery.changed(self)

    def disconnect(self, now: float, *, close: bool) -> None:
        """Disconnect who stands for it, or have nobody come back to it; with `close`, to none of its client's."""
        if self.member is not None:
            self.member.disconnect(now, close=close)
        elif not self.is_over:
            self._recovery.dismiss(self, close=close)

    def handle_timeout(self, now: float) -> None:
        """Its time is up."""
        self._recovery.forget(self)
