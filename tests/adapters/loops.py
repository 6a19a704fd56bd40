"""One test on both event loops, in virtual time: `loop` has what it needs of whichever it runs on.

    @both_loops
    async def test_emit_waits() -> None:
        async with serving(Server()) as bench:
            ...
            await loop.sleep(5)

The names are trio's, and mean what they mean there.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from functools import partial, wraps
from inspect import Parameter, signature
from types import TracebackType
from typing import Any, Final, ParamSpec, Protocol, cast

import pytest
import trio
from trio.testing import MockClock, lockstep_stream_pair, memory_stream_pair, wait_all_tasks_blocked

import socketio_core.asyncio
import socketio_core.trio
from socketio_core import Server
from socketio_core.app.runtime import Event
from tests.adapters.memory import JumpingLoop, MemoryListener, Stream, TcpStream

_P = ParamSpec("_P")

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

    def connect(self, *, is_lockstep: bool = False) -> Stream:
        """Return the client's end of a new connection; one in lockstep holds no byte that was not read."""
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
        connect: the adapter's.
    """

    name: str
    connect: Callable[..., AbstractAsyncContextManager[socketio_core.trio.ClientSocket]]

    @abstractmethod
    def run(self, function: Callable[[], Awaitable[None]], *, tcp: bool) -> None:
        """Run a test; with real sockets, the kernel must be silent for a moment before time jumps."""

    @abstractmethod
    async def sleep(self, delay_s: float) -> None: ...

    @abstractmethod
    async def settle(self) -> None:
        """Wait until all other tasks wait, for what does not come by itself."""

    @abstractmethod
    def current_time(self) -> float: ...

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


class TrioLoop(Loop):
    name = "trio"
    connect = staticmethod(socketio_core.trio.connect)

    def run(self, function: Callable[[], Awaitable[None]], *, tcp: bool) -> None:
        async def main() -> None:
            with trio.fail_after(DEADLINE_S):
                await function()

        trio.run(main, clock=MockClock(autojump_threshold=TCP_IDLE_S if tcp else 0))

    async def sleep(self, delay_s: float) -> None:
        await trio.sleep(delay_s)

    async def settle(self) -> None:
        await wait_all_tasks_blocked()

    def current_time(self) -> float:
        return trio.current_time()

    def new_event(self) -> Event:
        return trio.Event()

    def new_lock(self) -> AbstractAsyncContextManager[object]:
        return trio.Lock()

    def open_nursery(self) -> AbstractAsyncContextManager[Nursery]:
        return trio.open_nursery()

    def move_on_after(self, delay_s: float) -> Cancellable:
        return trio.move_on_after(delay_s)

    def shielded(self) -> AbstractContextManager[object]:
        return trio.CancelScope(shield=True)

    def task_count(self) -> int:
        return trio.lowlevel.current_statistics().tasks_living

    def new_listener(self) -> TrioListener:
        return TrioListener()

    async def serve(self, nursery: Nursery, io: Server, **options: Any) -> list[str]:
        opened = cast("trio.Nursery", nursery)
        return cast("list[str]", await opened.start(partial(socketio_core.trio.serve, io, **options)))

    def new_queue(self) -> Queue:
        return _TrioQueue()

    async def serve_tcp(self, nursery: Nursery, serve: Callable[[Any], Awaitable[None]]) -> int:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        return int(listener.socket.getsockname()[1])

    async def connect_tcp(self, port: int, receive_buffer: int | None = None) -> Stream:
        sock = trio.socket.socket()
        if receive_buffer is not None:
            sock.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, receive_buffer)
        await sock.connect(("127.0.0.1", port))
        return trio.SocketStream(sock)

    async def drop(self, stream: Stream, *, is_reset: bool = False) -> None:
        if is_reset:
            assert isinstance(stream, trio.SocketStream)
            stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        await trio.aclose_forcefully(cast("trio.abc.Stream", stream))


class _TrioQueue:
    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[Any](float("inf"))

    def send_nowait(self, item: Any) -> None:
        self._send.send_nowait(item)

    async def receive(self) -> Any:
        return await self._receive.receive()


class TrioListener(trio.abc.Listener[trio.abc.Stream]):
    """Accepts pairs of streams that exist in memory only."""

    def __init__(self) -> None:
        self._offered, self._accepted = trio.open_memory_channel[trio.abc.Stream](float("inf"))

    def connect(
        self,
        make_pair: Callable[[], tuple[trio.abc.Stream, trio.abc.Stream]] = memory_stream_pair,
        *,
        is_lockstep: bool = False,
    ) -> trio.abc.Stream:
        """See `Listener`."""
        ours, theirs = lockstep_stream_pair() if is_lockstep else make_pair()
        self._offered.send_nowait(theirs)
        return ours

    async def accept(self) -> trio.abc.Stream:
        return await self._accepted.receive()

    async def aclose(self) -> None:
        self._accepted.close()
        self._offered.close()
        await trio.lowlevel.checkpoint()


class AsyncioLoop(Loop):
    name = "asyncio"
    connect = staticmethod(socketio_core.asyncio.connect)

    def run(self, function: Callable[[], Awaitable[None]], *, tcp: bool) -> None:
        said: list[object] = []

        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
            async with asyncio.timeout(DEADLINE_S):
                await function()
            assert asyncio.all_tasks() == {asyncio.current_task()}, "a task is left"

        new_loop = partial(JumpingLoop, TCP_IDLE_S if tcp else 0)
        with collected_log("asyncio", logging.WARNING) as lines, asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(main())
        assert (said, lines) == ([], []), "the loop itself has something to say"

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)

    async def settle(self) -> None:
        running = asyncio.get_running_loop()
        assert isinstance(running, JumpingLoop)
        await running.settle()

    def current_time(self) -> float:
        return asyncio.get_running_loop().time()

    def new_event(self) -> Event:
        return asyncio.Event()

    def new_lock(self) -> AbstractAsyncContextManager[object]:
        return asyncio.Lock()

    def open_nursery(self) -> AbstractAsyncContextManager[Nursery]:
        return _open_group()

    def move_on_after(self, delay_s: float) -> Cancellable:
        return _AsyncioScope(delay_s)

    def shielded(self) -> AbstractContextManager[object]:
        return nullcontext()

    def task_count(self) -> int:
        return len(asyncio.all_tasks())

    def new_listener(self) -> MemoryListener:
        return MemoryListener()

    async def serve(self, nursery: Nursery, io: Server, **options: Any) -> list[str]:
        started: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        nursery.start_soon(partial(socketio_core.asyncio.serve, io, started=started, **options))
        return await started

    def new_queue(self) -> Queue:
        return _AsyncioQueue()

    async def serve_tcp(self, nursery: Nursery, serve: Callable[[Any], Awaitable[None]]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(0)
        nursery.start_soon(_accept, nursery, listener, serve)
        await asyncio.sleep(0)
        return int(listener.getsockname()[1])

    async def connect_tcp(self, port: int, receive_buffer: int | None = None) -> Stream:
        sock = socket.socket()
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(0)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        return TcpStream(sock)

    async def drop(self, stream: Stream, *, is_reset: bool = False) -> None:
        if is_reset:
            assert isinstance(stream, TcpStream)
            await stream.reset()
        await stream.aclose()


class _AsyncioQueue:
    def __init__(self) -> None:
        self._queue: asyncio.Queue[Any] = asyncio.Queue()

    def send_nowait(self, item: Any) -> None:
        self._queue.put_nowait(item)

    async def receive(self) -> Any:
        return await self._queue.get()


async def _accept(nursery: Nursery, listener: socket.socket, serve: Callable[[Any], Awaitable[None]]) -> None:
    with listener:
        while True:
            accepted, _ = await asyncio.get_running_loop().sock_accept(listener)
            nursery.start_soon(_serve_one, accepted, serve)


async def _serve_one(accepted: socket.socket, serve: Callable[[Any], Awaitable[None]]) -> None:
    with accepted:
        await serve(TcpStream(accepted))


class _AsyncioScope:
    """A cancel scope of one task."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._task: asyncio.Task[Any] | None = None
        self._is_cancelled = False
        self.cancelled_caught = False

    def cancel(self) -> None:
        if self._task is not None and not self._is_cancelled:
            self._is_cancelled = True
            self._task.cancel()

    def __enter__(self) -> _AsyncioScope:
        self._task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(self._delay_s, self.cancel)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self._timer.cancel()
        task, self._task = self._task, None
        if task is not None and self._is_cancelled:
            task.uncancel()
            self.cancelled_caught = kind is asyncio.CancelledError
        return self.cancelled_caught


class _Group:
    """A nursery on asyncio; its scope is that of its tasks alone."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self.tasks: list[asyncio.Task[Any]] = []  # oldest first

    @property
    def cancel_scope(self) -> _Group:
        return self

    def start_soon(self, function: Callable[..., Awaitable[Any]], /, *args: Any) -> None:
        self.tasks.append(self._group.create_task(function(*args)))  # type: ignore[arg-type] # a coroutine

    def cancel(self) -> None:
        for task in self.tasks:
            task.cancel()


@asynccontextmanager
async def _open_group() -> AsyncGenerator[_Group]:
    async with asyncio.TaskGroup() as group:
        yield _Group(group)


# -- the one that runs -----------------------------------------------------------------------------------------------

LOOPS: Final[Sequence[Loop]] = (TrioLoop(), AsyncioLoop())


class _Running:
    """Whatever is asked of it is the current loop's."""

    current: Loop

    def __getattr__(self, name: str) -> Any:
        return getattr(self.current, name)


_running = _Running()
loop: Final = cast("Loop", _running)


def run_on(chosen: Loop, function: Callable[[], Awaitable[None]], *, tcp: bool) -> None:
    """Run a test on one loop."""
    _running.current = chosen
    chosen.run(function, tcp=tcp)


def use_loop(name: str) -> None:
    """Have `loop` be this one, for those who run it themselves."""
    (_running.current,) = (each for each in LOOPS if each.name == name)


def one_loop(name: str, *, tcp: bool = False) -> Callable[[Callable[_P, Awaitable[None]]], Callable[_P, None]]:
    """Make a test of an async function, for what only one of the loops has."""
    (chosen,) = (each for each in LOOPS if each.name == name)

    def decorate(function: Callable[_P, Awaitable[None]]) -> Callable[_P, None]:
        @wraps(function)
        def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
            run_on(chosen, partial(function, *args, **kwargs), tcp=tcp)

        return run

    return decorate


def _both(function: Callable[..., Awaitable[None]], *, tcp: bool) -> Callable[..., None]:
    @pytest.mark.parametrize("_on", LOOPS, ids=[each.name for each in LOOPS])
    @wraps(function)
    def run(*args: Any, _on: Loop, **kwargs: Any) -> None:
        run_on(_on, partial(function, *args, **kwargs), tcp=tcp)

    own = signature(function)
    given = [*own.parameters.values(), Parameter("_on", Parameter.KEYWORD_ONLY)]
    run.__signature__ = own.replace(parameters=given)  # which pytest reads
    return cast("Callable[..., None]", run)


def both_loops(function: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make two tests of an async function, in memory: when no task can go on, time jumps to the next deadline."""
    return _both(function, tcp=False)


def both_loops_tcp(function: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """The same with real sockets."""
    return _both(function, tcp=True)


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
