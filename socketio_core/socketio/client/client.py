"""The Socket.IO client without I/O: many namespaces over one connection, which it opens again when it is lost.

A host takes what is ready (`take_ready`: requests to make, WebSockets to open and write to), says what became of it,
and gets Socket.IO events from `take_events`. What users know as the Manager. Spec: PROTOCOL 5.1, 5.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Final, cast

from socketio_core.checks import check_kind
from socketio_core.engineio.client.carriers import ClientCarrier, ClientWebSocket, Exchange
from socketio_core.engineio.client.events import Opened, OpenFailed
from socketio_core.engineio.client.posts import check_size
from socketio_core.engineio.client.problems import ASKS_PATH
from socketio_core.engineio.client.requests import ClientMemory
from socketio_core.engineio.client.session import ClientSession
from socketio_core.engineio.events import Closed, Upgraded
from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.packet import Frame
from socketio_core.engineio.states import SessionState
from socketio_core.errors import CloseReason, LocalProtocolError, RemoteProtocolError
from socketio_core.http import Response
from socketio_core.records import plain
from socketio_core.settings import ClientSettings, EngineClientSettings, combine_for_client, with_path
from socketio_core.socketio.client.events import ClientEvent
from socketio_core.socketio.client.incoming import Incoming
from socketio_core.socketio.client.namespace import ClientNamespace
from socketio_core.socketio.client.namespaces import NamespaceTable
from socketio_core.socketio.client.reconnection import Reconnection
from socketio_core.socketio.guard import guard
from socketio_core.socketio.json_parser import JsonParser
from socketio_core.socketio.packet import ROOT_NAMESPACE, JSONValue, check_namespace
from socketio_core.socketio.parser import Parser
from socketio_core.timers import Agenda, Scheduled, Timer

USUAL_PATH: Final = "/socket.io/"  # reference


class ClientCore:
    """A Socket.IO client. Nothing is in flight until a namespace is connected: `client.of("/").connect(now)`.

    Args:
        engine_settings: the Engine.IO layer: where the server is, and the limits; `path` is `"/socket.io/"` unless it
            names another.
        settings: the Socket.IO layer.
        parser: how packets are encoded; JSON unless said otherwise.
        random: returns floats from 0 (inclusive) to 1 (exclusive): spreads reconnections, marks requests.

    Attributes:
        namespaces: those that were asked for, by name.
        session: the current connection; `None` between two of them.
        reads_bytes: see `AnyClient`; where packets are JSON, bytes are attachments.
        is_behind: events wait for the application, which says so: those that come are weighed exactly.
        memory: what outlives the connections: cookies, and whether a WebSocket worked.
    """

    def __init__(
        self,
        engine_settings: EngineClientSettings | None = None,
        settings: ClientSettings | None = None,
        *,
        parser: Parser | None = None,
        random: Callable[[], float],
    ) -> None:
        check_kind("engine_settings", engine_settings, EngineClientSettings, "EngineClientSettings(...)")
        check_kind("settings", settings, ClientSettings, "ClientSettings(...)")
        self.engine_settings = with_path(engine_settings or EngineClientSettings(), USUAL_PATH)
        self.path = cast("str", self.engine_settings.path)
        self.settings = combine_for_client(self.engine_settings, settings or ClientSettings())
        self.parser = JsonParser(self.settings) if parser is None else guard(parser)
        self.memory = ClientMemory()
        self.namespaces = NamespaceTable(self.settings.max_namespaces)
        self.session: ClientSession | None = None
        self._random = random
        self._reconnection = Reconnection(self, self.settings, random)
        self._old_sessions: list[ClientSession] = []  # they still send what they have, and their goodbye
        self._incoming = Incoming(self)
        self.reads_bytes = type(self.parser) is not JsonParser
        self._agenda = Agenda()
        self._agenda.run = self._run
        self._events: list[ClientEvent] = []
        self.is_behind = False
        self._pauses = 0
        self._max_payload_bytes: int | None = None  # what the server took when there was last a connection
        self._was_polled = True  # its transport then
        self._is_closed = False
        self._now = 0.0  # when something last happened: who takes events is not told the time

    def __repr__(self) -> str:
        return f"<ClientCore {self.engine_settings.authority}, {len(self.namespaces)} namespaces, {self.session!r}>"

    # -- namespaces --------------------------------------------------------------------------------------------------

    def of(
        self, name: str = ROOT_NAMESPACE, auth: Mapping[str, JSONValue] | None = None, *, asks_auth: bool = False
    ) -> ClientNamespace:
        """Return a namespace, always the same one of a name; the other arguments count when it is made.

        One that was left, and has nothing more to do, may make room for another; whoever still holds it can use it all
        the same.

        Raises:
            LocalProtocolError: more than `max_namespaces`, or a name that no packet can carry or no server takes.
        """
        name = plain(name)
        namespace = self.namespaces.find(name)
        if namespace is None:
            check_namespace(name, self.settings.max_namespace_chars)
            namespace = ClientNamespace(self, name, auth, asks_auth=asks_auth)
            self.namespaces.remember(namespace)
        return namespace

    @property
    def is_closing(self) -> bool:
        """Whether `close` was called: nothing can be sent any more."""
        return self._is_closed

    @property
    def is_done(self) -> bool:
        """Whether `close` was called, and all is over: what was to be sent is, and its WebSockets are gone."""
        return self._is_closed and self.session is None and all(session.is_done for session in self._old_sessions)

    def check_not_closed(self) -> None:
        """Raise `LocalProtocolError` after `close`."""
        if self._is_closed:
            raise LocalProtocolError("client was closed")

    # -- output ------------------------------------------------------------------------------------------------------

    @property
    def is_writable(self) -> bool:
        """Whether a message would leave at once."""
        return self.session is not None and self.session.is_writable

    @property
    def buffered_bytes(self) -> int:
        """How much waits in the outbox of the connection."""
        return 0 if self.session is None else self.session.buffered_bytes

    @property
    def is_over_high_water(self) -> bool:
        """Whether the server reads too slowly for more: wait, or drop."""
        return self.session is not None and self.session.is_over_high_water

    @property
    def is_clogged(self) -> bool:
        """Whether nothing more should be read; see `ClientSession.is_clogged`."""
        return self.session is not None and self.session.is_clogged

    def take_ready(self) -> list[ClientCarrier]:
        """Return the carriers that the host must see to, each once."""
        ready = [carrier for session in self._old_sessions for carrier in session.take_ready()]
        if self._old_sessions:
            self._old_sessions = [session for session in self._old_sessions if not session.is_done]
        if self.session is not None:
            ready += self.session.take_ready()
        return ready

    def take_events(self) -> list[ClientEvent]:
        """Return what happened since the last call, in order."""
        if self.session is not None and self.session.events:
            self._pump(self._now)
        events, self._events = self._events, []
        return events

    # -- what became of it: see `ClientSession` ----------------------------------------------------------------------

    def exchange_done(self, exchange: Exchange, response: Response, now: float, max_packets: float = inf) -> bool:
        """See `ClientSession.exchange_done`."""
        self._check_own(exchange.session)
        has_more = exchange.session.exchange_done(exchange, response, now, max_packets)
        self._pump(now)
        return has_more

    def websocket_opened(self, websocket: ClientWebSocket, response: Response, now: float) -> None:
        """See `ClientSession.websocket_opened`."""
        self._check_own(websocket.session)
        websocket.session.websocket_opened(websocket, response, now)
        self._pump(now)

    def websocket_refused(self, websocket: ClientWebSocket, response: Response, now: float) -> None:
        """See `ClientSession.websocket_refused`."""
        self._check_own(websocket.session)
        websocket.session.websocket_refused(websocket, response, now)
        self._pump(now)

    def receive(self, websocket: ClientWebSocket, frame: Frame, now: float) -> None:
        """See `ClientSession.receive`."""
        session = websocket.session
        if session.agenda is not self._agenda:
            self._check_own(session)
        is_current = session is self.session and not session.events
        payload = session.payload_of(websocket, frame, now) if is_current else None
        if payload is None:
            session.receive(websocket, frame, now)
        else:  # fast path: what `_pump` does; benchmarks: client
            self._now = now
            self._incoming.receive(payload, now)
            if session is self.session and not session.events:
                return
        self._pump(now)

    def receive_all(self, websocket: ClientWebSocket, frames: Iterable[Frame], now: float) -> None:
        """See `ClientSession.receive_all`."""
        self._check_own(websocket.session)
        websocket.session.receive_all(websocket, frames, now)
        self._pump(now)

    def receive_part(self, websocket: ClientWebSocket, part: Frame, is_last: bool, now: float) -> None:  # noqa: FBT001
        """See `ClientSession.receive_part`."""
        if websocket.session.agenda is not self._agenda:
            self._check_own(websocket.session)
        websocket.session.receive_part(websocket, part, is_last, now)
        self._pump(now)

    def lost(self, carrier: ClientCarrier, now: float, code: int | None = None, detail: str = "") -> None:
        """See `ClientSession.lost`."""
        self._check_own(carrier.session)
        carrier.session.lost(carrier, now, code, detail)
        self._pump(now)

    def fail(self, websocket: ClientWebSocket, detail: str, code: int, now: float) -> None:
        """See `ClientSession.fail`."""
        self._check_own(websocket.session)
        websocket.session.fail(websocket, detail, code, now)
        self._pump(now)

    def _check_own(self, session: ClientSession) -> None:
        if session.agenda is not self._agenda:
            raise LocalProtocolError("handle belongs to another client")

    def pause_reading(self, now: float) -> None:
        """The host reads no more for a while; see `ClientSession.pause_reading`."""
        self._agenda.catch_up(now)
        self._pauses += 1
        if self.session is not None:
            self.session.pause_reading(now)

    def resume_reading(self, now: float) -> None:
        """The host reads again."""
        self._agenda.catch_up(now)
        if self._pauses:
            self._pauses -= 1
            if self.session is not None:
                self.session.resume_reading(now)

    # -- time --------------------------------------------------------------------------------------------------------

    @property
    def next_deadline(self) -> float | None:
        """When to call `handle_timeout`, in monotonic seconds; `None` when nothing is scheduled."""
        return self._agenda.next_deadline

    def handle_timeout(self, now: float) -> None:
        """Do all that is due at `now`, in the order in which it fell due. Early, late and repeated calls are fine.

        What begins here, an attempt or a try, has its whole time from `now` on, however late the call.
        """
        self._agenda.catch_up(now)
        self._now = now

    def _run(self, item: Scheduled, at: float, now: float) -> None:
        self._pump(at)
        item.handle_timeout(at if isinstance(item, ClientSession) else now)
        self._pump(at)

    # -- the end -----------------------------------------------------------------------------------------------------

    def close(self, now: float) -> None:
        """Leave every namespace, close the connection in order, and open no other. The host goes on until `is_done`.

        Events that were buffered because there was no connection are given up. Repeated calls do nothing.
        """
        self._agenda.catch_up(now)
        self._is_closed = True
        for namespace in list(self.namespaces.values()):
            namespace.disconnect(now)  # the last one that was wanted takes the connection along
            namespace.drop_all()

    def abort(self, now: float) -> None:
        """Do as `close`, at once: what was not sent is lost."""
        self.close(now)
        for session in self._old_sessions:
            session.abort(now)

    # -- what namespaces call ----------------------------------------------------------------------------------------

    def report(self, event: ClientEvent) -> None:
        """Add an event."""
        self._events.append(event)

    def schedule(self, at: float, item: Scheduled) -> Timer[Scheduled]:
        """Add a timer."""
        return self._agenda.schedule(at, item, layer=1)

    def put_control(self, message: WireMessage) -> None:
        """Send a packet of the protocol's own."""
        assert self.session is not None  # who has something to say is connected, or about to be
        self.session.put(message, is_control=True)

    def break_off(self, detail: str, cause: BaseException | None, now: float) -> None:
        """Give up the connection: what came, or was to be sent, beat the parser; `cause` is its own fault."""
        assert self.session is not None  # its message is being read, or something was to be sent
        self.session.close(now)
        error = RemoteProtocolError(detail)
        error.__cause__ = cause
        self._lost(Closed(CloseReason.PARSE_ERROR, error), now)

    def catch_up(self, now: float) -> None:
        """Do what is due at `now`, and see that namespaces know it if the session has ended.

        An emit may have ended it, and cannot say so itself.
        """
        if self._agenda.due_at <= now:
            self._agenda.catch_up(now)
        if self.session is not None and self.session.state is SessionState.CLOSED:
            self._pump(now)

    def check_session(self, now: float) -> None:
        """End the session if it is overdue at `now`, before what fell due earlier is sent over it."""
        if self.session is not None:
            self.session.handle_timeout(now)
            self._pump(now)

    def check_size(self, message: WireMessage) -> None:
        """Check a message that must wait against what the server took when there was last a connection.

        A binary one may turn out too large all the same, if the next connection begins with polling.

        Raises:
            LocalProtocolError: it is too large.
        """
        max_bytes = self.engine_settings.max_buffered_bytes
        check_size(message, self._max_payload_bytes, max_bytes, is_polled=self._was_polled)

    def namespace_wanted(self, namespace: ClientNamespace, now: float) -> None:
        """A namespace wants to be connected."""
        if self.session is not None:
            if self.session.is_open:
                namespace.session_opened(now)
        elif not self._reconnection.is_scheduled:
            self._reconnection.attempt = 0
            self.open(now)

    def close_if_unwanted(self, now: float) -> None:
        """Close the connection when no namespace wants it any more (PROTOCOL 9-62)."""
        if not any(namespace.is_active for namespace in self.namespaces.values()):
            self._reconnection.forget()
            self._close_session(now)

    # -- the connection ----------------------------------------------------------------------------------------------

    def open(self, now: float) -> None:
        """Begin a new connection."""
        self._now = now
        self._incoming.begin()
        self.session = ClientSession(
            self.engine_settings, memory=self.memory, random=self._random, now=now, agenda=self._agenda
        )
        for _ in range(self._pauses):
            self.session.pause_reading(now)

    def _close_session(self, now: float) -> None:
        """Let go of the session; what it still has to say goes out beside the next one.

        Its end is told now, as in the reference: over polling it comes later, and behind the next `Opened`.
        """
        session = self.session
        if session is None:
            return
        session.close(now)
        self._forget_session()
        for namespace in self.namespaces.values():
            namespace.session_retired()
        if session.handshake is not None:  # `Opened` was told
            ends = (event for event in session.take_events() if isinstance(event, Closed))
            self.report(next(ends, Closed(CloseReason.FORCED_CLOSE)))

    def _pump(self, now: float) -> None:
        """Handle what the current session reports, until there is no more."""
        self._now = now
        while (session := self.session) is not None and (events := session.take_events()):
            for event in events:
                if isinstance(event, (str, bytes)):
                    self._incoming.receive(event, now)
                elif isinstance(event, Closed):
                    self._lost(event, now)
                elif isinstance(event, OpenFailed):
                    self._open_failed(event, now)
                elif isinstance(event, Opened):
                    self._opened(event, now)
                else:
                    if isinstance(event, Upgraded):
                        self._was_polled = False
                    self.report(event)
                if self.session is not session:  # what it still says is not for us
                    break

    def _opened(self, event: Opened, now: float) -> None:
        self._max_payload_bytes = event.handshake.max_payload_bytes
        self._was_polled = event.transport == "polling"
        self.report(event)
        self._reconnection.succeeded()
        for namespace in list(self.namespaces.values()):
            namespace.session_opened(now)

    def _open_failed(self, event: OpenFailed, now: float) -> None:
        self._forget_session()
        self.report(event)
        will_retry = self._will_retry()
        if not will_retry:
            self._reconnection.failed()
        message = f"cannot connect to {self.engine_settings.authority}{self.path}: {event}"
        if self.path != USUAL_PATH and any(each.detail.endswith(ASKS_PATH) for each in event.attempts):
            message += f"; Socket.IO servers are usually at {USUAL_PATH}"
        for namespace in list(self.namespaces.values()):
            namespace.open_failed(message, will_retry=will_retry)
        self._reconnection.go_on(now, will_retry=will_retry)

    def _lost(self, event: Closed, now: float) -> None:
        self._forget_session()
        self.report(event)
        will_retry = self._will_retry()
        for namespace in list(self.namespaces.values()):
            namespace.session_lost(event.reason, event.error, will_retry=will_retry)
        self._reconnection.go_on(now, will_retry=will_retry)

    def _forget_session(self) -> None:
        assert self.session is not None  # the callers looked
        self._old_sessions.append(self.session)  # its carriers are still to be seen to by the host; its events are not
        self.session = None

    def _will_retry(self) -> bool:
        return self._reconnection.may_follow and any(namespace.is_active for namespace in self.namespaces.values())
