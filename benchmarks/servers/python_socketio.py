"""The server of python-socketio: `uvicorn` or `aiohttp`."""

from __future__ import annotations

import argparse
import gc
from typing import Any, Final

import socketio  # type: ignore[import-untyped]

from benchmarks.servers.under_uvicorn import listen, serve

_MANY: Final = {"max_connections": 1000}  # of 100, the default, none is left when 800 events wait, and others are lost


def make_server(mode: str, options: argparse.Namespace) -> Any:
    """Return a server with the handlers that the load generator talks to."""
    manager: Any = socketio.AsyncRedisManager(f"unix://{options.redis}", redis_options=_MANY) if options.redis else None
    sio: Any = socketio.AsyncServer(
        async_mode=mode, ping_interval=options.ping_interval, ping_timeout=20, client_manager=manager
    )

    async def echo(sid: str, *args: Any) -> None:
        await sio.emit("echo", args, to=sid)

    async def ack(sid: str, *args: Any) -> tuple[Any, ...]:
        return args

    async def broadcast(sid: str, *args: Any) -> None:
        await sio.emit("message", args)

    sio.on("echo", echo)
    sio.on("ack", ack)
    sio.on("broadcast", broadcast)
    return sio


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("host", choices=("uvicorn", "aiohttp"))
    parser.add_argument("--ping-interval", type=float, default=25.0)
    parser.add_argument("--deflate", action="store_true", help="for uvicorn; aiohttp always does")
    parser.add_argument("--redis", help="the path of the socket of one, for an adapter")
    arguments = parser.parse_args()
    gc.freeze()  # as ours
    listener = listen()
    if arguments.host == "uvicorn":
        serve(socketio.ASGIApp(make_server("asgi", arguments)), listener, deflates=arguments.deflate)
    else:
        from aiohttp import web

        application = web.Application()
        make_server("aiohttp", arguments).attach(application)
        web.run_app(
            application, sock=listener, print=lambda *_: print(listener.getsockname()[1], flush=True), access_log=None
        )


if __name__ == "__main__":
    main()
