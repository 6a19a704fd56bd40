"""trio's part of the application layer: time, tasks, the flusher, the clock."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from threading import get_ident
from typing import Any, Final, TypeVar

import trio

from socketio_core.app.handover import Rest, begin
from socketio_core.app.line import Line
from socketio_core.app.runtime import NOBODY_SERVES
from socketio_core.app.worker import Inbox, Tell
from socketio_core.errors import LocalProtocolError
from socketio_core.network.groups import is_any
from socketio_core.network.runtime import (
    ELSEWHERE,
    NOBODY,
    TIMER_REST_S,
    UNTOLD_S,
    AnySite,
    LoopRuntime,
    look_after_all,
)
from socketio_core.trio.interrupts import work
from socketio_core.trio.line import LineKeeper

_T = TypeVar("_T")

LOGGER: Final = logging.getLogger("socketio_core.trio")
_ROUNDS_OF_OTHERS: Final = 4  # between two turns: to read an event over TLS, and to write one, takes three
ENDS: Final = (trio.Cancelled, GeneratorExit)  # what somebody outside raises who wants an end at once


def current_token() -> trio.lowlevel.TrioToken | None:
    """Return the token of the run that the caller is in; `None` outside of trio."""
    try:
        return trio.lowlevel.current_trio_token()
    except RuntimeError:
        return None


class NurseryRuntime(LoopRuntime):
    """trio's part of `Runtime`; its two tasks, `flush_when_ready` and `keep_time`, run in the nursery.

    Attributes:
        is_corked: a reader works, and flushes by itself when it is through.
        gives_turns: so does one that sees to what waits for its turn, and to the deadlines.
        clock: returns the time, as `now` does, without looking for the event loop each time (benchmarks: server).
        stop: begins the end.
        stop_at_once: cancels all that is left.
        interrupt: the `KeyboardInterrupt` that came up in a task of the runtime's own; it comes out behind the end.
    """

    logger = LOGGER

    def __init__(self) -> None:
        if current_token() is None:
            raise RuntimeError("socketio_core.trio works inside trio.run(...); on asyncio import socketio_core.asyncio")
        super().__init__()
        self._nursery: trio.Nursery | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._ready = trio.Event()
        self._sleep = trio.CancelScope()  # of `keep_time`
        self._wakes_at = -math.inf  # when that ends by itself; in the past while it does not sleep
        self.is_corked = False
        self.gives_turns = False
        self.clock: Callable[[], float] = trio.current_time
        self.stop: Callable[[], None] = _nothing
        self.stop_at_once: Callable[[], None] = _nothing
        self.interrupt: KeyboardInterrupt | None = None

    def attach(self, nursery: trio.Nursery) -> None:
        """Begin to work."""
        self._nursery = nursery
        self._token = trio.lowlevel.current_trio_token()
        self._thread = get_ident()
        self.clock = trio.lowlevel.current_clock().current_time
        self.output_ready()

    @property
    def is_attached(self) -> bool:
        """Whether tasks can be spawned."""
        return self._nursery is not None

    def detach(self) -> None:
        """Stop working: nothing can be spawned any more, and what is called does nothing."""
        self._nursery = None
        self._thread = NOBODY

    def flush(self) -> None:
        """Dispatch what has happened, and see to what is to be written."""
        raise NotImplementedError

    # -- Runtime -----------------------------------------------------------------------------------------------------

    def now(self) -> float:
        """See `Runtime`."""
        return trio.current_time()

    def new_event(self) -> trio.Event:
        """See `Runtime`."""
        return trio.Event()

    def spawn(self, function: Callable[..., Awaitable[object]], *args: object) -> None:
        """See `Runtime`."""
        self.start_soon(self._run_guarded, function, *args)

    async def _run_guarded(self, function: Callable[..., Awaitable[object]], *args: object) -> None:
        try:
            await function(*args)
        except KeyboardInterrupt as error:
            self.interrupted(error)

    def interrupted(self, error: KeyboardInterrupt) -> None:
        """End in order: trio raises Ctrl-C in whichever task is busy, a handler's; at once at the second."""
        if self.interrupt is None:
            self.interrupt = error
            self.stop()
        else:
            self.stop_at_once()

    def start_soon(self, function: Callable[..., Awaitable[object]], *args: object) -> None:
        """Start a task; without a nursery, or where all its tasks have ended, there is nothing to do."""
        if self._nursery is not None:
            with suppress(RuntimeError):  # lines have their say when no handler runs any more
                self._context.run(self._nursery.start_soon, function, *args)

    def check_cancelled(self) -> Coroutine[Any, Any, None]:
        """See `Runtime`."""
        if get_ident() != self._thread and self._thread != NOBODY:  # `check_caller` without the call costs 0.05 µs less
            raise LocalProtocolError(ELSEWHERE)
        return trio.lowlevel.checkpoint_if_cancelled()  # noqa: ASYNC105 - the caller awaits it: one coroutine less

    def is_cancelled(self, error: BaseException) -> bool:
        """See `Runtime`; a `trio.Cancelled` that was kept and is raised where nothing is cancelled means nothing."""
        return is_any(error, *ENDS) and trio.current_effective_deadline() == -math.inf

    def output_ready(self) -> None:
        """See `Runtime`; while a reader works, it flushes by itself when it is through."""
        if get_ident() != self._thread and self._thread != NOBODY:  # as above
            raise LocalProtocolError(ELSEWHERE)
        if not self.is_corked:
            self._ready.set()

    def run_soon(self, function: Callable[[], object]) -> None:
        """See `Runtime`."""
        if self._token is not None:
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(function)

    def from_thread(self, function: Callable[[], Awaitable[_T]]) -> _T:
        """See `Runtime`."""
        self.check_elsewhere()
        try:
            return trio.from_thread.run(function, trio_token=self._token)
        except trio.RunFinishedError:
            raise LocalProtocolError(NOBODY_SERVES) from None

    async def tell_rest(self, untold: Sequence[Tell]) -> None:
        """Tell handlers of the end where those who would have were cancelled; if this is too, until they wait."""
        if untold:
            with trio.move_on_after(UNTOLD_S):
                async with trio.open_nursery() as nursery:
                    for tell in untold:
                        nursery.start_soon(self._run_guarded, tell)

    # -- readers -----------------------------------------------------------------------------------------------------

    def handle(self, inboxes: Iterable[Inbox[Any]]) -> Rest | None:
        """Run handlers in the task of who reads, one after another, until one is about to wait.

        Returns what is left of that one, for `hand_over`; tasks are begun for those behind it. Otherwise a flush is to
        follow.
        """
        self.is_corked = True
        left = iter(inboxes)
        for inbox in left:
            try:
                rest = begin(work(inbox))
            except KeyboardInterrupt as error:  # the handler's: all are told of the end, so this task reads on
                self.interrupted(error)
            except Exception as error:  # noqa: BLE001 - it must not end the server, nor cost another socket
                self.log_exception("what came for a socket could not be handled", error)
            else:
                if rest is not None:
                    for other in left:
                        self.spawn(other.work)
                    self.is_corked = False
                    return rest
        self.is_corked = False
        return None

    async def hand_over(self, rest: Rest, read_on: Callable[[], Awaitable[object]]) -> None:
        """A handler is about to wait: this task is its own from now on, and another one reads on."""
        self.start_soon(read_on)
        # Not flush(): that may wake what this very task is about to wait for, before it does.
        self.output_ready()
        try:
            await rest
        except KeyboardInterrupt as error:
            self.interrupted(error)

    # -- output and time ---------------------------------------------------------------------------------------------

    def to_wake_at(self, deadline: float | None) -> float:
        """See `LoopRuntime`."""
        return trio.current_time() + TIMER_REST_S if self.gives_turns else super().to_wake_at(deadline)

    def wake_in_time(self) -> None:
        """See that `keep_time` sleeps no longer than until the next deadline."""
        deadline = self.timed.next_deadline
        if deadline is not None and deadline < self._wakes_at:
            self._wakes_at = self._sleep.deadline = self.to_wake_at(deadline)

    @trio.lowlevel.enable_ki_protection
    async def flush_when_ready(self) -> None:
        """Flush what tasks other than readers have caused; one wake-up however much it is."""
        while True:
            await self._ready.wait()
            self._ready = trio.Event()
            self.flush_safely()

    @trio.lowlevel.enable_ki_protection
    async def keep_time(self) -> None:
        """Sleep until the next deadline, again and again."""
        while True:
            self._wakes_at = self.to_wake_at(self.timed.next_deadline)
            with trio.CancelScope(deadline=self._wakes_at) as self._sleep:
                await trio.sleep_forever()
            self._wakes_at = -math.inf
            if self.timed.is_behind and not self.gives_turns:
                for _ in range(_ROUNDS_OF_OTHERS):
                    await trio.lowlevel.checkpoint()
            if not self.gives_turns:  # else there would be two turns in a round
                self.do_what_is_due(trio.current_time())
                self.flush_safely()

    def flush_safely(self) -> None:
        """Flush; a fault there must not end everything."""
        try:
            self.flush()
        except Exception as error:  # noqa: BLE001 - a fault there must not end everything
            self.log_exception("what has happened could not be told", error)


class TrioRuntime(NurseryRuntime):
    """A server's runtime.

    Attributes:
        site: what it sees to; set before anything begins, as is `timed`.
    """

    site: AnySite

    def __init__(self) -> None:
        super().__init__()
        self._lines: trio.Nursery | None = None

    def attach_lines(self, nursery: trio.Nursery) -> None:
        """Keep lines in a nursery, which ends when all are over."""
        self._lines = nursery

    def keep(self, line: Line) -> None:
        """See `Runtime`."""
        if self._lines is not None:
            self._context.run(self._lines.start_soon, LineKeeper(line).run)

    @trio.lowlevel.enable_ki_protection
    def flush(self) -> None:
        """Let the application work, have each connection write what it has, and see that the clock wakes in time."""
        if self.flush_round():
            self.wake_in_time()

    def flush_round(self) -> bool:
        """Flush, at the end of a round of who reads. Returns whether that is to give turns to what was read before."""
        try:
            look_after_all(self.site, self.clock(), self.log_exception)
        except Exception as error:  # noqa: BLE001 - as `flush_safely`
            self.log_exception("what has happened could not be told", error)
        if self.site.is_behind:
            return True
        self.wake_in_time()
        return False


def _nothing() -> None:
    """Before it runs."""
