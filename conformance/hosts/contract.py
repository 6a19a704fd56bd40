"""The contract of the suite (see `README.md`) as an application on the core, for hosts that drive the core themselves.

It waits for nothing: a host calls `handle_events` after whatever it told the cores, and `handle_timeout` when
`next_deadline` has come.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol, cast, runtime_checkable

from conformance.times import of_this_host
from socketio_core.cors import Cors
from socketio_core.engineio import Action, AnyServer, Carrier, Engine, Respond
from socketio_core.http import Request, Response
from socketio_core.serving import Serving
from socketio_core.settings import EngineSettings, RecoverySettings, ServerLimits, SocketSettings
from socketio_core.socketio import (
    AckReceived,
    Claim,
    ConnectRequested,
    EventReceived,
    JSONValue,
    Member,
    Selection,
    ServerCore,
    ServerEvent,
)
from socketio_core.timers import TimerQueue
from socketio_core.wire import HandshakeAsked, Mount, Site

TIMES = of_this_host()
CORS = Cors(origins=["http://allowed.example"], credentials=True)
SLOW_S = 0.2  # how long `/slow` takes to accept
GUARD_S = 0.1  # how long an event of `/guarded` may wait in front of its handler
ACK_TIMEOUT_S = 10.0
LOOPBACK = ("127.0.0.1", "::1")  # who may have any number of connections
NAMESPACES = ("/custom", "/slow", "/refused", "/greeting", "/farewell", "/unwelcome", "/apart", "/guarded")


@runtime_checkable
class Writer(Protocol):
    """What a host may put into the `context` of its polls and WebSockets: called when they have something to say."""

    def write(self, carrier: Carrier) -> None:
        """Take what there is to say."""


class Contract:
    """An Engine.IO echo, with small limits too, and a Socket.IO application, once more with recovery.

    Attributes:
        cores: the machines that a host drives; all have the same calls.
    """

    engine_type = Engine
    server_type = ServerCore

    def __init__(self) -> None:
        self.server = self.server_type(self.engine_settings("/socket.io/"), self.socket_settings())
        for name in NAMESPACES:
            self.server.hub.of(name)
        self.lasting = self.server_type(
            self.engine_settings("/recovery/"), self.socket_settings(), recovery=RecoverySettings()
        )
        self.echoes = [self.engine_type(self.engine_settings(path)) for path in ("/engine.io/", "/hasty/", "/limited/")]
        self.engine = self.echoes[0]
        self.cores: tuple[AnyServer, ...] = (*self.echoes, self.server, self.lasting)
        self._later: TimerQueue[Callable[[float], None]] = TimerQueue()
        self._guarded: dict[Member, list[EventReceived]] = {}  # the first waits for the time, the others for it

    def handle_request(self, request: Request, context: object, now: float) -> tuple[AnyServer, Action]:
        """Find the core that a request is for, and what to do about the request; 404 if it is for none."""
        for core in self.cores:
            if core.owns(request):
                if self.is_forbidden(request) and core.is_handshake(request):
                    return core, core.refuse(request)
                return core, core.handle_request(request, now, context)
        return self.server, Respond(Response(404, [(b"content-length", b"0")]))

    def is_forbidden(self, request: Request) -> bool:
        """Whether this handshake is to be refused."""
        return request.query.get("forbidden") == "1"

    def take_ready(self, now: float) -> list[Carrier]:
        """Let the application work, then return the polls and WebSockets that have something to say."""
        self.handle_events(now)
        return [carrier for core in self.cores for carrier in core.take_ready()]

    def flush(self, now: float) -> None:
        """Let the application work, then have every `Writer` write that has something to say."""
        for carrier in self.take_ready(now):
            if isinstance(carrier.context, Writer):
                carrier.context.write(carrier)

    def handle_events(self, now: float) -> None:
        """Do what the application does about everything that has happened."""
        for session, message in [event for echo in self.echoes for event in echo.take_events()]:
            if session is not None and message == "close me":
                session.close(now)
            elif session is not None and isinstance(message, (str, bytes)):
                session.send(message, now)
        while events := [*self.server.take_events(), *self.lasting.take_events()]:
            for event in events:
                self._handle(event, now)

    def _handle(self, event: ServerEvent, now: float) -> None:
        match event:
            case ConnectRequested(member) if member.namespace.name == "/refused":
                member.refuse("not allowed", {"code": 42})
            case ConnectRequested(member) if member.namespace.name == "/farewell":
                member.emit("goodbye", [])
                member.refuse("not allowed", {"code": 42})
            case ConnectRequested(member) if member.namespace.name == "/unwelcome":
                member.disconnect(now)
            case ConnectRequested(member, auth, claim):
                if claim is not None:
                    self._restore(member, claim, now)
                if member.namespace.name == "/slow":
                    self._later.schedule(now + SLOW_S, partial(self._accept, member, auth))
                    return
                if member.namespace.name == "/greeting":
                    member.emit("hello", [])
                self._accept(member, auth, now)
            case EventReceived(member) if member.was_let_go or member.connection.session.was_let_go:
                pass  # it was read together with what made the server let go
            case EventReceived(member) if member in self._guarded:
                self._guarded[member].append(event)
            case EventReceived(member, args=["wait", *_]) if member.namespace.name == "/guarded":
                self._guarded[member] = [event]
                self._later.schedule(now + GUARD_S, partial(self._let_through, member))
            case EventReceived(member, name, args, ack_id):
                self._answer(member, name, args, ack_id, now)
            case AckReceived(member, args):
                member.emit("answer", args)
            case _:
                pass

    def _restore(self, member: Member, claim: Claim, now: float) -> None:
        session = self.lasting.take_session(member.namespace.name, claim, now)
        if session is not None:
            member.restore(session)

    def _accept(self, member: Member, auth: JSONValue, now: float) -> None:
        if member.accept(now):
            member.emit("auth", [auth])

    def _let_through(self, member: Member, now: float) -> None:
        first, *others = self._guarded.pop(member)
        self._answer(member, first.name, first.args, first.ack_id, now)
        for event in others:
            self._handle(event, now)

    def _answer(self, member: Member, name: str, args: list[JSONValue], ack_id: int | None, now: float) -> None:
        match name, args:
            case "message", _:
                member.emit("message-back", args)
            case "message-with-ack", _ if ack_id is not None:
                member.acknowledge(ack_id, args)
            case "ask", _:
                member.emit_with_ack("question", args, context=None, timeout_s=ACK_TIMEOUT_S, now=now)
            case "burst", [int(count)]:
                for number in range(count):
                    member.emit("number", [number])
            case "join", [str(room)]:
                member.join(room)
                if ack_id is not None:
                    member.acknowledge(ack_id, [])
            case "tell", [str() | list(), *rest]:
                rooms = [args[0]] if isinstance(args[0], str) else cast("list[object]", args[0])
                server = self.server if member.recoverable is None else self.lasting
                selection = Selection(frozenset(map(str, rooms)), frozenset([member.sid]))
                server.broadcast(member.namespace.name, "told", rest, selection)
            case "leave", _:
                member.disconnect(now)
            case "close", _:
                member.disconnect(now, close=True)
            case _:
                pass

    # -- time --------------------------------------------------------------------------------------------------------

    def engine_settings(self, path: str) -> EngineSettings:
        """Return the Engine.IO settings that the contract asks for."""
        return EngineSettings(
            path=path,
            ping_interval_s=TIMES.ping_interval_s,
            ping_timeout_s=TIMES.ping_timeout_s,
            upgrade_timeout_s=TIMES.upgrade_timeout_s,
            max_payload_bytes=1_000_000,
            cors=CORS,
            first_request_timeout_s=TIMES.ping_interval_s if path == "/hasty/" else 10.0,
            max_handshakes_per_s=5 if path == "/limited/" else None,
        )

    def socket_settings(self) -> SocketSettings:
        """Return the Socket.IO settings that the contract asks for."""
        return SocketSettings(connect_timeout_s=TIMES.connect_timeout_s)

    @property
    def next_deadline(self) -> float | None:
        """When to call `handle_timeout`."""
        deadlines = [self._later.next_deadline, *(core.next_deadline for core in self.cores)]
        return min((at for at in deadlines if at is not None), default=None)

    def handle_timeout(self, now: float) -> None:
        """Do all that is due."""
        for core in self.cores:
            core.handle_timeout(now)
        while (act := self._later.pop_due(now)) is not None:
            act(now)
        self.handle_events(now)


class WireContract(Contract):
    """The same behind a site, for hosts that own sockets: all that they know is `site`."""

    def __init__(self) -> None:
        super().__init__()
        mounts = [Mount(core, asks_handshakes=True) for core in self.cores]
        self.site = Site(mounts, application=self, serving=self.serving())

    def serving(self) -> Serving:
        """Return what the contract asks for of connections."""
        return Serving(trust_proxy=LOOPBACK, limits=ServerLimits(max_connections_per_address=20))

    def work(self, now: float) -> None:
        """Answer what the site asks, and do what the application does about everything that has happened."""
        for asked in self.site.take_asked():
            assert isinstance(asked, HandshakeAsked)  # there are no other requests
            asked.answer("Forbidden" if self.is_forbidden(asked.request) else None, now)
        self.handle_events(now)
