"""A Socket.IO client for trio: `async with connect("http://localhost:3000") as socket:`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import trio

from socketio_core.app import client
from socketio_core.app.client import Connecting, entry
from socketio_core.app.client_socket import ClientSocket
from socketio_core.app.handover import Rest
from socketio_core.network.client_life import ClientLife, check_tls
from socketio_core.network.groups import is_any, only_cause
from socketio_core.trio.client_pump import ClientPump
from socketio_core.trio.runtime import ENDS, NurseryRuntime
from socketio_core.wire.client import ClientWire


@asynccontextmanager
async def _running(asked: Connecting) -> AsyncGenerator[ClientSocket]:
    runtime = TrioClient(asked)
    failure: BaseException | None = None
    try:
        try:
            async with trio.open_nursery() as nursery:
                runtime.attach(nursery)
                runtime.stop_at_once = nursery.cancel_scope.cancel
                nursery.start_soon(runtime.flush_when_ready)
                nursery.start_soon(runtime.keep_time)
                try:
                    with runtime.block:
                        yield await runtime.life.open()
                except BaseException as error:  # anything at all: it comes out behind the nursery, in no group
                    if is_any(error, *ENDS):
                        raise
                    failure = error if isinstance(error, Exception) else only_cause(error)
                await runtime.life.close_in_order()
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            _, others = group.split(trio.Cancelled)
            if failure is None or others is not None:  # else closing was cancelled, and what the block raised comes out
                failure = only_cause(others or group)
        try:
            runtime.cut_off()
            await runtime.tell_rest(runtime.life.host.untold())
        except BaseExceptionGroup as group:  # it was cancelled; what the block raised comes out
            failure = failure or only_cause(group)
        failure = runtime.interrupt or failure
        if failure is not None:
            raise failure
    finally:
        failure = None  # or the traceback and this frame would keep each other alive
        runtime.cut_off()
        runtime.life.release()


def _begin(asked: Connecting) -> AbstractAsyncContextManager[ClientSocket]:
    return _running(check_tls(asked))


connect = entry(_begin)(client.connect)


class TrioClient(NurseryRuntime):
    """The trio side of one client: its requests, its WebSockets, its clock.

    Attributes:
        life: the client.
        block: what the user does with it; cancelled when Ctrl-C comes up in a handler.
    """

    def __init__(self, asked: Connecting) -> None:
        super().__init__()
        self.life = self.timed = ClientLife(asked, self, lambda: self._handlers > 0)
        self.block = trio.CancelScope()
        self.stop = self.block.cancel
        self._handlers = 0  # tasks that run them

    @trio.lowlevel.enable_ki_protection
    def flush(self) -> None:
        """See `ClientRuntime`."""
        self.life.flush(self.clock())
        self.wake_in_time()

    def now(self) -> float:
        """See `Runtime`."""
        return self.clock()

    def begin(self, wire: ClientWire) -> None:
        """See `ClientRuntime`."""
        self.start_soon(ClientPump(self, wire).run)

    def spawn(self, function: Callable[..., Awaitable[object]], *args: object) -> None:
        """See `Runtime`."""
        if self.is_attached:
            self._handlers += 1
            super().spawn(self._count_task, function, *args)

    async def hand_over(self, rest: Rest, read_on: Callable[[], Awaitable[object]]) -> None:
        """See `NurseryRuntime`; the end of the block waits for this task now, though not for ever."""
        self._handlers += 1
        await self._count_task(super().hand_over, rest, read_on)

    def cut_off(self) -> None:
        """All is over, in order or because whoever uses the client was cancelled: handle no more, and drop the rest."""
        self.detach()
        self.life.abort()

    async def _count_task(self, function: Callable[..., Awaitable[object]], *args: Any) -> None:
        try:
            await function(*args)
        finally:
            self._handlers -= 1
            if self.life.is_ending:
                self.output_ready()
