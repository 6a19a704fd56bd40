"""The server that the clients of this folder talk to. It reports what happens as JSON lines, and ends with its input.

The same application stands in "/" and "/chat"; "/private" asks for `auth: {"token": "good"}`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import trio

import socketio_core.asyncio
import socketio_core.trio
from socketio_core import ConnectRefused, Server
from socketio_core.app import Socket
from socketio_core.http import Request, Response
from socketio_core.settings import EngineSettings
from tests.interop.processes import to_json

PAGE: Final = Path(__file__).parent / "page.html"


def report(event: str, **fields: object) -> None:
    print(json.dumps({"event": event, **{name: to_json(value) for name, value in fields.items()}}), flush=True)


def install(io: Server, nsp: str) -> None:
    """Register the application's handlers in one namespace."""
    space = io.of(nsp)

    @space.on("connection")
    async def connected(socket: Socket) -> None:
        report("connection", nsp=nsp, sid=socket.id)
        socket.data["numbers"] = []
        auth, token = socket.handshake.auth, socket.handshake.query.get("token")
        await socket.emit("welcome", {"sid": socket.id, "auth": auth, "token": token})

    @space.on("disconnecting")
    def leaving(socket: Socket, reason: str) -> None:
        report("disconnecting", nsp=nsp, sid=socket.id, reason=reason, rooms=sorted(socket.rooms - {socket.id}))

    @space.on("disconnect")
    async def left(socket: Socket, reason: str) -> None:
        report("disconnect", nsp=nsp, sid=socket.id, reason=reason, rooms=sorted(socket.rooms))

    @space.on("echo")
    async def echo(socket: Socket, *args: object) -> None:
        await socket.emit("echo", *args)

    @space.on("reflect")
    async def reflect(socket: Socket, *args: object) -> tuple[object, ...]:
        return args

    @space.on("where am I")
    def where(socket: Socket) -> list[object]:
        return [os.getpid(), socket.handshake.address, socket.handshake.secure]

    @space.on("ask")
    async def ask(socket: Socket, *args: object) -> None:
        answer = await socket.call("question", *args, timeout=10)
        await socket.emit("answered", answer)

    @space.on("join")
    def join(socket: Socket, room: str) -> list[str]:
        socket.join(room)
        return sorted(socket.rooms - {socket.id})

    @space.on("leave")
    def leave(socket: Socket, room: str) -> list[str]:
        socket.leave(room)
        return sorted(socket.rooms - {socket.id})

    @space.on("say")
    async def say(socket: Socket, room: str, *args: object) -> None:
        await socket.to(room).emit("said", *args)

    @space.on("say to all of")
    async def say_to_all_of(socket: Socket, room: str, *args: object) -> None:
        await space.to(room).emit("said", *args)

    @space.on("say except")
    async def say_except(socket: Socket, room: str, other: str, *args: object) -> None:
        await space.to(room).except_(other).emit("said", *args)

    @space.on("say to everyone")
    async def say_to_everyone(socket: Socket, *args: object) -> None:
        await space.emit("said", *args)

    @space.on("kick me")
    async def kick(socket: Socket) -> None:
        await socket.disconnect()

    @space.on("drop me")
    async def drop(socket: Socket) -> None:
        await socket.disconnect(close=True)

    @space.on("number")
    def number(socket: Socket, value: int) -> None:
        socket.data["numbers"].append(value)

    @space.on("numbers please")
    async def numbers_please(socket: Socket, first: int, count: int) -> None:
        for value in range(first, first + count):
            await socket.emit("number", value)

    @space.on("numbers you got")
    def numbers_you_got(socket: Socket) -> list[int]:
        numbers: list[int] = socket.data["numbers"]
        return numbers


async def check_token(socket: Socket) -> None:
    if socket.handshake.auth.get("token") != "good":
        raise ConnectRefused("not authorised", {"code": 401, "hint": "grüße \u2028"})


def page(request: Request, body: bytes) -> Response:
    """Answer what is not Socket.IO: the page that loads the official bundle."""
    if request.path != "/":
        return Response(404)
    return Response(200, [(b"content-type", b"text/html; charset=utf-8")], PAGE.read_bytes())


def build(options: argparse.Namespace, **more: Any) -> Server:
    io = Server(
        **more,
        client_dir=options.client_dir,
        http=page,
        trust_proxy=options.trust_proxy,
        engine=EngineSettings(
            ping_interval_s=options.ping_interval,
            ping_timeout_s=options.ping_timeout,
        ),
    )
    io.of("/private").use(check_token)
    for nsp in ("/", "/chat", "/private"):
        install(io, nsp)
    return io


async def until_input_ends(stop: Callable[[], None]) -> None:
    async with trio.lowlevel.FdStream(os.dup(0)) as stream:
        while await stream.receive_some():
            continue
    stop()


def options_of(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--loop", choices=("trio", "asyncio"), default="trio")
    parser.add_argument("--client-dir", default=None)
    parser.add_argument("--trust-proxy", action="store_true")
    parser.add_argument("--ping-interval", type=float, default=25.0)
    parser.add_argument("--ping-timeout", type=float, default=20.0)
    return parser.parse_args(arguments)


async def on_asyncio(io: Server, port: int) -> None:
    started: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(socketio_core.asyncio.serve(io, "127.0.0.1", port, started=started))
        report("listening", url=(await started)[0], pid=os.getpid())
        await asyncio.to_thread(sys.stdin.read)
        serving.cancel()


async def on_trio(io: Server, port: int) -> None:
    async with trio.open_nursery() as nursery:
        urls: list[str] = await nursery.start(socketio_core.trio.serve, io, "127.0.0.1", port)
        report("listening", url=urls[0], pid=os.getpid())
        nursery.start_soon(until_input_ends, nursery.cancel_scope.cancel)


def run(io: Server, options: argparse.Namespace) -> None:
    """Serve on the event loop that was asked for."""
    if options.loop == "trio":
        trio.run(on_trio, io, options.port)
    else:
        asyncio.run(on_asyncio(io, options.port))


def main() -> None:
    options = options_of()
    run(build(options), options)


if __name__ == "__main__":
    main()
