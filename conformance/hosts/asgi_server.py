"""The application under ASGI servers, on asyncio and on trio: `socketio_core.asgi.App` beside a page of Starlette's."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any, Final

import trio
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from conformance import granian
from conformance.hosts.application import ENGINE, Sleep, Spawn, create_server
from conformance.hosts.asyncio_server import spawn as spawn_on_asyncio
from conformance.hosts.trio import spawn as spawn_on_trio
from socketio_core.asgi import App

MAX_BYTES: Final = ENGINE.max_payload_bytes  # a frame has one byte more than its message
LOG_LEVEL: Final = 40  # errors


def create_app(sleep: Sleep, spawn: Spawn) -> Any:
    """Return an ASGI application: a page, and beside it the application."""
    mounted = App(create_server(sleep, spawn))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with mounted.lifespan():
            yield

    return Starlette(routes=[Route("/", PlainTextResponse("a page\n")), Mount("/", mounted)], lifespan=lifespan)


def serve_uvicorn(listeners: list[socket.socket], **options: Any) -> None:
    """Serve until Ctrl-C."""
    import uvicorn

    config = uvicorn.Config(
        create_app(asyncio.sleep, spawn_on_asyncio),
        ws_max_size=MAX_BYTES,
        ws_ping_interval=None,
        log_level=LOG_LEVEL,
        **options,
    )
    uvicorn.Server(config).run(sockets=listeners)


def serve_hypercorn(listeners: list[socket.socket], *, on_trio: bool = False) -> None:
    """Serve until Ctrl-C."""
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{listener.detach()}" for listener in listeners]
    config.websocket_max_message_size = MAX_BYTES
    config.loglevel = "ERROR"
    serve: Any = import_module("hypercorn.trio" if on_trio else "hypercorn.asyncio").serve
    if on_trio:
        trio.run(serve, create_app(trio.sleep, spawn_on_trio), config)
    else:
        asyncio.run(serve(create_app(asyncio.sleep, spawn_on_asyncio), config))


def serve_granian(listeners: list[socket.socket]) -> None:
    """Serve until Ctrl-C, on IPv4 alone; this says when, since nobody else knows."""
    listener, *others = listeners
    host, port = listener.getsockname()
    for other in others:
        other.close()

    def say() -> None:
        print(f"serving granian at http://{host}:{port}", flush=True)  # noqa: T201 - as the suite has it

    granian.serve(create_app(asyncio.sleep, spawn_on_asyncio), listener, say)


SERVERS: Final[dict[str, Callable[[list[socket.socket]], None]]] = {
    "uvicorn": lambda listeners: serve_uvicorn(listeners, http="h11", ws="wsproto"),
    "uvicorn-uvloop": lambda listeners: serve_uvicorn(
        listeners, http="httptools", ws="websockets-sansio", loop="uvloop"
    ),
    "uvicorn-websockets": lambda listeners: serve_uvicorn(listeners, http="httptools", ws="websockets"),
    "hypercorn": serve_hypercorn,
    "hypercorn-trio": lambda listeners: serve_hypercorn(listeners, on_trio=True),
    "granian": serve_granian,
}
