"""An event loop that moves only when it is told to: a `Runtime` of the application layer for tests."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import copy_context
from typing import Any, Final, TypeVar

import pytest

from socketio_core.app.line import Line
from socketio_core.testing import FakeClock

_T = TypeVar("_T")

SUNDAY: Final = 1_800_000_000.0
"""Seconds since 1970 when a clock of a test begins."""


class Cancelled(BaseException):
    """What a cancelled task gets, as in trio and asyncio: no `Exception`."""


class HandEvent:
    """Implements `Event`; a waiter yields the event itself, which is all that the loop needs to know."""

    def __init__(self, runtime: HandRuntime) -> None:
        self._runtime = runtime
        self._is_set = False
        self.waiters: list[Task] = []

    def set(self) -> None:
        """See `Event`."""
        self._is_set = True
        for task in self.waiters:
            self._runtime.ready.append(task)
        self.waiters = []

    async def wait(self) -> None:
        """See `Event`."""
        if not self._is_set:
            await _Trap(self)


class _Trap:
    def __init__(self, event: HandEvent) -> None:
        self._event = event

    def __await__(self) -> Generator[HandEvent, None, None]:
        yield self._event


class Task:
    """A coroutine on its way.

    Attributes:
        is_done: it returned, raised or was cancelled.
        result: what it returned.
        error: what it raised.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.coroutine = coroutine
        self.is_done = False
        self.is_cancelled = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.waits_for: HandEvent | None = None
        self.context = copy_context()


class HandRuntime:
    """Implements `Runtime`. Tasks run in the order in which they became ready, when `run` is called.

    Attributes:
        logged: what was logged: `(message, error)`.
        flushes: how often output was announced.
        switches: how often a task was suspended.
        tasks: all that were started, oldest first.
        lines: all that are to be kept.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.ready: deque[Task] = deque()
        self.logged: list[tuple[str, BaseException | None]] = []
        self.flushes = 0
        self.switches = 0
        self.tasks: list[Task] = []
        self.lines: list[Line] = []
        self._current: Task | None = None
        self._soon: deque[Callable[[], object]] = deque()
        self._context = copy_context()

    # -- Runtime

    def now(self) -> float:
        """See `Runtime`."""
        return self.clock.now

    def wall_time(self) -> float:
        """See `Runtime`; it begins when some Sunday does."""
        return SUNDAY + self.clock.now

    def new_event(self) -> HandEvent:
        """See `Runtime`."""
        return HandEvent(self)

    def spawn(self, function: Callable[..., Awaitable[object]], *args: object) -> None:
        """See `Runtime`."""
        self.start(_call(function, *args))

    def check_caller(self) -> None:
        """See `Runtime`; there is one thread."""

    def from_thread(self, function: Callable[[], Awaitable[object]]) -> Any:
        """See `Runtime`; there is none."""
        raise AssertionError(function)

    async def check_cancelled(self) -> None:
        """See `Runtime`."""
        if self._current is not None and self._current.is_cancelled:
            raise Cancelled

    def is_cancelled(self, error: BaseException) -> bool:
        """See `Runtime`: somebody else's `Cancelled` may come out of a handler that waited for another task."""
        assert self._current is not None
        return isinstance(error, Cancelled) and self._current.is_cancelled

    def output_ready(self) -> None:
        """See `Runtime`."""
        self.flushes += 1

    def run_soon(self, function: Callable[[], object]) -> None:
        """See `Runtime`."""
        self._soon.append(function)

    def keep(self, line: Line) -> None:
        """See `Runtime`; a test looks after it."""
        self.lines.append(line)

    def log_exception(self, message: str, error: BaseException | None) -> None:
        """See `Runtime`."""
        self.logged.append((message, error))

    # -- for tests

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> Task:
        """Make a task, which begins at the next `run`."""
        task = self._context.run(Task, coroutine)
        self.tasks.append(task)
        self.ready.append(task)
        return task

    def cancel(self, task: Task) -> None:
        """Cancel a task: what it waits for raises, and so does `check_cancelled`."""
        task.is_cancelled = True
        if task.waits_for is not None:
            task.waits_for.waiters.remove(task)
            self.ready.append(task)

    def run_ready(self) -> bool:
        """Let every ready task run until it waits. Returns whether there was one."""
        was_busy = bool(self.ready or self._soon)
        while self.ready or self._soon:
            for _ in range(len(self._soon)):  # what these ask for comes in the next round, as in others
                self._soon.popleft()()
            for _ in range(len(self.ready)):
                self.run_one()
        return was_busy

    def run_one(self) -> None:
        """Let the task that has been ready longest run until it waits."""
        self._step(self.ready.popleft())

    def _step(self, task: Task) -> None:
        is_waiting, task.waits_for = task.waits_for is not None, None
        self._current = task
        try:
            coroutine = task.coroutine
            run = task.context.run
            is_thrown = is_waiting and task.is_cancelled
            event = run(coroutine.throw, Cancelled()) if is_thrown else run(coroutine.send, None)
        except StopIteration as stop:
            task.is_done, task.result = True, stop.value
        except (Exception, Cancelled) as error:  # noqa: BLE001 - for the test to look at
            task.is_done, task.error = True, error
        else:
            self.switches += 1
            task.waits_for = event
            event.waiters.append(task)
        finally:
            self._current = None


class HandRig(ABC):
    """Something to test that runs on such a loop.

    Attributes:
        runtime: the loop.
    """

    runtime: HandRuntime

    @abstractmethod
    def run(self) -> None:
        """Let everything happen that can happen now."""

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> Task:
        """Run a coroutine as a task as far as it goes."""
        task = self.runtime.start(coroutine)
        self.run()
        return task

    def result_of(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Return, or raise, what comes of a coroutine that waits for nobody."""
        task = self.start(coroutine)
        assert task.is_done
        if task.error is not None:
            raise task.error
        result: _T = task.result
        return result


async def _call(function: Callable[..., Awaitable[object]], *args: object) -> None:
    await function(*args)


def run_alone(function: Callable[..., Any], *args: object) -> Any:
    """Run a coroutine that must not wait."""
    with pytest.raises(StopIteration) as stop:
        function(*args).send(None)
    return stop.value.value
