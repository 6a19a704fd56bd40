"""asyncio under an ASGI server, uvloop too."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

from socketio_core.app.host import ServerHost
from socketio_core.app.log import Log
from socketio_core.asgi.loops import Allowance, Turns
from socketio_core.asgi.site import AsgiSite
from socketio_core.asyncio.runtime import LOGGER, AsyncioRuntime


class AsyncioLoop:
    """See `Loop`."""

    answerable: tuple[type[BaseException], ...] = (asyncio.CancelledError,)
    allowance: Allowance
    _runtime: AsyncioRuntime[AsgiSite]

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.large = Turns(asyncio.Lock(), self.give_way)

    async def start(self, host: ServerHost, site: AsgiSite) -> None:
        """See `Loop`."""
        runtime: AsyncioRuntime[AsgiSite] = AsyncioRuntime(host)
        self._runtime = runtime
        runtime.site = runtime.timed = site
        site.on_idle = runtime.end_if_through
        self.allowance = Allowance(runtime, self.give_way)
        site.on_round = self.allowance.renew
        host.bind(runtime, Log(LOGGER, runtime.now))
        runtime.start(runtime.end_if_through)
        runtime.sentinel = self._loop.create_task(_sleep_forever())  # there may be no lifespan, and so no end

    async def end(self, shutdown_s: float) -> None:
        """See `Loop`."""
        runtime = self._runtime
        try:
            await runtime.close_in_order(shutdown_s, lambda: runtime.site.served)
        finally:
            runtime.flush()
            await runtime.end()
            if runtime.sentinel is not None:
                runtime.sentinel.cancel()
                await asyncio.wait([runtime.sentinel])

    def new_block(self, within_s: float = math.inf) -> AsyncioBlock:
        """See `Loop`."""
        return AsyncioBlock(self._loop, within_s)

    async def race(self, function: Callable[[], Awaitable[object]], beside: Callable[[], Awaitable[object]]) -> None:
        """See `Loop`."""
        block = AsyncioBlock(self._loop, math.inf)
        other = asyncio.ensure_future(beside())
        other.add_done_callback(block.end)
        try:
            with block:
                await function()
        finally:
            if other.cancel():
                await asyncio.wait([other])
            error = None if other.cancelled() else other.exception()
        if error is not None:
            raise error

    async def give_way(self) -> None:
        """See `Loop`."""
        await asyncio.sleep(0)

    @property
    def is_current(self) -> bool:
        """See `Loop`."""
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:  # in none of asyncio's
            return False


class AsyncioBlock:
    """See `Block`; made as `asyncio.timeout` is: the task is cancelled, and that is undone where the block ends."""

    __slots__ = ("_before", "_is_open", "_loop", "_task", "_timer", "_within_s", "has_ended_early")

    def __init__(self, loop: asyncio.AbstractEventLoop, within_s: float) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("App must be called in a task, as ASGI servers do")
        self._loop = loop
        self._task = task
        self._within_s = within_s
        self._timer: asyncio.TimerHandle | None = None
        self._is_open = False  # it was entered, and nobody had it end
        self._before = 0  # how often somebody else had cancelled the task
        self.has_ended_early = False

    def __enter__(self) -> None:
        self._is_open = True
        self._before = self._task.cancelling()
        if self._within_s != math.inf:
            self._timer = self._loop.call_later(self._within_s, self.end)

    def end_soon(self) -> None:
        """See `Block`: what has come in this turn of the loop is heard in the next."""
        self._loop.call_soon(lambda: self._loop.call_soon(self.end))

    def end(self, _: object = None) -> None:
        """Have it end at once."""
        if self._is_open:
            self._is_open = False
            self._task.cancel()

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: object) -> bool:
        if self._timer is not None:
            self._timer.cancel()
        if not self._is_open:
            is_alone = self._task.uncancel() <= self._before
            self.has_ended_early = is_alone and kind is not None and issubclass(kind, asyncio.CancelledError)
        self._is_open = False
        return self.has_ended_early


async def _sleep_forever() -> None:
    await asyncio.get_running_loop().create_future()
