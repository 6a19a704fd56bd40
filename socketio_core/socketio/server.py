"""The Socket.IO server without I/O: an `Engine`, its connections, and the hub they meet in.

A host uses it as it would use the engine (`handle_request`, `receive`, `take_ready`, `next_deadline`), and gets
Socket.IO events from `take_events`.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Final

from socketio_core.checks import check_kind
from socketio_core.engineio.actions import Action, Respond
from socketio_core.engineio.carriers import Carrier, Poll, Post, WebSocket
from socketio_core.engineio.close_codes import GOING_AWAY, check_close
from socketio_core.engineio.engine import Engine
from socketio_core.engineio.events import Closed, Opened, RequestRefused
from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.outbox import check_fits
from socketio_core.engineio.packet import Frame
from socketio_core.engineio.session import Session
from socketio_core.errors import LocalProtocolError
from socketio_core.http import Request, Response
from socketio_core.ids import IdFactory, new_id
from socketio_core.settings import EngineSettings, RecoverySettings, SocketSettings, combine, with_path
from socketio_core.socketio.acks import check_timeout
from socketio_core.socketio.collection import AckCollection
from socketio_core.socketio.connection import Connection
from socketio_core.socketio.events import Claim, ConnectionOpened, ConnectionUpgraded, ServerEvent
from socketio_core.socketio.guard import guard
from socketio_core.socketio.hub import Hub
from socketio_core.socketio.json_parser import JsonParser
from socketio_core.socketio.member import Member
from socketio_core.socketio.packet import ROOT_NAMESPACE, JSONValue, Packet, event_packet
from socketio_core.socketio.parser import Parser
from socketio_core.socketio.recoverable import RecoverableSession
from socketio_core.socketio.recovery import Recovery
from socketio_core.socketio.selection import EVERYONE, Selection
from socketio_core.socketio.shared_log import put
from socketio_core.socketio.weight import Scale
from socketio_core.timers import Agenda, Scheduled

USUAL_PATH: Final = "/socket.io/"  # reference


class ServerCore:
    """All Socket.IO connections of one server.

    Args:
        engine_settings: the Engine.IO layer; its `path` is `"/socket.io/"` unless it names another.
        settings: the Socket.IO layer.
        parser: how packets are encoded; JSON unless said otherwise.
        new_id: makes session ids, which must be unguessable, and socket ids.
        recovery: lets clients that were lost come back to what they had; off unless it is given.

    Attributes:
        recovery: what is kept for clients that were lost, if they may come back.
        reads_bytes: see `AnyServer`; where packets are JSON, bytes are attachments.
        now: when something last happened: who takes events is not told the time.
        told_at: the time of the last call that found something due, which is worked off at the time it fell due.
    """

    def __init__(
        self,
        engine_settings: EngineSettings | None = None,
        settings: SocketSettings | None = None,
        *,
        parser: Parser | None = None,
        new_id: IdFactory = new_id,
        recovery: RecoverySettings | None = None,
    ) -> None:
        check_kind("engine_settings", engine_settings, EngineSettings, "EngineSettings(...)")
        check_kind("settings", settings, SocketSettings, "SocketSettings(...)")
        check_kind("recovery", recovery, RecoverySettings, "RecoverySettings()")
        self.engine_settings = with_path(engine_settings or EngineSettings(), USUAL_PATH)
        self.settings = combine(self.engine_settings, settings or SocketSettings())
        self._engine = Engine(self.engine_settings, new_id=new_id, is_inner=True)
        self.path = self._engine.path
        self._shared = self._engine.shared
        self.parser = JsonParser(self.settings) if parser is None else guard(parser)
        self.scale = Scale(is_json=type(self.parser) is JsonParser)
        self.reads_bytes = not self.scale.is_json
        self.new_id = new_id
        self.hub = Hub()
        self.hub.of(ROOT_NAMESPACE)
        self.agenda: Agenda = self._engine.agenda
        self.agenda.run = self._run
        self._events: list[ServerEvent] = []
        self._over: list[Session] = []  # sessions whose end was not told yet
        self.now = self.told_at = 0.0
        self.recovery = None if recovery is None else Recovery(self, recovery)

    def __repr__(self) -> str:
        return f"<ServerCore {self._engine!r}, {len(self.hub.namespaces)} namespaces>"

    # -- what the host calls, as on `Engine` -------------------------------------------------------------------------

    def owns(self, request: Request) -> bool:
        """See `Engine.owns`."""
        return self._engine.owns(request)

    def is_handshake(self, request: Request) -> bool:
        """See `Engine.is_handshake`."""
        return self._engine.is_handshake(request)

    def refuse(self, request: Request, text: str = "Forbidden") -> Respond:
        """See `Engine.refuse`."""
        return self._engine.refuse(request, text)

    def handle_request(self, request: Request, now: float, context: object) -> Action:
        """See `Engine.handle_request`."""
        action = self._engine.handle_request(request, now, context)
        self._pump(now)
        return action

    def advance_post(self, post: Post, max_packets: int, now: float) -> bool:
        """See `Engine.advance_post`."""
        has_more = self._engine.advance_post(post, max_packets, now)
        self._pump(now)
        _note_refusal(post)  # now: once its end was told the session knows its connection no more
        return has_more

    def finish_post(self, post: Post, now: float) -> Response:
        """See `Engine.finish_post`; 400 too when a packet was no valid Socket.IO packet."""
        response = self._engine.finish_post(post, now)
        self._pump(now)
        _note_refusal(post)
        if response.status == 200 and post.is_refused:
            return Response(400, [*post.headers, (b"content-length", b"0")])
        return response

    def poll_delivered(self, poll: Poll, now: float) -> None:
        """See `Engine.poll_delivered`."""
        self._engine.poll_delivered(poll, now)

    def receive(self, websocket: WebSocket, frame: Frame, now: float) -> None:
        """See `Engine.receive`."""
        session, shared = websocket.session, self._shared
        if session.shared is not shared:
            self._engine.check_own(session)
        payload = None if shared.events else session.payload_of(websocket, frame, now)
        if payload is None:
            session.receive(websocket, frame, now)
        else:  # fast path: what `_pump` does; benchmarks: server
            self.now = now
            session.context.receive(payload, now)  # type: ignore[attr-defined] # as there
            if not shared.events:
                return
        self._pump(now)

    def receive_all(self, websocket: WebSocket, frames: Iterable[Frame], now: float) -> None:
        """See `Engine.receive_all`."""
        if websocket.session.shared is not self._shared:
            self._engine.check_own(websocket.session)
        websocket.session.receive_all(websocket, frames, now)
        self._pump(now)

    def receive_part(self, websocket: WebSocket, part: Frame, is_last: bool, now: float) -> None:  # noqa: FBT001
        """See `Engine.receive_part`."""
        if websocket.session.shared is not self._shared:
            self._engine.check_own(websocket.session)
        websocket.session.receive_part(websocket, part, is_last, now)
        self._pump(now)

    def lost(self, carrier: Poll | Post | WebSocket, now: float, code: int | None = None, detail: str = "") -> None:
        """See `Engine.lost`."""
        self._engine.lost(carrier, now, code, detail)
        self._pump(now)

    def fail(self, websocket: WebSocket, detail: str, code: int, now: float) -> None:
        """See `Engine.fail`."""
        self._engine.fail(websocket, detail, code, now)
        self._pump(now)

    def take_ready(self, max_poll_bytes: float = inf) -> list[Carrier]:
        """See `Engine.take_ready`."""
        return self._engine.take_ready(max_poll_bytes)

    @property
    def has_ready(self) -> bool:
        """See `Engine.has_ready`."""
        return self._engine.has_ready

    @property
    def unseen_puts(self) -> int:
        """See `Engine.unseen_puts`."""
        return self._shared.unseen_puts

    def take_events(self) -> list[ServerEvent]:
        """Return what happened since the last call, in order."""
        if self._shared.events:
            self._pump(self.now)
        taken = self._events
        if taken:
            self._events = []
            if self._over:
                self._forget_over()
            return taken
        return []

    def broadcast(
        self,
        nsp: str,
        name: str,
        args: Iterable[JSONValue],
        selection: Selection = EVERYONE,
        takers: list[Member] | None = None,
    ) -> int:
        """Send an event to the members of a namespace, encoded once; see `NamespaceCore.broadcast`.

        Returns how many took it; 0 where there is no such namespace, for a dynamic one is gone with its last member.

        Args:
            nsp: e.g. `"/admin"`.
            selection: who gets it, and how.
            takers: see `NamespaceCore.broadcast`.

        Raises:
            LocalProtocolError: a reserved name, data that is not JSON, or more of it than any buffer holds; nothing was
                sent.
        """
        if self.recovery is not None:
            return self.recovery.sender.broadcast(nsp, name, args, selection, takers)
        message = self._encode(event_packet(nsp, name, args), selection)
        namespace = self.hub.namespaces.get(nsp)
        return 0 if namespace is None else namespace.broadcast(message, selection, takers)

    def broadcast_with_acks(
        self, nsp: str, name: str, args: Iterable[JSONValue], selection: Selection, *, context: object, now: float
    ) -> AckCollection | None:
        """Send an event that each recipient is to acknowledge; one `AcksCollected` follows for all of them.

        Returns what waits, to `forget`; `None`, with nothing to follow, when there is nobody. Who cannot be reached at
        once is not asked, if the selection is volatile.

        Args:
            selection: who is asked, and how long to wait: `timeout_s`.
            context: comes back with the event, to tell who waits.

        Raises:
            LocalProtocolError: as `broadcast`, no such time, or a member would be waited for more than
                `max_outstanding_acks` times; nothing was sent.
        """
        self.agenda.catch_up(now)
        timeout_s = check_timeout(selection.timeout_s)
        namespace = self.hub.namespaces.get(nsp)
        ack_id = 0 if namespace is None else namespace.take_ack_id()  # nobody is in one that is not there
        message = self._encode(event_packet(nsp, name, args, ack_id), selection)
        check_fits(message, self._shared.settings)
        found = () if namespace is None else namespace.recipients(selection)
        members = [each for each in found if not selection.volatile or each.connection.session.is_writable]
        if not members:
            return None
        collection = AckCollection(members, ack_id, context, self.report)
        try:
            for member in members:
                member.pending_acks.expect(member, ack_id, collection, self.settings.max_outstanding_acks)
        except LocalProtocolError:
            collection.forget()
            raise
        if timeout_s is not None:
            collection.timer = self.agenda.schedule(now + timeout_s, collection, layer=1)
        for member in members:  # all of them expect it, so nothing stops this half way
            put(member, message)
        return collection

    def take_session(self, nsp: str, claim: Claim, now: float) -> RecoverableSession | None:
        """Return the session that a client claims, to be given to its member: `member.restore(session)`.

        `None` if there is none, or no more. It is nobody else's then: a claim is good once, until the client is lost
        again. One that is still connected somewhere leaves with "transport close".

        Args:
            nsp: the namespace that the client asks for.
            claim: what came with `ConnectRequested`.
        """
        self.agenda.catch_up(now)
        self._pump(now)
        return None if self.recovery is None else self.recovery.take(nsp, claim)

    def _encode(self, packet: Packet, selection: Selection) -> WireMessage:
        message = self.parser.encode(packet)
        return message if selection.compress else message.uncompressed()

    # -- time --------------------------------------------------------------------------------------------------------

    @property
    def next_deadline(self) -> float | None:
        """When to call `handle_timeout`, in monotonic seconds; `None` when nothing is scheduled."""
        at = self.agenda.due_at  # `Agenda.next_deadline` without the call; benchmarks: server
        return None if at == inf else at

    def handle_timeout(self, now: float) -> None:
        """Do all that is due at `now`, in the order in which it fell due. Early, late and repeated calls are fine."""
        self.agenda.catch_up(now)

    def _run(self, item: Scheduled, at: float, now: float) -> None:
        self.told_at = now
        self._pump(at)
        item.handle_timeout(at)
        if self._shared.events:  # a ping is none
            self._pump(at)

    def close(self, now: float, *, code: int = GOING_AWAY, text: str = "server shutting down") -> None:
        """Shut down: every socket leaves with "server shutting down", every connection is closed, new ones get 503.

        Clients get no DISCONNECT packet, so they will try to connect again, as with the reference (PROTOCOL 9-54).

        Args:
            code: WebSocket close code; clients reconnect whatever it is.

        Raises:
            LocalProtocolError: a code or a text that cannot be sent.
        """
        check_close(code, text)
        self.agenda.catch_up(now)
        self._pump(now)
        for connection in self.connections:
            connection.shut_down()
        self._engine.close(now, code=code, text=text)
        self._pump(now)
        if self.recovery is not None:
            self.recovery.close()

    @property
    def session_count(self) -> int:
        """See `Engine.session_count`."""
        return self._engine.session_count

    @property
    def sessions(self) -> list[Session]:
        """See `Engine.sessions`: what is underneath the connections, to look at."""
        return self._engine.sessions

    @property
    def connections(self) -> list[Connection]:
        """All open connections."""
        contexts = [session.context for session in self.sessions]
        return [context for context in contexts if isinstance(context, Connection)]

    # -- what connections call ---------------------------------------------------------------------------------------

    def report(self, event: ServerEvent) -> None:
        """Add an event; the engine's own that came before it must be in the list already."""
        self._events.append(event)

    def _forget_over(self) -> None:
        """Have sessions that are over forget their connections, which know them: no garbage collector is needed then.

        Now that their end is told, and not before: a POST that has brought it is answered by what its connection says.
        """
        for session in self._over:
            session.context = None
        self._over.clear()

    def _pump(self, now: float) -> None:
        """Hand the engine's events to their connections, until there are no more."""
        self.now = now
        shared = self._shared
        while events := shared.events:  # fast path: `Engine.take_events` without the call; benchmarks: server
            shared.events = []
            for session, event in events:
                if type(event) is list:
                    # Messages come behind Opened, which sets the context, and from calls that tell the time.
                    receive = session.context.receive  # type: ignore[union-attr]
                    for message in event:
                        receive(message, now)
                    continue
                if session is None:
                    assert isinstance(event, RequestRefused)  # the one event without a session
                    self._events.append(event)
                    continue
                context = session.context
                if isinstance(event, Opened):
                    session.context = connection = Connection(self, session, now)
                    self._events.append(ConnectionOpened(connection))
                    continue
                assert isinstance(context, Connection)
                if isinstance(event, Closed):
                    context.session_closed(event)
                    self._over.append(session)
                else:
                    self._events.append(ConnectionUpgraded(context))


def _note_refusal(post: Post) -> None:
    """Note whether something that the client sent was no valid Socket.IO packet."""
    connection = post.session.context
    post.is_refused |= isinstance(connection, Connection) and connection.refused_input
