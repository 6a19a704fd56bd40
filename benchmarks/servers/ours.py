"""The server of `socketio_core.trio`, that of `socketio_core.asyncio`, or `socketio_core.asgi.App` under uvicorn."""

from __future__ import annotations

import argparse
import asyncio
import gc
import ssl
from functools import partial
from importlib import import_module
from typing import Any, TypeVar, cast

import trio
import uvloop

import socketio_core.asyncio
import socketio_core.trio
from benchmarks.servers.insight import tell_on_signal
from benchmarks.servers.under_asgi import HOSTS, serve_asgi
from socketio_core import EngineSettings, IncomingEvent, RecoverySettings, Server
from socketio_core.asgi import App
from socketio_core.asyncio import serve as serve_on_asyncio
from socketio_core.cluster import RedisAdapter
from socketio_core.socketio.json_module import JsonModule

_S = TypeVar("_S", bound=Server)


def make_server(kind: type[_S], options: argparse.Namespace) -> _S:
    """Return a server with the handlers that the load generator talks to."""
    io = kind(
        engine=EngineSettings(ping_interval_s=options.ping_interval, max_sessions=40_000),
        json=None if options.json is None else cast("JsonModule", import_module(options.json)),
        per_message_deflate=options.deflate,
        adapter=None if options.redis is None else RedisAdapter(f"unix://{options.redis}"),
        recovery=RecoverySettings() if options.recovery else None,
    )

    @io.on("echo")
    async def echo(socket: Any, *args: Any) -> None:
        await socket.emit("echo", *args)

    @io.on("ack")
    async def ack(socket: Any, *args: Any) -> tuple[Any, ...]:
        return args

    @io.on("broadcast")
    async def broadcast(socket: Any, *args: Any) -> None:
        await io.emit("message", *args)

    @io.on("local")
    async def broadcast_here(socket: Any, *args: Any) -> None:
        await io.local.emit("message", *args)

    if options.middleware:

        @io.use_events
        async def let_pass(socket: Any, event: IncomingEvent) -> None:
            pass

    return io


async def on_trio(io: socketio_core.trio.Server, context: ssl.SSLContext | None) -> None:
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=1024)
        urls = await nursery.start(partial(io.serve, listeners=listeners, ssl_context=context))
        print(urls[0].rpartition(":")[2], flush=True)


async def on_asyncio(io: socketio_core.asyncio.Server, context: ssl.SSLContext | None) -> None:
    started: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    started.add_done_callback(lambda urls: print(urls.result()[0].rpartition(":")[2], flush=True))
    await serve_on_asyncio(io, "127.0.0.1", 0, ssl_context=context, started=started)


def _trio_tasks() -> int:
    return trio.lowlevel.current_statistics().tasks_living


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ping-interval", type=float, default=25.0)
    parser.add_argument("--json", help="the module to encode and decode with")
    parser.add_argument("--loop", choices=("trio", "asyncio", "uvloop", *HOSTS), default="trio")
    parser.add_argument("--deflate", action="store_true")
    parser.add_argument("--middleware", action="store_true", help="let events pass one")
    parser.add_argument("--recovery", action="store_true", help="let clients come back")
    parser.add_argument("--insight", action="store_true", help="tell on SIGUSR1 what it holds")
    parser.add_argument("--redis", help="the path of the socket of one, for an adapter")
    parser.add_argument("--certificate", help="the file of one and its key: serve TLS")
    options = parser.parse_args()
    if options.insight:
        tell_on_signal(_trio_tasks if options.loop == "trio" else lambda: len(asyncio.all_tasks()))
    gc.freeze()  # as `python -m socketio_core serve` does; so do the servers of others that are in Python
    context: ssl.SSLContext | None = None
    if options.certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.certificate)
    if options.loop == "trio":
        io = make_server(socketio_core.trio.Server, options)
        trio.run(on_trio, io, context)
        return
    other = make_server(socketio_core.asyncio.Server, options)
    if options.loop == "asyncio":
        asyncio.run(on_asyncio(other, context))
    elif options.loop == "uvloop":
        uvloop.run(on_asyncio(other, context))
    else:
        serve_asgi(options.loop, App(other), deflates=options.deflate)


if __name__ == "__main__":
    main()
