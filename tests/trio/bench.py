"""A real server in this process, under a clock that jumps; clients that talk to it, honest ones and raw ones."""

from __future__ import annotations

import logging
import math
import ssl
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import partial, wraps
from types import FrameType
from typing import Any, Final, ParamSpec

import trio
from trio.testing import MockClock, lockstep_stream_pair, memory_stream_pair

from socketio_core import Server
from socketio_core.app import Socket
from socketio_core.app.server import host_of
from socketio_core.socketio import ServerCore
from socketio_core.trio import serve
from socketio_core.trio.runtime import TrioRuntime
from tests.trio.clients import Client, PollingClient, WebSocketClient
from tests.trio.wire import Peer

_P = ParamSpec("_P")

DEADLINE_S: Final = 10_000.0  # of a whole test, in virtual seconds: when nothing else can happen, it comes at once
TCP_IDLE_S: Final = 0.02  # with real sockets, time jumps after that much real silence


def trio_test(function: Callable[_P, Awaitable[None]]) -> Callable[_P, None]:
    """Run an async test in virtual time: when no task can go on, time jumps to the next deadline."""
    return _runner(function, 0)


def trio_tcp_test(function: Callable[_P, Awaitable[None]]) -> Callable[_P, None]:
    """The same for a test with real sockets: time jumps when the kernel, too, has been silent for a moment."""
    return _runner(function, TCP_IDLE_S)


def _runner(function: Callable[_P, Awaitable[None]], idle_s: float) -> Callable[_P, None]:
    @wraps(function)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        async def main() -> None:
            with trio.fail_after(DEADLINE_S):
                await function(*args, **kwargs)

        trio.run(main, clock=MockClock(autojump_threshold=idle_s))

    return run


async def until(condition: Callable[[], object], what: str, deadline_s: float = 600.0) -> None:
    """Wait until `condition` holds; fail at the deadline (virtual seconds)."""
    with trio.move_on_after(deadline_s):
        pause_s = 0.001
        while not condition():
            await trio.sleep(pause_s)
            pause_s = min(2 * pause_s, 10.0)
        return
    raise AssertionError(f"waited in vain until {what}")


class MemoryListener(trio.abc.Listener[trio.abc.Stream]):
    """Accepts what `connect` makes: pairs of streams that exist in memory only."""

    def __init__(self) -> None:
        self._offered, self._accepted = trio.open_memory_channel[trio.abc.Stream](math.inf)

    def connect(self, make_pair: Callable[[], tuple[trio.abc.Stream, trio.abc.Stream]] = memory_stream_pair) -> Peer:
        """Return the client's end of a new connection."""
        ours, theirs = make_pair()
        self._offered.send_nowait(theirs)
        return Peer(ours)

    async def accept(self) -> trio.abc.Stream:
        return await self._accepted.receive()

    async def aclose(self) -> None:
        self._accepted.close()
        self._offered.close()
        await trio.lowlevel.checkpoint()


class Bench:
    """A server that runs, ways to reach it, and what it said and did.

    Attributes:
        left: why each socket of the root namespace has left, by its id.
        log: what was logged as a warning or worse. Must be empty at the end: a test that expects something takes it.
    """

    def __init__(self, io: Server, nursery: trio.Nursery, listener: MemoryListener) -> None:
        self.io = io
        self.nursery = nursery
        self.listener = listener
        self.urls: list[str] = []
        self.left: dict[str, str] = {}
        self.log: list[str] = []
        self.client_context: ssl.SSLContext | None = None
        self._peers: list[Peer] = []

        @io.on("disconnect")
        def left(socket: Socket, reason: str) -> None:
            self.left[socket.id] = reason

        @io.on("echo")
        def echo(socket: Socket, *args: Any) -> tuple[Any, ...]:
            return args

    @property
    def session_count(self) -> int:
        return self.core.session_count

    @property
    def core(self) -> ServerCore:
        """The engine of the server."""
        return core_of(self.io)

    @property
    def runtime(self) -> TrioRuntime:
        """What the server runs on."""
        return runtime_of(self.io)

    def reason_of(self, client: Client) -> str | None:
        """Why the client's socket has left; `None` while it is there."""
        return self.left.get(client.socket_id)

    def take_log(self) -> str:
        """Return what was logged, and forget it: the test expected it."""
        lines = "\n".join(self.log)
        self.log.clear()
        return lines

    async def connect(self) -> Peer:
        """Return the client's end of a new connection; over TLS if there is a `client_context`."""
        peer = await self.connect_plain()
        if self.client_context is None:
            return peer
        return Peer(trio.SSLStream(peer.stream, self.client_context, server_hostname="localhost"))

    async def connect_plain(self) -> Peer:
        """Return the client's end of a new connection, never over TLS."""
        await trio.lowlevel.checkpoint()
        is_tcp = self.urls[0].startswith("http")
        peer = await connect_tcp(self.urls[0]) if is_tcp else self.listener.connect()
        self._peers.append(peer)
        return peer

    async def close_peers(self) -> None:
        """Close what `connect` has opened."""
        with trio.CancelScope(shield=True):
            for peer in self._peers:
                await peer.close()

    async def websocket(self, *, join: bool = True) -> WebSocketClient:
        """Return an honest client on a WebSocket."""
        client = WebSocketClient(await self.connect())
        await client.open()
        if join:
            await client.join()
        return client

    async def stuck_websocket(self) -> WebSocketClient:
        """Return one whose connection holds no byte that it has not read: one write to it waits for its reading."""
        client = WebSocketClient(self.listener.connect(lockstep_stream_pair))
        await client.open()
        await client.join()
        return client

    async def polling(self, *, join: bool = True) -> PollingClient:
        """Return an honest client that polls."""
        client = PollingClient(self.connect)
        await client.open()
        if join:
            await client.join()
        return client

    async def client(self, transport: str) -> WebSocketClient | PollingClient:
        """Return an honest client on either transport."""
        return await (self.polling() if transport == "polling" else self.websocket())

    async def check_still_serves(self) -> None:
        """Let a fresh honest client of each kind come, be served, and go."""
        websocket = await self.websocket()
        await websocket.echo()
        await websocket.close()
        polling = await self.polling()
        await polling.echo()
        assert await polling.send("1") == 200
        await until(lambda: self.reason_of(polling) == "transport close", "the honest client has left", 5)


@asynccontextmanager
async def serving(io: Server, *, tcp: bool = False, **options: Any) -> AsyncGenerator[Bench]:
    """Serve `io` in memory, or on a real socket. Afterwards it must have ended, and have logged no failure.

    Args:
        options: for `serve`.
    """
    log = _Log()
    log.logger.addHandler(log)
    tasks_before = task_count()
    try:
        async with trio.open_nursery() as nursery:
            listener = MemoryListener()
            bench = Bench(io, nursery, listener)
            log.lines = bench.log
            where = {"host": "127.0.0.1"} if tcp else {"listeners": [listener]}
            bench.urls = await nursery.start(partial(serve, io, **where, **options))
            try:
                yield bench
                nursery.cancel_scope.cancel()
            finally:
                await bench.close_peers()
        assert bench.log == []
    finally:
        log.logger.removeHandler(log)
    assert task_count() == tasks_before


def core_of(io: Server) -> ServerCore:
    """Return the engine of a server, for what no client sees."""
    core = host_of(io).endpoints[0].core
    assert isinstance(core, ServerCore)
    return core


def runtime_of(io: Server) -> TrioRuntime:
    """Return what a server runs on."""
    runtime = host_of(io).runtime
    assert isinstance(runtime, TrioRuntime)
    return runtime


class Faults:
    """Makes a server fail below its handlers, as often as it is told to.

    Attributes:
        left: how often it will.
    """

    def __init__(self, io: Server) -> None:
        self.left = 0
        dispatcher: Any = host_of(io).endpoints[0].dispatcher
        self._dispatch = dispatcher.dispatch
        dispatcher.dispatch = self._fail_or_dispatch

    def _fail_or_dispatch(self) -> object:
        if self.left:
            self.left -= 1
            raise KeyError("our fault")
        return self._dispatch()


class _Log(logging.Handler):
    logger = logging.getLogger("socketio_core.trio")

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def counted_calls(is_wanted: Callable[[object], bool]) -> Generator[list[object]]:
    """Note which functions of C are called while this lasts, of those that are wanted."""
    calls: list[object] = []

    def note(frame: FrameType, kind: str, function: object) -> None:
        if kind == "c_call" and is_wanted(function):
            calls.append(function)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(before)


async def connect_tcp(url: str, *, receive_buffer: int | None = None) -> Peer:
    """Connect to a port of this machine; a small receive buffer makes a peer that is soon full."""
    sock = trio.socket.socket()
    if receive_buffer is not None:
        sock.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, receive_buffer)
    await sock.connect(("127.0.0.1", int(url.rpartition(":")[2])))
    return Peer(trio.SocketStream(sock))


def task_count() -> int:
    """How many tasks there are in this run."""
    return trio.lowlevel.current_statistics().tasks_living
