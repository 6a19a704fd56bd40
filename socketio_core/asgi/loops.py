"""The two event loops that an ASGI server may run on, and what is needed of either."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Protocol

from socketio_core.app.host import ServerHost
from socketio_core.asgi.site import AsgiSite


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
