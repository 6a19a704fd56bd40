# pyright: basic
# python-socketio has no types.
"""python-socketio's server for our client's tests, with the options and reports of `node/server.mjs`."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from typing import Any

import socketio  # type: ignore[import-untyped] # has no types
import uvicorn
from socketio.exceptions import ConnectionRefusedError as Refused  # type: ignore[import-untyped] # has no types

from tests.interop.processes import to_json


def say(**message: object) -> None:
    print(json.dumps(to_json(message)), flush=True)


def make_server(settings: dict[str, Any]) -> Any:
    io = socketio.AsyncServer(async_mode="asgi", async_handlers=False)
    for name, value in settings.items():  # not as arguments, for those are cut to whole seconds
        setattr(io.eio, name, value)
    for nsp in ("/", "/admin"):
        add_events(io, nsp)

    async def refuse(_sid: str, _environ: object, auth: object) -> None:
        raise Refused("not you", {"code": 42, "auth": auth})

    io.on("connect", refuse, namespace="/refused")
    return io


def add_events(io: Any, nsp: str) -> None:
    numbers: dict[str, list[int]] = {}

    async def connect(sid: str, environ: dict[str, Any], auth: object) -> None:
        query = dict(pair.split("=", 1) for pair in environ["QUERY_STRING"].split("&"))
        header = environ.get("HTTP_X_TEST")
        say(event="connected", nsp=nsp, sid=sid, auth=auth or {}, query=query, header=header, recovered=False)
        numbers[sid] = []

    async def disconnect(sid: str, reason: str) -> None:
        say(event="left", nsp=nsp, sid=sid, reason=reason)

    async def echo(sid: str, *args: Any) -> None:
        await io.emit("echoed", args, to=sid, namespace=nsp)

    async def echo_with_ack(_: str, *args: Any) -> tuple[Any, ...]:
        return args

    async def ask(sid: str, *args: Any) -> None:
        async def answered(*answer: Any) -> None:
            await io.emit("answered", (True, *answer[:1]), to=sid, namespace=nsp)

        await io.emit("question", args, to=sid, namespace=nsp, callback=answered)

    async def join(sid: str, room: str) -> tuple[()]:
        await io.enter_room(sid, room, namespace=nsp)
        return ()

    async def tell(sid: str, room: str, *args: Any) -> None:
        await io.emit("told", args, room=room, skip_sid=sid, namespace=nsp)

    async def burst(sid: str, count: int) -> None:
        for number in range(count):
            await io.emit("number", number, to=sid, namespace=nsp)

    async def number(sid: str, value: int) -> None:
        numbers[sid].append(value)

    async def get_numbers(sid: str) -> list[int]:
        return numbers[sid]

    async def reliable(_: str, value: int) -> tuple[()]:
        say(event="reliable", number=value)
        return ()

    async def leave(sid: str) -> None:
        await io.disconnect(sid, namespace=nsp)

    async def transport(sid: str) -> tuple[str, bool]:
        return io.transport(sid, namespace=nsp), False

    handlers = {
        "connect": connect,
        "disconnect": disconnect,
        "echo": echo,
        "echo with ack": echo_with_ack,
        "ask": ask,
        "join": join,
        "tell": tell,
        "burst": burst,
        "number": number,
        "numbers": get_numbers,
        "reliable": reliable,
        "leave": leave,
        "close": leave,
        "transport": transport,
    }
    for name, handler in handlers.items():
        io.on(name, handler, namespace=nsp)


async def main() -> None:
    options = json.loads(sys.argv[1])
    listener = socket.create_server(("127.0.0.1", options["port"]))
    app = socketio.ASGIApp(make_server(options["settings"]))
    secret = options.get("certificate")
    config = uvicorn.Config(app, ws="wsproto", log_level=50, ssl_certfile=secret, ssl_keyfile=secret)
    server = uvicorn.Server(config)
    say(event="listening", port=listener.getsockname()[1])
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.should_exit = server.force_exit = True
    await asyncio.wait([serving], timeout=2)


if __name__ == "__main__":
    asyncio.run(main())
