"""`Handover`: run a coroutine here, and say so before it first waits. The same under trio, asyncio, and by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Final, Protocol

import pytest
import trio
import trio.testing

from socketio_core.app.handover import Handover


class Loop(Protocol):
    """What the tests below need of an event loop."""

    def run(self, function: Callable[[], Coroutine[Any, Any, Any]]) -> Any: ...
    async def checkpoint(self) -> None: ...
    async def cancelled_while(self, function: Callable[[], Awaitable[Any]]) -> bool:
        """Run `function` until it waits, cancel it, and return whether it was cancelled in the end."""
        ...

    @property
    def cancelled(self) -> type[BaseException]: ...


class Trio:
    cancelled = trio.Cancelled

    def run(self, function: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        return trio.run(function)

    async def checkpoint(self) -> None:
        await trio.lowlevel.checkpoint()

    async def cancelled_while(self, function: Callable[[], Awaitable[Any]]) -> bool:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                async def cancel() -> None:
                    await trio.testing.wait_all_tasks_blocked()
                    scope.cancel()

                nursery.start_soon(cancel)
                await function()
        return scope.cancelled_caught


class Asyncio:
    cancelled = asyncio.CancelledError

    def run(self, function: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        return asyncio.run(function())

    async def checkpoint(self) -> None:
        await asyncio.sleep(0)

    async def cancelled_while(self, function: Callable[[], Awaitable[Any]]) -> bool:
        async def call() -> None:
            await function()

        task = asyncio.ensure_future(call())
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()


LOOPS: Final[list[Loop]] = [Trio(), Asyncio()]
BOTH = pytest.mark.parametrize("loop", LOOPS, ids=["trio", "asyncio"])


class Suspended:
    """Counts, and notes what had been done by then."""

    def __init__(self, done: list[str]) -> None:
        self._done = done
        self.seen: list[list[str]] = []

    def __call__(self) -> None:
        self.seen.append(self._done[:])


@BOTH
def test_what_never_waits_is_never_handed_over(loop: Loop) -> None:
    suspended = Suspended([])

    async def main() -> str:
        async def work() -> str:
            return "done"

        return await Handover(work(), suspended)

    assert loop.run(main) == "done"
    assert suspended.seen == []


@BOTH
def test_the_call_comes_once_just_before_the_first_wait(loop: Loop) -> None:
    done: list[str] = []
    suspended = Suspended(done)

    async def main() -> str:
        async def inner() -> None:
            done.append("inner")
            await loop.checkpoint()
            done.append("between")

        async def work() -> str:
            done.append("work")
            await inner()
            await loop.checkpoint()
            done.append("after")
            return "done"

        return await Handover(work(), suspended)

    assert loop.run(main) == "done"
    assert suspended.seen == [["work", "inner"]]
    assert done == ["work", "inner", "between", "after"]


@BOTH
@pytest.mark.parametrize("waits", [0, 1, 3])
def test_what_it_raises_is_raised(loop: Loop, waits: int) -> None:
    suspended = Suspended([])

    async def main() -> None:
        async def work() -> None:
            for _ in range(waits):
                await loop.checkpoint()
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            await Handover(work(), suspended)

    loop.run(main)
    assert len(suspended.seen) == min(waits, 1)


@BOTH
def test_cancellation_reaches_the_coroutine_and_comes_back(loop: Loop) -> None:
    done: list[str] = []

    async def main() -> bool:
        async def work() -> None:
            try:
                await never(loop)
            except loop.cancelled:
                done.append("cancelled")
                raise
            finally:
                done.append("cleaned up")

        async def hand_over() -> None:
            await Handover(work(), Suspended(done))

        return await loop.cancelled_while(hand_over)

    assert loop.run(main) is True
    assert done == ["cancelled", "cleaned up"]


@BOTH
def test_a_coroutine_may_wait_while_it_is_cancelled(loop: Loop) -> None:
    """A shielded clean-up: what it yields after the exception is passed on as well."""
    done: list[str] = []

    async def main() -> bool:
        async def work() -> None:
            try:
                await never(loop)
            finally:
                with trio.CancelScope(shield=True) if isinstance(loop, Trio) else pytest.MonkeyPatch.context():
                    await loop.checkpoint()
                done.append("cleaned up")

        async def hand_over() -> None:
            await Handover(work(), Suspended(done))

        return await loop.cancelled_while(hand_over)

    assert loop.run(main) is True
    assert done == ["cleaned up"]


async def never(loop: Loop) -> None:
    if isinstance(loop, Trio):
        await trio.sleep_forever()
    else:
        await asyncio.Event().wait()


@BOTH
def test_many_run_side_by_side(loop: Loop) -> None:
    async def work(number: int) -> int:
        for _ in range(number):
            await loop.checkpoint()
        return number

    async def main() -> list[int]:
        results: list[int] = []

        async def one(number: int) -> None:
            results.append(await Handover(work(number), Suspended([])))

        if isinstance(loop, Trio):
            async with trio.open_nursery() as nursery:
                for number in range(5):
                    nursery.start_soon(one, number)
        else:
            await asyncio.gather(*(one(number) for number in range(5)))
        return results

    assert sorted(loop.run(main)) == [0, 1, 2, 3, 4]


# -- by hand -----------------------------------------------------------------------------------------------------------


class Trap:
    """Yields its name, and returns what is sent back."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __await__(self) -> Generator[str, str, str]:
        answer = yield self._name
        return answer


def begin(work: Coroutine[Any, Any, Any], suspended: Callable[[], None]) -> Generator[Any, Any, Any]:
    return Handover(work, suspended).__await__()


def test_what_is_sent_goes_in_and_what_is_yielded_comes_out() -> None:
    suspended = Suspended([])

    async def work() -> str:
        return await Trap("one") + await Trap("two")

    steps = begin(work(), suspended)
    assert next(steps) == "one"
    assert steps.send("a") == "two"
    with pytest.raises(StopIteration) as stop:
        steps.send("b")
    assert stop.value.value == "ab"
    assert len(suspended.seen) == 1


def test_a_coroutine_may_catch_what_is_thrown_and_go_on() -> None:
    async def work() -> str:
        try:
            await Trap("one")
        except KeyError:
            return await Trap("two")
        return "not reached"

    steps = begin(work(), Suspended([]))
    assert next(steps) == "one"
    assert steps.throw(KeyError("x")) == "two"
    with pytest.raises(StopIteration) as stop:
        steps.send("b")
    assert stop.value.value == "b"


def test_a_coroutine_may_return_when_something_is_thrown() -> None:
    async def work() -> str:
        try:
            await Trap("one")
        except KeyError:
            return "caught"
        return "not reached"

    steps = begin(work(), Suspended([]))
    next(steps)
    with pytest.raises(StopIteration) as stop:
        steps.throw(KeyError("x"))
    assert stop.value.value == "caught"


def test_closing_closes_the_coroutine() -> None:
    done: list[str] = []

    async def work() -> None:
        try:
            await Trap("one")
        except GeneratorExit:
            done.append("closed")
            raise

    steps = begin(work(), Suspended(done))
    next(steps)
    steps.close()
    assert done == ["closed"]


def test_a_coroutine_that_will_not_close_is_an_error() -> None:
    async def work() -> None:
        try:
            await Trap("one")
        except GeneratorExit:
            await Trap("two")

    steps = begin(work(), Suspended([]))
    next(steps)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        steps.close()


def test_a_hand_over_that_fails_is_seen() -> None:
    async def work() -> None:
        await Trap("one")

    def fail() -> None:
        raise KeyError("hand over")

    coroutine = work()
    with pytest.raises(KeyError, match="hand over"):
        next(begin(coroutine, fail))
    coroutine.close()
