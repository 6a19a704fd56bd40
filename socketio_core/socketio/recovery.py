"""Connection state recovery: who was lost comes back as the same socket, and gets what it missed. Spec: PROTOCOL 3.9.

    NEW      asked to be let in, and has no claim to anything
    LIVE     a member stands for it
    LOST     its connection is gone; it can be taken back within the window
    TAKEN    a client that came back is being decided about; it is LOST again if that client is refused, or lost too
    OVER     it left, was forgotten, or its time is up

Every event that is not volatile and asks for no ack is logged and carries an *offset*, which clients remember; who
comes back is sent what the log has behind it, in front of the answer to its CONNECT. Volatile events carry the offset
of the last one that was logged: clients take any text at the end of an event for an offset (PROTOCOL 9-44).

Several servers may have a log in common (see `shared_log`); then events are sent when they have their place in it, and
their offsets are known to all.

What a client has surely received is known from its heartbeat: all that was put into its outbox before the last ping
that it answered. So a client that was idle for an hour can come back to a log that holds some minutes.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING, Final

from socketio_core.checks import check_id
from socketio_core.engineio.message import WireMessage
from socketio_core.errors import CloseReason
from socketio_core.settings import RecoverySettings
from socketio_core.socketio.event_log import EventLog, LoggedEvent
from socketio_core.socketio.events import Claim, SessionOver
from socketio_core.socketio.member import Member, MemberState
from socketio_core.socketio.recoverable import RecoverableSession
from socketio_core.socketio.selection import Selection
from socketio_core.socketio.sender import Sender
from socketio_core.socketio.shared_log import Missed
from socketio_core.timers import Scheduled, Timer

if TYPE_CHECKING:
    from socketio_core.socketio.connection import Connection
    from socketio_core.socketio.hub import NamespaceCore
    from socketio_core.socketio.server import ServerCore

RECOVERABLE: Final = frozenset(
    (
        CloseReason.TRANSPORT_ERROR,
        CloseReason.TRANSPORT_CLOSE,
        CloseReason.FORCED_CLOSE,
        CloseReason.PING_TIMEOUT,
        CloseReason.SERVER_SHUTTING_DOWN,
        CloseReason.FORCED_SERVER_CLOSE,
    )
)
"""How a client is lost; otherwise it left, was made to, or spoke nonsense."""

# What a session takes that is lost, without the application's data; CPython 3.11. It may be all that its namespace is
# kept for, if that is a dynamic one, and then takes as much again.
SESSION_BYTES: Final = 1_000
_FEW_ROOMS: Final = 16  # in which what is missed is counted, and not guessed
_EPOCH_CHARS: Final = 6  # enough to tell one run of a server from the next; it goes out with each event
_TICKS: Final = 8  # looks at the log in one window


class Recovery:
    """The sessions of one server that may be lost and found, and the log of what they miss.

    Attributes:
        log: the events.
        settings: the bounds.
        max_rooms: another: `SocketSettings.max_rooms`.
        sender: what sends.
    """

    def __init__(self, server: ServerCore, settings: RecoverySettings) -> None:
        self._server = server
        self.settings = settings
        self.max_rooms = server.settings.max_rooms
        engine = server.engine_settings
        # A loss is noticed that late, as a rule; who was lost earlier than that may find that the log is too short.
        unsure_s = engine.ping_interval_s + engine.ping_timeout_s
        self._tick_s = settings.window_s / _TICKS
        keep_s = settings.window_s + unsure_s + self._tick_s
        self.log = EventLog(settings, check_id(server.new_id())[:_EPOCH_CHARS], keep_s)
        self._max_bytes = min(settings.max_missed_bytes, engine.max_buffered_bytes)
        self._max_count = min(settings.max_missed_events, engine.max_buffered_messages)
        self._sessions: dict[str, RecoverableSession] = {}  # by pid; all that were let in and are not over
        self._lost: dict[str, RecoverableSession] = {}  # those of them that are lost, the longest first
        self._lost_bytes = 0  # what they take
        self._returning: dict[str, RecoverableSession] = {}  # those whose clients are back, and being decided about
        self._ticker: Timer[Scheduled] | None = None
        self.sender = Sender(server, self)

    def __repr__(self) -> str:
        return f"<Recovery {len(self._sessions)} sessions, {len(self._lost)} of them lost, {self.log!r}>"

    @property
    def lost_count(self) -> int:
        """How many sessions wait for their clients."""
        return len(self._lost)

    @property
    def lost(self) -> list[RecoverableSession]:
        """The sessions that wait for their clients, the longest first."""
        return list(self._lost.values())

    def lost_with(self, pid: str, nsp: str) -> RecoverableSession | None:
        """Return one of them."""
        session = self._lost.get(pid)
        return session if session is not None and session.namespace.name == nsp else None

    @property
    def held_bytes(self) -> int:
        """What is held for those who are lost, in memory, about."""
        return self.log.size_bytes + self._lost_bytes

    def shrink(self, by_bytes: int) -> int:
        """Give memory back that is needed: the oldest events, then those who were lost the longest ago.

        Returns how many bytes it was.
        """
        before = self.held_bytes
        self.log.shrink(by_bytes)
        while self._lost and before - self.held_bytes < by_bytes:
            self.forget(next(iter(self._lost.values())))
        return before - self.held_bytes

    def close(self) -> None:
        """Give up all who were lost: the server ends, and nobody can come back to it, though perhaps to others."""
        self.sender.shared = None
        for session in list(self._lost.values()):
            self.forget(session)

    # -- the life of a session ---------------------------------------------------------------------------------------

    def begin(self, namespace: NamespaceCore, sid: str) -> RecoverableSession:
        """Return what may become the session of a new member."""
        return RecoverableSession(self, check_id(self._server.new_id()), sid, namespace, self.log.position)

    def take(self, nsp: str, claim: Claim) -> RecoverableSession | None:
        """Return the session that a client claims, which is nobody else's then; `None` if it cannot have one back.

        A member that still stands for it leaves.
        """
        session = self._claimed(nsp, claim)
        if session is None:
            return None
        if session.member is not None:
            session.member.connection.hand_over(session.member, self._server.now)
            if not session.is_lost:  # the application had made it leave, and that was not worked off yet
                return None
        self._found(session)
        session.has_received(self.log.position_of(claim.offset, nsp))
        session.has_received_through(claim.offset)
        if self.missed_by(session) is None:
            self.forget(session)
            return None
        del self._sessions[session.pid]  # so that it leaves nothing here, should it never be restored
        if self.sender.shared is not None:
            self.sender.shared.forget(session)
        return session

    def adopt(
        self, nsp: str, pid: str, sid: str, rooms: Iterable[str], data: object, missed: Missed
    ) -> RecoverableSession | None:
        """Return the session of a client that was lost at another server, for its member here; `None`: not possible.

        Args:
            rooms: which it was in.
            data: see `Member.data`.
            missed: what it has missed so far.
        """
        namespace = self._server.hub.namespaces.get(nsp)
        if namespace is None or sid in namespace.members or pid in self._sessions:
            return None
        session = RecoverableSession(self, pid, sid, namespace, missed.position)
        for room in rooms:
            if room != sid:
                session.history.join(room, missed.position)
        session.data, session.since, session.earlier = data, missed.since, missed.earlier
        session.expires_at = self._server.now + self.settings.window_s
        return session if self.missed_by(session) is not None else None

    def supplant(self, nsp: str, claim: Claim, by: Connection) -> None:
        """Let the member go that stands for a session which a client claims over another connection.

        It was lost without a sign, or the client would not come back. It goes before the claim is told of, so that the
        application hears of its end first: both are called the same.
        """
        session = self._claimed(nsp, claim)
        member = None if session is None else session.member
        if member is not None and member.connection is not by:
            member.connection.hand_over(member, self._server.now)

    def _claimed(self, nsp: str, claim: Claim) -> RecoverableSession | None:
        session = self._sessions.get(claim.pid)
        return session if session is not None and session.namespace.name == nsp else None

    def assign(self, member: Member, session: RecoverableSession) -> None:
        """A member stands for a session from now on: a new one, or one that was taken."""
        session.member = member
        self._sessions[session.pid] = session
        if member.state is MemberState.PENDING:
            self._returning[session.pid] = session

    def joined(self, member: Member, now: float) -> None:
        """A member was let in."""
        session = member.recoverable
        assert session is not None  # it was given one when it asked
        session.joined_at = now
        self._returning.pop(session.pid, None)
        if member.is_recovered:
            self.sender.has_returned(member)
        if session.member is None:
            session.start = self.log.position
            if self.sender.shared is not None:
                session.since = self.sender.shared.current_offset(member.namespace.name)
            self.assign(member, session)
        for room in member.rooms:
            session.history.join(room, self.log.position)

    def moved(self, member: Member, room: str, *, is_in: bool) -> None:
        """A member joined or left a room; while it is decided about, it is as if it had never been there."""
        session = member.recoverable
        assert session is not None  # it was given one when it asked
        if member.state is not MemberState.JOINED:
            if not is_in:
                session.history.forget(room)
        elif is_in:
            session.history.join(room, self.log.position)
        else:
            session.history.leave(room, self.log.position)

    def left(self, member: Member, reason: CloseReason) -> None:
        """A member is about to leave; called before it forgets its rooms."""
        session = member.recoverable
        assert session is not None  # it was given one when it asked
        if session.member is not member:
            if session.member is None and not session.is_over:
                self._end(session)  # it was never let in
            return
        session.member = None
        self._returning.pop(session.pid, None)
        if member.state is MemberState.PENDING:
            is_lost = reason in RECOVERABLE or reason is CloseReason.SERVER_NAMESPACE_DISCONNECT  # it was refused
        else:
            is_lost = reason in RECOVERABLE
            now = self._server.now
            session.data = member.data
            session.expires_at = now + self.settings.window_s
            confirmed_at = member.connection.session.confirmed_at
            if confirmed_at > session.joined_at:
                session.has_received(self.log.position_before(confirmed_at))
        if is_lost and not member.was_let_go:
            session.origin = member.connection.session.sid
            self.keep(session)
        else:
            self.forget(session)

    def keep(self, session: RecoverableSession) -> None:
        """Keep a session for its client, for as long as it has left."""
        session.missed_count = session.missed_bytes = 0
        session.timer = self._server.agenda.schedule(session.expires_at, session, layer=1)
        session.namespace.lost_count += 1
        self._sessions[session.pid] = self._lost[session.pid] = session
        self.changed(session)
        if len(self._lost) > self.settings.max_lost_sessions:
            self.forget(next(iter(self._lost.values())))

    def changed(self, session: RecoverableSession) -> None:
        """What is kept of somebody who is away, and other servers may have to know, is another thing now."""
        if not session.is_lost:
            return
        self._lost_bytes -= session.held_bytes
        session.held_bytes = SESSION_BYTES * (1 + session.namespace.is_dynamic) + session.history.held_bytes
        self._lost_bytes += session.held_bytes
        if self.sender.shared is not None:
            self.sender.shared.save(session)

    def forget(self, session: RecoverableSession) -> None:
        """Give a session up: who claims it begins anew."""
        self._found(session)
        self._sessions.pop(session.pid, None)  # it is not there while an adapter has it
        self._returning.pop(session.pid, None)
        if self.sender.shared is not None:
            self.sender.shared.forget(session)
        self._end(session)
        self._server.hub.forget_if_empty(session.namespace)

    def dismiss(self, session: RecoverableSession, *, close: bool) -> None:
        """Give up a session whose client is away: that was made to leave. With `close`, all that were lost with it."""
        origin = session.origin
        self.forget(session)
        if close:
            for other in [each for each in self._lost.values() if each.origin == origin]:
                self.forget(other)

    def away_from(self, namespace: NamespaceCore, selection: Selection) -> list[RecoverableSession]:
        """Return the sessions of a namespace that are chosen and not in it: lost, or being decided about.

        It looks at all that were lost: some 0.2 ms for a thousand.
        """
        if not (namespace.lost_count or self._returning):
            return []
        away = chain(self._lost.values(), self._returning.values())
        return [each for each in away if each.namespace is namespace and each.is_chosen(selection)]

    def _end(self, session: RecoverableSession) -> None:
        session.is_over = True
        self._server.report(SessionOver(session))

    def _found(self, session: RecoverableSession) -> None:
        if session.timer is not None:
            session.timer.cancel()
            session.timer = None
            del self._lost[session.pid]
            self._lost_bytes -= session.held_bytes
            session.held_bytes = 0
            session.namespace.lost_count -= 1

    # -- what is missed ----------------------------------------------------------------------------------------------

    def about_missed(self, nsp: str, claim: Claim) -> int:
        """Return how many events a client may have missed that claims a session: at least as many as it has.

        Without looking at each, so that it can be asked before that is done.
        """
        session = self._claimed(nsp, claim)
        if session is None:
            return 0
        start = max(session.own_start, self.log.position_of(claim.offset, nsp))
        rooms = session.history.rooms
        if len(rooms) > _FEW_ROOMS or session.history.left_bytes:
            return self.log.position - start
        return sum(self.log.count_behind(start, nsp, room) for room in (session.sid, None, *rooms))

    def missed_by(self, session: RecoverableSession) -> list[WireMessage] | None:
        """Return what a session has missed, in order; `None` if it is too much, or nobody knows any more.

        It has missed what was sent to the rooms that it was in at that time, unless one of them was left out. (The
        reference asks for the rooms at the loss, whatever they were before.)
        """
        nsp, sid, start, history = session.namespace.name, session.sid, session.start, session.history
        if session.own_start < max(self.log.dropped_through, history.known_from):
            return None
        found: dict[int, LoggedEvent] = {}
        whole = ((sid, session.own_start, None), (None, start, None))
        for room, since, through in chain(whole, history.spans()):
            for event in self.log.between(since if room == sid else max(start, since), through, nsp, room):
                position = event.position
                left_out = event.except_rooms  # most often none
                if left_out and any(room == sid or history.was_in(room, position) for room in left_out):
                    continue
                found[position] = event
                if len(found) > self._max_count:
                    return None
        missed = [message for _, message in session.earlier]
        missed += (found[position].message for position in sorted(found))
        size_bytes = sum(message.size_bytes for message in missed)
        return missed if len(missed) <= self._max_count and size_bytes <= self._max_bytes else None

    def replay(self, member: Member) -> bool:
        """Send a member that is about to be let in what it missed; nothing if it is new.

        Returns `False` when that is not possible any more; then its connection is over, and it begins anew.
        """
        session = member.recoverable
        if session is None or session.member is None:
            return True
        carrier = member.connection.session
        missed = self.missed_by(session)
        if missed is None or not carrier.outbox.has_room_for(missed, self._server.engine_settings):
            self.forget(session)
            session.member = None
            carrier.break_off(CloseReason.TRANSPORT_ERROR, "the client has missed too much to recover")
            return False
        for message in missed:
            carrier.put(message)
        return True

    def note_missed(self, session: RecoverableSession, message: WireMessage) -> bool:
        """Count what is sent to somebody who is lost; more than it could be sent later is of no use to anybody."""
        session.missed_count += 1
        session.missed_bytes += message.size_bytes
        if session.missed_count <= self._max_count and session.missed_bytes <= self._max_bytes:
            return True
        self.forget(session)
        return False

    # -- time --------------------------------------------------------------------------------------------------------

    def logged(self) -> None:
        """Something was added to the log: from now on it grows old."""
        if self._ticker is None:
            self._tick_after(self._server.now)

    def _tick_after(self, now: float) -> None:
        self._ticker = self._server.agenda.schedule(now + self._tick_s, self, layer=1)

    def handle_timeout(self, now: float) -> None:
        """Let the log know how late it is."""
        self._ticker = None
        self.log.mark(self._server.told_at)
        if self.log:
            self._tick_after(self._server.told_at)
