"""`async with Emitter("redis://localhost:6379") as emitter: await emitter.to("room").emit("news", 1)`, on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any

from socketio_core.asyncio.line import LineKeeper
from socketio_core.asyncio.runtime import through
from socketio_core.cluster.emitting import OPEN_FIRST, OPEN_ONCE, AnyEmitter
from socketio_core.cluster.transports import Command


class Emitter(AnyEmitter[Coroutine[Any, Any, None]]):
    __doc__ = AnyEmitter.__doc__

    _keeping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Emitter:
        if self._line.is_over or self._keeping is not None:
            raise RuntimeError(OPEN_ONCE)
        self._loop = asyncio.get_running_loop()
        self._keeping = self._loop.create_task(LineKeeper(self._line).run())
        self._keeping.add_done_callback(lambda _: self._line.close(self._loop.time()))  # also when the loop ends
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        keeping, self._keeping = self._keeping, None
        assert keeping is not None  # it was entered
        self._line.close(self._loop.time())
        tasks = {keeping}
        keeping.add_done_callback(tasks.discard)
        await through(tasks)

    async def _execute(self, command: Command) -> None:
        if self._keeping is None:
            raise RuntimeError(OPEN_FIRST)
        over = asyncio.Event()
        call = self._line.call(command, self._loop.time(), over.set)
        try:
            await over.wait()
        finally:
            self._line.forget(call)
        if call.error is not None:
            raise call.error
