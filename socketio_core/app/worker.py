"""Where an event meets its handlers: what has come for one socket, and the tasks that work through it.

Whoever puts something into an idle inbox becomes its worker, and works until the inbox is empty; a reader does so in
its own task (see `handover`), others spawn one. So the events of one socket are handled one after another, in order,
and a slow handler delays no other socket.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from contextvars import copy_context
from functools import partial
from typing import Any, Final, Generic, TypeVar

from socketio_core.app.flow import EVENT_BYTES, Flow
from socketio_core.app.room import SMALL_BYTES, Room
from socketio_core.app.rounds import Timing
from socketio_core.app.runtime import Runtime
from socketio_core.app.slow import SlowHandlers

TURN_EVENTS: Final = 256  # of one socket that are handled before it is the turn of others
TOLD_LIKE_EVENT: Final = 2  # so many that are told something by a broadcast take as long as an event

_E = TypeVar("_E")

Tell = Callable[[], Coroutine[Any, Any, None]]
"""Tells handlers of somebody's end; see `Inbox.work_off`."""


class Inbox(ABC, Generic[_E]):
    """What waits for the handlers of one socket: its events, and the moments of its life. Subclasses `handle` them.

    Each has an `acting`: what the engine knows the socket as, for those who are about to change something there. The
    runtime hears of it, so that nobody can forget that something may have to be written; it checks the caller's thread.

    An event has a size, and counts towards the backpressure of its client until it was handled. A moment, such as a
    goodbye, has none; it is handled while nothing else is.

    Args:
        runtime: the event loop's part.
        flow: where events are counted.
        slow: is told of those that hold the event loop, if somebody wants to know.
        room: how much may be handled at once, of all clients together, if there is a bound.
        concurrency: how many are handled at once; with more than 1, only the order in which their handling *starts* is
            kept. With 0 everything waits, until `admit`.
    """

    __slots__ = ("_concurrency", "_queue", "_room", "_slow", "_timing", "_worker_count", "flow", "runtime")

    def __init__(
        self,
        runtime: Runtime,
        flow: Flow,
        concurrency: int = 1,
        *,
        slow: SlowHandlers | None = None,
        room: Room | None = None,
    ) -> None:
        self.runtime = runtime
        self.flow = flow
        self._slow = slow
        self._room = room or Room()
        # A list, for it is short, and an empty deque takes 600 bytes more; benchmarks: memory
        self._queue: list[tuple[_E, int | None]] = []
        self._concurrency = concurrency
        self._worker_count = 0
        self._timing: Timing | None = None

    @abstractmethod
    def handle(self, event: _E) -> Coroutine[Any, Any, None]:
        """Run the handlers of what was put in; what they raise is theirs, and does not come out of here."""

    def describe(self, event: _E) -> str:
        """Say what handles an event, with the names of functions, for who looks for slow ones."""
        return f"handlers of {event!r}"

    def args_of(self, event: _E) -> Sequence[Any]:
        """Return what handlers are given of an event, if there may be lists in it."""
        return ()

    @property
    def is_client_gone(self) -> bool:
        """Whether nobody is there any more to whom it matters that events are dropped."""
        return False

    @property
    def newest(self) -> _E | None:
        """What was put in last, if it still waits."""
        return self._queue[-1][0] if self._queue else None

    @property
    def waiting_bytes(self) -> int:
        """How much memory is taken by the events that wait, about."""
        return sum([EVENT_BYTES + size_bytes for _, size_bytes in self._queue if size_bytes is not None])

    def put(self, event: _E, size_bytes: int | None = None) -> bool:
        """Add an event, or, without a size, a moment. Returns whether `work` must be run now."""
        if size_bytes is not None:
            flow = self.flow  # fast path: `event_queued` without the call; benchmarks: server
            flow.queued_count += 1
            flow.queued_bytes += size_bytes
        self._queue.append((event, size_bytes))
        if self._worker_count < self._concurrency:
            self._worker_count += 1
            return True
        if not self.flow.is_behind:
            self.flow.fell_behind()
        return False

    def admit(self, concurrency: int) -> None:
        """Let that many be handled at once from now on; tasks see to what waits already."""
        self._concurrency = concurrency
        for _ in range(self._worker_count, min(concurrency, len(self._queue))):
            self._spawn_worker()

    def drop_events(self) -> None:
        """Forget the events that wait, but no moment."""
        dropped = [size_bytes for _, size_bytes in self._queue if size_bytes is not None]
        self._queue[:] = [each for each in self._queue if each[1] is None]  # the same list: workers go on with it
        self.flow.events_dropped(dropped)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._queue

    async def work_off(self) -> None:
        """Handle the moments that are left, and no events: all who worked here were stopped, and no more comes."""
        self.drop_events()
        while self._queue:
            event, _ = self._queue.pop(0)
            await self.handle(event)

    async def work(self) -> None:
        """Handle what is there until it is empty; to be run once for each `put` that asks for it.

        What a handler sets in a `ContextVar` ends with its event: another worker, with the context of the server or
        client, goes on. So it does when a turn's worth has been handled, in case none of the handlers waits.
        """
        queue, left, room = self._queue, TURN_EVENTS, self._room
        taken_bytes: int | None = 0
        try:
            timing = self._timing
            if timing is not None and timing.is_late:
                await room.rounds.turn(self.runtime, timing.work_s(len(queue)))
            # Nearly always there is one, and it does not take long; benchmarks: server
            context = copy_context() if len(queue) > 1 else None
            if context is not None or room.rounds.is_watched or (timing is not None and timing.long_s):
                timing = self._begin_timing()
            else:
                timing = None
            while queue:
                event, size_bytes = queue[0]
                if size_bytes is None:
                    if self._worker_count > 1:
                        return  # the worker that finishes last sees to it
                elif not taken_bytes and (size_bytes > SMALL_BYTES or room.is_counting):  # seldom; benchmarks: server
                    del event  # for it may be dropped
                    taken_bytes = await self._take_room(room)
                    if taken_bytes is None:
                        return  # another worker goes on
                    continue
                del queue[0]
                try:
                    handling = self.handle(event)
                    if self._slow is not None:
                        handling = self._slow.watch(handling, partial(self.describe, event), self.runtime.now)
                    if timing is not None and timing.is_stepwise and timing.left == 1:
                        handling = timing.watched(handling)
                    await handling
                finally:
                    if size_bytes is not None:
                        self.flow.event_handled(size_bytes)
                        if taken_bytes:
                            room.give_back(taken_bytes)
                            taken_bytes = 0
                left -= 1
                if timing is not None:
                    timing.left -= 1
                    if not timing.left:
                        timing.look()
                if not queue:  # most often; benchmarks: server
                    if timing is not None:
                        self._end_timing(timing)
                    return
                try:
                    is_untouched = (
                        left > room.rounds.told // TOLD_LIKE_EVENT
                        and not (timing is not None and timing.is_over)
                        and copy_context() == context
                    )
                except Exception:  # noqa: BLE001 - of a value's `__eq__`, as an array's, which is neither true nor false
                    is_untouched = False
                if not is_untouched:
                    self._spawn_worker()
                    return
        finally:
            self._worker_count -= 1
            if self.flow.is_behind and not self.flow.queued_count:
                self.flow.caught_up()

    def _begin_timing(self) -> Timing | None:
        """Begin to look how long events take; `None` where nobody tells of rounds, for which alone that matters."""
        rounds = self._room.rounds
        if not rounds.number:
            return None
        if self._timing is None:
            self._timing = rounds.new_timing(self.runtime.now)
        self._timing.begin()
        return self._timing

    def _end_timing(self, timing: Timing) -> None:
        """Keep what was found out of this socket; if that is nothing, the next one that is looked at may have it."""
        timing.end()
        if timing.tells_nothing and self._timing is timing and self._worker_count == 1:
            self._timing = None
            self._room.rounds.spare = timing

    async def _take_room(self, room: Room) -> int | None:
        """Take room for the event that comes first, and wait for it, if need be. `None`: another worker waits already.

        Returns what `held_bytes` has for it, 0 if it is not there any more. Of a client that is gone none need be
        handled: it may come and go as often as it likes.
        """
        event, size_bytes = self._queue[0]
        assert size_bytes is not None  # the caller looked
        wanted_bytes = room.charge(size_bytes, self.args_of(event))
        if not room.is_short_for(self, wanted_bytes):
            room.held_bytes += wanted_bytes
            return wanted_bytes
        if room.is_in_line(self):
            return None
        del event  # as above
        if self.is_client_gone:
            self.drop_events()
            return 0
        taken_bytes = await room.wait(self, wanted_bytes)
        try:
            await self._take_turn()
        except BaseException:  # cancelled
            room.give_back(taken_bytes)
            raise
        self.admit(self._concurrency)  # the other workers have gone
        is_first = bool(self._queue) and self._queue[0][1] == size_bytes
        if taken_bytes and not is_first:  # it was dropped, or is handled already
            room.give_back(taken_bytes)
            return 0
        return taken_bytes

    async def _take_turn(self) -> None:
        """It is another round, and many may have got room at once: who takes long waits in line once more."""
        timing = self._timing
        if timing is not None:
            if timing.is_late:
                await self._room.rounds.turn(self.runtime, timing.work_s(1))
            timing.begin()

    def _spawn_worker(self) -> None:
        self._worker_count += 1
        self.runtime.spawn(self.work)
