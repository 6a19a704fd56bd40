"""A real server on an asyncio loop whose clock jumps; clients that talk to it, honest ones and raw ones."""

from __future__ import annotations

import asyncio
import logging
import selectors
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import wraps
from typing import Any, Final, ParamSpec

from socketio_core import Server
from socketio_core.app.server import host_of
from socketio_core.asyncio import Socket, serve
from socketio_core.socketio import ServerCore
from tests.trio.clients import PollingClient, WebSocketClient
from tests.trio.wire import Ended, Peer

_P = ParamSpec("_P")

IDLE_S: Final = 0.02  # when the kernel has been silent for so long, time jumps to the next deadline
DEADLINE_S: Final = 10_000.0  # of a whole test, in virtual seconds


class _JumpingSelector(selectors.DefaultSelector):
    """Waits for a moment where it is asked to wait for long, and lets the clock jump if nothing comes."""

    def __init__(self) -> None:
        super().__init__()
        self.jumped_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= IDLE_S:
            return super().select(timeout)
        found = super().select(IDLE_S)
        if not found:
            self.jumped_s += timeout - IDLE_S
        return found


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return super().time() + self._jumping.jumped_s


def asyncio_test(function: Callable[_P, Awaitable[None]]) -> Callable[_P, None]:
    """Run an async test in virtual time; nothing may be left over, and the loop itself must have nothing to say."""

    @wraps(function)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        said: list[dict[str, Any]] = []

        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
            async with asyncio.timeout(DEADLINE_S):
                await function(*args, **kwargs)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left

        with collected_log("asyncio", logging.WARNING) as lines, asyncio.Runner(loop_factory=JumpingLoop) as runner:
            runner.run(main())
        assert said == []
        assert lines == []

    return run


class _Log(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def collected_log(name: str, level: int) -> Generator[list[str]]:
    """Collect what is logged meanwhile."""
    logger, handler = logging.getLogger(name), _Log(level)
    logger.addHandler(handler)
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)


async def until(condition: Callable[[], object], what: str, deadline_s: float = 600.0) -> None:
    """Wait until `condition` holds; fail at the deadline (virtual seconds)."""
    with suppress(TimeoutError):
        async with asyncio.timeout(deadline_s):
            pause_s = 0.001
            while not condition():
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, 10.0)
            return
    raise AssertionError(f"waited in vain until {what}")


class AsyncioPeer(Peer):
    """The client's end of a connection on asyncio."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(None)
        self._reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        with suppress(ConnectionError):
            self.writer.write(data)
            await self.writer.drain()

    async def _more(self) -> None:
        data = b""
        with suppress(ConnectionError):
            data = await self._reader.read(65536)
        if not data:
            raise Ended
        self._received += data

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()

    @property
    def transport(self) -> asyncio.WriteTransport:
        """The client's end, as asyncio sees it."""
        return self.writer.transport

    async def reset(self) -> None:
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
        await asyncio.sleep(0)


class Bench:
    """A server that runs, ways to reach it, and what it said and did.

    Attributes:
        left: why each socket of the root namespace has left, by its id.
        log: what was logged as a warning or worse. Must be empty at the end: a test that expects something takes it.
    """

    def __init__(self, io: Server, urls: list[str], log: list[str], task: asyncio.Task[None]) -> None:
        self.io = io
        self.urls = urls
        self.left: dict[str, str] = {}
        self.log = log
        self.task = task
        self._peers: list[AsyncioPeer] = []

        @io.on("disconnect")
        def left(socket: Socket, reason: str) -> None:
            self.left[socket.id] = reason

        @io.on("echo")
        def echo(_: Socket, *args: Any) -> tuple[Any, ...]:
            return args

    @property
    def core(self) -> ServerCore:
        """The engine of the server, for what no client sees."""
        core = host_of(self.io).endpoints[0].core
        assert isinstance(core, ServerCore)
        return core

    def take_log(self) -> str:
        """Return what was logged, and forget it: the test expected it."""
        lines = "\n".join(self.log)
        self.log.clear()
        return lines

    async def connect(self, *, receive_buffer: int | None = None, **options: Any) -> AsyncioPeer:
        """Return the client's end of a new connection; one with a small receive buffer is soon full."""
        sock = socket.socket()
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(0)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", int(self.urls[0].rpartition(":")[2])))
        peer = AsyncioPeer(*await asyncio.open_connection(sock=sock, **options))
        self._peers.append(peer)
        return peer

    async def websocket(self, *, join: bool = True, receive_buffer: int | None = None) -> WebSocketClient:
        """Return an honest client on a WebSocket."""
        client = WebSocketClient(await self.connect(receive_buffer=receive_buffer))
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
        await until(lambda: self.left.get(polling.socket_id) == "transport close", "the honest client has left", 5)

    async def close(self) -> None:
        """End the server, and what `connect` has opened."""
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task
        for peer in self._peers:
            await peer.close()


@asynccontextmanager
async def serving(io: Server, **options: Any) -> AsyncGenerator[Bench]:
    """Serve `io` on a real socket. Afterwards it must have ended, and have logged no failure."""
    with collected_log("socketio_core.asyncio", logging.WARNING) as log:
        started: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(serve(io, "127.0.0.1", started=started, **options))
        task.add_done_callback(lambda _: started.cancel())
        with suppress(asyncio.CancelledError):
            await started
        if started.cancelled():
            await task  # it raises
        bench = Bench(io, started.result(), log, task)
        try:
            yield bench
        finally:
            await bench.close()
        assert log == []
