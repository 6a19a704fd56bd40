"""Clients that come back, and are to be sent what they have missed: so much of it in a round of the event loop.

A client may have missed thousands of events, which takes as long as thousands of echoes, and it may come back again and
again. Whoever is here need not wait for twenty of them.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import Final

from socketio_core.app.runtime import Event, Runtime

ROUND_EVENTS: Final = 512  # that are sent again in a round: some 2 ms; but one client is let through in each
CLIENT_EVENTS: Final = 16  # what a client costs beside them


class Returns:
    """The line in which they wait."""

    __slots__ = ("_is_called", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[tuple[Event, int]] = deque()
        self._is_called = False

    async def turn(self, runtime: Runtime, count: int) -> None:
        """Wait for another round of the loop, in which there is room for a client that has missed so many events."""
        event = runtime.new_event()
        self._waiting.append((event, count))
        self._call_soon(runtime)
        await event.wait()

    def _call_soon(self, runtime: Runtime) -> None:
        if not self._is_called:
            self._is_called = True
            runtime.run_soon(partial(self._let_through, runtime))

    def _let_through(self, runtime: Runtime) -> None:
        self._is_called = False
        left = ROUND_EVENTS
        while self._waiting and left > 0:
            event, count = self._waiting.popleft()
            event.set()
            left -= CLIENT_EVENTS + count
        if self._waiting:
            self._call_soon(runtime)
