"""What only asyncio's tests need of a server in this process; see `tests.adapters.bench`. It is on a real socket."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from socketio_core import Server
from tests.adapters import bench
from tests.adapters.abstract import collected_log
from tests.adapters.bench import until
from tests.adapters.loops import one_loop
from tests.adapters.memory import JumpingLoop

__all__ = ["Bench", "JumpingLoop", "asyncio_test", "collected_log", "count_tasks", "serving", "until"]

asyncio_test: Final = one_loop("asyncio", tcp=True)


class Bench(bench.Bench):
    """A bench on asyncio."""

    nursery: Any

    @property
    def task(self) -> asyncio.Task[None]:
        """The one that serves."""
        task: asyncio.Task[None] = self.nursery.tasks[0]
        return task


def serving(io: Server, **options: Any) -> AbstractAsyncContextManager[Bench]:
    """See `tests.adapters.bench.serving`."""
    return bench.serving(io, tcp=True, bench=Bench, **options)


async def count_tasks() -> int:
    """Return how many tasks there have been, one of its own included: asyncio numbers them where it names them."""
    task = asyncio.create_task(asyncio.sleep(0))
    await task
    return int(task.get_name().removeprefix("Task-"))
