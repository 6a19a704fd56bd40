"""One client of a Socket.IO server: the namespaces it is in, over one Engine.IO session. Spec: PROTOCOL 3.5, 3.6."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from socketio_core.checks import check_id
from socketio_core.engineio.close_codes import NO_CODE
from socketio_core.engineio.events import Closed
from socketio_core.engineio.packet import Payload
from socketio_core.engineio.session import Session
from socketio_core.errors import CloseReason, PacketError, RemoteProtocolError
from socketio_core.socketio.events import Claim, ConnectionClosed, ConnectRequested, EventReceived, ServerEvent
from socketio_core.socketio.member import DISCONNECTED, Member, MemberState
from socketio_core.socketio.packet import ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT, JSONValue, Packet
from socketio_core.timers import Scheduled, Timer

if TYPE_CHECKING:
    from socketio_core.socketio.server import ServerCore

_JOINED: Final = MemberState.JOINED  # to look into an enum takes longer than to compare (benchmarks: server)
MEMBER_BYTES: Final = 4000  # what a namespace more takes, with all that the application keeps of it; CPython 3.11


class Connection:
    """The server's end of one client.

    An event for a namespace that is still being decided is held, up to `max_held_packets` and `max_held_bytes`, and
    follows when the member is accepted; the reference closes the connection for it (PROTOCOL 9-30). A client may ask
    for such a namespace again, as one does that gave up and came back: each CONNECT is decided and answered for itself,
    as in the reference, and who is let in last is in; the reference keeps the others too, and sends broadcasts once for
    each. One DISCONNECT leaves them all.

    What arrives for a namespace that the *server* has left is ignored, for it was in flight (9-31). Any other packet
    for a namespace that the client is not in is an error, and closes the connection.

    Attributes:
        session: the Engine.IO session underneath.
        recovery: the server's, if clients that were lost may come back.
        context: belongs to the host.
    """

    __slots__ = (
        "_connect_timer",
        "_decoder",
        "_end_reason",
        "_left",
        "_members",
        "_others",
        "_server",
        "context",
        "parser",
        "recovery",
        "refused_input",
        "session",
        "settings",
        "undecided",
    )

    def __init__(self, server: ServerCore, session: Session, now: float) -> None:
        self._server = server
        self.session = session
        self.settings = server.settings
        self.parser = server.parser
        self.recovery = server.recovery
        self.context: object = None
        self.undecided = 0  # members that were neither accepted nor refused, those that went away meanwhile included
        self.refused_input = False  # something the client sent was not accepted
        self._end_reason: tuple[CloseReason, RemoteProtocolError | None] | None = None  # set once it is over
        self._decoder = server.parser.decoder()
        self._members: dict[str, Member] = {}  # who gets what comes for a namespace: who joined it, or asked last
        self._others: tuple[Member, ...] = ()  # pending ones beside them, oldest first
        self._left: dict[str, None] = {}  # namespaces that the server made the client leave, oldest first
        self._connect_timer = self.schedule(now + self.settings.connect_timeout_s, self)

    def __repr__(self) -> str:
        return f"<Connection {list(self._members)!r} over {self.session!r}>"

    @property
    def members(self) -> list[Member]:
        """The client's members, pending ones too."""
        return [*self._members.values(), *self._others]

    @property
    def held_bytes(self) -> int:
        """How much memory it takes, about: what has come of a packet, and what its members hold."""
        held = self.session.unfinished_bytes
        for member in self._members.values():
            held += MEMBER_BYTES + member.held_bytes
        if self._members:
            held -= MEMBER_BYTES  # everybody has one
        if self._others or self._left:
            held += sum(MEMBER_BYTES + other.held_bytes for other in self._others) + sum(map(len, self._left))
        return held

    def report(self, event: ServerEvent) -> None:
        """Add an event to the server's."""
        self._server.report(event)

    def schedule(self, at: float, item: Scheduled) -> Timer[Scheduled]:
        """Add a timer to the server's."""
        return self._server.agenda.schedule(at, item, layer=1)

    def catch_up(self, now: float) -> None:
        """Do what is due at `now`, whichever connection it belongs to."""
        self._server.agenda.catch_up(now)

    # -- input -------------------------------------------------------------------------------------------------------

    def receive(self, payload: Payload, now: float) -> None:
        """Process one message of the session."""
        if self._end_reason is not None:
            return
        try:
            packet = self._decoder.feed(payload)
        except PacketError as error:
            self._break_off(CloseReason.PARSE_ERROR, str(error), now, error.__cause__)
            return
        size_bytes, session, scale = len(payload), self.session, self._server.scale
        if type(payload) is str:
            is_light = size_bytes <= scale.light_chars and not session.is_behind and payload.isascii()
        else:
            is_light = scale.is_json
        if not is_light:
            size_bytes = scale.weigh(payload, packet, exactly=session.is_behind)
        if packet is None:
            session.unfinished_bytes += size_bytes  # of the packet that waits for attachments
            return
        if session.unfinished_bytes:
            size_bytes += session.unfinished_bytes
            session.unfinished_bytes = 0
        member = self._members.get(packet.nsp)
        if member is not None and member.state is _JOINED:
            if packet.type == EVENT:  # fast path: what `_dispatch` does; benchmarks: core
                data = packet.data
                self._server.report(EventReceived(member, data[0], data[1:], packet.id, size_bytes))
            else:
                self._dispatch(member, packet, size_bytes, now)
        elif packet.type == CONNECT:
            self._connect(packet.nsp, packet.data, size_bytes, now)
        elif member is not None:
            self._hold(member, packet, size_bytes, now)
        elif packet.nsp not in self._left or packet.type == CONNECT_ERROR:
            self._violation(packet, now)

    def _dispatch(self, member: Member, packet: Packet, size_bytes: int, now: float) -> None:
        if packet.type == EVENT:
            data = packet.data
            self._server.report(EventReceived(member, data[0], data[1:], packet.id, size_bytes))
        elif packet.type == ACK:
            assert packet.id is not None  # an ack has an id, or it would not have passed the parser
            member.pending_acks.arrived(member, packet.id, packet.data, size_bytes)
        elif packet.type == DISCONNECT:
            self.remove(member, CloseReason.CLIENT_NAMESPACE_DISCONNECT)
        else:
            self._violation(packet, now)

    def _connect(self, nsp: str, auth: dict[str, JSONValue] | None, size_bytes: int, now: float) -> None:
        namespace, recoverable = None, None
        try:
            namespace = self._server.hub.find(nsp)
            sid = check_id(self._server.new_id())
            if self.recovery is not None and namespace is not None:
                recoverable = self.recovery.begin(namespace, sid)
        except Exception as error:  # noqa: BLE001 - of a pattern, or of the factory of ids: the application's code
            if namespace is not None:
                self._server.hub.forget_if_empty(namespace)
            detail = f"packet of type {CONNECT} could not be handled: {type(error).__name__}"
            self._break_off(CloseReason.FORCED_SERVER_CLOSE, detail, now, error)
            return
        if namespace is None:
            self._refuse_connect(nsp, "Invalid namespace", now)
            return
        refusal = self._connect_refusal(nsp, size_bytes)
        if refusal is not None:
            self._refuse_connect(nsp, refusal, now)
            self._server.hub.forget_if_empty(namespace)
            return
        member = Member(self, namespace, sid, size_bytes)
        member.recoverable = recoverable
        self._ask_about(member, auth or {})

    def _connect_refusal(self, nsp: str, size_bytes: int) -> str | None:
        """Return why the client may not even ask for a namespace."""
        settings = self.settings
        if nsp not in self._members and len(self._members) >= settings.max_namespaces:
            return "Too many namespaces"
        if self.undecided >= settings.max_pending_connects:
            return "Too many pending connects"
        return "Auth too large" if size_bytes > settings.max_auth_bytes else None

    def _ask_about(self, member: Member, auth: dict[str, JSONValue]) -> None:
        """Have somebody decide about a member."""
        nsp, claim = member.namespace.name, None
        self._left.pop(nsp, None)
        if nsp in self._members:
            self._others = (*self._others, self._members[nsp])
        self._members[nsp] = member
        self.undecided += 1
        if self.recovery is not None:
            auth, claim = _split(auth)
            if claim is not None:
                self.recovery.supplant(nsp, claim, self)
        self.report(ConnectRequested(member, auth, claim))

    def _refuse_connect(self, nsp: str, message: str, now: float) -> None:
        self._left[nsp] = None  # what it sent before it knew is ignored
        self._trim_left()
        self.send_control(Packet(CONNECT_ERROR, nsp, {"message": message}), now)

    def _hold(self, member: Member, packet: Packet, size_bytes: int, now: float) -> None:
        """A packet for a namespace that is being decided."""
        if packet.type == DISCONNECT:
            self.remove(member, CloseReason.CLIENT_NAMESPACE_DISCONNECT)
        elif packet.nsp in self._left and packet.type in (EVENT, ACK):
            pass  # it was in flight for a socket that the server made leave, while this one waited
        elif packet.type != EVENT:
            self._violation(packet, now)
        else:
            member.held.append((packet, size_bytes))
            for name, count in (
                ("max_held_packets", len(member.held)),
                ("max_held_bytes", sum(size for _, size in member.held)),
            ):
                if count > (limit := getattr(self.settings, name)):
                    detail = f"too many events before the namespace was accepted, {name}: {limit}"
                    self._break_off(CloseReason.FORCED_SERVER_CLOSE, detail, now)
                    return

    def _violation(self, packet: Packet, now: float) -> None:
        detail = f"packet of type {packet.type} for a namespace in no state for it: {packet.nsp[:80]!r}"
        self._break_off(CloseReason.FORCED_SERVER_CLOSE, detail, now)

    # -- members -----------------------------------------------------------------------------------------------------

    def send_control(self, packet: Packet, now: float) -> bool:
        """Send a packet of the protocol's own, for which nobody waits.

        A parser that cannot encode it costs the client its connection: it would never learn what the packet says.
        Returns whether it could.
        """
        try:
            message = self.parser.encode(packet)
        except Exception as error:  # noqa: BLE001 - anything at all, for a parser may be the application's code
            detail = f"packet of type {packet.type} could not be encoded: {error!r:.200}"
            self._break_off(CloseReason.FORCED_SERVER_CLOSE, detail, now, error)
            return False
        self.session.put(message, is_control=True)
        return True

    def note_accepted(self, member: Member, now: float) -> None:
        """A member is in: what was held for it follows."""
        self._connect_timer.cancel()
        nsp = member.namespace.name
        current = self._members[nsp]
        if current is not member:
            self._others = tuple(other for other in self._others if other is not member)
            self._members[nsp] = member
            if current.state is MemberState.JOINED:  # a client has one socket in a namespace: the last it heard of
                current.end(CloseReason.CLIENT_NAMESPACE_DISCONNECT, None)
            else:
                self._others = (*self._others, current)
        self._left.pop(nsp, None)
        held, member.held = member.held, []
        for packet, size_bytes in held:
            self._dispatch(member, packet, size_bytes, now)

    def note_refused(self, member: Member) -> None:
        """A member was refused: it is gone, and may ask again."""
        self.remove(member, CloseReason.SERVER_NAMESPACE_DISCONNECT)  # what it sent before it knew is ignored

    def remove(self, member: Member, reason: CloseReason) -> None:
        """A member leaves; the connection goes on, as in the reference (PROTOCOL 9-47)."""
        nsp, is_by_client = member.namespace.name, reason is CloseReason.CLIENT_NAMESPACE_DISCONNECT
        waiting = [other for other in self._others if other is not member and other.namespace.name == nsp]
        gone = [*waiting, member] if is_by_client else [member]  # who leaves wants no answer to what it asked before
        if self._others:
            self._others = tuple(other for other in self._others if other not in gone)
        if self._members[nsp] is member:
            del self._members[nsp]
            if waiting and not is_by_client:
                self._members[nsp] = waiting[-1]
                self._others = tuple(other for other in self._others if other is not waiting[-1])
        if not is_by_client and (nsp not in self._members or member.state is MemberState.JOINED):
            self._left[nsp] = None
            self._trim_left()
        for each in gone:
            each.end(reason, None)
        self._server.hub.forget_if_empty(member.namespace)

    def hand_over(self, member: Member, now: float) -> None:
        """Let a member go whose client has come back over another connection; with its last one, this one ends.

        The client has given this connection up, most likely without a sign. Otherwise it learns of it. What it sent
        before still counts.
        """
        nsp = member.namespace.name
        packet = Packet(DISCONNECT, nsp)
        if member.state is MemberState.PENDING:
            packet = Packet(CONNECT_ERROR, nsp, {"message": DISCONNECTED})
        if self.send_control(packet, now):
            self.remove(member, CloseReason.TRANSPORT_CLOSE)
        if not self._members:
            self.session.close(now, is_fault=True)

    def _trim_left(self) -> None:
        if len(self._left) > self.settings.max_namespaces:
            del self._left[next(iter(self._left))]

    # -- the end -----------------------------------------------------------------------------------------------------

    def disconnect(self, now: float) -> None:
        """Leave every namespace with a DISCONNECT packet, then close the connection in order."""
        self.catch_up(now)
        for member in self.members:
            if member.state is MemberState.JOINED:
                if member.waiting is not None:
                    member.waiting.give_up()
                self.send_control(Packet(DISCONNECT, member.namespace.name), now)
        self._end(CloseReason.SERVER_NAMESPACE_DISCONNECT, None)
        self.session.close(now)

    def handle_timeout(self, now: float) -> None:
        """The connect timeout ran out; joining a namespace would have cancelled it."""
        detail = f"no namespace was joined in time, connect_timeout_s: {self.settings.connect_timeout_s:g}"
        self._break_off(CloseReason.FORCED_SERVER_CLOSE, detail, now)

    def shut_down(self) -> None:
        """The server is closing."""
        self._end(CloseReason.SERVER_SHUTTING_DOWN, None)

    def session_closed(self, event: Closed) -> None:
        """The session is over; members that are still there leave for the same reason.

        When it was this layer that ended it, the reason is still the one it had: the session knows "forced close" only.
        """
        detail = event.detail or ("" if event.code in (None, NO_CODE) else f"close code {event.code}")
        reason, error = self._end(event.reason, event.error, detail)
        self.report(ConnectionClosed(self, reason, error, event.code, event.detail))

    def _break_off(self, reason: CloseReason, detail: str, now: float, cause: BaseException | None = None) -> None:
        """The client broke the protocol: all its namespaces end together, with the same reason on both transports.

        Args:
            cause: what a parser raised, if it was not the client's fault.
        """
        self.refused_input = True
        error = RemoteProtocolError(detail)
        error.__cause__ = cause
        self._end(reason, error)
        self.session.close(now, is_fault=True)

    def _end(
        self, reason: CloseReason, error: RemoteProtocolError | None, detail: str = ""
    ) -> tuple[CloseReason, RemoteProtocolError | None]:
        """Free everything; once. Returns why it ended, the first time."""
        if self._end_reason is None:
            self._end_reason = (reason, error)
            self._connect_timer.cancel()
            del self._decoder  # and with it what has come of a packet; nothing is decoded any more
            self.session.unfinished_bytes = 0
            members = self.members
            self._members.clear()
            self._others = ()
            for member in members:
                member.end(reason, error, detail)
                self._server.hub.forget_if_empty(member.namespace)
        return self._end_reason


def _split(auth: dict[str, JSONValue]) -> tuple[dict[str, JSONValue], Claim | None]:
    """Return what a client sent without its claim to a session, for both parts are secrets, and that claim."""
    pid, offset = auth.get("pid"), auth.get("offset")
    if not isinstance(pid, str):
        return auth, None
    rest = {key: value for key, value in auth.items() if key not in ("pid", "offset")}
    # An offset that is no text was given by no server: as in the reference, whoever has one begins anew.
    return rest, Claim(pid, offset) if offset is None or isinstance(offset, str) else None
