"""`begin`: run a coroutine here until it waits, and say whether it does. The same under trio, asyncio, and by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from typing import Any, Final, Protocol

import pytest
import trio
import trio.testing

from socketio_core.app.handover import begin


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


async def finish(work: Coroutine[Any, Any, None]) -> bool:
    """Run it as a reader does. Returns whether it has waited."""
    rest = begin(work)
    if rest is None:
        return False
    await rest
    return True


@BOTH
def test_of_what_never_waits_nothing_is_left(loop: Loop) -> None:
    done: list[str] = []

    async def main() -> bool:
        async def work() -> None:
            done.append("work")

        return await finish(work())

    assert loop.run(main) is False
    assert done == ["work"]


@BOTH
def test_it_runs_until_just_before_the_first_wait(loop: Loop) -> None:
    done: list[str] = []

    async def main() -> None:
        async def inner() -> None:
            done.append("inner")
            await loop.checkpoint()
            done.append("between")

        async def work() -> None:
            done.append("work")
            await inner()
            await loop.checkpoint()
            done.append("after")

        rest = begin(work())
        done.append("handed over")
        assert rest is not None  # it waits
        await rest

    loop.run(main)
    assert done == ["work", "inner", "handed over", "between", "after"]


@BOTH
@pytest.mark.parametrize("waits", [0, 1, 3])
def test_what_it_raises_is_raised(loop: Loop, waits: int) -> None:
    async def main() -> None:
        async def work() -> None:
            for _ in range(waits):
                await loop.checkpoint()
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            await finish(work())

    loop.run(main)


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

        return await loop.cancelled_while(lambda: finish(work()))

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

        return await loop.cancelled_while(lambda: finish(work()))

    assert loop.run(main) is True
    assert done == ["cleaned up"]


async def never(loop: Loop) -> None:
    if isinstance(loop, Trio):
        await trio.sleep_forever()
    else:
        await asyncio.Event().wait()


@BOTH
def test_many_run_side_by_side(loop: Loop) -> None:
    done: list[int] = []

    async def work(number: int) -> None:
        for _ in range(number):
            await loop.checkpoint()
        done.append(number)

    async def main() -> None:
        if isinstance(loop, Trio):
            async with trio.open_nursery() as nursery:
                for number in range(5):
                    nursery.start_soon(finish, work(number))
        else:
            await asyncio.gather(*(finish(work(number)) for number in range(5)))

    loop.run(main)
    assert sorted(done) == [0, 1, 2, 3, 4]


# -- by hand -----------------------------------------------------------------------------------------------------------


class Trap:
    """Yields its name, and returns what is sent back."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __await__(self) -> Generator[str, str, str]:
        answer = yield self._name
        return answer


def steps_of(work: Coroutine[Any, Any, None]) -> Generator[Any, Any, None]:
    rest = begin(work)
    assert rest is not None  # it waits
    return rest.__await__()


def test_what_is_sent_goes_in_and_what_is_yielded_comes_out() -> None:
    got: list[str] = []

    async def work() -> None:
        got.append(await Trap("one"))
        got.append(await Trap("two"))

    steps = steps_of(work())
    assert next(steps) == "one"
    assert steps.send("a") == "two"
    with pytest.raises(StopIteration):
        steps.send("b")
    assert got == ["a", "b"]


def test_a_coroutine_may_catch_what_is_thrown_and_go_on() -> None:
    got: list[str] = []

    async def work() -> None:
        try:
            await Trap("one")
        except KeyError:
            got.append(await Trap("two"))

    steps = steps_of(work())
    assert next(steps) == "one"
    assert steps.throw(KeyError("x")) == "two"
    with pytest.raises(StopIteration):
        steps.send("b")
    assert got == ["b"]


def test_a_coroutine_may_end_when_something_is_thrown() -> None:
    async def work() -> None:
        with suppress(KeyError):
            await Trap("one")

    steps = steps_of(work())
    next(steps)
    with pytest.raises(StopIteration):
        steps.throw(KeyError("x"))


def test_closing_closes_the_coroutine() -> None:
    done: list[str] = []

    async def work() -> None:
        try:
            await Trap("one")
        except GeneratorExit:
            done.append("closed")
            raise

    steps = steps_of(work())
    next(steps)
    steps.close()
    assert done == ["closed"]


def test_a_coroutine_that_will_not_close_is_an_error() -> None:
    async def work() -> None:
        try:
            await Trap("one")
        except GeneratorExit:
            await Trap("two")

    steps = steps_of(work())
    next(steps)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        steps.close()
