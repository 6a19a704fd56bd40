"""trio under an ASGI server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from socketio_core.app.host import ServerHost
from socketio_core.app.log import Log
from socketio_core.asgi.site import AsgiSite
from socketio_core.trio.runtime import LOGGER, TrioRuntime, current_token


class TrioLoop:
    """See `Loop`."""

    answerable: tuple[type[BaseException], ...] = ()  # where a task was cancelled, nothing can be sent any more
    _site: AsgiSite

    def __init__(self) -> None:
        self._runtime = TrioRuntime()
        self._token = trio.lowlevel.current_trio_token()
        self._closing = trio.Event()
        self._ended = trio.Event()
        self._scope = trio.CancelScope()

    async def start(self, host: ServerHost, site: AsgiSite) -> None:
        """See `Loop`. Nobody lends a nursery, so a task of trio's own holds one."""
        self._site = self._runtime.site = self._runtime.timed = site
        site.on_idle = self._end_if_through
        host.bind(self._runtime, Log(LOGGER, self._runtime.now))
        started = trio.Event()
        trio.lowlevel.spawn_system_task(self._hold, started)
        await started.wait()

    async def _hold(self, started: trio.Event) -> None:
        try:
            with self._scope:
                async with trio.open_nursery() as services:
                    services.start_soon(self._runtime.flush_when_ready)
                    services.start_soon(self._runtime.keep_time)
                    async with trio.open_nursery() as lines:
                        self._runtime.attach_lines(lines)
                        async with trio.open_nursery() as handlers:
                            self._runtime.attach(handlers)
                            started.set()
                            await self._closing.wait()
                        self._site.host.adapter.close()
                    services.cancel_scope.cancel()
        except Exception as error:  # noqa: BLE001 - trio ends as a whole when such a task fails
            self._runtime.log_exception("a task of the server failed", error)
        finally:
            self._runtime.detach()
            self._runtime.flush()
            self._ended.set()

    async def end(self, shutdown_s: float) -> None:
        """See `Loop`."""
        self._site.close(trio.current_time())
        self._runtime.flush()
        self._end_if_through()
        try:
            with trio.move_on_after(shutdown_s):
                await self._ended.wait()
        finally:
            self._scope.cancel()
            with trio.CancelScope(shield=True):
                await self._ended.wait()

    def _end_if_through(self) -> None:
        if self._site.is_closing and not self._site.served:
            self._closing.set()

    async def race(self, *functions: Callable[[], Awaitable[object]]) -> None:
        """See `Loop`."""
        failures: list[Exception] = []
        async with trio.open_nursery() as nursery:

            async def run(function: Callable[[], Awaitable[object]]) -> None:
                try:
                    await function()
                except Exception as error:  # noqa: BLE001 - raised below, and not in a group
                    failures.append(error)
                nursery.cancel_scope.cancel()

            for function in functions:
                nursery.start_soon(run, function)
        if failures:
            raise failures[0]

    async def within(self, delay_s: float, function: Callable[[], Awaitable[object]]) -> bool:
        """See `Loop`."""
        with trio.move_on_after(delay_s) as scope:
            await function()
        return not scope.cancelled_caught

    async def give_way(self) -> None:
        """See `Loop`."""
        await trio.lowlevel.checkpoint()

    @property
    def is_current(self) -> bool:
        """See `Loop`."""
        return current_token() is self._token
