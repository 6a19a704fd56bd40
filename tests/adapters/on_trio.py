"""A test on trio."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import partial
from typing import Any, TypeVar, cast

import trio
from trio.testing import (
    MemoryReceiveStream,
    MemorySendStream,
    MockClock,
    lockstep_stream_pair,
    memory_stream_pair,
    wait_all_tasks_blocked,
)

import socketio_core.trio
from socketio_core import Server
from socketio_core.app.runtime import Event
from tests.adapters.abstract import DEADLINE_S, TCP_IDLE_S, Cancellable, Loop, Nursery, Queue
from tests.adapters.memory import Stream

_T = TypeVar("_T")


class TrioLoop(Loop):
    name = "trio"
    connect = staticmethod(socketio_core.trio.connect)

    def run(self, function: Callable[[], Awaitable[None]], *, tcp: bool) -> None:
        async def main() -> None:
            with trio.fail_after(DEADLINE_S):
                await function()

        trio.run(main, clock=MockClock(autojump_threshold=TCP_IDLE_S if tcp else 0))

    def run_in_real_time(self, function: Callable[[], Awaitable[None]], deadline_s: float) -> None:
        async def main() -> None:
            with trio.fail_after(deadline_s):
                await function()

        trio.run(main)

    async def in_thread(self, function: Callable[[], _T]) -> _T:
        return await trio.to_thread.run_sync(function)

    async def sleep(self, delay_s: float) -> None:
        await trio.sleep(delay_s)

    async def settle(self) -> None:
        await wait_all_tasks_blocked()

    def current_time(self) -> float:
        return trio.current_time()

    def current_task(self) -> object:
        return trio.lowlevel.current_task()

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

    def listener_on(self, sock: socket.socket) -> trio.SocketListener:
        return trio.SocketListener(trio.socket.from_stdlib_socket(sock))

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
        writes: list[str] | None = None,
    ) -> trio.abc.Stream:
        """See `Listener`."""
        ours, theirs = lockstep_stream_pair() if is_lockstep else make_pair()
        if writes is not None:
            _note_writes(theirs, writes)
        self._offered.send_nowait(theirs)
        return ours

    async def accept(self) -> trio.abc.Stream:
        return await self._accepted.receive()

    async def aclose(self) -> None:
        self._accepted.close()
        self._offered.close()
        await trio.lowlevel.checkpoint()


def _note_writes(stream: trio.abc.Stream, writes: list[str]) -> None:
    sending = cast("trio.StapledStream[MemorySendStream, MemoryReceiveStream]", stream).send_stream
    deliver = sending.send_all_hook
    assert deliver is not None

    async def note() -> None:
        writes.append("write")
        await deliver()

    sending.send_all_hook = note
