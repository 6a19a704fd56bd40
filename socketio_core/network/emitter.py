"""An emitter on any event loop: `async with Emitter(url) as emitter`, and meanwhile the adapter keeps its line."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Final, Self

from socketio_core.app.runtime import Event
from socketio_core.cluster.emitting import AnyEmitter
from socketio_core.cluster.link import Command

OPEN_FIRST: Final = "an Emitter on an event loop works inside: async with Emitter(url) as emitter"
OPEN_ONCE: Final = "an Emitter is opened once; make another"


class LoopEmitter(AnyEmitter[Coroutine[Any, Any, None]]):
    __doc__ = AnyEmitter.__doc__

    _is_open = False

    async def __aenter__(self) -> Self:
        if self._line.is_over or self._is_open:
            raise RuntimeError(OPEN_ONCE)
        self._is_open = True
        await self._begin_to_keep()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_open = False
        self._line.close(self._now())
        await self._end_keeping()

    async def _execute(self, command: Command) -> None:
        if not self._is_open:
            raise RuntimeError(OPEN_FIRST)
        over = self._new_event()
        call = self._line.call(command, self._now(), over.set)
        try:
            await over.wait()
        finally:
            self._line.forget(call)
        if call.error is not None:
            raise call.error

    @abstractmethod
    def _now(self) -> float:
        """Return monotonic seconds."""

    @abstractmethod
    def _new_event(self) -> Event:
        """Return a new event."""

    @abstractmethod
    async def _begin_to_keep(self) -> None:
        """Begin a task that keeps the line."""

    @abstractmethod
    async def _end_keeping(self) -> None:
        """Wait until it has ended; the line is closed."""
