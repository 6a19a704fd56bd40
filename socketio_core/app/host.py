"""What an adapter sees of a `Server`, and users do not: the engines, what is on top of them, and what is asked.

An adapter gets it from `host_of(server)` and claims it for its event loop with `bind`. From then on it

*   serves the engines (`endpoints`): on connections of its own, `site_of(host)` does all that follows;
*   calls `dispatch()` after anything has happened to an engine, and runs what that returns (see `handover`), or
    `work_soon()`, which leaves it to tasks;
*   offers each request to `static_response` first, for files of the bundle are where the engine is;
*   asks `refusal_of` about a handshake before it is handed to its engine, where an endpoint `asks_handshakes`;
*   has requests for none of the engines answered by `response_to`, if it `answers_requests`;
*   awaits `adapter.open()` before a client can come, and calls `adapter.close()` when no handler runs any more;
*   sets `stop`, which `Server.close` calls, if it can be ended before its host ends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from socketio_core.app.adapter import Adapter, LocalAdapter, MakeAdapter
from socketio_core.app.budget import Budget
from socketio_core.app.bundle import ClientBundle
from socketio_core.app.dispatcher import Dispatcher
from socketio_core.app.engine_server import EngineDispatcher
from socketio_core.app.failures import has_failed
from socketio_core.app.handlers import run
from socketio_core.app.observer import Audience, Observer
from socketio_core.app.room import HOLDS_TOO_MUCH
from socketio_core.app.runtime import UNBOUND, Runtime
from socketio_core.app.worker import Inbox, Tell
from socketio_core.checks import check_response
from socketio_core.engineio.core import AnyServer
from socketio_core.engineio.session import Session
from socketio_core.errors import CloseReason
from socketio_core.http import Request, Response
from socketio_core.records import plain
from socketio_core.serving import Serving
from socketio_core.settings import EngineSettings
from socketio_core.socketio.recovery import Recovery
from socketio_core.socketio.server import ServerCore

HEAVY_BYTES: Final = 262_144
"""What was read in one go, and takes so much memory, may keep its handlers busy for some 5 ms, or more."""

AllowRequest = Callable[[Request], Awaitable[str | None] | str | None]
HttpHandler = Callable[[Request, bytes], Response | Awaitable[Response]]


class Endpoint:
    """One engine of a server, what is on top of it, and whom to ask about its handshakes."""

    __slots__ = ("allow_request", "dispatcher")

    def __init__(self, dispatcher: Dispatcher | EngineDispatcher, allow_request: AllowRequest | None) -> None:
        self.dispatcher = dispatcher
        self.allow_request = allow_request

    @property
    def core(self) -> AnyServer:
        """The engine."""
        return self.dispatcher.core

    @property
    def settings(self) -> EngineSettings:
        """The engine's."""
        return self.core.engine_settings

    def weigh_exactly(self, *, is_exact: bool) -> None:
        """Have what comes weighed as if it were to wait, or as usual."""
        if isinstance(self.core, ServerCore):  # messages of bare Engine.IO are not parsed
            self.core.scale.weigh_exactly(is_exact=is_exact)

    def shed(self, session: Session, why: str) -> None:
        """Close a session at once, and forget all that it holds."""
        session.was_let_go = True
        for inbox in self.dispatcher.inboxes_of(session):
            inbox.drop_events()
        session.outbox.clear()
        session.break_off(CloseReason.TRANSPORT_ERROR, why)

    @property
    def recovery(self) -> Recovery | None:
        """What is kept for clients that may come back, if they may."""
        return self.core.recovery if isinstance(self.core, ServerCore) else None

    @property
    def asks_handshakes(self) -> bool:
        """Whether somebody is to be asked about each handshake."""
        return self.allow_request is not None


class ServerHost:
    """One for each `Server`.

    Attributes:
        serving: how to treat connections.
        audience: whoever wants to know what happens.
        endpoints: that of Socket.IO first, then those of bare Engine.IO.
        budget: what all clients may hold together; told their connections by who has them.
        runtime: the event loop's part, once there is one.
        is_bound: an adapter has claimed it.
        stop: has `serve` end in order, from any task; `None` unless it serves. Set by the adapter.
    """

    def __init__(
        self, serving: Serving, bundle: ClientBundle | None, http: HttpHandler | None, audience: Audience
    ) -> None:
        self.serving = serving
        self.audience = audience
        self.endpoints: list[Endpoint] = []
        self.runtime: Runtime = UNBOUND
        self.is_bound = False
        self.stop: Callable[[], object] | None = None
        self._sole: Dispatcher | EngineDispatcher | None = None  # if there is but one endpoint, once it is served
        self._runnable: list[Inbox[Any]] = []  # whose work was put off
        self._log = Observer()
        self._bundle = bundle
        self.budget = Budget(serving.limits.max_total_buffered_bytes, self.endpoints, audience)
        self._http = http

    def bind(self, runtime: Runtime, log: Observer) -> None:
        """Claim the server for an event loop.

        Args:
            runtime: what everything runs on from now on.
            log: is told what happens, as an observer that users need not think of: `Log(logging.getLogger("..."))`.

        Raises:
            RuntimeError: it was claimed before.
        """
        if self.is_bound:
            raise RuntimeError("a Server serves once; make another, e.g. in a function that registers the handlers")
        self.is_bound = True
        self._log = log
        self.audience.add(log)
        self._set_runtime(runtime)

    def release(self) -> None:
        """Give the claim up, before a client has come: it could not be served, and somebody may try again."""
        self.is_bound = False
        self.audience.remove(self._log)
        self._set_runtime(UNBOUND)

    def _set_runtime(self, runtime: Runtime) -> None:
        self.runtime = runtime
        for endpoint in self.endpoints:
            endpoint.dispatcher.runtime = runtime
        self._sole = self.endpoints[0].dispatcher if len(self.endpoints) == 1 else None

    @property
    def _dispatcher(self) -> Dispatcher:
        dispatcher = self.endpoints[0].dispatcher
        assert isinstance(dispatcher, Dispatcher)  # that of Socket.IO is the first
        return dispatcher

    @property
    def adapter(self) -> Adapter:
        """What joins the server to others, if something does."""
        return self._dispatcher.adapter

    @property
    def is_joined(self) -> bool:
        """Whether something does."""
        return not isinstance(self.adapter, LocalAdapter)

    def join_others(self, make: MakeAdapter) -> None:
        """Have an adapter made, as if it had been given to the `Server`.

        Raises:
            RuntimeError: there is one, or it is too late.
        """
        if self.is_bound or self.is_joined:
            raise RuntimeError("a Server is joined to others once, before it is served")
        self._dispatcher.join_others(make)

    # -- what has happened -------------------------------------------------------------------------------------------

    def dispatch(self) -> Sequence[Inbox[Any]]:
        """Put what happened into inboxes. Returns those of which `work` must be run now."""
        sole = self._sole
        if sole is not None and not self._runnable:  # most often; benchmarks: server
            return sole.dispatch()
        runnable, self._runnable = self._runnable, []
        return [*runnable, *(inbox for endpoint in self.endpoints for inbox in endpoint.dispatcher.dispatch())]

    def take_in(self) -> None:
        """Put what happened into inboxes, so that it counts there; who calls `dispatch` next has them work."""
        for endpoint in self.endpoints:
            self._runnable += endpoint.dispatcher.dispatch()
        if self._runnable:
            self.runtime.output_ready()

    def defer_handlers(self, turn: Callable[[], object]) -> Callable[[], object] | None:
        """Do a turn in which something large is read, but have no handler work on what comes of it, if that is much.

        Reading it has taken long, and so may they; others are to have their turn between. Nobody else works on it, so
        the events of a socket stay in order.

        Returns what has them work as of the next `dispatch`; `None` if that is now.
        """
        self.take_in()
        before = len(self._runnable)
        turn()
        self.take_in()
        deferred = self._runnable[before:]
        if sum([inbox.flow.queued_bytes for inbox in deferred]) < HEAVY_BYTES:
            return None
        del self._runnable[before:]
        return lambda: self._runnable.extend(deferred)

    def work_soon(self, now: float | None = None) -> None:
        """Have everything done that there is to do, in tasks.

        Args:
            now: the time, if the caller has it: the moment to look whether the server holds too much, and whether its
                handlers have worked long.
        """
        if now is not None and now >= self.budget.next_at:
            self.budget.check(now)
            if self.budget.is_looking:
                self.runtime.run_soon(self.runtime.output_ready)
        self.budget.room.rounds.begin(now)
        for inbox in self.dispatch():
            self.runtime.spawn(inbox.work)

    def untold(self) -> list[Tell]:
        """Return what tells handlers of the end, each for itself, where those who would have were cancelled."""
        self.dispatch()
        return [inbox.work_off for inbox in self.budget.room.parted]

    # -- what the application is asked -------------------------------------------------------------------------------

    async def refusal_of(self, core: AnyServer, request: Request) -> str | None:
        """Return the text with which a handshake is refused, `None` to let it pass; not to decide is a refusal."""
        (allow,) = (endpoint.allow_request for endpoint in self.endpoints if endpoint.core is core)
        if allow is None:
            return None
        with self.budget.room.taken(request.size_bytes) as is_taken:
            return await self._answer_of(allow, request) if is_taken else HOLDS_TOO_MUCH

    async def _answer_of(self, allow: AllowRequest, request: Request) -> str | None:
        try:
            text = await run(allow, request)
            if text is not None and not isinstance(text, str):
                raise TypeError(f"allow_request must return None, or the text of a refusal, not: {text!r:.80}")
        except BaseException as error:
            if not has_failed(error, self.runtime):
                raise
            self.audience.report("allow_request failed, so the request was refused", error)
            return "Forbidden"
        return None if text is None else plain(text)

    def static_response(self, request: Request) -> Response | None:
        """Return a file of the browser bundle, if that is what is asked for; before any engine sees the request."""
        return None if self._bundle is None else self._bundle.respond(request)

    @property
    def answers_requests(self) -> bool:
        """Whether there is a handler of requests for none of the engines; otherwise they get 404."""
        return self._http is not None

    async def response_to(self, request: Request, body: bytes) -> Response:
        """Ask the application's handler of other requests; 500 if it fails, 503 if there is no room for another one."""
        with self.budget.room.taken(request.size_bytes + len(body)) as is_taken:
            if is_taken:
                return await self._handled(request, body)
        return Response(503, [(b"content-type", b"text/plain")], HOLDS_TOO_MUCH.encode() + b"\n")

    async def _handled(self, request: Request, body: bytes) -> Response:
        assert self._http is not None  # the host looked
        try:
            response = await run(self._http, request, body)
            if not isinstance(response, Response):
                raise TypeError(f"http handler must return a Response, not {type(response).__name__}")
            check_response(response.status, response.headers, response.body)
        except BaseException as error:
            if not has_failed(error, self.runtime):
                raise
            self.audience.report(f"http handler failed for {request!r}", error)
            return Response(500, [(b"content-type", b"text/plain")], b"Internal server error\n")
        return response
