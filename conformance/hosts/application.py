"""What an application looks like, on any event loop: handlers in place of events, nothing of sockets or the protocol.

Both engines are served on one port; all namespaces have what `/` has. A socket's events are handled one after another,
as is usual; who waits for an answer of the client does so in a task of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from conformance.times import of_this_host
from socketio_core import ConnectRefused, Cors, EngineSettings, IncomingEvent, Server, ServerLimits, SocketSettings
from socketio_core.app import AckTimeout, Disconnected, EngineServer, EngineSession, Namespace, Socket
from socketio_core.http import Request
from socketio_core.socketio import JSONValue

CORS = Cors(origins=["http://allowed.example"], credentials=True)
PING_INTERVAL_S, PING_TIMEOUT_S, UPGRADE_TIMEOUT_S, CONNECT_TIMEOUT_S = of_this_host()
ENGINE = EngineSettings(
    ping_interval_s=PING_INTERVAL_S,
    ping_timeout_s=PING_TIMEOUT_S,
    upgrade_timeout_s=UPGRADE_TIMEOUT_S,
    max_payload_bytes=1_000_000,
)
ECHOES = {
    "/engine.io/": ENGINE,
    "/hasty/": replace(ENGINE, first_request_timeout_s=PING_INTERVAL_S),
    "/limited/": replace(ENGINE, max_handshakes_per_s=5),
}
LIMITS = ServerLimits(max_connections_per_address=20)
LOOPBACK = ("127.0.0.1", "::1")  # who may have any number of them

NAMESPACES = ("/custom", "/slow", "/refused", "/greeting", "/farewell", "/unwelcome", "/apart", "/guarded")

Sleep = Callable[[float], Awaitable[None]]
Spawn = Callable[[Callable[[], Coroutine[Any, Any, None]]], Awaitable[None]]


def create_server(sleep: Sleep, spawn: Spawn) -> Server:
    """Return a server that keeps the contract.

    Args:
        sleep: its event loop's.
        spawn: starts a task there, and returns when that has begun; so tasks begin in order.
    """
    settings = SocketSettings(connect_timeout_s=CONNECT_TIMEOUT_S)
    io = Server(
        engine=ENGINE,
        settings=settings,
        cors=CORS,
        allow_request=refusal_of,
        trust_proxy=LOOPBACK,
        limits=LIMITS,
    )
    for name in ("/", *NAMESPACES):
        add_handlers(io.of(name), spawn)
        io.of(name).use(decide)

    @io.of("/slow").use
    async def decide_slowly(_: Socket) -> None:
        await sleep(0.2)

    @io.of("/guarded").use_events
    async def hold(_: Socket, event: IncomingEvent) -> None:
        if event.args[:1] == ["wait"]:
            await sleep(0.1)

    for path, engine in ECHOES.items():
        add_echo(io.attach_engine(path, engine=engine, cors=CORS, allow_request=refusal_of))
    return io


def refusal_of(request: Request) -> str | None:
    """Say why a handshake is refused, or let it pass."""
    return "Forbidden" if request.query.get("forbidden") == "1" else None


async def decide(socket: Socket) -> None:
    """Let a socket in, or do what its namespace is there for."""
    name = socket.namespace.name
    if name == "/refused":
        raise ConnectRefused("not allowed", {"code": 42})
    if name == "/greeting":
        await socket.emit("hello")
    elif name == "/farewell":
        await socket.emit("goodbye")
        raise ConnectRefused("not allowed", {"code": 42})
    elif name == "/unwelcome":
        await socket.disconnect()


def add_handlers(nsp: Namespace, spawn: Spawn) -> None:
    """Register the handlers that all namespaces have; what they return acknowledges the event."""

    @nsp.on("connection")
    async def connected(socket: Socket) -> None:
        await socket.emit("auth", socket.handshake.auth)

    @nsp.on("message")
    async def message(socket: Socket, *args: JSONValue) -> None:
        await socket.emit("message-back", *args)

    @nsp.on("message-with-ack")
    def message_with_ack(_: Socket, *args: JSONValue) -> JSONValue:
        return args

    @nsp.on("ask")
    async def ask(socket: Socket, *args: JSONValue) -> None:
        await spawn(partial(ask_for_answer, socket, *args))

    @nsp.on("burst")
    async def burst(socket: Socket, count: int) -> None:
        for number in range(count):
            await socket.emit("number", number)

    @nsp.on("join")
    def join(socket: Socket, room: str) -> None:
        socket.join(room)

    @nsp.on("tell")
    async def tell(socket: Socket, rooms: str | list[str], *args: JSONValue) -> None:
        await socket.to(rooms).emit("told", *args)

    @nsp.on("leave")
    async def leave(socket: Socket) -> None:
        await socket.disconnect()

    @nsp.on("close")
    async def close(socket: Socket) -> None:
        await socket.disconnect(close=True)


async def ask_for_answer(socket: Socket, *args: JSONValue) -> None:
    """Ask a client, and tell it what it has answered."""
    with suppress(AckTimeout, Disconnected):
        await socket.emit("answer", *await socket.emit_with_ack("question", *args, timeout=10))


def add_echo(engine: EngineServer) -> None:
    """Register the handler of bare Engine.IO."""

    @engine.on("message")
    async def message(session: EngineSession, data: str | bytes) -> None:
        if data == "close me":
            await session.close()
        else:
            await session.send(data)
