"""A client's events for those who rather loop than register handlers."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from socketio_core.app.flow import Flow
from socketio_core.app.runtime import Event, Runtime
from socketio_core.socketio.client.events import EventReceived

if TYPE_CHECKING:
    from types import TracebackType


class EventStream:
    """The events of a socket, for `async for name, *args in socket.events()`.

    It collects from the moment it is made until it is closed: `async with socket.events() as events:` does that at the
    end of the block, and `close()` at once; so does forgetting it, a moment later. It ends when the socket will not
    come back by itself, behind the last event. Several tasks may take from it; each event goes to one of them.
    """

    def __init__(self, flow: Flow, runtime: Runtime) -> None:
        self._flow = flow
        self._runtime = runtime
        self._waiting: deque[EventReceived] = deque()
        self._arrived: Event | None = None
        self._is_over = False

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> tuple[Any, ...]:
        await self._runtime.check_cancelled()
        while not self._waiting:
            if self._is_over:
                raise StopAsyncIteration
            if self._arrived is None:  # several tasks may take from one stream: all of them wait for the same
                self._arrived = self._runtime.new_event()
            await self._arrived.wait()
        event = self._waiting.popleft()
        self._flow.event_handled(event.size_bytes)
        return (event.name, *event.args)

    async def __aenter__(self) -> EventStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def put(self, event: EventReceived) -> None:
        """Add an event; it counts as unhandled until it is taken."""
        if not self._is_over:
            self._flow.event_queued(event.size_bytes)
            self._waiting.append(event)
            self._wake()

    def end(self) -> None:
        """End behind what is waiting."""
        self._is_over = True
        self._wake()

    def close(self) -> None:
        """Collect no more, and forget what is waiting."""
        self._runtime.check_caller()
        self._is_over = True
        while self._waiting:
            self._flow.event_handled(self._waiting.popleft().size_bytes)
        self._wake()

    def _wake(self) -> None:
        if self._arrived is not None:
            self._arrived.set()
            self._arrived = None

    def __del__(self) -> None:
        sizes_bytes = [event.size_bytes for event in self._waiting]
        if sizes_bytes:  # a garbage collector may be running this in any thread, where nobody can be woken
            self._runtime.run_soon(partial(self._flow.events_dropped, sizes_bytes))
