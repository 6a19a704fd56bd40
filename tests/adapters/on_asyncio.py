"""A test on asyncio."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

import socketio_core.asyncio
from socketio_core import Server
from socketio_core.app.runtime import Event
from tests.adapters.abstract import DEADLINE_S, TCP_IDLE_S, Cancellable, Loop, Nursery, Queue, collected_log
from tests.adapters.memory import JumpingLoop, MemoryListener, Stream, TcpStream

_T = TypeVar("_T")


class AsyncioLoop(Loop):
    name = "asyncio"
    connect = staticmethod(socketio_core.asyncio.connect)

    def run(self, function: Callable[[], Awaitable[None]], *, tcp: bool) -> None:
        self._run(function, partial(JumpingLoop, TCP_IDLE_S if tcp else 0), DEADLINE_S)

    def run_in_real_time(self, function: Callable[[], Awaitable[None]], deadline_s: float) -> None:
        self._run(function, None, deadline_s)

    def is_about_ours(self, context: dict[str, Any]) -> bool:
        """Whether what the loop has to say is about our code, and not about what is in front of it."""
        return True

    def _run(
        self,
        function: Callable[[], Awaitable[None]],
        new_loop: Callable[[], asyncio.AbstractEventLoop] | None,
        deadline_s: float,
    ) -> None:
        said: list[object] = []

        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(
                lambda _, context: said.append(context) if self.is_about_ours(context) else None
            )
            async with asyncio.timeout(deadline_s):
                await function()
            assert asyncio.all_tasks() == {asyncio.current_task()}, "a task is left"

        with collected_log("asyncio", logging.WARNING) as lines, asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(main())
        assert (said, lines) == ([], []), "the loop itself has something to say"

    async def in_thread(self, function: Callable[[], _T]) -> _T:
        return await asyncio.to_thread(function)

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)

    async def settle(self) -> None:
        running = asyncio.get_running_loop()
        assert isinstance(running, JumpingLoop)
        await running.settle()

    def current_time(self) -> float:
        return asyncio.get_running_loop().time()

    def current_task(self) -> object:
        return asyncio.current_task()

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

    def listener_on(self, sock: socket.socket) -> socket.socket:
        return sock

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
