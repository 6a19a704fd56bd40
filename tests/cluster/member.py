"""A server of ours in a cluster, with one client of its own: python -m tests.cluster.member LOOP KIND URL [OPTION…].

It does what lines of JSON on its input say, `{"id": 1, "do": "emit", "args": ["x"]}`, and answers each with
`{"id": 1, "result": …}`; what its client hears, it hears itself from other servers, and how it stands with them, is
said in lines, too. An option is a field of `RedisAdapter` in JSON: `start_degraded=true`.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import trio

from socketio_core import Observer, RecoverySettings, Server
from socketio_core.app import ClientSocket, RemoteSocket, Socket
from socketio_core.asyncio import connect as asyncio_connect
from socketio_core.asyncio import serve as asyncio_serve
from socketio_core.cluster import ClusterError, RedisAdapter, RedisStreamsAdapter
from socketio_core.trio import AckTimeout
from socketio_core.trio import connect as trio_connect
from socketio_core.trio import serve as trio_serve
from tests.interop.processes import from_json, to_json

KINDS: Final[dict[str, dict[str, Any]]] = {
    "classic": {},
    "sharded": {"sharded": True},
    "streams": {},
    "recovery": {},
}

OFFSET: Final = re.compile(r"(\d+-|[\w-]+\.)\d+")
"""Of recovery, by a stream or by one server alone: clients are given it behind the arguments."""

Command = dict[str, Any]


def say(message: dict[str, Any]) -> None:
    """Say something in a line."""
    print(json.dumps(to_json(message)), flush=True)


class Saying(Observer):
    """Says how it stands with the others."""

    def cluster_changed(self, state: str, reason: str, gap: bool) -> None:  # noqa: FBT001 - see there
        say({"state": state, "reason": reason, "gap": gap})


def new_server(kind: str, url: str, options: list[str]) -> Server:
    """Return a server that does as that of Node does; see `cluster_server.mjs`."""
    given = {name: json.loads(value) for name, _, value in (option.partition("=") for option in options)}
    adapter = RedisStreamsAdapter if kind in ("streams", "recovery") else RedisAdapter
    recovery = RecoverySettings() if kind == "recovery" else None
    io = Server(adapter=adapter(url, **KINDS[kind], **given), observers=[Saying()], recovery=recovery)

    @io.on("connection")
    async def connected(socket: Socket) -> None:
        socket.join("r")
        socket.data["of"] = "ours"
        await socket.emit("hello there")

    @io.on_server_side("ping")
    def ping(*args: Any) -> list[Any]:
        say({"heard": ["server", "ping", *args]})
        return ["pong", *args]

    return io


def described(socket: Socket | RemoteSocket) -> dict[str, Any]:
    """Return what is known of a socket."""
    handshake = socket.handshake
    return {
        "id": socket.id,
        "rooms": sorted(socket.rooms),
        "data": socket.data,
        "headers": sorted(handshake.headers),
        "auth": handshake.auth,
        "issued": handshake.issued,
    }


async def obey(io: Server, command: Command) -> Any:
    """Do what a command says."""
    what, args = command["do"], command.get("args", [])
    chosen = io.except_(command.get("except", []))
    if "to" in command:
        chosen = chosen.to(command["to"])
    if command.get("volatile"):
        chosen = chosen.volatile
    doers: dict[str, Callable[[], Awaitable[Any]]] = {
        "emit": lambda: chosen.emit(*args),
        "call": lambda: chosen.call(*args, timeout=command.get("timeout", 5)),
        "join": lambda: chosen.sockets_join(command["rooms"]),
        "leave": lambda: chosen.sockets_leave(command["rooms"]),
        "disconnect": chosen.disconnect_sockets,
        "tell servers": lambda: io.server_side_emit(*args),
        "ask servers": lambda: io.server_side_emit_with_ack(*args, timeout=command.get("timeout", 5)),
    }
    if what == "fetch":
        return [described(socket) for socket in await chosen.fetch_sockets()]
    if what == "rooms":
        return sorted(await io.all_rooms())
    if what == "statistics":
        return dict(io.statistics().cluster or {})
    if what == "flood":
        for _ in range(5):
            await io.to(["nobody", "nor here"]).emit("large", "x" * 200_000)
        return None
    if what == "each":  # by what stands for sockets, wherever they are
        return [await each.call(*args) for each in await chosen.fetch_sockets()]
    return await doers[what]()


async def answer(io: Server, command: Command) -> None:
    """Do what a command says, and say what came of it."""
    try:
        result = {"result": await obey(io, command)}
    except AckTimeout as error:
        result = {"error": f"AckTimeout: {error}", "partial": error.responses}
    except ClusterError as error:
        found: list[Any] = error.partial
        partial: list[Any] = [getattr(each, "id", each) for each in found]
        result = {"error": f"{type(error).__name__}: {error}", "partial": partial}
    say({"id": command["id"], **result})


def without_offset(said: Sequence[Any]) -> list[Any]:
    """Return the name of an event and its arguments, without what recovery puts behind them."""
    return list(said[:-1] if isinstance(said[-1], str) and OFFSET.fullmatch(said[-1]) else said)


def listen(client: ClientSocket) -> None:
    """Have a client say what it hears, and answer questions."""

    def heard(name: str, *args: Any) -> None:
        said = without_offset([name, *args])
        say({"ready": True, "sid": client.id} if name == "hello there" else {"heard": said})

    def answers(*_: Any) -> str:
        return "ours"

    def gone(reason: str) -> None:
        say({"heard": ["gone", reason]})

    client.on_any(heard)
    client.on("q", answers)
    client.on("disconnect", gone)


async def on_trio(io: Server) -> None:
    """Serve on trio."""
    async with trio.open_nursery() as nursery:
        (url,) = await nursery.start(trio_serve, io, "127.0.0.1", 0)
        say({"url": url})
        async with trio_connect(url, wait=False) as client:
            listen(client)
            async for line in trio.wrap_file(sys.stdin):
                nursery.start_soon(answer, io, from_json(json.loads(line)))
        nursery.cancel_scope.cancel()


async def on_asyncio(io: Server) -> None:
    """Serve on asyncio."""
    started: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(asyncio_serve(io, "127.0.0.1", 0, started=started))
        serving.add_done_callback(lambda _: started.cancel())
        try:
            (url,) = await started
        except asyncio.CancelledError:
            await serving  # which has failed
            raise
        say({"url": url})
        async with asyncio_connect(url, wait=False) as client:
            listen(client)
            while line := await asyncio.to_thread(sys.stdin.readline):
                group.create_task(answer(io, from_json(json.loads(line))))
        await io.close()


def main(loop: str, kind: str, url: str, *options: str) -> None:
    """Serve until the input ends."""
    io = new_server(kind, url, list(options))
    try:
        if loop == "trio":
            trio.run(on_trio, io)
        else:
            asyncio.run(on_asyncio(io))
    except* ClusterError as group:
        say({"failed": str(group.exceptions[0])})


if __name__ == "__main__":
    main(*sys.argv[1:])
