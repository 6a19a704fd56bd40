"""Finding the handlers that hold the event loop: a sync one that waits, or computes for long between two `await`s."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from types import coroutine
from typing import Any, Final

from socketio_core.checks import check_seconds

Tell = Callable[[str, float], object]


class SlowHandlers:
    """Measures how long handlers run without giving way.

    Args:
        limit_s: what is too long.
        tell: called with what ran, and how long it did, at the end of each such stretch.

    Raises:
        TypeError, ValueError: the limit cannot work.
    """

    __slots__ = ("_limit_s", "_tell")

    def __init__(self, limit_s: float, tell: Tell) -> None:
        check_seconds("slow_handler_s", limit_s)
        self._limit_s: Final = limit_s
        self._tell = tell

    def watch(
        self, handling: Coroutine[Any, Any, None], what: Callable[[], str], now: Callable[[], float]
    ) -> Coroutine[Any, Any, None]:
        """Run a coroutine to its end, and tell of each of its steps that is too long."""

        def note(lasted_s: float) -> None:
            if lasted_s > self._limit_s:
                self._tell(what(), lasted_s)

        return timed(handling, now, note)  # pyright: ignore[reportReturnType] # a generator has all that is needed


@coroutine
def timed(
    handling: Coroutine[Any, Any, None], now: Callable[[], float], note: Callable[[float], object]
) -> Generator[Any, Any, None]:
    """Run a coroutine to its end, and note how long each of its steps has lasted, from one `await` to the next."""
    resume: Any = handling.send
    given: Any = None
    while True:
        begun = now()
        try:
            trap = resume(given)
        except StopIteration:
            return
        finally:
            note(now() - begun)
        try:
            given = yield trap
            resume = handling.send
        except GeneratorExit:
            handling.close()
            raise
        except BaseException as error:  # noqa: BLE001 - thrown into the handlers
            resume, given = handling.throw, error
