"""`async with Emitter("redis://localhost:6379") as emitter: await emitter.to("room").emit("news", 1)`, on asyncio."""

from __future__ import annotations

import asyncio

from socketio_core.asyncio.line import LineKeeper
from socketio_core.asyncio.runtime import through
from socketio_core.network.emitter import LoopEmitter


class Emitter(LoopEmitter):
    __doc__ = LoopEmitter.__doc__

    def _now(self) -> float:
        return self._loop.time()

    def _new_event(self) -> asyncio.Event:
        return asyncio.Event()

    async def _begin_to_keep(self) -> None:
        self._loop = asyncio.get_running_loop()
        keeping = self._loop.create_task(LineKeeper(self._line).run())
        keeping.add_done_callback(lambda _: self._line.close(self._loop.time()))  # also when the loop ends
        self._tasks = {keeping}
        keeping.add_done_callback(self._tasks.discard)

    async def _end_keeping(self) -> None:
        await through(self._tasks)
