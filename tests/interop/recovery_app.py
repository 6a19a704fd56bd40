"""A server whose clients may come back, on either event loop. It reports as `app` does, and ends with its input."""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading

import trio

import socketio_core.asyncio
import socketio_core.trio
from socketio_core import RecoverySettings, Server
from socketio_core.app import Socket
from tests.interop.app import report


def build() -> Server:
    io = Server(recovery=RecoverySettings())

    @io.use
    def look(socket: Socket) -> None:
        report("middleware", sid=socket.id, recovered=socket.recovered, auth=socket.handshake.auth)

    @io.on("connection")
    def connected(socket: Socket) -> None:
        rooms = sorted(socket.rooms - {socket.id})
        report("connection", sid=socket.id, recovered=socket.recovered, rooms=rooms, visits=socket.data.get("visits"))
        socket.data["visits"] = socket.data.get("visits", 0) + 1

    @io.on("disconnect")
    async def left(socket: Socket, reason: str) -> None:
        if reason.endswith("namespace disconnect"):
            return
        await io.emit("missed", "all")
        await io.to("tea").emit("missed", b"\x01\x02")
        await io.to("coffee").emit("missed", "not for it")
        await io.volatile.emit("missed", "volatile")
        await socket.emit("missed", {"own": True})
        report("disconnect", sid=socket.id, reason=reason)

    @io.on("join")
    def join(socket: Socket, room: str) -> None:
        socket.join(room)

    @io.on("reflect")
    def reflect(_: Socket, *args: object) -> tuple[object, ...]:
        return args

    @io.on("news please")
    async def news(socket: Socket) -> None:
        await socket.emit("news", 1)

    @io.on("volatile please")
    def volatile(socket: Socket, *args: object) -> bool:
        return socket.emit_volatile("volatile", *args)

    @io.on("kick me")
    async def kick(socket: Socket) -> None:
        await socket.disconnect()

    return io


async def on_trio(io: Server) -> None:
    async with trio.open_nursery() as nursery:
        (url,) = await nursery.start(socketio_core.trio.serve, io, "127.0.0.1", 0)
        report("listening", url=url)


async def on_asyncio(io: Server) -> None:
    started: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    serving = asyncio.ensure_future(socketio_core.asyncio.serve(io, "127.0.0.1", 0, started=started))
    report("listening", url=(await started)[0])
    await serving


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)  # as all servers here have it; this one takes a free one
    parser.add_argument("--loop", choices=["trio", "asyncio"], required=True)
    options = parser.parse_args()
    io = build()

    def end_with_input() -> None:
        sys.stdin.read()
        io.from_thread(io.close)

    threading.Thread(target=end_with_input, daemon=True).start()
    if options.loop == "trio":
        trio.run(on_trio, io)
    else:
        asyncio.run(on_asyncio(io))


if __name__ == "__main__":
    main()
