"""`async with Emitter("redis://localhost:6379") as emitter: await emitter.to("room").emit("news", 1)`, on trio."""

from __future__ import annotations

from collections.abc import Coroutine
from types import TracebackType
from typing import Any

import trio

from socketio_core.cluster.emitting import OPEN_FIRST, OPEN_ONCE, AnyEmitter
from socketio_core.cluster.transports import Command
from socketio_core.trio.groups import only_cause
from socketio_core.trio.line import LineKeeper


class Emitter(AnyEmitter[Coroutine[Any, Any, None]]):
    __doc__ = AnyEmitter.__doc__

    _nursery: trio.Nursery | None = None

    async def __aenter__(self) -> Emitter:
        if self._line.is_over or self._nursery is not None:
            raise RuntimeError(OPEN_ONCE)
        self._keeping = trio.open_nursery()
        self._nursery = await self._keeping.__aenter__()
        self._nursery.start_soon(LineKeeper(self._line).run)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._line.close(trio.current_time())
        self._nursery = None
        try:
            await self._keeping.__aexit__(None, None, None)  # an error of the block is none of the nursery's
        except BaseExceptionGroup as group:
            raise only_cause(group) from None

    async def _execute(self, command: Command) -> None:
        if self._nursery is None:
            raise RuntimeError(OPEN_FIRST)
        over = trio.Event()
        call = self._line.call(command, trio.current_time(), over.set)
        try:
            await over.wait()
        finally:
            self._line.forget(call)
        if call.error is not None:
            raise call.error
