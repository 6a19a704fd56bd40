"""asyncio under an ASGI server, uvloop too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from socketio_core.app.host import ServerHost
from socketio_core.app.log import Log
from socketio_core.asgi.site import AsgiSite
from socketio_core.asyncio.runtime import LOGGER, AsyncioRuntime


class AsyncioLoop:
    """See `Loop`."""

    answerable: tuple[type[BaseException], ...] = (asyncio.CancelledError,)
    _runtime: AsyncioRuntime[AsgiSite]

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    async def start(self, host: ServerHost, site: AsgiSite) -> None:
        """See `Loop`."""
        runtime: AsyncioRuntime[AsgiSite] = AsyncioRuntime(host)
        self._runtime = runtime
        runtime.site = runtime.timed = site
        site.on_idle = runtime.end_if_through
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

    async def race(self, *functions: Callable[[], Awaitable[object]]) -> None:
        """See `Loop`."""
        tasks = [asyncio.ensure_future(function()) for function in functions]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            slower = [task for task in tasks if task.cancel()]
            if slower:
                await asyncio.wait(slower)
            errors = [task.exception() for task in tasks if not task.cancelled()]
        for error in errors:
            if error is not None:
                raise error

    async def within(self, delay_s: float, function: Callable[[], Awaitable[object]]) -> bool:
        """See `Loop`."""
        limit = asyncio.timeout(delay_s)
        try:
            async with limit:
                await function()
        except TimeoutError:
            if not limit.expired():  # somebody else's
                raise
            return False
        return True

    async def give_way(self) -> None:
        """See `Loop`."""
        await asyncio.sleep(0)

    @property
    def is_current(self) -> bool:
        """See `Loop`."""
        with suppress(RuntimeError):
            return asyncio.get_running_loop() is self._loop
        return False


async def _sleep_forever() -> None:
    await asyncio.get_running_loop().create_future()
