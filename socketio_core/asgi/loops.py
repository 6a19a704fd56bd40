"""The two event loops that an ASGI server may run on, and what is needed of either."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Final, Protocol

from socketio_core.app.host import ServerHost
from socketio_core.app.runtime import Event, Runtime
from socketio_core.asgi.site import AsgiSite
from socketio_core.wire.base import LARGE_BYTES

_ROUNDS: Final = 10  # of the loop; from a socket to a handler and back uvicorn takes four, hypercorn five
_FEW_ROUNDS: Final = 5
_ROUND_BYTES: Final = 4 * LARGE_BYTES  # dense ones take 8 ms


class Turns:
    """Gives what may take long its turn: one thing after another, whichever client's.

    Between two of them the loop goes round so often that the event of somebody who sends little is read, handled and
    answered.

    Args:
        lock: the loop's own, in which those who come first are first.
        give_way: see `Loop`.
    """

    def __init__(
        self, lock: AbstractAsyncContextManager[object, None], give_way: Callable[[], Awaitable[object]]
    ) -> None:
        self._lock = lock
        self._give_way = give_way

    async def take(self, turn: Callable[[], Callable[[], object] | None], done: Callable[[], object]) -> None:
        """Wait for a turn, and return when others have had theirs.

        Args:
            turn: is called then; it may return what is to be done in the next turn, which it gets.
            done: called behind either.
        """
        async with self._lock:
            then = turn()
            done()
            try:
                await self._let_others()
            finally:
                if then is not None:  # whoever cancels this now, it counts
                    then()
                    done()
            if then is not None:
                await self._let_others()

    async def _let_others(self) -> None:
        for _ in range(_ROUNDS):
            await self._give_way()


class Allowance:
    """How much of what is not quite large is handled in a round: a crowd may send that at once.

    When it is used up, the loop goes round a few times, in which an event of somebody who sends little is read, handled
    and answered.

    Args:
        runtime: makes the event for which all wait.
        give_way: see `Loop`.
    """

    def __init__(self, runtime: Runtime, give_way: Callable[[], Awaitable[object]]) -> None:
        self._runtime = runtime
        self._give_way = give_way
        self._spent_bytes = 0
        self._pause: Event | None = None

    def renew(self) -> None:
        """A round has ended. On trio each task has its own, and all of them count together."""
        if self._pause is None:
            self._spent_bytes = 0

    async def take(self, size: int) -> None:
        """Wait, if need be, until so much may be handled."""
        while self._pause is not None or self._spent_bytes >= _ROUND_BYTES:
            if self._pause is not None:
                await self._pause.wait()
                continue
            self._pause = pause = self._runtime.new_event()
            try:
                for _ in range(_FEW_ROUNDS):
                    await self._give_way()
            finally:
                self._spent_bytes, self._pause = 0, None
                pause.set()
        self._spent_bytes += size


class Block(Protocol):
    """Something for `with`, which others can have end early: what is waited for in it is cancelled.

    It costs no task (benchmarks: connect).
    """

    @property
    def has_ended_early(self) -> bool:
        """Whether that was so."""
        ...

    def end_soon(self) -> None:
        """Have it end, but first let it hear what has come until now."""

    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None: ...


class Loop(Protocol):
    """An event loop, for one application."""

    answerable: tuple[type[BaseException], ...]
    """How a server stops what it still serves at its end, where the client can be told so."""

    large: Turns
    """Who has sent something large takes one for it."""

    allowance: Allowance
    """Who has sent less, but not little, takes that much of it."""

    async def start(self, host: ServerHost, site: AsgiSite) -> None:
        """Begin to have handlers run, output written and deadlines met, in tasks beside those of the ASGI server."""

    async def end(self, shutdown_s: float) -> None:
        """Tell all clients; let requests and handlers end by themselves for so long; then cancel the handlers."""

    def new_block(self, within_s: float = math.inf) -> Block:
        """Return a block that ends, at the latest, when so much time has passed since it was entered."""
        ...

    async def race(self, function: Callable[[], Awaitable[object]], beside: Callable[[], Awaitable[object]]) -> None:
        """Run the first in this task and the other in one of its own until either has ended; then cancel the other."""

    async def give_way(self) -> None:
        """Let others have their turn."""

    @property
    def is_current(self) -> bool:
        """Whether it runs the caller."""
        ...


def current_loop() -> Loop:
    """Return what the caller runs on.

    Raises:
        RuntimeError: on nothing that is known here.
    """
    if "trio" in sys.modules:  # else nobody can be running it
        from socketio_core.asgi.trio_loop import TrioLoop
        from socketio_core.trio.runtime import current_token

        if current_token() is not None:
            return TrioLoop()
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError("App runs on asyncio or trio: serve it with uvicorn, hypercorn or granian") from None
    from socketio_core.asgi.asyncio_loop import AsyncioLoop

    return AsyncioLoop()
