"""A server whose clients may come back, on either event loop. It reports as `app` does, and ends with its input."""

from __future__ import annotations

from socketio_core import RecoverySettings, Server
from socketio_core.app import Socket
from tests.interop.serving import options_of, report, serve


def build(*, skip_middlewares: bool) -> Server:
    io = Server(recovery=RecoverySettings(skip_middlewares=skip_middlewares))

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


if __name__ == "__main__":
    chosen = options_of("--skip-middlewares")
    serve(build(skip_middlewares=chosen.skip_middlewares), chosen)
