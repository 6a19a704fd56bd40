"""A Socket.IO client for asyncio: `async with connect("http://localhost:3000") as socket:`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from socketio_core.app import client
from socketio_core.app.client import Connecting, entry
from socketio_core.app.client_socket import ClientSocket
from socketio_core.asyncio.client_connection import ClientConnection
from socketio_core.asyncio.runtime import RunnerRuntime, through
from socketio_core.network.client_life import ClientLife, check_tls
from socketio_core.wire.client import ClientWire


@asynccontextmanager
async def running(asked: Connecting) -> AsyncGenerator[ClientSocket]:
    """Run a client for as long as the block lasts; `asked` has been through `check_tls`."""
    runtime = AsyncioClient(asked)
    runtime.start(runtime.end_if_through)
    try:
        try:
            yield await runtime.life.open()
        except GeneratorExit:  # whoever had the block was thrown away, and nothing can be waited for
            raise
        except BaseException:
            await runtime.life.close_in_order()
            raise
        else:
            await runtime.life.close_in_order()
    except GeneratorExit:
        runtime.abort()
        raise
    except BaseException:
        await runtime.end()
        raise
    else:
        await runtime.end()


def _begin(asked: Connecting) -> AbstractAsyncContextManager[ClientSocket]:
    return running(check_tls(asked))


connect = entry(_begin)(client.connect)


class AsyncioClient(RunnerRuntime):
    """The asyncio side of one client.

    Attributes:
        life: the client.
        site: its connections.
    """

    def __init__(self, asked: Connecting) -> None:
        super().__init__()
        self.life = self.timed = ClientLife(asked, self, lambda: not self.is_idle)
        self.host = self.life.host
        self.site = self.life.site
        self._connections: set[asyncio.Task[None]] = set()

    def flush(self) -> None:
        """See `ClientRuntime`."""
        self.life.flush(self._loop.time())
        self.wake_in_time()

    def begin(self, wire: ClientWire) -> None:
        """See `ClientRuntime`."""
        task = self.new_task(ClientConnection(self, wire).run())
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    def end_if_through(self) -> None:
        """Let the end look whether all is over; called whenever a handler ends."""
        if self.life.is_ending:
            self.wake()

    def abort(self) -> None:
        """Drop what is left, and tell everybody who still waits that it is over."""
        self.stop()
        self.life.abort()
        self.flush()
        self.life.release()

    async def end(self) -> None:
        """Do that, and wait until all has ended."""
        self.stop()
        self.life.abort()
        self.flush()
        async with AsyncExitStack() as left:
            left.callback(self.life.release)
            left.push_async_callback(self.tell_rest)
            left.push_async_callback(through, self._connections)
            left.push_async_callback(through, self._tasks)
