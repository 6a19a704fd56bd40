"""The server of `socketio_core.trio`."""

from __future__ import annotations

import argparse
from functools import partial
from importlib import import_module
from typing import Any, cast

import trio

from socketio_core import EngineSettings
from socketio_core.socketio.json_module import JsonModule
from socketio_core.trio import Server, Socket


def make_server(ping_interval_s: float, json: JsonModule | None) -> Server:
    """Return a server with the handlers that the load generator talks to."""
    io = Server(engine=EngineSettings(ping_interval_s=ping_interval_s, max_sessions=20_000), json=json)

    @io.on("echo")
    async def echo(socket: Socket, *args: Any) -> None:
        await socket.emit("echo", *args)

    @io.on("ack")
    async def ack(socket: Socket, *args: Any) -> tuple[Any, ...]:
        return args

    @io.on("broadcast")
    async def broadcast(socket: Socket, *args: Any) -> None:
        await io.emit("message", *args)

    return io


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ping-interval", type=float, default=25.0)
    parser.add_argument("--json", help="the module to encode and decode with")
    arguments = parser.parse_args()
    json = None if arguments.json is None else cast("JsonModule", import_module(arguments.json))
    async with trio.open_nursery() as nursery:
        serve = make_server(arguments.ping_interval, json).serve
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=1024)
        urls = await nursery.start(partial(serve, listeners=listeners))
        print(urls[0].rpartition(":")[2], flush=True)


if __name__ == "__main__":
    trio.run(main)
