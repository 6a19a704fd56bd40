"""trio's part of the application layer: time, tasks, the flusher, the clock."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, Protocol

import trio

from socketio_core.engineio.carriers import Poll

if TYPE_CHECKING:
    from socketio_core.trio.mount import Mount

LOGGER: Final = logging.getLogger("socketio_core.trio")


class Flushable(Protocol):
    """What a WebSocket's `context` is."""

    def flush(self) -> None:
        """Write what is waiting, as far as the socket takes it at once; see to the rest."""


class TrioRuntime:
    """Implements `Runtime`. Its two tasks, `flush_when_ready` and `keep_time`, run inside `serve`.

    Attributes:
        mounts: the engines that it sees to.
        is_corked: a reader works, and flushes by itself when it is through.
    """

    def __init__(self) -> None:
        self.mounts: list[Mount] = []
        self._nursery: trio.Nursery | None = None
        self._ready = trio.Event()
        self._sleep: trio.CancelScope | None = None
        self.is_corked = False

    def attach(self, nursery: trio.Nursery) -> None:
        """Begin to serve."""
        self._nursery = nursery
        self.output_ready()

    def detach(self) -> None:
        """Stop serving: nothing can be spawned any more."""
        self._nursery = None

    # -- Runtime -----------------------------------------------------------------------------------------------------

    def now(self) -> float:
        """See `Runtime`."""
        return trio.current_time()

    def new_event(self) -> trio.Event:
        """See `Runtime`."""
        return trio.Event()

    def spawn(self, function: Callable[..., Awaitable[object]], *args: object) -> None:
        """See `Runtime`; without a server that runs there is nothing to do."""
        if self._nursery is not None:
            self._nursery.start_soon(function, *args)

    async def check_cancelled(self) -> None:
        """See `Runtime`."""
        await trio.lowlevel.checkpoint_if_cancelled()

    def output_ready(self) -> None:
        """See `Runtime`; while a reader works, it flushes by itself when it is through."""
        if not self.is_corked:
            self._ready.set()

    def log_exception(self, message: str, error: BaseException) -> None:
        """See `Runtime`."""
        LOGGER.error("%s", message, exc_info=error)

    # -- output and time ---------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Dispatch what has happened, wake whoever has something to write, and see that the clock wakes in time."""
        for mount in self.mounts:
            mount.app.dispatch_soon()
        for mount in self.mounts:
            for carrier in mount.core.take_ready():
                if isinstance(carrier, Poll):
                    if carrier.response is not None and isinstance(carrier.context, trio.Event):
                        carrier.context.set()
                elif carrier.context is not None:
                    carrier.context.flush()  # type: ignore[attr-defined] # a Flushable: see websocket.py
                mount.note_taken(carrier.session)
            deadline = mount.core.next_deadline
            if deadline is not None and self._sleep is not None and deadline < self._sleep.deadline:
                self._sleep.deadline = deadline

    async def flush_when_ready(self) -> None:
        """Flush what tasks other than readers have caused; one wake-up however much it is."""
        while True:
            await self._ready.wait()
            self._ready = trio.Event()
            self.flush()

    async def keep_time(self) -> None:
        """Sleep until the engines' next deadline, again and again."""
        while True:
            deadlines = [mount.core.next_deadline for mount in self.mounts]
            deadline = min((at for at in deadlines if at is not None), default=math.inf)
            with trio.CancelScope(deadline=deadline) as self._sleep:
                await trio.sleep_forever()
            for mount in self.mounts:
                mount.core.handle_timeout(trio.current_time())
            self.flush()
