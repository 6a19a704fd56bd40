"""Run a coroutine in the current task, and say so before it first waits."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from contextvars import copy_context
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")


class Handover(Generic[_T]):
    """Awaits `coroutine`, and calls `on_suspend()` just before it suspends for the first time.

    A reader runs handlers in its own task this way. Most handlers never wait, and cost no task; when one does,
    `on_suspend` starts another task that takes over the reading, so acks and pongs are still read. It must not wake
    anything: the coroutine has said what it waits for, but its task does not wait yet.

    The coroutine has a context of its own: what it sets in a `ContextVar` is not seen by what the reader runs next.

    It drives the coroutine by hand (`send`, `throw`) and passes on what that yields, which is all an event loop sees of
    any awaitable; so it works in every event loop.
    """

    __slots__ = ("_coroutine", "_on_suspend")

    def __init__(self, coroutine: Coroutine[Any, Any, _T], on_suspend: Callable[[], None]) -> None:
        self._coroutine = coroutine
        self._on_suspend = on_suspend

    def __await__(self) -> Generator[Any, Any, _T]:
        coroutine, run = self._coroutine, copy_context().run
        try:
            trap = run(coroutine.send, None)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return] # StopIteration is not generic
        self._on_suspend()
        while True:
            try:
                value = yield trap
            except GeneratorExit:
                coroutine.close()
                raise
            except BaseException as error:  # noqa: BLE001 - thrown into the coroutine
                resume: Callable[[Any], Any] = coroutine.throw
                given: object = error
            else:
                resume, given = coroutine.send, value
            try:
                trap = run(resume, given)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return] # StopIteration is not generic
