"""The engine on asyncio: an ASGI application, here mounted in Starlette (FastAPI does it alike) and served by uvicorn.

ASGI servers do HTTP and WebSockets themselves, so what is left is to carry: requests and frames in, responses and
frames out, one timer. All of it runs on one event loop, which needs no lock.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeVar, cast

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from conformance.hosts.contract import Contract
from socketio_core.engineio import AnyServer, Park, Poll, Post, ReadBody, Respond, Upgrade, WebSocket
from socketio_core.engineio.close_codes import NO_CODE
from socketio_core.http import Request, Response

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_T = TypeVar("_T")


class SocketIOApp:
    """The ASGI application."""

    def __init__(self) -> None:
        self._contract = Contract()
        self._timer: asyncio.TimerHandle | None = None

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        target, peer = scope["raw_path"].decode() + "?" + scope["query_string"].decode(), scope["client"][0]
        method, scheme = scope.get("method", "GET"), scope["scheme"].replace("ws", "http")
        headers = [each for each in scope["headers"] if each[0] != b"upgrade"]  # whatever the client has written
        headers += [(b"upgrade", b"websocket")] * (scope["type"] == "websocket")
        request = Request(method, target, headers, address=peer, scheme=scheme)
        core, action = self._do(self._contract.handle_request, request, asyncio.Event())
        match action:
            case Respond(response):
                await _respond(send, response, "http" if scope["type"] == "http" else "websocket.http")
            case ReadBody(post, _):
                await self._serve_post(core, post, receive, send)
            case Park(poll):
                await self._serve_poll(core, poll, receive, send)
            case Upgrade(websocket, more):
                await receive()  # "websocket.connect"
                chosen = next(iter(scope["subprotocols"]), None)
                await send({"type": "websocket.accept", "headers": more, "subprotocol": chosen})
                await self._serve_websocket(core, websocket, receive, send)

    async def _serve_post(self, core: AnyServer, post: Post, receive: Receive, send: Send) -> None:
        message = await receive()
        while message["type"] == "http.request" and post.feed(message["body"]) and message["more_body"]:
            message = await receive()
        if message["type"] == "http.disconnect":
            self._do(core.lost, post)
        else:
            await _respond(send, self._do(core.finish_post, post))

    async def _serve_poll(self, core: AnyServer, poll: Poll, receive: Receive, send: Send) -> None:
        await receive()  # the empty body of a GET; what follows can only be "http.disconnect"
        tasks = [asyncio.ensure_future(receive()), asyncio.ensure_future(cast("asyncio.Event", poll.context).wait())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0)  # a client that left in the same turn of the loop is heard of in the next
        is_gone = not tasks[0].cancel()
        tasks[1].cancel()
        if poll.response is None or is_gone:  # what the poll has goes out with the next one
            self._do(core.lost, poll)
        else:
            await _respond(send, poll.response)

    async def _serve_websocket(self, core: AnyServer, websocket: WebSocket, receive: Receive, send: Send) -> None:
        writer = asyncio.ensure_future(_write(websocket, cast("asyncio.Event", websocket.context), send))
        while (message := await receive())["type"] == "websocket.receive":
            self._do(core.receive, websocket, message["bytes"] if message.get("text") is None else message["text"])
        self._do(core.lost, websocket)
        await writer

    def _do(self, call: Callable[..., _T], *args: object) -> _T:
        """Make a call on the core; let the application work, and all who have something to say; be back in time."""
        now = asyncio.get_running_loop().time()
        result = call(*args, now)
        for carrier in self._contract.take_ready(now):
            if isinstance(carrier.context, asyncio.Event):
                carrier.context.set()
        if self._timer is not None:
            self._timer.cancel()
        deadline = self._contract.next_deadline or now + 3600.0  # `None`: there is nothing to wait for
        self._timer = asyncio.get_running_loop().call_at(deadline, self._do, self._contract.handle_timeout)
        return result


async def _write(websocket: WebSocket, wakeup: asyncio.Event, send: Send) -> None:
    """Write what there is until the WebSocket is closed; a client that reads slowly holds up this task alone."""
    while True:
        wakeup.clear()
        for frame in [frame for message in websocket.take() for frame in message.frames]:
            await send({"type": "websocket.send", "text" if isinstance(frame, str) else "bytes": frame})
        if websocket.is_closed:
            code = 1000 if websocket.close_code == NO_CODE else websocket.close_code
            return await send({"type": "websocket.close", "code": code})
        await wakeup.wait()


async def _respond(send: Send, response: Response, kind: str = "http") -> None:
    await send({"type": f"{kind}.response.start", "status": response.status, "headers": response.headers})
    await send({"type": f"{kind}.response.body", "body": response.body})


def serve(listeners: list[socket.socket]) -> None:
    """Serve until Ctrl-C."""
    app = Starlette(routes=[Route("/", PlainTextResponse("a page\n")), Mount("/", SocketIOApp())])
    config = uvicorn.Config(app, ws="wsproto", ws_max_size=1_000_000, ws_ping_interval=None, log_level=40)
    uvicorn.Server(config).run(sockets=listeners)
