"""trio under an ASGI server."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from types import TracebackType

import trio

from socketio_core.app.host import ServerHost
from socketio_core.app.log import Log
from socketio_core.asgi.loops import Allowance, Turns
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
        self.large = Turns(trio.Lock(), self.give_way)
        self.allowance = Allowance(self._runtime, self.give_way)

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
            with trio.CancelScope(shield=True):
                await self._runtime.tell_rest(self._site.host.untold())
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

    def new_block(self, within_s: float = math.inf) -> TrioBlock:
        """See `Loop`."""
        return TrioBlock(within_s)

    async def race(self, function: Callable[[], Awaitable[object]], beside: Callable[[], Awaitable[object]]) -> None:
        """See `Loop`."""
        failures: list[Exception] = []

        async def run(function: Callable[[], Awaitable[object]]) -> None:
            try:
                await function()
            except Exception as error:  # noqa: BLE001 - raised below, and not in a group
                failures.append(error)
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, beside)
            await run(function)
        if failures:
            raise failures[0]

    async def give_way(self) -> None:
        """See `Loop`."""
        await trio.lowlevel.checkpoint()

    @property
    def is_current(self) -> bool:
        """See `Loop`."""
        return current_token() is self._token


class TrioBlock:
    """See `Block`."""

    __slots__ = ("_scope", "_within_s")

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._scope = trio.CancelScope()

    @property
    def has_ended_early(self) -> bool:
        """See `Block`."""
        return self._scope.cancelled_caught

    def end_soon(self) -> None:
        """See `Block`: deadlines are met when what has come was handed out."""
        self._scope.deadline = trio.current_time()

    def __enter__(self) -> None:
        self._scope.deadline = trio.current_time() + self._within_s
        self._scope.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        return self._scope.__exit__(kind, error, traceback)
