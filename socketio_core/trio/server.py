"""The Socket.IO server for trio."""

from __future__ import annotations

import errno
import signal
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, Final

import trio

from socketio_core.app.application import Application
from socketio_core.app.engine_application import EngineApplication
from socketio_core.app.handlers import run
from socketio_core.app.socket import Socket
from socketio_core.checks import check_count, check_function, check_kind, check_path
from socketio_core.engineio.engine import FORBIDDEN, Engine
from socketio_core.engineio.events import Closed, RequestRefused
from socketio_core.forwarded import TrustProxy
from socketio_core.http import MAX_PORT, Cors, Request, Response, refused_origin
from socketio_core.records import plain
from socketio_core.settings import EngineSettings, SocketSettings
from socketio_core.socketio.events import ConnectionClosed, EventReceived
from socketio_core.socketio.json_parser import JsonModule, parser_of
from socketio_core.socketio.parser import Parser
from socketio_core.socketio.server import ServerCore
from socketio_core.trio.addresses import listener_url, peer_address, tls_of
from socketio_core.trio.bundle import ClientBundle
from socketio_core.trio.connection import Connection
from socketio_core.trio.groups import only_cause
from socketio_core.trio.interrupts import calling_at_interrupt, cancel_at_signal
from socketio_core.trio.runtime import LOGGER, TrioRuntime
from socketio_core.trio.watcher import CAN_WATCH, Watcher
from socketio_core.websocket_handshake import Subprotocols
from socketio_core.wire import Asked, HandshakeAsked, Mount, Site, Timeouts

AllowRequest = Callable[[Request], Awaitable[str | None] | str | None]
Work = Callable[[Any], Coroutine[Any, Any, None]]
HttpHandler = Callable[[Request, bytes], Response | Awaitable[Response]]
Listener = trio.abc.Listener[Any]

_NO_CAPACITY = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS))
_CAPACITY_WAIT_S = 0.1
_MAX_WARNED_ORIGINS: Final = 100
# Of the event loop, before the end: what came while a handler was busy is read first. A poll would get no answer else.
_CATCH_UP_TURNS: Final = 4


class Server(Application):
    """A Socket.IO server.

    Register handlers, then `trio.run(io.serve, "127.0.0.1", 3000)`. A server serves once.

    Args:
        path: where clients find it.
        client_dir: an npm `socket.io-client/dist`, to be served at `<path>socket.io.js` and beside it.
        http: handler of requests outside `path`, sync or async: `(request, body) -> Response`; else they get 404.
        cors: which other origins may use the server from a browser; `None` is only its own.
        allow_request: asked about each handshake, sync or async; returns the text of a refusal, or `None`.
        engine: Engine.IO settings; `path` and `cors` above win over those in it.
        settings: Socket.IO settings.
        timeouts: how long to wait on the network.
        parser: how packets are encoded; clients must use the same.
        json: a faster JSON for the usual parser: `Server(json=orjson)`; see `JsonParser`.
        concurrency: how many events of one socket may be handled at once; 1 keeps them in order.
        per_message_deflate: compress WebSocket messages for clients that offer it; takes some 300 kB a client.
        shortcuts: read plain WebSocket frames without wsproto and plain requests without h11; see `plain_frames` and
            `plain_requests`.
        subprotocols: of WebSockets, those that are taken, or a function of the request that chooses one it offers;
            otherwise the first one offered is. `offered_subprotocols(request)` lists them.
        trust_proxy: take address, scheme and host of a client from `X-Forwarded-*` or `Forwarded`: `True` behind one
            proxy, or how many there are, or their networks. Only behind proxies that set or remove these headers, for
            anybody can send them.
    """

    def __init__(
        self,
        *,
        path: str = "/socket.io/",
        client_dir: str | Path | None = None,
        http: HttpHandler | None = None,
        cors: Cors | None = None,
        allow_request: AllowRequest | None = None,
        engine: EngineSettings | None = None,
        settings: SocketSettings | None = None,
        timeouts: Timeouts | None = None,
        parser: Parser | None = None,
        json: JsonModule | None = None,
        concurrency: int = 1,
        per_message_deflate: bool = False,
        shortcuts: bool = True,
        subprotocols: Subprotocols | None = None,
        trust_proxy: TrustProxy = False,
    ) -> None:
        engine = _engine_of(engine, path, cors)
        check_kind("settings", settings, SocketSettings, "SocketSettings(...)")
        check_kind("client_dir", client_dir, (str, PathLike), "the path of a folder")
        check_function("http", http)
        check_function("allow_request", allow_request)
        parser = parser_of(settings, parser, json)
        self.runtime: TrioRuntime = TrioRuntime()
        super().__init__(ServerCore(engine, settings, parser=parser), self.runtime, concurrency=concurrency)
        self.bundle = None if client_dir is None else ClientBundle(Path(client_dir), engine.path, engine.cors)
        self.http_handler = http
        self.site = Site(
            application=_Application(self),
            report=self.runtime.log_exception,
            static_response=(lambda _: None) if self.bundle is None else self.bundle.respond,
            asks_requests=http is not None,
            max_body_bytes=engine.max_payload_bytes,
            timeouts=timeouts,
            shortcuts=shortcuts,
            per_message_deflate=per_message_deflate,
            subprotocols=subprotocols,
            trust_proxy=trust_proxy,
        )
        self.runtime.site = self.site
        self.shaking_hands: set[trio.CancelScope] = set()  # for TLS
        self.watcher: Watcher | None = None
        self._closing = trio.Event()
        self._ended = trio.Event()
        self._was_served = False
        self._engines: list[EngineApplication] = []
        self._warned_origins: set[str] = set()
        self._allow_request: dict[Mount, AllowRequest] = {}
        self._mount(self, self.core, allow_request)

    def _mount(
        self, app: Application | EngineApplication, core: ServerCore | Engine, allow: AllowRequest | None
    ) -> None:
        mount = Mount(core, asks_handshakes=allow is not None, pace_of=app.flow_of)
        if allow is not None:
            self._allow_request[mount] = allow
        self.site.add(mount)

    def attach_engine(
        self,
        path: str = "/engine.io/",
        *,
        cors: Cors | None = None,
        allow_request: AllowRequest | None = None,
        engine: EngineSettings | None = None,
    ) -> EngineApplication:
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
        if self._was_served:
            raise RuntimeError("attach engines before the Server serves")
        check_function("allow_request", allow_request)
        core = Engine(_engine_of(engine, path, cors))
        taken = [self.core.engine_settings.path, *(other.core.settings.path for other in self._engines)]
        for other in taken:
            if other.startswith(core.settings.path) or core.settings.path.startswith(other):
                raise ValueError(f"path overlaps with {other!r}: {core.settings.path!r}")
        app = _LoggedEngine(core, self.runtime, self.core.settings)
        self._engines.append(app)
        self._mount(app, core, allow_request)
        return app

    async def serve(
        self,
        host: str | None = None,
        port: int = 0,
        *,
        listeners: Sequence[Listener] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        signals: Sequence[signal.Signals] = (),
        task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled or interrupted; then refuse new clients, tell the others, and end within `shutdown_s`.

        Reports the URLs it listens on through `task_status`. `KeyboardInterrupt` comes out when all that is done, also
        if it came up in a handler; Ctrl-C again, in the main thread, ends it at once.

        Args:
            host: an address or a name; `None` with a port is every address of the machine.
            port: 0 lets the system choose.
            listeners: serve on these and not on a host and port; they are closed at the end.
            ssl_context: serve TLS.
            signals: return, in order, when one of these arrives, e.g. `[signal.SIGTERM]`, which systemd and containers
                send; only in the main thread. A second one does what it does by itself.

        Raises:
            OSError: the port is taken, or may not be used.
            RuntimeError: the server was served before.
        """
        check_kind("host", host, str, "an address or a name, as in '127.0.0.1'")
        check_count("port", port, least=0)
        if port > MAX_PORT:
            raise ValueError(f"port must be from 0 to {MAX_PORT}: {port!r}")
        check_kind("ssl_context", ssl_context, ssl.SSLContext, "an ssl.SSLContext")
        if self._was_served:
            raise RuntimeError("a Server serves once; make another, e.g. in a function that registers the handlers")
        self._was_served = True
        if listeners is None:
            try:
                listeners = await trio.open_tcp_listeners(port, host=host)
            except OSError as error:
                self._was_served = False  # it may try another port
                where = f"{'*' if host is None else host}:{port}"
                raise OSError(error.errno, f"cannot listen on {where}: {error.strerror or error}") from error
        scheme = "http"
        if ssl_context is not None:
            listeners = [trio.SSLListener(listener, ssl_context, https_compatible=True) for listener in listeners]
        if any(isinstance(listener, trio.SSLListener) for listener in listeners):
            scheme = "https"
        try:
            await self._serve_all(listeners, scheme, signals, task_status)
        except BaseExceptionGroup as group:
            # Nurseries wrap what passes through them. What the caller sees is the KeyboardInterrupt or OSError itself.
            raise only_cause(group) from None

    @trio.lowlevel.enable_ki_protection
    async def _serve_all(
        self,
        listeners: Sequence[Listener],
        scheme: str,
        signals: Sequence[signal.Signals],
        task_status: trio.TaskStatus[list[str]],
    ) -> None:
        # Shielded until there is something to shut down: a task that nobody tells to end must not be begun.
        with trio.CancelScope(shield=True) as shield:
            async with trio.open_nursery() as outer:
                connections, scope = await outer.start(self._hold_connections)
                try:
                    shield.shield = False
                    async with trio.open_nursery() as acceptors:
                        self.runtime.stop, self.runtime.stop_at_once = acceptors.cancel_scope.cancel, scope.cancel
                        if signals:
                            await acceptors.start(cancel_at_signal, signals, acceptors.cancel_scope)
                        task_status.started([listener_url(listener, scheme) for listener in listeners])
                        for listener in listeners:
                            acceptors.start_soon(self._accept, listener, connections)
                finally:
                    shield.shield = True
                    await self._shut_down(scope)
        if self.runtime.interrupt is not None:
            raise self.runtime.interrupt

    @trio.lowlevel.enable_ki_protection
    async def _hold_connections(self, task_status: trio.TaskStatus[tuple[trio.Nursery, trio.CancelScope]]) -> None:
        """Keep all connections and handlers, out of reach of whoever cancels `serve`."""
        try:
            with trio.CancelScope(shield=True) as scope:
                async with trio.open_nursery() as services:
                    services.start_soon(self.runtime.flush_when_ready)
                    services.start_soon(self.runtime.keep_time)
                    async with trio.open_nursery() as connections:
                        self.runtime.attach(connections)
                        if CAN_WATCH:
                            self.watcher = Watcher(self)
                            connections.start_soon(self.watcher.run)
                        task_status.started((connections, scope))
                        await self._closing.wait()
                    services.cancel_scope.cancel()
        finally:  # also after a KeyboardInterrupt, which may come up in any task
            self.site.abandon(trio.current_time())
            self.runtime.flush()
            self.runtime.detach()
            if self.watcher is not None:
                self.watcher.close()
            self._ended.set()

    @trio.lowlevel.enable_ki_protection
    async def _shut_down(self, scope: trio.CancelScope) -> None:
        """Tell everybody, let connections and handlers end by themselves until the deadline, then cancel them."""
        with calling_at_interrupt(scope.cancel):
            try:
                for _ in range(_CATCH_UP_TURNS):
                    await trio.lowlevel.checkpoint()
                self.site.close(trio.current_time())
                self.runtime.flush()
                for handshake in list(self.shaking_hands):
                    handshake.cancel()
                self._closing.set()
                self.end_if_through()
                with trio.move_on_after(self.site.timeouts.shutdown_s):
                    await self._ended.wait()
            finally:  # at the deadline, or at a second KeyboardInterrupt
                scope.cancel()

    @trio.lowlevel.enable_ki_protection
    async def _accept(self, listener: Listener, connections: trio.Nursery) -> None:
        """Accept connections.

        Not `trio.serve_listeners`, which closes a stream when the task that it began with ends: a WebSocket may live on
        in another task.
        """
        async with listener:
            while True:
                try:
                    stream = await listener.accept()
                except OSError as error:
                    if error.errno not in _NO_CAPACITY:
                        raise
                    LOGGER.error("cannot accept connections: %s; trying again in %s s", error, _CAPACITY_WAIT_S)
                    await trio.sleep(_CAPACITY_WAIT_S)
                else:
                    if isinstance(stream, trio.SocketStream) and self.watcher is not None:
                        self._connect(stream).flush(trio.current_time())
                    else:
                        connections.start_soon(self._serve_stream, stream)

    # -- connections -------------------------------------------------------------------------------------------------

    async def _serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one connection; whatever goes wrong costs nobody else anything."""
        tls = tls_of(stream)
        if tls is not None and not await self._shake_hands(tls):
            await trio.aclose_forcefully(stream)
            return
        await self._connect(stream).run()

    def _connect(self, stream: trio.abc.Stream) -> Connection:
        scheme = "http" if tls_of(stream) is None else "https"
        can_half_close = isinstance(stream, trio.SocketStream)
        wire = self.site.connect(trio.current_time(), peer_address(stream), scheme, can_half_close=can_half_close)
        self.runtime.wake_in_time()  # it has a deadline, though it may never say anything
        return Connection(self, stream, wire)

    def end_if_through(self) -> None:
        """Stop watching when the server closes and no connection is left; called whenever one ends."""
        if self.watcher is not None and self.site.is_closing and not self.site.wires:
            self.watcher.stop()

    async def _shake_hands(self, tls: trio.SSLStream[trio.abc.Stream]) -> bool:
        with trio.move_on_after(self.site.timeouts.header_s) as scope:
            self.shaking_hands.add(scope)
            try:
                await tls.do_handshake()
            except trio.BrokenResourceError:
                return False  # not TLS, or gone before it began
            finally:
                self.shaking_hands.discard(scope)
        return not scope.cancelled_caught

    work = trio.lowlevel.disable_ki_protection(Application.work)

    # -- what a site asks --------------------------------------------------------------------------------------------

    def dispatch_all(self) -> list[tuple[Work, object]]:
        """Queue what happened. Returns whose handlers are to be run, and by which function."""
        works: list[tuple[Work, object]] = [(self.work, each) for each in self.dispatch()]
        for engine in self._engines:
            works += [(engine.work, session) for session in engine.dispatch()]
        return works

    def work_soon(self) -> None:
        """Have everything done that there is to do, in tasks."""
        self.dispatch_soon()
        for engine in self._engines:
            engine.dispatch_soon()
        if self.site.is_asking:
            for asked in self.site.take_asked():
                self.runtime.spawn(self._answer, asked)

    async def _answer(self, asked: Asked) -> None:
        if isinstance(asked, HandshakeAsked):
            asked.answer(await self._refusal_of(asked), trio.current_time())
        else:
            asked.answer(await self._response_to(asked.request, asked.body), trio.current_time())
        self.runtime.output_ready()

    async def _refusal_of(self, asked: HandshakeAsked) -> str | None:
        """Ask `allow_request` about a handshake; a failure to decide is a refusal."""
        try:
            text = await run(self._allow_request[asked.mount], asked.request)
        except Exception as error:  # noqa: BLE001 - it must not end the server
            self.runtime.log_exception("allow_request failed, so the request was refused", error)
            return "Forbidden"
        return None if text is None else plain(text) if isinstance(text, str) else str(text)

    async def _response_to(self, request: Request, body: bytes) -> Response:
        """Call the application's handler for other requests; 500 if it fails."""
        assert self.http_handler is not None  # else nothing is asked
        try:
            response = await run(self.http_handler, request, body)
            if not isinstance(response, Response):
                raise TypeError(f"http handler must return a Response, not {type(response).__name__}")
        except Exception as error:  # noqa: BLE001 - it must not end the server
            self.runtime.log_exception(f"http handler failed for {request!r}", error)
            return Response(500, [(b"content-type", b"text/plain")], b"Internal server error\n")
        return response

    def request_refused(self, event: RequestRefused) -> None:
        """Log why a request was refused; for an origin once as a warning, for nobody else tells the developer."""
        origin = event.request.header("origin")
        if event.code == FORBIDDEN and origin is not None and origin not in self._warned_origins:
            refused = refused_origin(event.request, self.core.engine_settings.cors)
            if refused is not None and len(self._warned_origins) < _MAX_WARNED_ORIGINS:
                self._warned_origins.add(origin)
                LOGGER.warning("%r from %s refused: %s", event.request, event.request.address, refused)
                return
        _log_refused(event)

    def event_unhandled(self, socket: Socket, event: EventReceived) -> None:
        """Log what is often a typo."""
        LOGGER.debug("no handler for the event %r of %r", event.name, socket)

    def connection_closed(self, event: ConnectionClosed) -> None:
        """Log what a client did wrong."""
        _log_closed(event)


class _Application:
    """What the site sees of the applications: they have no deadlines of their own."""

    next_deadline: float | None = None

    def __init__(self, server: Server) -> None:
        self._server = server

    def handle_timeout(self, now: float) -> None:
        pass

    def work(self, now: float) -> None:
        self._server.work_soon()


class _LoggedEngine(EngineApplication):
    work = trio.lowlevel.disable_ki_protection(EngineApplication.work)

    def request_refused(self, event: RequestRefused) -> None:
        _log_refused(event)

    def session_closed(self, event: Closed) -> None:
        _log_closed(event)


def _engine_of(engine: EngineSettings | None, path: str, cors: Cors | None) -> EngineSettings:
    """Return the settings of an engine: what is given beside them wins."""
    check_kind("engine", engine, EngineSettings, "EngineSettings(...)")
    check_path("path", path)
    engine = engine or EngineSettings()
    return replace(engine, path=path.rstrip("/") + "/", cors=engine.cors if cors is None else cors)


def _log_refused(event: RequestRefused) -> None:
    LOGGER.info("%r from %s refused: %s (%s)", event.request, event.request.address, event.message, event.detail)


def _log_closed(event: Closed | ConnectionClosed) -> None:
    if event.error is not None:
        LOGGER.info("connection closed, %s: %s", event.reason.value, event.error)
