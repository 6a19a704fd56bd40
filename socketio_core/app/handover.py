"""Run a coroutine in the current task until it waits, and say whether it does.

A reader runs handlers in its own task this way. Most handlers never wait, and cost no task. When one does, the reader
has another task take over the reading, so acks and pongs are still read, and this task becomes the handler's:

    rest = begin(inbox.work())
    if rest is not None:
        start_soon(read_on)
        await rest
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from typing import Any


def begin(coroutine: Coroutine[Any, Any, None]) -> Rest | None:
    """Run a coroutine until it is about to wait for the first time.

    Returns what is left of it, to be awaited at once; `None` when that is nothing. Before, nothing may be woken: the
    coroutine has said what it waits for, but its task does not wait yet.

    The coroutine has a context of its own: what it sets in a `ContextVar` is not seen by what the reader runs next.
    """
    context = copy_context()
    try:
        trap: object = context.run(coroutine.send, None)
    except StopIteration:
        return None
    return Rest(coroutine, context, trap)


class Rest:
    """What is left of a coroutine that waits. Awaited, it goes on to its end.

    It drives the coroutine by hand (`send`, `throw`) and passes on what that yields, which is all an event loop sees of
    any awaitable; so it works in every event loop.
    """

    __slots__ = ("_context", "_coroutine", "_trap")

    def __init__(self, coroutine: Coroutine[Any, Any, None], context: Context, trap: object) -> None:
        self._coroutine = coroutine
        self._context = context
        self._trap = trap

    def __await__(self) -> Generator[Any, Any, None]:
        coroutine, run, trap = self._coroutine, self._context.run, self._trap
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
            except StopIteration:
                return
