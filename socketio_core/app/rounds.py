"""How long handlers work in one round of the event loop, before everybody is read and written to again.

What clients send is counted as it is read, but not what handlers make of it: to answer twelve bytes may take as long as
thousands of echoes. So there is a bound on the time, too, for sockets that have sent several events which take long.
Beyond it they have a line, and in each round as many are called up as will take its time, or one.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from socketio_core.app.slow import timed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from socketio_core.app.runtime import Event, Runtime

ROUND_S: Final = 0.005  # a tenth of what a neighbour may have to wait
LONG_S: Final = 0.0001  # as ten echoes; of shorter ones, what is read in a round is not too much
LOOK_EVENTS: Final = 16  # of one socket, between two looks at the clock; benchmarks: server


class Rounds:
    """The rounds of one server.

    Attributes:
        number: of the one that is now; 0 if nobody tells when they begin, so that all is one, without a bound.
        is_over: handlers have had their time in this one.
        was_over: they had in the last one.
        told: how many were told something by broadcasts in this one.
    """

    __slots__ = ("_first", "_late", "_worked_s", "is_over", "number", "told", "was_over")

    def __init__(self) -> None:
        self._late: OrderedDict[_Place, None] = OrderedDict()  # whose first is found, and any is gone, at once
        self._first: _Place | None = None  # of those who are called up in this round
        self._worked_s = 0.0  # in this round, as far as somebody has looked
        self.number = self.told = 0
        self.is_over = self.was_over = False

    @property
    def is_crowded(self) -> bool:
        """Whether who takes long has to wait."""
        return self.is_over or bool(self._late)

    def note(self, worked_s: float) -> None:
        """Handlers have worked so long."""
        self._worked_s += worked_s
        if self._worked_s > ROUND_S:
            self.is_over = self.number > 0

    def begin(self) -> None:
        """Begin another one, and call up those who have waited longest: as many as have the time of a round, or one."""
        self.number += 1
        self.was_over, self.is_over = self.is_over, False
        self._worked_s, self.told = 0.0, 0
        self._first = next(iter(self._late), None)
        called: list[_Place] = []
        left_s = ROUND_S
        for place in self._late:
            called.append(place)
            left_s -= place.long_s
            if left_s <= 0:
                break
        for place in called:
            place.event.set()

    async def turn(self, runtime: Runtime, long_s: float) -> None:
        """Wait in line, to work for about so long.

        Who is called up when the others have taken longer than that keeps its place, but for the first.
        """
        place = _Place(runtime.new_event(), long_s)
        self._late[place] = None
        runtime.output_ready()  # so that another round comes, though nothing is to be written
        try:
            await place.event.wait()
            while self.is_over and place is not self._first:
                place.event = runtime.new_event()
                runtime.output_ready()
                await place.event.wait()
        finally:
            del self._late[place]
            if self._late:
                runtime.output_ready()


class _Place:
    """In the line."""

    __slots__ = ("event", "long_s")

    def __init__(self, event: Event, long_s: float) -> None:
        self.event = event
        self.long_s = long_s


class Timing:
    """How long the events of one socket take, if it sends several at a time; each, while they take long.

    Attributes:
        long_s: how long its events take each; 0 if that is not long, as far as was seen.
        is_stepwise: its handlers wait for something, and others work meanwhile: the clock tells nothing of an event but
            of one that is `watched`, which is dear; so that is the one before the next look.
    """

    __slots__ = ("_looked_at", "_now", "_own_s", "_round", "_rounds", "_unseen", "is_stepwise", "long_s")

    def __init__(self, rounds: Rounds, now: Callable[[], float]) -> None:
        self._rounds = rounds
        self._now = now
        self._round = self._unseen = 0
        self._looked_at = self._own_s = self.long_s = 0.0
        self.is_stepwise = False

    @property
    def is_late(self) -> bool:
        """Whether this socket has to wait in line. Handlers that are begun now may do their work in a later round."""
        rounds = self._rounds
        return self.long_s > 0 and (rounds.is_crowded or (self.is_stepwise and rounds.was_over))

    @property
    def is_over(self) -> bool:
        """Whether it is the turn of others, while this socket is handled."""
        return self.is_late if self.is_stepwise else self.long_s > 0 and self._rounds.is_over

    @property
    def most_before_end(self) -> int:
        """How near the next look has to be where events end before it, for a look there: one unseen means little."""
        return 1 if self.is_stepwise else LOOK_EVENTS - 1

    def work_s(self, count: int) -> float:
        """Return how long it may work in a round, with so many events."""
        return self.long_s if self.is_stepwise else self.long_s * count

    def begin(self) -> int:
        """Events are about to be handled. Returns how many are to be before the first look."""
        self._looked_at, self._round, self._unseen = self._now(), self._rounds.number, 1
        return self._next_look(self._looked_at) if self.is_stepwise else 1

    def watched(self, handling: Coroutine[Any, Any, None]) -> Coroutine[Any, Any, None]:
        """Run a coroutine to its end, and count the time in which nobody else can work."""
        self._own_s = 0.0
        return timed(handling, self._now, self._note)  # pyright: ignore[reportReturnType] # see `SlowHandlers`

    def look(self) -> int:
        """Look how long events have taken since the last look. Returns how many are to be handled before the next."""
        now = self._now()
        if self.is_stepwise:
            self.long_s = self._own_s if self._own_s > LONG_S else 0.0
            return self._next_look(now)
        if self._round != self._rounds.number:
            self.is_stepwise = True
            return 1
        worked_s = now - self._looked_at
        self._rounds.note(worked_s)
        each_s = worked_s / self._unseen
        self.long_s = each_s if each_s > LONG_S else 0.0
        self._looked_at = now
        self._unseen = 1 if self.long_s else LOOK_EVENTS
        return self._unseen

    def _next_look(self, now: float) -> int:
        """Return how many events there are before it, where one is watched: nobody can tell which one."""
        return 1 if self.long_s else 1 + int(now * 1e6) % (2 * LOOK_EVENTS)

    def _note(self, worked_s: float) -> None:
        self._own_s += worked_s
        self._rounds.note(worked_s)
