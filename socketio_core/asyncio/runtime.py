"""asyncio's part of the application layer: time, tasks, and one runner that has handlers run and output written."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from contextlib import AsyncExitStack, suppress
from contextvars import Context
from threading import get_ident
from typing import Any, Final, Generic, Protocol, TypeVar

from socketio_core.app.handover import begin
from socketio_core.app.host import ServerHost
from socketio_core.app.line import Line
from socketio_core.app.runtime import NOBODY_SERVES
from socketio_core.app.worker import Inbox, Tell
from socketio_core.asyncio.line import LineKeeper
from socketio_core.errors import LocalProtocolError
from socketio_core.network.groups import is_any
from socketio_core.network.runtime import ELSEWHERE, NOBODY, UNTOLD_S, AnySite, LoopRuntime, look_after_all

_T = TypeVar("_T")
_S = TypeVar("_S", bound=AnySite)

LOOK_S: Final = 1.0
"""Whether a loop that answers nothing is still there."""

LOGGER: Final = logging.getLogger("socketio_core.asyncio")


class _Nothing:
    """Awaited, it goes on at once: asyncio tells of a cancellation where a task waits."""

    def __await__(self) -> Generator[Any, Any, None]:
        return
        yield


NOTHING: Final = _Nothing()


class _Rest(asyncio.Future[None]):
    """What the runner waits for while there is nothing to do. When it ends, the runner may go on at once.

    A future has its loop call in the next turn whoever waits for it; a turn more for each event (benchmarks: server).
    """

    def add_done_callback(self, fn: Callable[[Any], object], *, context: Context | None = None) -> None:
        """See `Future.add_done_callback`; called by the one task that awaits this."""
        self._go_on = fn
        self._context = context

    def end_soon(self) -> None:
        """Let the task go on in the next turn of the loop."""
        self.set_result(None)
        self._call_soon()

    def end_now(self) -> None:
        """Let it go on; to be called by the loop, while no task runs."""
        self.set_result(None)
        context = self._context
        if context is None:
            self._go_on(self)
        else:
            context.run(self._go_on, self)

    def cancel(self, msg: Any | None = None) -> bool:
        """See `Future.cancel`."""
        is_cancelled = super().cancel(msg)
        if is_cancelled:
            self._call_soon()
        return is_cancelled

    def _call_soon(self) -> None:
        self.get_loop().call_soon(self._go_on, self, context=self._context)


class Host(Protocol):
    """A server's or a client's: see there."""

    def dispatch(self) -> Sequence[Inbox[Any]]:
        """Return the inboxes whose `work` must be run."""
        ...

    def untold(self) -> Sequence[Tell]:
        """Return what tells handlers of the end where those who would have were cancelled."""
        ...


async def through(tasks: set[asyncio.Task[None]]) -> None:
    """Wait until all tasks have ended and are forgotten; whoever is cancelled meanwhile hears of it then."""
    cancelled: asyncio.CancelledError | None = None
    while tasks:
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


class RunnerRuntime(LoopRuntime):
    """asyncio's part of `Runtime`, for one server or client.

    Whatever happens to it, a connection or a handler wakes the *runner*, a task that has the handlers run, in
    itself as long as they do not wait, and then what there is to write be written, once for all that came in the same
    turn of the loop; at once where all that there is to read was read (`wake_now`). When a handler is about to wait,
    the runner becomes its task, and another one takes over.

    Attributes:
        host: what has handlers run; set before `start`.
        sentinel: where nobody may call `end`, a task that is cancelled with all others when the event loop ends.
    """

    logger = LOGGER
    host: Host

    def __init__(self) -> None:
        super().__init__()
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError(
                "socketio_core.asyncio works inside asyncio.run(...); on trio import socketio_core.trio"
            ) from None
        self._tasks: set[asyncio.Task[None]] = set()
        self._runnable: deque[Inbox[Any]] = deque()
        self._runner: asyncio.Task[None] | None = None
        self._rest: _Rest | None = None  # what the runner waits for while there is nothing to do
        self._is_due = True  # there is something to do
        self._is_running = False  # the runner is at it
        self._gives_turns = False  # it is time for what was read and waits
        self._is_over = False
        self._timer: asyncio.Handle | None = None
        self._timer_at = math.inf  # which a handle of uvloop's does not tell, if it is due at once
        self._on_task_end: Callable[[], None]
        self.sentinel: asyncio.Task[None] | None = None

    # -- Runtime -----------------------------------------------------------------------------------------------------

    def now(self) -> float:
        """See `Runtime`."""
        return self._loop.time()

    def new_event(self) -> asyncio.Event:
        """See `Runtime`."""
        return asyncio.Event()

    def spawn(self, function: Callable[..., Awaitable[object]], *args: object) -> None:
        """See `Runtime`."""
        if not self._is_over:
            self._keep(self.new_task(self._run_guarded(function, *args)))

    def check_cancelled(self) -> Awaitable[None]:
        """See `Runtime`."""
        if get_ident() != self._thread and self._thread != NOBODY:  # `check_caller` without the call
            raise LocalProtocolError(ELSEWHERE)
        return NOTHING

    def is_cancelled(self, error: BaseException) -> bool:
        """See `Runtime`: nobody cancels a task of the runtime's but `end`, or its handler, which means nothing.

        That has to be undone, or it would come up where the task waits next. The task of a user is left alone. Those
        who tell of the end are not cancelled by that, so what comes out of one of them may be another task's.
        """
        task = asyncio.current_task()
        if task not in self._tasks or (self._has_ended() and task.cancelling()) or isinstance(error, GeneratorExit):
            return isinstance(error, GeneratorExit) or is_any(error, asyncio.CancelledError)
        while task.cancelling():
            task.uncancel()
        return False

    def output_ready(self) -> None:
        """See `Runtime`."""
        if get_ident() != self._thread and self._thread != NOBODY:  # as above
            raise LocalProtocolError(ELSEWHERE)
        if not self._is_running:
            self.wake()

    def run_soon(self, function: Callable[[], object]) -> None:
        """See `Runtime`."""
        with suppress(RuntimeError):  # the loop was closed
            self._loop.call_soon_threadsafe(function)

    def from_thread(self, function: Callable[[], Awaitable[_T]]) -> _T:
        """See `Runtime`."""
        self.check_elsewhere()

        async def run() -> _T:
            return await function()

        asked = asyncio.run_coroutine_threadsafe(run(), self._loop)
        while True:
            try:
                return asked.result(LOOK_S)
            except TimeoutError:
                if asked.done():
                    return asked.result()
                if self._loop.is_closed():  # it was asked too late, and will never answer
                    raise LocalProtocolError(NOBODY_SERVES) from None
            except BaseException:  # Ctrl-C: nobody waits for it any more
                asked.cancel()
                raise

    # -- tasks -------------------------------------------------------------------------------------------------------

    def start(self, on_task_end: Callable[[], None]) -> None:
        """Begin to work; call `on_task_end` whenever a task has ended."""
        self._on_task_end = on_task_end
        self._thread = get_ident()
        self._start_runner()

    @property
    def is_idle(self) -> bool:
        """Whether no handler is at work."""
        return self._tasks <= {self._runner}

    def stop(self) -> None:
        """Cancel what is left; nothing can be spawned any more, and what is called does nothing."""
        self._is_over = True
        self._thread = NOBODY
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()

    async def end(self) -> None:
        """`stop`, and wait until all has ended."""
        self.stop()
        await through(self._tasks)

    async def tell_rest(self) -> None:
        """Tell handlers of the end where those who would have were cancelled; behind `end`."""
        for tell in self.host.untold():
            self._keep(self.new_task(self._run_guarded(tell)))
        if self._tasks:
            try:
                await asyncio.wait(self._tasks, timeout=UNTOLD_S)
            finally:
                for task in self._tasks:
                    task.cancel()
                await through(self._tasks)

    def _has_ended(self) -> bool:
        """Whether nothing is to go on; also when the event loop ends, which cancels all tasks."""
        return self._is_over or (self.sentinel is not None and self.sentinel.cancelling() > 0)

    def new_task(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Return a task of the runtime's, which begins in the next turn of the loop.

        Not by the loop's factory, which may be asyncio's eager one (Python 3.12): a handler would begin in the middle
        of what wants it run, and before anybody knows of its task.
        """
        return asyncio.Task(coroutine, loop=self._loop, context=self._context.copy())

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # what ends the program has done so already; the loop need not say that nobody saw it
        if task is self._runner and not self._has_ended():
            self._is_due = True  # what there was to write then is not written
            self._start_runner()  # a handler has ended the program, and others are told of it yet
        self._on_task_end()

    async def _run_guarded(self, function: Callable[..., Awaitable[object]], *args: object) -> None:
        try:
            await function(*args)
        except Exception as error:  # noqa: BLE001 - asyncio would say that nobody retrieved it
            self.log_exception("a task failed", error)

    # -- the runner --------------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Something has happened: let the runner look, in the next turn of the loop."""
        self._is_due = True
        rest = self._rest
        if rest is not None:
            self._rest = None
            if not rest.done():
                rest.end_soon()

    def wake_now(self) -> None:
        """Let it look before this returns, if it rests; for who is called by the loop, and does nothing behind this."""
        rest = self._rest
        if rest is None or rest.done() or asyncio.current_task(self._loop) is not None:
            self.wake()
            return
        self._is_due = True
        self._rest = None
        rest.end_now()

    def _start_runner(self) -> None:
        self._runner = self.new_task(self._run())
        self._keep(self._runner)

    async def _run(self) -> None:
        """Work until another task has taken over, or the end."""
        me = asyncio.current_task()
        assert me is not None  # this is one
        while not self._is_over:
            try:
                if self._is_due or self._runnable:
                    await asyncio.sleep(0)  # the turn of others comes first
                else:
                    self._rest = _Rest(loop=self._loop)
                    await self._rest
                self._is_running = True
                try:
                    await self._work(me)
                finally:
                    if self._runner is me:
                        self._is_running = False
            except asyncio.CancelledError:
                if self._runner is not me or self._has_ended():
                    raise
                me.uncancel()  # a handler did it to its own task, which was this one
            except Exception as error:  # noqa: BLE001 - a fault there must not end everything
                self.log_exception("what has happened could not be told", error)
            if self._runner is not me:
                return

    async def _work(self, me: asyncio.Task[None]) -> None:
        self._is_due = False
        runnable = self._runnable
        while True:
            runnable.extend(self.host.dispatch())
            while runnable:
                rest = begin(runnable.popleft().work())
                if rest is not None:
                    self._hand_over()
                    await rest
                    return
            self.flush()
            if not self._gives_turns:
                return
            self._gives_turns = False
            self.do_what_is_due(self._loop.time())

    def _hand_over(self) -> None:
        """A handler is about to wait: this task is its own from now on."""
        self._is_running = False
        self._is_due = True
        self._start_runner()

    def flush(self) -> None:
        """Let the application work, have each connection write what it has, and see that the timer is in time."""
        raise NotImplementedError

    # -- time --------------------------------------------------------------------------------------------------------

    def wake_in_time(self) -> None:
        """See that the timer fires no later than the next deadline; a little late, if it has just fired."""
        deadline = self.timed.next_deadline
        if deadline is None or self._is_over:
            return
        if self._timer is not None and self._timer_at <= deadline:  # most often; benchmarks: connect
            return
        at = self.to_wake_at(deadline)
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._time_out)

    def _time_out(self) -> None:
        """Do what is due; but what was read and waits for its turn comes behind what was read just now, which does not.

        That may take long, so the runner first writes what it has for others.
        """
        self._timer = None
        if self.timed.is_behind:
            self._gives_turns = True
        else:
            self.do_what_is_due(self._loop.time())
        self.wake()


class AsyncioRuntime(RunnerRuntime, Generic[_S]):
    """A server's runtime.

    Attributes:
        site: what it sees to; set before `start`, as is `timed`.
    """

    site: _S

    def __init__(self, host: ServerHost) -> None:
        super().__init__()
        self.host = self._server = host
        self._lines: set[asyncio.Task[None]] = set()
        self._through = asyncio.Event()

    def keep(self, line: Line) -> None:
        """See `Runtime`."""
        task = self.new_task(LineKeeper(line).run())
        self._lines.add(task)
        task.add_done_callback(self._lines.discard)

    def flush(self) -> None:
        """See `RunnerRuntime`."""
        look_after_all(self.site, self._loop.time(), self.log_exception)
        self.wake_in_time()

    async def close_in_order(self, shutdown_s: float, is_busy: Callable[[], object]) -> None:
        """Tell everybody; let all that is being served and all handlers end by themselves, but no longer than so."""
        self.site.close(self.now())
        self.flush()  # at once: handlers of those that have no connection just now make it busy
        with suppress(TimeoutError):
            async with asyncio.timeout(shutdown_s):
                while is_busy() or not self.is_idle:
                    self._through.clear()
                    await self._through.wait()
        self._server.adapter.close()
        if self._lines:
            await asyncio.wait(self._lines)

    def stop(self) -> None:
        """See `RunnerRuntime`."""
        super().stop()
        for task in self._lines:
            task.cancel()

    async def end(self) -> None:
        """See `RunnerRuntime`."""
        async with AsyncExitStack() as left:
            left.push_async_callback(through, self._lines)
            left.push_async_callback(self.tell_rest)
            await super().end()

    def end_if_through(self) -> None:
        """Let the end look whether all is over; called whenever a connection or a handler ends."""
        self._through.set()
