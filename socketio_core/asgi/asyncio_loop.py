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
    _runtime: AsyncioRuntime
    _site: AsgiSite

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task_ended = asyncio.Event()

    async def start(self, host: ServerHost, site: AsgiSite) -> None:
        """See `Loop`."""
        self._runtime = AsyncioRuntime(host)
        self._site = site
        self._runtime.timed = site
        self._runtime.site = site  # type: ignore[assignment] # what it needs of one
        host.bind(self._runtime, Log(LOGGER, self._runtime.now))
        self._runtime.start(self._task_ended.set)
        self._runtime.sentinel = self._loop.create_task(_sleep_forever())  # there may be no lifespan, and so no end

    async def end(self, shutdown_s: float) -> None:
        """See `Loop`."""
        self._site.close(self._runtime.now())
        self._runtime.wake()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(shutdown_s):
                    await self._site.wait_idle()
                    while not self._runtime.is_idle:
                        self._task_ended.clear()
                        await self._task_ended.wait()
        finally:
            self._runtime.flush()
            await self._runtime.end()
            if self._runtime.sentinel is not None:
                self._runtime.sentinel.cancel()
                await asyncio.wait([self._runtime.sentinel])

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
