"""The Socket.IO server as its users see it, on no event loop yet: handlers are registered, options are given.

An adapter serves it: `socketio_core.trio.serve(io, "127.0.0.1", 3000)`. What that needs of it is its `ServerHost`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from socketio_core.app.adapter import MakeAdapter
from socketio_core.app.bundle import ClientBundle
from socketio_core.app.declared import DeclaredEvent
from socketio_core.app.dispatcher import Dispatcher
from socketio_core.app.engine_server import EngineDispatcher, EngineServer
from socketio_core.app.event_handlers import EventHandlers
from socketio_core.app.files import Folder, own_client, read_client
from socketio_core.app.handlers import Handler, handlers_of
from socketio_core.app.host import AllowRequest, Endpoint, HttpHandler, ServerHost
from socketio_core.app.namespace import Namespace, ParentNamespace
from socketio_core.app.namespaces import NamePredicate
from socketio_core.app.observer import Audience, Observer
from socketio_core.app.operators import BroadcastOperator, Broadcasts
from socketio_core.app.registering import Own, SharedHandlers
from socketio_core.app.runtime import UNBOUND, Runtime
from socketio_core.app.statistics import ServerStatistics, statistics_of
from socketio_core.app.threads import CallableFromThreads
from socketio_core.checks import check_function, check_kind, check_path
from socketio_core.cors import Cors
from socketio_core.engineio.engine import Engine
from socketio_core.errors import LocalProtocolError
from socketio_core.forwarded import TrustProxy
from socketio_core.ids import IdFactory, new_id
from socketio_core.records import plain
from socketio_core.serving import Serving, Timeouts
from socketio_core.settings import EngineSettings, RecoverySettings, ServerLimits, SocketSettings, combine
from socketio_core.socketio.json_module import JsonModule
from socketio_core.socketio.json_parser import parser_of
from socketio_core.socketio.packet import ROOT_NAMESPACE, JSONValue
from socketio_core.socketio.parser import Parser
from socketio_core.socketio.selection import USUAL_ACK_TIMEOUT_S
from socketio_core.socketio.server import ServerCore
from socketio_core.websocket_handshake import Subprotocols

_H = TypeVar("_H", bound=Handler)
_P = ParamSpec("_P")
_R = TypeVar("_R")


class Server(SharedHandlers, Broadcasts, CallableFromThreads):
    """A Socket.IO server.

    Register handlers, then have an adapter serve it; before that, whatever is emitted goes to nobody. It serves once.
    `on`, `use`, `emit`, `to` and so on stand for the root namespace; `of(name)` for others.

    Args:
        path: where clients find it.
        client_dir: an npm `socket.io-client/dist`, to be served at `<path>socket.io.js` and beside it, in place of the
            small client that is there otherwise.
        serve_client: whether browsers get a client from here at all.
        http: handler of requests outside `path`, sync or async: `(request, body) -> Response`; else they get 404.
        cors: which other origins may use the server from a browser; `None` is only its own.
        allow_request: asked about each handshake, sync or async; returns the text of a refusal, or `None`.
        engine: Engine.IO settings; `path` and `cors` above win over those in it.
        settings: Socket.IO settings.
        timeouts: how long to wait on the network.
        parser: how packets are encoded; clients must use the same.
        json: a faster JSON for the usual parser: `Server(json=orjson)`; see `JsonParser`.
        concurrency: how many events of one socket may be handled at once; 1 keeps them in order.
        adapter: makes what joins this server to others, out of the part that answers for this one; see `Adapter`.
        per_message_deflate: compress WebSocket messages for clients that offer it; takes some 300 kB a client.
        shortcuts: read plain WebSocket frames without wsproto and plain requests without h11; see `plain_frames` and
            `plain_requests`.
        subprotocols: of WebSockets, those that are taken, or a function of the request that chooses one it offers;
            otherwise the first one offered is. `offered_subprotocols(request)` lists them.
        limits: of the whole server, and of its connections.
        recovery: let clients that were lost come back as the same sockets: with their ids, rooms, data, and what they
            missed. Every event that is no `call` and not volatile has one more argument then, for clients to remember.
        trust_proxy: take address, scheme and host of a client from `X-Forwarded-*` or `Forwarded`: `True` behind one
            proxy, or how many there are, or their networks. Only behind proxies that set or remove these headers, for
            anybody can send them.
        observers: are told what happens; see `observe`.
        slow_handler_s: log handlers that hold the event loop for longer, by name: nobody else is served meanwhile. To
            look at the time before and after each step of a handler costs a microsecond.
        new_id: makes the ids of sessions and sockets, which must be unguessable.
    """

    def __init__(
        self,
        *,
        path: str = "/socket.io/",
        client_dir: Folder | None = None,
        serve_client: bool = True,
        http: HttpHandler | None = None,
        cors: Cors | None = None,
        allow_request: AllowRequest | None = None,
        engine: EngineSettings | None = None,
        settings: SocketSettings | None = None,
        timeouts: Timeouts | None = None,
        parser: Parser | None = None,
        json: JsonModule | None = None,
        concurrency: int = 1,
        adapter: MakeAdapter | None = None,
        per_message_deflate: bool = False,
        shortcuts: bool = True,
        subprotocols: Subprotocols | None = None,
        trust_proxy: TrustProxy = False,
        limits: ServerLimits | None = None,
        recovery: RecoverySettings | None = None,
        observers: Iterable[Observer] = (),
        slow_handler_s: float | None = None,
        new_id: IdFactory = new_id,
    ) -> None:
        engine = _engine_of(engine, path, cors)
        check_kind("settings", settings, SocketSettings, "SocketSettings(...)")
        check_function("http", http)
        check_function("allow_request", allow_request)
        check_function("new_id", new_id, may_wait=False)
        check_function("adapter", adapter, may_wait=False)
        serving = Serving(
            timeouts=timeouts,
            shortcuts=shortcuts,
            per_message_deflate=per_message_deflate,
            subprotocols=subprotocols,
            trust_proxy=trust_proxy,
            limits=limits or ServerLimits(),
        )
        files = (own_client(), None) if client_dir is None else read_client(client_dir)
        settings = combine(engine, settings or SocketSettings())
        parser = parser_of(settings, parser, json)
        core = ServerCore(engine, settings, parser=parser, new_id=new_id, recovery=recovery)
        bundle = ClientBundle(*files, core.path, engine.cors) if serve_client else None
        self._audience = Audience(slow_handler_s)
        self._host = ServerHost(serving, bundle, http, self._audience)
        self._dispatcher = Dispatcher(
            core,
            UNBOUND,
            concurrency=concurrency,
            audience=self._audience,
            adapter=adapter,
            room=self._host.budget.room,
        )
        self._handlers = handlers_of(self._dispatcher.root)
        self._host.endpoints.append(Endpoint(self._dispatcher, allow_request))
        # Not everybody checks types.
        if not isinstance(observers, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"observers must be several, as in [Statistics()], not: {observers!r}")
        for observer in observers:
            self.observe(observer)

    if not TYPE_CHECKING:  # which says so itself

        def __getattr__(self, name: str) -> object:
            if name == "serve":
                which = "that of socketio_core.trio or socketio_core.asyncio has `serve`, and so have these modules"
                raise AttributeError(f"socketio_core.Server knows no event loop: {which}: serve(io, ...)", name=name)
            return object.__getattribute__(self, name)  # which says what is missing, in a property too

    # -- namespaces --------------------------------------------------------------------------------------------------

    @overload
    def of(self, name: str, connected: Handler | None = None) -> Namespace: ...
    @overload
    def of(
        self,
        name: re.Pattern[str] | NamePredicate,
        connected: Handler | None = None,
        *,
        cleanup_empty: bool | None = None,
    ) -> ParentNamespace: ...
    def of(
        self,
        name: str | re.Pattern[str] | NamePredicate,
        connected: Handler | None = None,
        *,
        cleanup_empty: bool | None = None,
    ) -> Namespace | ParentNamespace:
        """Return a namespace, which clients may join from then on. A name that matches a pattern belongs to its family.

        Args:
            name: `"/admin"` (or `"admin"`); or a pattern that must match the whole name, or a function of the name:
                then clients may join any namespace that matches, with the handlers registered here.
                A function that is async, or takes the client's `auth` as a second argument, is asked about each client
                that wants in. While there is such a function, a name that you only send to belongs to whichever says
                yes to a client; one that you register handlers with is a namespace of its own.
            connected: registered for `"connection"`, as in `io.of("/admin", handler)`.
            cleanup_empty: of a family, see `ParentNamespace`.
        """
        namespace = self._namespace_or_family(name)
        if cleanup_empty is not None:
            if not isinstance(namespace, ParentNamespace):
                raise TypeError("cleanup_empty is of a family; a namespace that is made by name stays")
            namespace.cleanup_empty = cleanup_empty
        if connected is not None:
            namespace.on("connection", connected)
        return namespace

    def _namespace_or_family(self, name: str | re.Pattern[str] | NamePredicate) -> Namespace | ParentNamespace:
        if isinstance(name, str):
            name = plain(name)
            return self._dispatcher.namespaces.by_name(name if name.startswith("/") else "/" + name)
        text: Any = name.pattern if isinstance(name, re.Pattern) else ""  # not everybody checks types
        if not isinstance(text, str) or not (isinstance(name, re.Pattern) or callable(name)):
            raise TypeError(f"namespace must be a name, a pattern of text or a function of the name, not: {name!r}")
        return self._dispatcher.namespaces.family(name.fullmatch if isinstance(name, re.Pattern) else name)

    def use(self, middleware: _H) -> _H:
        """Add a middleware to the root namespace; see `Namespace.use`."""
        return self._dispatcher.root.use(middleware)

    def use_events(self, middleware: _H) -> _H:
        """Add a middleware of events to the root namespace; see `Namespace.use_events`."""
        return self._dispatcher.root.use_events(middleware)

    def _outgoing_changed(self) -> None:
        self._dispatcher.outgoing.is_heard = True

    def register(self, handlers: EventHandlers | type[EventHandlers], *, per_socket: bool = False) -> None:
        """Register the methods of an `EventHandlers` with the root namespace; see `Namespace.register`."""
        self._dispatcher.root.register(handlers, per_socket=per_socket)

    @property
    def sockets(self) -> Namespace:
        """The root namespace."""
        return self._dispatcher.root

    @property
    def namespaces(self) -> list[Namespace]:
        """All namespaces that exist now."""
        return self._dispatcher.namespaces.all

    @overload
    def on_server_side(self, name: DeclaredEvent[_P, _R], /) -> Callable[[Own[_P, _R]], Own[_P, _R]]: ...
    @overload
    def on_server_side(self, name: str) -> Callable[[_H], _H]: ...
    def on_server_side(self, name: Any) -> Any:
        """Register a handler for events of other servers, in the root namespace; see `Namespace.on_server_side`."""
        return self._dispatcher.root.on_server_side(name)

    async def all_rooms(self) -> set[str]:
        """Return the rooms of the root namespace, at any server; see `Namespace.all_rooms`."""
        return await self._dispatcher.root.all_rooms()

    @overload
    async def server_side_emit(self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs) -> None: ...
    @overload
    async def server_side_emit(self, name: str, *args: JSONValue) -> None: ...
    async def server_side_emit(self, name: Any, *args: Any) -> None:  # type: ignore[misc] # see `Declare`
        """Send an event to the other servers; see `Namespace.server_side_emit`."""
        await self._dispatcher.root.server_side_emit(name, *args)

    @overload
    async def server_side_emit_with_ack(
        self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> list[list[JSONValue]]: ...
    @overload
    async def server_side_emit_with_ack(
        self, name: str, *args: JSONValue, timeout: float | None = USUAL_ACK_TIMEOUT_S
    ) -> list[list[JSONValue]]: ...
    async def server_side_emit_with_ack(  # type: ignore[misc] # see `Declare`
        self, name: Any, *args: Any, timeout: float | None = USUAL_ACK_TIMEOUT_S
    ) -> list[list[JSONValue]]:
        """Ask the other servers; see `Namespace.server_side_emit_with_ack`."""
        return await self._dispatcher.root.server_side_emit_with_ack(name, *args, timeout=timeout)

    def _runtime(self) -> Runtime:
        return self._host.runtime

    def _everyone(self) -> BroadcastOperator:
        return BroadcastOperator(self._dispatcher, ROOT_NAMESPACE)

    async def close(self) -> None:
        """Have `serve` end in order, as when it is cancelled: clients are told, buffers written, handlers end.

        Any task may say so, a handler too. It does not wait for the end, which `serve` does.

        Raises:
            LocalProtocolError: nobody serves it; or an ASGI server does, which ends it when it ends itself.
        """
        host = self._host
        await host.runtime.check_cancelled()
        if host.stop is None:
            raise LocalProtocolError("no `serve` of this server is running that could end")
        host.stop()

    # -- engines, observers ------------------------------------------------------------------------------------------

    def observe(self, observer: Observer) -> None:
        """Tell `observer` what happens from now on, here and in the engines that are attached; see `Observer`."""
        self._host.runtime.check_caller()
        self._audience.add(observer)

    def statistics(self) -> ServerStatistics:
        """Return how many clients there are, and what is held for them; it looks at each, so not too often."""
        self._host.runtime.check_caller()
        return statistics_of(self._host, self.namespaces)

    def attach_engine(
        self,
        path: str = "/engine.io/",
        *,
        cors: Cors | None = None,
        allow_request: AllowRequest | None = None,
        engine: EngineSettings | None = None,
    ) -> EngineServer:
        """Serve bare Engine.IO too, on the same port. Returns what its handlers are registered with.

        Nothing but the port is shared: what the server was told about origins and handshakes is not said for this one.

        Args:
            path: where clients find it; must not begin with the path of another, nor the other way round.
            cors: which other origins may use it from a browser; `None` is only its own.
            allow_request: asked about each handshake, sync or async; returns the text of a refusal, or `None`.
            engine: its settings; `path` and `cors` above win over those in it.

        Raises:
            RuntimeError: the server was served before.
            ValueError: the paths overlap.
        """
        host = self._host
        if host.is_bound:
            raise RuntimeError("attach engines before the Server serves")
        check_function("allow_request", allow_request)
        core = Engine(_engine_of(engine, path, cors))
        for other in (endpoint.core.path for endpoint in host.endpoints):
            if other.startswith(core.path) or core.path.startswith(other):
                raise ValueError(f"path overlaps with {other!r}: {core.path!r}")
        settings = self._dispatcher.core.settings
        dispatcher = EngineDispatcher(core, UNBOUND, settings, audience=self._audience, room=host.budget.room)
        host.endpoints.append(Endpoint(dispatcher, allow_request))
        return EngineServer(dispatcher)


def host_of(server: Server) -> ServerHost:
    """Return what an adapter needs of a server.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(server, Server):  # pyright: ignore[reportUnnecessaryIsInstance] # not everybody checks types
        raise TypeError(f"server must be a socketio_core.Server, not: {server!r}")
    return server._host  # pyright: ignore[reportPrivateUsage] # hidden from users, not from here


def _engine_of(engine: EngineSettings | None, path: str, cors: Cors | None) -> EngineSettings:
    """Return the settings of an engine: what is given beside them wins."""
    check_kind("engine", engine, EngineSettings, "EngineSettings(...)")
    check_path("path", path)
    engine = engine or EngineSettings()
    return replace(engine, path=path.rstrip("/") + "/", cors=engine.cors if cors is None else cors)
