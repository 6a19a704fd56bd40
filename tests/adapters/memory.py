"""asyncio in virtual time, with a network that exists in memory only."""

from __future__ import annotations

import asyncio
import selectors
import socket
import struct
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar, TypeVarTuple

import trio

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

READ_BYTES: Final = 65536
LONG_S: Final = 1.0  # virtual seconds
THREAD_S: Final = 0.5  # real ones: so late may a thread begin and end on a busy machine, one that asks for an address


class Stream(Protocol):
    """The client's end of a connection, as trio has it; on asyncio it raises trio's errors, too."""

    async def send_all(self, data: bytes, /) -> None:
        """Send all of it."""

    async def receive_some(self, max_bytes: int | None = None, /) -> bytes | bytearray:
        """Wait for bytes; `b""` at the end."""
        ...

    async def aclose(self) -> None:
        """Close it."""


class _JumpingSelector(selectors.DefaultSelector):
    """Waits for a moment where it is asked to wait; if nothing comes, everything is quiet, and time jumps."""

    def __init__(self, idle_s: float, is_awaited: Callable[[], bool]) -> None:
        super().__init__()
        self._idle_s = idle_s
        self._is_awaited = is_awaited
        self.now = 0.0
        self.threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        # A loopback of a busy machine may take its time, and what comes too late for a ping's deadline is a failure.
        silence_s = self._idle_s if timeout < LONG_S else 10 * self._idle_s
        found = super().select(max(silence_s, THREAD_S) if self.threads else silence_s)
        if not found and not self._is_awaited():
            self.now += timeout
        return found


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time: when no task can go on, time jumps to the next deadline.

    Args:
        idle_s: with real sockets, time jumps when the kernel, too, has been silent for so long.
    """

    def __init__(self, idle_s: float = 0) -> None:
        self._jumping = _JumpingSelector(idle_s, self._tell_that_all_is_quiet)
        self._settling: list[asyncio.Future[None]] = []
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def _tell_that_all_is_quiet(self) -> bool:
        settling, self._settling = self._settling, []
        for waiter in settling:
            if not waiter.done():
                waiter.set_result(None)
        return bool(settling)

    def run_in_executor(self, executor: Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts) -> asyncio.Future[_T]:
        """Wait for threads in real time."""
        future = super().run_in_executor(executor, func, *args)
        self._jumping.threads += 1
        future.add_done_callback(self._thread_is_through)
        return future

    def _thread_is_through(self, _: object) -> None:
        self._jumping.threads -= 1

    async def shutdown_default_executor(self, *within_s: Any) -> None:
        """Wait for its threads in real time; from Python 3.12 on a loop gives them a deadline."""
        self._jumping.threads += 1
        try:
            await super().shutdown_default_executor(*within_s)
        finally:
            self._jumping.threads -= 1

    async def settle(self) -> None:
        """Wait until all other tasks wait for something that is yet to come."""
        self._settling.append(self.create_future())
        await self._settling[-1]

    async def create_server(self, protocol_factory: Any, *args: Any, sock: Any = None, **options: Any) -> Any:
        """Serve on a `MemoryListener`, too."""
        if not isinstance(sock, MemoryListener):
            return await super().create_server(protocol_factory, *args, sock=sock, **options)
        sock.factory = protocol_factory
        return sock


class MemoryListener:
    """In the place of a listening socket, and of the loop's server on it: `connect` makes connections."""

    family = "memory"
    factory: Callable[[], asyncio.Protocol] | None = None

    def getsockname(self) -> str:
        return "here"

    async def start_serving(self) -> None:
        """Do nothing: it does."""

    def listen(self, backlog: int) -> None:
        """Do nothing: as many as want to may wait."""

    def close(self) -> None:
        self.factory = None

    def connect(self, *, is_lockstep: bool = False, writes: list[str] | None = None) -> MemoryStream:
        """See `tests.adapters.abstract.Listener`."""
        transport = MemoryTransport(is_lockstep=is_lockstep, writes=writes)
        if self.factory is None:
            transport.abort()
        else:
            transport.begin(self.factory())
        return MemoryStream(transport)


class MemoryTransport(asyncio.Transport):
    """The server's end."""

    def __init__(self, *, is_lockstep: bool, writes: list[str] | None) -> None:
        super().__init__({"peername": ""})
        self.is_lockstep = is_lockstep
        self._writes = writes
        self.unread = bytearray()  # by the server
        self.is_unread_eof = False
        self.unsent = bytearray()  # by the server; what it has sent, when not in lockstep
        self.is_ended = False  # the server sends no more
        self.is_lost = False
        self.news = asyncio.Event()  # for the client
        self._loop = asyncio.get_running_loop()
        self._protocol: asyncio.Protocol | None = None
        self._is_reading = True
        self._is_closing = False
        self._is_paused = False

    def begin(self, protocol: asyncio.Protocol) -> None:
        """Tell the server of the connection."""
        self._protocol = protocol
        self._loop.call_soon(protocol.connection_made, self)

    def set_protocol(self, protocol: Any) -> None:
        """Have another one be told from now on, as uvicorn does for a WebSocket."""
        self._protocol = protocol

    # -- what the client does ----------------------------------------------------------------------------------------

    def deliver_soon(self) -> None:
        """Hand over what the client has sent, a read in each turn of the loop."""
        self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        if not self._is_reading or self.is_lost or self._protocol is None:
            return
        if self.unread:
            data = bytes(self.unread[:READ_BYTES])
            del self.unread[:READ_BYTES]
            self.news.set()
            self._protocol.data_received(data)
            self.deliver_soon()
        elif self.is_unread_eof:
            self.is_unread_eof = False
            self._protocol.eof_received()  # and what it answers does not matter: as trio's, it stays open for writing

    def taken(self) -> None:
        """The client has read something."""
        if self._is_paused and not self.unsent and self._protocol is not None:
            self._is_paused = False
            self._protocol.resume_writing()
        if self._is_closing and not self.unsent:
            self._lose_soon(None)

    def hang_up(self) -> None:
        """The client is gone."""
        self.is_unread_eof = True
        self.deliver_soon()
        if self.is_lockstep and self.unsent:
            self._lose_soon(BrokenPipeError())

    # -- Transport ---------------------------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if self.is_lost or self.is_ended:
            return
        if self._writes is not None:
            self._writes.append("write")
        self.unsent += data
        self.news.set()
        if self.is_lockstep and not self._is_paused and self._protocol is not None:
            self._is_paused = True
            self._protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        return len(self.unsent) if self._is_paused else 0

    def can_write_eof(self) -> bool:
        return False  # as trio's, whose closing does not linger

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert (high, low) == (0, 0)

    def is_reading(self) -> bool:
        return self._is_reading

    def pause_reading(self) -> None:
        self._is_reading = False

    def resume_reading(self) -> None:
        self._is_reading = True
        self.deliver_soon()

    def is_closing(self) -> bool:
        return self._is_closing or self.is_lost

    def close(self) -> None:
        self._is_closing = True
        if not (self.is_lockstep and self.unsent):
            self._lose_soon(None)

    def abort(self) -> None:
        self._is_closing = True
        if self.is_lockstep:
            self.unsent.clear()
        self._lose_soon(None)

    def _lose_soon(self, error: Exception | None) -> None:
        self._loop.call_soon(self._lose, error)

    def _lose(self, error: Exception | None) -> None:
        if not self.is_lost:
            self.is_lost = self.is_ended = True
            self.news.set()
            if self._protocol is not None:
                self._protocol.connection_lost(error)


class MemoryStream:
    """The client's end."""

    def __init__(self, transport: MemoryTransport) -> None:
        self._transport = transport
        self._is_closed = False

    async def send_all(self, data: bytes) -> None:
        transport = self._transport
        if self._is_closed:
            raise trio.ClosedResourceError
        if transport.is_lost:
            raise trio.BrokenResourceError
        transport.unread += data
        transport.deliver_soon()
        await asyncio.sleep(0)
        while transport.is_lockstep and transport.unread:
            if transport.is_lost:
                raise trio.BrokenResourceError
            await self._wait_news()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        transport = self._transport
        await asyncio.sleep(0)
        while not transport.unsent and not transport.is_ended:
            if self._is_closed:
                raise trio.ClosedResourceError
            await self._wait_news()
        data = bytes(transport.unsent[:max_bytes])
        del transport.unsent[: len(data)]
        transport.taken()
        return data

    async def _wait_news(self) -> None:
        self._transport.news.clear()
        await self._transport.news.wait()

    async def send_eof(self) -> None:
        self._transport.is_unread_eof = True
        self._transport.deliver_soon()
        await asyncio.sleep(0)

    async def aclose(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._transport.hang_up()
            self._transport.news.set()
        await asyncio.sleep(0)


class TcpStream:
    """The client's end of a real one."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._readable: asyncio.Future[None] | None = None

    async def send_all(self, data: bytes) -> None:
        try:
            await asyncio.get_running_loop().sock_sendall(self._sock, data)
        except OSError as error:
            raise trio.BrokenResourceError from error

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        loop = asyncio.get_running_loop()
        while True:
            try:
                return self._sock.recv(max_bytes or READ_BYTES)
            except BlockingIOError:
                self._readable = loop.create_future()
                loop.add_reader(self._sock, self._wake)
                try:
                    await self._readable
                finally:
                    if self._sock.fileno() >= 0:
                        loop.remove_reader(self._sock)
            except OSError as error:
                raise trio.BrokenResourceError from error

    def _wake(self) -> None:
        if self._readable is not None and not self._readable.done():
            self._readable.set_result(None)

    async def send_eof(self) -> None:
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
        await asyncio.sleep(0)

    async def aclose(self) -> None:
        if self._sock.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._sock)
            self._sock.close()
            self._wake()  # whoever reads finds a bad descriptor
        await asyncio.sleep(0)

    async def reset(self) -> None:
        """End the connection with an RST instead of a FIN."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await self.aclose()
