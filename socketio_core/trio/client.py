"""A Socket.IO client for trio: `async with connect("http://localhost:3000") as socket:`."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import trio

from socketio_core.app import client
from socketio_core.app.client import Connecting, entry
from socketio_core.app.client_end import ClientEnd
from socketio_core.app.client_host import ClientHost
from socketio_core.app.client_socket import ClientSocket
from socketio_core.app.site import client_site_of
from socketio_core.checks import check_kind
from socketio_core.trio.client_pump import ClientPump
from socketio_core.trio.groups import is_cancelled, only_cause
from socketio_core.trio.runtime import LoopRuntime


@asynccontextmanager
async def _running(asked: Connecting) -> AsyncGenerator[ClientSocket]:
    runtime = TrioClient(asked)
    failure: BaseException | None = None
    try:
        try:
            async with trio.open_nursery() as nursery:
                runtime.attach(nursery)
                nursery.start_soon(runtime.flush_when_ready)
                nursery.start_soon(runtime.keep_time)
                try:
                    with runtime.block:
                        socket = runtime.host.socket_of(asked.namespace, asked.auth)
                        if asked.wait:
                            await socket.wait_first_outcome()
                        runtime.host.release()
                        yield socket
                except BaseException as error:  # anything at all: it comes out behind the nursery, in no group
                    if is_cancelled(error):
                        raise
                    failure = error if isinstance(error, Exception) else only_cause(error)
                await runtime.close_in_order()
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            _, others = group.split(trio.Cancelled)
            if failure is None or others is not None:  # else closing was cancelled, and what the block raised comes out
                failure = only_cause(others or group)
        failure = runtime.interrupt or failure
        if failure is not None:
            raise failure
    finally:
        failure = None  # or the traceback and this frame would keep each other alive
        runtime.release_all()


def _begin(asked: Connecting) -> AbstractAsyncContextManager[ClientSocket]:
    check_kind("ssl_context", asked.ssl_context, ssl.SSLContext, "an ssl.SSLContext")
    return _running(asked)


connect = entry(_begin)(client.connect)


class TrioClient(LoopRuntime):
    """The trio side of one client: its requests, its WebSockets, its clock.

    Attributes:
        block: what the user does with it; cancelled when Ctrl-C comes up in a handler.
        interrupt: the `KeyboardInterrupt` that did; it comes out behind the end.
    """

    interrupt: KeyboardInterrupt | None = None

    def __init__(self, asked: Connecting) -> None:
        super().__init__()
        self.core = asked.core
        self.host = ClientHost(asked.core, self)
        self.site = client_site_of(self.host, asked)
        self.block = trio.CancelScope()
        self._ssl_context = asked.ssl_context
        self._handlers = 0  # tasks that run them
        self._has_moved = trio.Event()
        self._end: ClientEnd | None = None  # once it has begun

    def tls(self) -> ssl.SSLContext:
        """Return the context; Python's default is made when it is needed, for that takes 30 ms."""
        if self._ssl_context is None:
            self._ssl_context = ssl.create_default_context()
        assert isinstance(self._ssl_context, ssl.SSLContext)  # `_begin` has checked
        return self._ssl_context

    # -- LoopRuntime -------------------------------------------------------------------------------------------------

    @property
    def next_deadline(self) -> float | None:
        """See `LoopRuntime`."""
        if self._end is None:
            return self.site.next_deadline
        return min((at for at in (self.site.next_deadline, self._end.next_deadline) if at is not None), default=None)

    @property
    def is_behind(self) -> bool:
        """See `LoopRuntime`."""
        return self.site.is_behind

    def handle_timeout(self, now: float) -> None:
        """See `LoopRuntime`."""
        self.site.handle_timeout(now)

    @trio.lowlevel.enable_ki_protection
    def flush(self) -> None:
        """Let the application work, begin and end connections, have each write what it has."""
        now = trio.current_time()
        for wire in self.site.flush(now):
            if isinstance(wire.context, ClientPump):
                wire.context.flush(now)
            elif not wire.is_over:
                self.start_soon(ClientPump(self, wire).run)
        if self._end is not None and self._end.look(now):
            self._has_moved.set()
        self.wake_in_time()

    def spawn(self, function: Callable[..., Awaitable[object]], *args: object) -> None:
        """See `Runtime`."""
        if self.is_attached:
            self.handler_began()
            super().spawn(self._count_task, function, *args)

    async def _count_task(self, function: Callable[..., Awaitable[object]], *args: object) -> None:
        try:
            await function(*args)
        except KeyboardInterrupt as error:  # a handler's: the server is told of the end
            self.interrupted(error)
        finally:
            self.handler_ended()

    def handler_began(self) -> None:
        """One more task has become a handler's; the end of the block waits for it, though not for ever."""
        self._handlers += 1

    def handler_ended(self) -> None:
        """One of these tasks has ended."""
        self._handlers -= 1
        if self._end is not None:
            self.output_ready()

    def interrupted(self, error: KeyboardInterrupt) -> None:
        """End in order: trio raises Ctrl-C in whichever task is busy, a handler's; at once at the second."""
        if self.interrupt is None:
            self.interrupt = error
            self.block.cancel()
        else:
            self.end_at_once()

    # -- the end -----------------------------------------------------------------------------------------------------

    async def close_in_order(self) -> None:
        """Send what is left, with `retries` until it is acknowledged, and say goodbye, up to the deadline for each."""
        now = trio.current_time()
        is_busy, is_working = (lambda: self.site.is_busy), (lambda: self._handlers > 0)
        self._end = end = ClientEnd(self.host, now, is_busy=is_busy, is_working=is_working)
        while not end.is_over:
            self._has_moved = trio.Event()
            self.flush()
            await self._has_moved.wait()

    def release_all(self) -> None:
        """Tell everybody who still waits that it is over. No task of ours is left."""
        self.detach()
        now = trio.current_time()
        self.core.abort(now)
        self.site.abort(now)
        self.host.dispatch_soon()
        self.host.close()
