"""How many turns of the loop it takes until what has arrived is answered."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Sequence
from typing import Any, Final

from socketio_core.app.worker import Inbox, Tell
from socketio_core.asyncio import Server, Socket, connect
from socketio_core.asyncio.runtime import RunnerRuntime
from tests.asyncio.bench import asyncio_test, serving

EVENTS: Final = 50


class Counting(selectors.DefaultSelector):
    """Counts the turns of a loop."""

    turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.turns += 1
        return super().select(timeout)


def test_an_event_takes_one_turn_at_each_end() -> None:
    selector = Counting()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        turns = runner.run(_turns_of_events(selector))
    assert turns <= 2 * EVENTS + 5


async def _turns_of_events(selector: Counting) -> int:
    """Let a client and a server of one loop throw one event to and fro."""
    io, count, is_over = Server(), 0, asyncio.Event()

    @io.on("echo")
    async def echo(socket: Socket) -> None:
        await socket.emit("echo")

    async with serving(io) as bench, connect(bench.urls[0], transports=["websocket"]) as socket:

        @socket.on("echo")
        async def again() -> None:
            nonlocal count
            count += 1
            if count == EVENTS:
                is_over.set()
            else:
                await socket.emit("echo")

        await socket.emit("echo")
        before = selector.turns
        await is_over.wait()
        return selector.turns - before


class Nobody(RunnerRuntime):
    """A runtime of nothing, which counts how often it looks."""

    def __init__(self) -> None:
        super().__init__()
        self.host = self
        self.looks = 0
        self.ends_task = False

    def dispatch(self) -> Sequence[Inbox[Any]]:
        if self.ends_task:
            self.ends_task = False
            raise GeneratorExit
        return ()

    def untold(self) -> Sequence[Tell]:
        return ()

    def flush(self) -> None:
        self.looks += 1


async def resting() -> Nobody:
    runtime = Nobody()
    runtime.start(lambda: None)
    await asyncio.sleep(0.01)
    return runtime


def called_by_the_loop(runtime: Nobody) -> asyncio.Future[list[int]]:
    """Have the runner woken twice in a turn; returns how often it had looked after each."""
    loop = asyncio.get_running_loop()
    looks: asyncio.Future[list[int]] = loop.create_future()

    def wake() -> None:
        seen: list[int] = []
        for _ in range(2):
            runtime.wake_now()
            seen.append(runtime.looks)
        looks.set_result(seen)

    loop.call_soon(wake)
    return looks


@asyncio_test
async def test_a_runner_that_rests_looks_before_whoever_wakes_it_goes_on() -> None:
    runtime = await resting()
    before = runtime.looks
    assert await called_by_the_loop(runtime) == [before + 1, before + 2]
    await runtime.end()


@asyncio_test
async def test_in_a_task_nothing_else_is_begun() -> None:
    runtime = await resting()
    before = runtime.looks
    runtime.wake_now()
    runtime.wake_now()
    assert runtime.looks == before
    await asyncio.sleep(0.01)
    assert runtime.looks == before + 1
    await runtime.end()


@asyncio_test
async def test_a_runner_that_is_being_cancelled_looks_no_more() -> None:
    runtime = await resting()
    before = runtime.looks
    runtime.stop()
    runtime.wake_now()
    await runtime.end()
    assert runtime.looks == before


@asyncio_test
async def test_another_runner_writes_what_there_is_when_a_handler_has_ended_its_task() -> None:
    runtime = await resting()
    before = runtime.looks
    runtime.ends_task = True
    runtime.wake()
    await asyncio.sleep(0.01)
    await runtime.end()
    assert runtime.looks == before + 1
