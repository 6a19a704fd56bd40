"""The ASGI application: whose request it is, and when all begins and ends."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from socketio_core.app.host import Endpoint
from socketio_core.app.server import Server, host_of
from socketio_core.asgi.exchange import AsgiExchange, text_response
from socketio_core.asgi.loops import Loop, current_loop
from socketio_core.asgi.scopes import Message, Receive, Scope, Send, request_of
from socketio_core.asgi.site import AsgiSite
from socketio_core.http import Request

ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]
"""Frameworks have types of their own for a scope, `receive` and `send`, which are not each other's."""


class App:
    """An ASGI 3 application around a `Server`: mount it in a framework, or serve it by itself.

    It runs on the event loop that the ASGI server uses, asyncio or trio. It begins with the server's lifespan, or with
    the first request where there is none, as for an application that is mounted; `lifespan` is for that.

    Args:
        io: registers the handlers; see `socketio_core.Server`. What it says about sockets (`timeouts` but `body_s` and
            `shutdown_s`, `shortcuts`, `per_message_deflate`) is the ASGI server's to decide.
        other_app: gets what is not for `io`, its lifespan too: the framework's application around which this one is.
    """

    def __init__(self, io: Server, other_app: ASGIApp | None = None) -> None:
        self._host = host_of(io)
        if other_app is not None and not callable(other_app):  # not everybody checks types
            raise TypeError(f"other_app must be an ASGI application, not: {other_app!r}")
        self._other_app = other_app
        self._site = AsgiSite(self._host)
        self._loop: Loop | None = None

    def __repr__(self) -> str:
        return f"<App of {', '.join(each.core.path for each in self._host.endpoints)}, {len(self._site.served)} at it>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope, as ASGI has it."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif scope["type"] in ("http", "websocket"):
            await self._serve(scope, receive, send)
        elif self._other_app is not None:
            await self._other_app(scope, receive, send)
        else:
            raise ValueError(f"unknown type of ASGI scope: {scope['type']!r}")

    # -- requests ----------------------------------------------------------------------------------------------------

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = self._request_of(scope)
        static = self._host.static_response(request)
        endpoint = self._endpoint_of(request)
        if endpoint is None and static is None and self._other_app is not None:
            await self._other_app(scope, receive, send)
            return
        if self._loop is None:
            await self._start(may_fail=False)
        assert self._loop is not None  # it has just begun, if it had not
        if not self._loop.is_current:
            raise RuntimeError(
                "App runs in another event loop: a Server serves once. With a TestClient, `with TestClient(app) as"
                " client:` keeps one loop for all its requests; make the Server and its App anew for each test"
            )
        exchange = AsgiExchange(self._site, self._loop, request, scope, receive, send)
        self._site.begin(exchange)
        try:
            if static is not None:
                await exchange.respond(static)
            elif endpoint is not None:
                try:
                    await exchange.serve(endpoint)
                except self._loop.answerable:
                    if not await exchange.apologize():
                        raise
            elif self._host.answers_requests and scope["type"] == "http" and not self._site.is_closing:
                await exchange.ask_application()
            else:
                await exchange.respond(text_response(404, self._not_here(scope)))
            await exchange.conclude()
        finally:
            self._site.end(exchange)

    def _endpoint_of(self, request: Request) -> Endpoint | None:
        for endpoint in self._host.endpoints:
            if endpoint.core.owns(request):
                return endpoint
        return None

    def _request_of(self, scope: Scope) -> Request:
        """Return the request, with the path as the engines see it: below where the application is mounted.

        Who mounts it at `/socket.io` itself means the path as a whole. Mounted at `/`, Litestar takes that away.
        """
        path, root_path = "/" + scope["path"].removeprefix("/"), scope.get("root_path", "").rstrip("/")
        is_below = root_path and path.startswith(root_path + "/")
        if is_below and not any(path.startswith(each.core.path) for each in self._host.endpoints):
            path = path[len(root_path) :]
        request = request_of(scope, path)
        self._site.proxies.apply(request)
        return request

    def _not_here(self, scope: Scope) -> str:
        root_path = scope.get("root_path", "").rstrip("/")
        paths = " or ".join(root_path + each.core.path for each in self._host.endpoints)
        return (
            f"Not found: Socket.IO is at {paths}, not at {scope['path']}."
            ' Give clients that path, as in io(url, { path: "..." }), or mount the application elsewhere.'
        )

    # -- its life ----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncGenerator[None]:
        """Begin, and end in order: clients are told, what is buffered is written, handlers end within `shutdown_s`.

        For an application that is mounted, which gets no lifespan: `FastAPI(lifespan=socketio_app.lifespan)`.
        """
        await self._begin()
        try:
            yield
        finally:
            await self._end()

    async def _begin(self) -> None:
        await self._start(may_fail=True)

    async def _start(self, *, may_fail: bool) -> None:
        """Begin. A request that comes first may not fail, for it has no part in what other servers there are."""
        if self._loop is not None:
            return
        self._loop = current_loop()
        await self._loop.start(self._host, self._site)
        try:
            await self._host.adapter.open(may_fail=may_fail)
        except BaseException:
            await self._end()
            raise

    async def _end(self) -> None:
        if self._loop is not None and not self._site.is_closing:
            await self._loop.end(self._site.timeouts.shutdown_s)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Begin and end when the server says so; the other application in between."""
        life = _Life(self._begin, self._end, receive, send)
        if self._other_app is not None:
            try:
                await self._other_app(scope, life.receive, life.send)
            except Exception:
                if life.has_answered:
                    raise
            # An application without a lifespan says so by an exception, or returns; ours has one all the same.
        if not life.is_over:
            await life.run()


class _Life:
    """What is said between the server and the applications about the lifespan; ours begins first, and ends first."""

    def __init__(
        self, begin: Callable[[], Awaitable[None]], end: Callable[[], Awaitable[None]], receive: Receive, send: Send
    ) -> None:
        self._begin = begin
        self._end = end
        self._receive = receive
        self._send = send
        self._last: str = ""  # what the server has said
        self.has_answered = False  # the other application has
        self.is_over = False

    async def receive(self) -> Message:
        """Return what the server says, when it is done here."""
        message = await self._receive()
        self._last = message["type"]
        await self._do()
        return message

    async def _do(self) -> None:
        if self._last == "lifespan.startup":
            await self._begin()
        elif self._last == "lifespan.shutdown":
            await self._end()

    async def send(self, message: Message) -> None:
        """Pass on what the other application answers."""
        self.has_answered = True
        if message["type"] == "lifespan.startup.failed":
            await self._end()
        self.is_over = message["type"] != "lifespan.startup.complete"
        await self._send(message)

    async def run(self) -> None:
        """Answer the server without another application, from where that has left off."""
        try:
            if self._last == "":
                await self.receive()
        except Exception as error:
            await self._send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        if self._last == "lifespan.startup":
            if not self.has_answered:
                await self._send({"type": "lifespan.startup.complete"})
            await self.receive()
        await self._send({"type": "lifespan.shutdown.complete"})
