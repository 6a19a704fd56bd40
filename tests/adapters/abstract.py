"""What a test needs of the event loop that it runs on, in trio's words."""

from __future__ import annotations

import logging
import socket
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, Final, Protocol, TypeVar

import socketio_core.trio
from socketio_core import Server
from socketio_core.app.runtime import Event
from tests.adapters.memory import Stream

_T = TypeVar("_T")

DEADLINE_S: Final = 10_000.0  # of a whole test, in virtual seconds: when nothing else can happen, it comes at once
TCP_IDLE_S: Final = 0.02  # with real sockets, time jumps after that much real silence


class Cancellable(Protocol):
    """A `trio.CancelScope`."""

    @property
    def cancelled_caught(self) -> bool:
        """Whether what it held was cancelled, and nothing else happened to it."""
        ...

    def cancel(self) -> None:
        """Cancel it."""

    def __enter__(self) -> Cancellable: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> bool: ...


class Nursery(Protocol):
    """A `trio.Nursery`."""

    @property
    def cancel_scope(self) -> Any:
        """Of its tasks."""
        ...

    def start_soon(self, function: Callable[..., Awaitable[Any]], /, *args: Any) -> None:
        """Run a function in a task."""


class Listener(Protocol):
    """What accepts connections in memory."""

    def connect(self, *, is_lockstep: bool = False, writes: list[str] | None = None) -> Stream:
        """Return the client's end of a new connection.

        Args:
            is_lockstep: it holds no byte that was not read.
            writes: each write of the server's is noted there.
        """
        ...


class Queue(Protocol):
    """Both ends of a `trio.MemoryChannel`."""

    def send_nowait(self, item: Any, /) -> None:
        """Put something in."""

    async def receive(self) -> Any:
        """Take the oldest."""
        ...


class Loop(ABC):
    """An event loop.

    Attributes:
        name: trio or asyncio, which is the name of its adapter, and of the logger.
        label: of its tests, if that is another.
        connect: the adapter's.
    """

    name: str
    label = ""
    no_code = 1005  # with which a WebSocket is closed for no particular reason; ASGI has no close without a code
    connect: Callable[..., AbstractAsyncContextManager[socketio_core.trio.ClientSocket]]

    @abstractmethod
    def run(self, function: Callable[[], Awaitable[None]], *, tcp: bool) -> None:
        """Run a test; with real sockets, the kernel must be silent for a moment before time jumps."""

    @abstractmethod
    def run_in_real_time(self, function: Callable[[], Awaitable[None]], deadline_s: float) -> None:
        """Run a test that talks to other processes, whose time does not jump."""

    @abstractmethod
    async def in_thread(self, function: Callable[[], _T]) -> _T:
        """Call a function that waits in a thread."""

    @abstractmethod
    async def sleep(self, delay_s: float) -> None: ...

    @abstractmethod
    async def settle(self) -> None:
        """Wait until all other tasks wait, for what does not come by itself."""

    @abstractmethod
    def current_time(self) -> float: ...

    @abstractmethod
    def current_task(self) -> object: ...

    @abstractmethod
    def new_event(self) -> Event: ...

    @abstractmethod
    def new_lock(self) -> AbstractAsyncContextManager[object]: ...

    @abstractmethod
    def open_nursery(self) -> AbstractAsyncContextManager[Nursery]: ...

    @abstractmethod
    def move_on_after(self, delay_s: float) -> Cancellable: ...

    @abstractmethod
    def task_count(self) -> int:
        """How many tasks there are."""

    @abstractmethod
    def new_listener(self) -> Any:
        """Return a `Listener` that can be given to `serve`."""

    @abstractmethod
    def listener_on(self, sock: socket.socket) -> Any:
        """Return a socket that listens as something that can be given to `serve`."""

    @abstractmethod
    async def serve(self, nursery: Nursery, io: Server, **options: Any) -> list[str]:
        """Serve in a task of the nursery; returns the URLs."""

    @abstractmethod
    def new_queue(self) -> Queue:
        """Return a queue without a bound."""

    @abstractmethod
    async def serve_tcp(self, nursery: Nursery, serve: Callable[[Any], Awaitable[None]]) -> int:
        """Serve each connection to a port of this machine, which is returned, in a task of the nursery."""

    @abstractmethod
    async def connect_tcp(self, port: int, receive_buffer: int | None = None) -> Stream:
        """Connect to a port of this machine; a small receive buffer is soon full."""

    @abstractmethod
    async def drop(self, stream: Stream, *, is_reset: bool = False) -> None:
        """Close a stream, and wait for nothing."""

    @abstractmethod
    def shielded(self) -> AbstractContextManager[object]:
        """Keep what is in the block from being cancelled; on asyncio nothing is, that was not yet."""

    async def checkpoint(self) -> None:
        """Let others have their turn."""
        await self.sleep(0)

    async def sleep_forever(self) -> None:
        """Wait to be cancelled."""
        await self.new_event().wait()

    async def sleep_until(self, deadline: float) -> None:
        """Wait until then."""
        await self.sleep(max(0.0, deadline - self.current_time()))

    def cancel_scope(self) -> Cancellable:
        """Return one without a deadline."""
        return self.move_on_after(1e9)

    @contextmanager
    def fail_after(self, delay_s: float) -> Generator[None]:
        """Fail if it takes longer."""
        with self.move_on_after(delay_s) as scope:
            yield
        assert not scope.cancelled_caught, f"not through after {delay_s} s"


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
