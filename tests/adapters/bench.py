"""A real server in this process, under a clock that jumps; clients that talk to it, honest ones and raw ones."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from socketio_core import Server
from socketio_core.app import Socket
from socketio_core.app.server import host_of
from socketio_core.socketio import ServerCore
from tests.adapters.abstract import Listener, Nursery, collected_log
from tests.adapters.clients import Client, PollingClient, WebSocketClient
from tests.adapters.loops import loop
from tests.adapters.peer import Peer
from tests.interop.peers import NO_SUCH_SESSION


async def until(condition: Callable[[], object], what: str, deadline_s: float = 600.0) -> None:
    """Wait until `condition` holds; fail at the deadline (virtual seconds)."""
    give_up_at = loop.current_time() + deadline_s
    pause_s = 0.001
    while not condition():
        assert loop.current_time() < give_up_at, f"waited in vain until {what}"
        await loop.sleep(pause_s)
        pause_s = min(2 * pause_s, 10.0)


class Bench:
    """A server that runs, ways to reach it, and what it said and did.

    Attributes:
        left: why each socket of the root namespace has left, by its id.
        log: what was logged as a warning or worse. Must be empty at the end: a test that expects something takes it.
    """

    def __init__(self, io: Server, nursery: Nursery, listener: Listener, log: list[str]) -> None:
        self.io = io
        self.nursery = nursery
        self.listener = listener
        self.urls: list[str] = []
        self.left: dict[str, str] = {}
        self.log = log
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

    def reason_of(self, client: Client) -> str | None:
        """Why the client's socket has left; `None` while it is there."""
        return self.left.get(client.socket_id)

    def take_log(self) -> str:
        """Return what was logged, and forget it: the test expected it."""
        lines = "\n".join(self.log)
        self.log.clear()
        return lines

    async def connect(self, *, receive_buffer: int | None = None) -> Peer:
        """Return the client's end of a new connection; with a small receive buffer, a real one is soon full."""
        await loop.checkpoint()
        if self.urls[0].startswith("http"):
            peer = Peer(await loop.connect_tcp(int(self.urls[0].rpartition(":")[2]), receive_buffer))
        else:
            peer = Peer(self.listener.connect())
        self._peers.append(peer)
        return peer

    def connect_stuck(self) -> Peer:
        """Return one that holds no byte that it has not read: one write to it waits for its reading."""
        return Peer(self.listener.connect(is_lockstep=True))

    async def close_peers(self) -> None:
        """Close what `connect` has opened."""
        with loop.shielded():
            for peer in self._peers:
                await peer.close()

    async def websocket(self, *, join: bool = True, receive_buffer: int | None = None) -> WebSocketClient:
        """Return an honest client on a WebSocket."""
        return await self._websocket(await self.connect(receive_buffer=receive_buffer), join=join)

    async def stuck_websocket(self) -> WebSocketClient:
        """Return one on `connect_stuck`."""
        return await self._websocket(self.connect_stuck(), join=True)

    async def _websocket(self, peer: Peer, *, join: bool) -> WebSocketClient:
        client = WebSocketClient(peer)
        await client.open()
        if join:
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
async def serving(
    io: Server, *, tcp: bool = False, bench: Callable[..., Bench] = Bench, **options: Any
) -> AsyncGenerator[Any]:
    """Serve `io` in memory, or on a real socket. Afterwards it must have ended, and have logged no failure of its own.

    Args:
        bench: makes the `Bench` that this gives.
        options: for `serve`.
    """
    tasks_before = loop.task_count()
    with collected_log(f"socketio_core.{loop.name}", logging.WARNING) as log:
        async with loop.open_nursery() as nursery:
            listener = loop.new_listener()
            made = bench(io, nursery, listener, log)
            where = {"host": "127.0.0.1"} if tcp else {"listeners": [listener]}
            made.urls = await loop.serve(nursery, io, **where, **options)
            try:
                yield made
                nursery.cancel_scope.cancel()
            finally:
                await made.close_peers()
        assert [line for line in log if NO_SUCH_SESSION not in line] == []
    assert loop.task_count() == tasks_before


def core_of(io: Server) -> ServerCore:
    """Return the engine of a server, for what no client sees."""
    core = host_of(io).endpoints[0].core
    assert isinstance(core, ServerCore)
    return core


def runtime_of(io: Server) -> Any:
    """Return what a server runs on: an adapter's own."""
    return host_of(io).runtime


def open_files() -> int:
    """Return how many descriptors this process has; only on Linux."""
    return len(list(Path("/proc/self/fd").iterdir()))


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
