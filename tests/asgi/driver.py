"""An ASGI server without a network, on either loop and in virtual time: scopes in, messages out."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

from socketio_core.asgi import App
from tests.adapters.loops import loop

Scope = dict[str, Any]
Message = dict[str, Any]
ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]

HEADERS: Final = [(b"host", b"localhost:3000")]


Start = Callable[[Callable[[], Coroutine[Any, Any, None]]], Callable[[], object]]
"""Begins a task, and returns what cancels it."""


@asynccontextmanager
async def tasks() -> AsyncGenerator[Start]:
    """Give a function that begins tasks; at the end all are waited for."""
    async with loop.open_nursery() as nursery:

        def start(function: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], object]:
            scope = loop.cancel_scope()

            async def run() -> None:
                with scope:
                    await function()

            nursery.start_soon(run)
            return scope.cancel

        yield start


class Connection:
    """One scope that is being served.

    Attributes:
        sent: what the application has sent.
        is_over: it has returned.
        cancel: drop the task that serves it.
    """

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.sent: list[Message] = []
        self.error: BaseException | None = None
        self.is_over = False
        self.cancel: Callable[[], object] = lambda: None
        self._waiting: list[Message] = []
        self._changed = loop.new_event()

    def give(self, *messages: Message) -> None:
        """Let the application receive these."""
        self._waiting += messages
        self._changed.set()

    def disconnect(self, **fields: Any) -> None:
        """The client is gone."""
        self.give({"type": f"{self.scope['type']}.disconnect", **fields})

    async def receive(self) -> Message:
        while not self._waiting:
            self._changed = loop.new_event()
            await self._changed.wait()
        return self._waiting.pop(0)

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def unread(self) -> int:
        """How many messages the application has not taken."""
        return len(self._waiting)

    @property
    def status(self) -> int:
        """Of the response."""
        (start,) = (each for each in self.sent if each["type"].endswith("http.response.start"))
        return int(start["status"])

    @property
    def body(self) -> str:
        """Of the response."""
        return b"".join(each["body"] for each in self.sent if each["type"].endswith("http.response.body")).decode()

    @property
    def frames(self) -> list[str | bytes]:
        """What was sent over a WebSocket."""
        return [
            each["text"] if "text" in each else each["bytes"] for each in self.sent if each["type"] == "websocket.send"
        ]


class AsgiServer:
    """Calls an application as a server does."""

    def __init__(self, app: ASGIApp, start: Start) -> None:
        self._app = app
        self._start = start

    def connect(self, scope: Scope, *messages: Message) -> Connection:
        """Begin to serve a scope."""
        connection = Connection(scope)
        connection.give(*messages)

        async def send(message: Message) -> None:
            await connection.send(message)  # which a test may have replaced since

        async def receive() -> Message:
            return await connection.receive()  # as above

        async def run() -> None:
            try:
                await self._app(scope, receive, send)
            except Exception as error:  # noqa: BLE001 - as servers do
                connection.error = error
            finally:
                connection.is_over = True

        connection.cancel = self._start(run)
        return connection

    async def request(self, method: str, target: str, *body: bytes, is_all: bool = True, **more: Any) -> Connection:
        """Begin a request, and let happen what can."""
        scope = http_scope(method, target, **more)
        chunks = body or (b"",)
        messages = [
            {"type": "http.request", "body": chunk, "more_body": not is_all or number < len(chunks)}
            for number, chunk in enumerate(chunks, 1)
        ]
        connection = self.connect(scope, *messages)
        await loop.settle()
        return connection

    async def websocket(self, target: str = "/socket.io/?EIO=4&transport=websocket", **more: Any) -> Connection:
        """Begin a WebSocket, and let happen what can."""
        scope: Scope = {**http_scope("GET", target), "type": "websocket", "scheme": "ws", "subprotocols": [], **more}
        del scope["method"]
        connection = self.connect(scope, {"type": "websocket.connect"})
        await loop.settle()
        return connection

    async def frame(self, connection: Connection, *frames: str | bytes) -> None:
        """Send frames over a WebSocket, and let happen what can."""
        for frame in frames:
            kind = "text" if isinstance(frame, str) else "bytes"
            connection.give({"type": "websocket.receive", kind: frame})
        await loop.settle()

    async def session(self) -> str:
        """Begin a session by polling, join the root namespace, and return the id."""
        opened = await self.request("GET", "/socket.io/?EIO=4&transport=polling")
        sid = str(json.loads(opened.body[1:])["sid"])
        assert (await self.request("POST", poll_of(sid), b"40")).body == "ok"
        assert (await self.request("GET", poll_of(sid))).body.startswith('40{"sid"')
        return sid


def http_scope(method: str, target: str, **more: Any) -> Scope:
    """Return a scope as servers make them."""
    path, _, query = target.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": HEADERS,
        "client": ("192.0.2.1", 50000),
        "server": ("localhost", 3000),
        "extensions": {},
        **more,
    }


def poll_of(sid: str) -> str:
    """Return the target of a session's polls."""
    return f"/socket.io/?EIO=4&transport=polling&sid={sid}"


@asynccontextmanager
async def serving(app: App, outer: ASGIApp | None = None) -> AsyncGenerator[AsgiServer]:
    """Serve an application, with its lifespan."""
    async with app.lifespan(), tasks() as start:
        yield AsgiServer(outer or app, start)
