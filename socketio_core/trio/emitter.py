"""`async with Emitter("redis://localhost:6379") as emitter: await emitter.to("room").emit("news", 1)`, on trio."""

from __future__ import annotations

import trio

from socketio_core.network.emitter import LoopEmitter
from socketio_core.network.groups import only_cause
from socketio_core.trio.line import LineKeeper


class Emitter(LoopEmitter):
    __doc__ = LoopEmitter.__doc__

    def _now(self) -> float:
        return trio.current_time()

    def _new_event(self) -> trio.Event:
        return trio.Event()

    async def _begin_to_keep(self) -> None:
        self._keeping = trio.open_nursery()
        (await self._keeping.__aenter__()).start_soon(LineKeeper(self._line).run)

    async def _end_keeping(self) -> None:
        try:
            await self._keeping.__aexit__(None, None, None)  # an error of the block is none of the nursery's
        except BaseExceptionGroup as group:
            raise only_cause(group) from None
