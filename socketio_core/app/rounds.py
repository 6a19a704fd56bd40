"""How long handlers work in one round of the event loop, before everybody is read and written to again.

What clients send is counted as it is read, but not what handlers make of it: to answer twelve bytes may take as long as
thousands of echoes. So there is a bound on the time, too, for sockets whose events were seen to take long. Beyond it
they have a line, and in each round as many are called up as will take its time, or one.

To look at the clock takes time itself. Of events that come one at a time none is looked at while rounds are short, and
of several not each; when a round was long, all are for a while, whoever it was.
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
LONG_ROUND_S: Final = 4 * ROUND_S  # or there was nothing to do in it, and so there is time for what follows
WATCHED_ROUNDS: Final = 16  # behind a long one: not one only, for some loops begin two where there is work for one


class Rounds:
    """The rounds of one server.

    Attributes:
        number: of the one that is now; 0 if nobody tells when they begin, so that all is one, without a bound.
        is_over: handlers have had their time in this one.
        was_over: they had in the last one.
        is_watched: each event is looked at in this one.
        told: how many were told something by broadcasts in this one.
        spare: a timing that tells nothing. Most sockets say a word now and then, and need none of their own.
    """

    __slots__ = (
        "_begun_at",
        "_first",
        "_late",
        "_watched_until",
        "_worked_s",
        "is_over",
        "is_watched",
        "number",
        "spare",
        "told",
        "was_over",
    )

    def __init__(self) -> None:
        self._late: OrderedDict[_Place, None] = OrderedDict()  # whose first is found, and any is gone, at once
        self._first: _Place | None = None  # of those who are called up in this round
        self._worked_s = 0.0  # in this round, as far as somebody has looked
        self.spare: Timing | None = None
        self._begun_at = 0.0
        self._watched_until = 0
        self.number = self.told = 0
        self.is_over = self.was_over = self.is_watched = False

    @property
    def is_crowded(self) -> bool:
        """Whether who takes long has to wait."""
        return self.is_over or bool(self._late)

    def note(self, worked_s: float) -> None:
        """Handlers have worked so long."""
        self._worked_s += worked_s
        if self._worked_s > ROUND_S:
            self.is_over = self.number > 0

    def begin(self, now: float | None = None) -> None:
        """Begin another one, and call up those who have waited longest: as many as have the time of a round, or one.

        Args:
            now: the time, if the caller has it.
        """
        self.number += 1
        if now is not None:
            if now - self._begun_at > LONG_ROUND_S:
                self._watched_until = self.number + WATCHED_ROUNDS
            self._begun_at = now
        self.is_watched = self.number < self._watched_until
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

    def new_timing(self, now: Callable[[], float]) -> Timing:
        """Return one that tells nothing yet."""
        timing, self.spare = self.spare, None
        return timing or Timing(self, now)

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
    """How long the events of one socket take, as far as somebody looks; each, while they take long.

    Attributes:
        left: how many events are to be handled before the next look.
        long_s: how long its events take each; 0 if that is not long, as far as was seen.
        is_stepwise: its handlers wait for something, and others work meanwhile: the clock tells nothing of an event but
            of one that is `watched`, which is dear; so that is the one before the next look.
    """

    __slots__ = ("_looked_at", "_now", "_own_s", "_round", "_rounds", "_unseen", "is_stepwise", "left", "long_s")

    def __init__(self, rounds: Rounds, now: Callable[[], float]) -> None:
        self._rounds = rounds
        self._now = now
        self._round = self._unseen = self.left = 0
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
    def tells_nothing(self) -> bool:
        """Whether it is as good as a new one."""
        return not self.long_s and not self.is_stepwise

    def work_s(self, count: int) -> float:
        """Return how long it may work in a round, with so many events."""
        return self.long_s if self.is_stepwise else self.long_s * count

    def begin(self) -> None:
        """Events are about to be handled."""
        self._looked_at, self._round, self._unseen = self._now(), self._rounds.number, 1
        self.left = self._steps_to_look(self._looked_at) if self.is_stepwise else 1

    def watched(self, handling: Coroutine[Any, Any, None]) -> Coroutine[Any, Any, None]:
        """Run a coroutine to its end, and count the time in which nobody else can work."""
        self._own_s = 0.0
        return timed(handling, self._now, self._note)  # pyright: ignore[reportReturnType] # see `SlowHandlers`

    def look(self) -> None:
        """Look how long events have taken since the last look."""
        now = self._now()
        if self.is_stepwise:
            self.long_s = self._own_s if self._own_s > LONG_S else 0.0
            self.left = self._steps_to_look(now)
            return
        if self._round != self._rounds.number:
            self.is_stepwise = True
            self.left = 1
            return
        worked_s = now - self._looked_at
        self._rounds.note(worked_s)
        each_s = worked_s / (self._unseen - self.left)
        self.long_s = each_s if each_s > LONG_S else 0.0
        self._looked_at = now
        self._unseen = self.left = 1 if self.long_s or self._rounds.is_watched else LOOK_EVENTS

    def end(self) -> None:
        """No event is left. Look now, if more than one was not seen, which means little.

        Or who has taken long once would be late for good, and who hides that behind a short one never.
        """
        if not self.is_stepwise and self._unseen - self.left > 1:
            self.look()

    def _steps_to_look(self, now: float) -> int:
        """Return how many events there are before it, where one is watched: nobody can tell which one."""
        return 1 if self.long_s or self._rounds.is_watched else 1 + int(now * 1e6) % (2 * LOOK_EVENTS)

    def _note(self, worked_s: float) -> None:
        self._own_s += worked_s
        self._rounds.note(worked_s)
