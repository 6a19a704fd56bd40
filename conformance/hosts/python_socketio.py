# pyright: basic
# python-socketio has no types.
"""python-socketio from PyPI, under uvicorn: for comparison, with as much of the contract as its interface allows."""

from __future__ import annotations

import asyncio
import platform
import socket
from functools import partial
from importlib.metadata import version
from typing import Any

import engineio  # type: ignore[import-untyped] # has no types
import socketio  # type: ignore[import-untyped] # has no types
import uvicorn
from socketio.exceptions import ConnectionRefusedError as Refused  # type: ignore[import-untyped] # has no types

from conformance.times import of_this_host

TIMES = of_this_host()
OPTIONS: dict[str, Any] = {
    "async_mode": "asgi",
    "ping_timeout": TIMES.ping_timeout_s,
    "max_http_buffer_size": 1_000_000,
    "cors_allowed_origins": ["http://allowed.example"],
    "cors_credentials": True,
}


def serve(listeners: list[socket.socket]) -> None:
    """Serve until Ctrl-C."""
    echo = add_echo(engineio.AsyncServer(**OPTIONS))
    io = add_handlers(socketio.AsyncServer(namespaces="*", **OPTIONS))
    # Not as an argument: that would be cut to whole seconds.
    echo.ping_interval = io.eio.ping_interval = TIMES.ping_interval_s
    app = socketio.ASGIApp(io, other_asgi_app=engineio.ASGIApp(echo, engineio_path="engine.io"))
    config = uvicorn.Config(app, ws="wsproto", ws_ping_interval=None, log_level=50)
    uvicorn.Server(config).run(sockets=listeners)


def versions() -> str:
    """Return e.g. `"python-socketio 5.18.1, uvicorn 0.54.0, Python 3.11.7"`."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("python-socketio", "python-engineio", "uvicorn"))
    return f"{packages}, Python {platform.python_version()}"


def add_echo(echo: Any) -> Any:
    """Send every message back."""

    def connect(_: str, environ: dict[str, str]) -> bool:
        return "forbidden=1" not in environ.get("QUERY_STRING", "")

    async def message(sid: str, data: Any) -> None:
        await (echo.disconnect(sid) if data == "close me" else echo.send(sid, data))

    echo.on("connect", connect)
    echo.on("message", message)
    return echo


def add_handlers(io: Any) -> Any:
    """Register the handlers that all namespaces have."""

    async def connect(nsp: str, sid: str, _: dict[str, Any], auth: Any = None) -> None:
        if nsp == "/refused":
            raise Refused("not allowed", {"code": 42})
        if nsp == "/slow":
            await asyncio.sleep(0.2)
        if nsp == "/greeting":
            await io.emit("hello", to=sid, namespace=nsp)
        if nsp == "/farewell":
            await io.emit("goodbye", to=sid, namespace=nsp)
            raise Refused("not allowed", {"code": 42})
        if nsp == "/unwelcome":
            await io.disconnect(sid, namespace=nsp)
        if nsp not in ("/", "/custom", "/slow", "/greeting", "/unwelcome", "/apart"):
            raise Refused("Invalid namespace")
        io.start_background_task(io.emit, "auth", auth or {}, to=sid, namespace=nsp)

    for nsp in ("/", "/custom", "/slow", "/refused", "/greeting", "/farewell", "/unwelcome", "/apart", "/guarded"):
        io.on("connect", partial(connect, nsp), namespace=nsp)
        add_events(io, nsp)
    return io


def add_events(io: Any, nsp: str) -> None:
    """Register the events of one namespace."""

    async def message(sid: str, *args: Any) -> None:
        await io.emit("message-back", args, to=sid, namespace=nsp)

    async def ask(sid: str, *args: Any) -> None:
        async def answered(*answer: Any) -> None:
            await io.emit("answer", answer, to=sid, namespace=nsp)

        await io.emit("question", args, to=sid, namespace=nsp, callback=answered)

    async def burst(sid: str, count: int) -> None:
        for number in range(count):
            await io.emit("number", number, to=sid, namespace=nsp)

    async def join(sid: str, room: str) -> tuple[()]:
        await io.enter_room(sid, room, namespace=nsp)
        return ()

    async def tell(sid: str, room: str, *args: Any) -> None:
        await io.emit("told", args, room=room, skip_sid=sid, namespace=nsp)

    async def leave(sid: str) -> None:
        await io.disconnect(sid, namespace=nsp)

    async def close(sid: str) -> None:
        await io.eio.disconnect(io.manager.eio_sid_from_sid(sid, nsp))

    for name, handler in {"message": message, "ask": ask, "burst": burst, "join": join, "tell": tell}.items():
        io.on(name, handler, namespace=nsp)
    io.on("message-with-ack", lambda _, *args: args, namespace=nsp)
    io.on("leave", leave, namespace=nsp)
    io.on("close", close, namespace=nsp)
