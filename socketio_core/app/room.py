"""How much may be in the hands of handlers: nobody can take it from them, whoever else is closed; see `budget`.

A client that fills a slow handler, leaves and comes back would have the server hold as much again. So there is room for
some of `max_total_buffered_bytes` only; beyond it an event waits until others were handled, and counts as waiting: it
can be dropped, and is when its client goes. A share is kept for small events, so that large ones do not keep everybody
from being heard, and one for those who were there before there was a shortage, so that newcomers do not.

Lists and objects count for more than their memory: the garbage collector looks at all there are every now and then, and
nobody is served meanwhile, 100 ms for a million (CPython 3.11).
"""

from __future__ import annotations

from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING, Any, Final

from socketio_core.app.flow import EVENT_BYTES
from socketio_core.app.rounds import Rounds
from socketio_core.socketio.weight import count_containers

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from socketio_core.app.flow import Flow
    from socketio_core.app.runtime import Event
    from socketio_core.app.worker import Inbox

HOLDS_TOO_MUCH: Final = "Server holds too much"
"""What a client is told that need not wait."""

LARGE_BYTES: Final = 65_536
SMALL_BYTES: Final = 16_384  # to count each event would be 5 % of what it takes; benchmarks: server
ASKED_BYTES: Final = 4_000  # of what there is around a request while the application is asked
PARTED_BYTES: Final = 8_000  # of a socket and all that is behind it, while handlers have it that others will not
_SHARES: Final = 0.5, 0.75, 0.875  # of the limit: for large events, for small ones, for those of who was there before
_ANSWERS: Final = 0.25  # of the limit, at most: for answers that wait for others, of all clients together
_LISTS: Final = 200_000  # and objects, which fill the share of large events
_UNCOUNTED_BYTES: Final = 1_000_000  # beside less, it would not be worth the time to count an event's
_LITTLE: Final = 0.125  # of the limit: beside so much, one event may be handled however large it is


class Room:
    """The room for handlers of one server.

    Attributes:
        held_bytes: how much memory is taken by what handlers have, about, and more for lists and objects.
        is_counting: so much waits for handlers, or is in their hands, that small events count too.
        is_waited_for: events wait, so `let_in` is to be called whenever it is less.
        answer_bytes: the part of it that is of answers to broadcasts which others have not answered yet.
        asked_bytes: the part of it that is of requests.
        rounds: how long they work before it is the turn of others.
        parted: inboxes of those who have left, until all that came is handled, and what that holds beside events.
    """

    __slots__ = (
        "_answers",
        "_limits",
        "_lines",
        "_list_bytes",
        "_little_bytes",
        "_most_answer_bytes",
        "_short_since",
        "answer_bytes",
        "asked_bytes",
        "held_bytes",
        "is_counting",
        "is_waited_for",
        "parted",
        "rounds",
    )

    def __init__(self, limit_bytes: float = inf) -> None:
        self._limits = [share * limit_bytes for share in _SHARES]
        self._most_answer_bytes = _ANSWERS * limit_bytes
        self._little_bytes = _LITTLE * limit_bytes
        self._list_bytes = int(self._limits[0] / _LISTS) if limit_bytes < inf else 0
        self._lines: Sequence[dict[Inbox[Any], _Place]] = [{} for _ in _SHARES]
        self._short_since: float | None = None
        self._answers: dict[Flow, int] = {}  # what each client has of them
        self.held_bytes = self.answer_bytes = self.asked_bytes = 0
        self.is_counting = self.is_waited_for = False
        self.rounds = Rounds()
        self.parted: dict[Inbox[Any], int] = {}

    @property
    def parted_bytes(self) -> int:
        """How much memory is taken by those who have left, beside their events."""
        return sum(self.parted.values())

    @property
    def is_full(self) -> bool:
        """Whether newcomers are to be kept out, whose handlers would have more."""
        return self.held_bytes > self._limits[1]

    @property
    def is_short(self) -> bool:
        """Whether somebody waits, or would be refused."""
        return self.is_waited_for or self.is_full

    @property
    def wants_weights(self) -> bool:
        """Whether so much is in the hands of handlers that events should be weighed exactly."""
        return self.held_bytes > self._little_bytes

    @contextmanager
    def taken(self, size_bytes: int) -> Generator[bool]:
        """Take room for a request, which can be refused, and need not wait. `False`: there is none."""
        size_bytes += ASKED_BYTES
        limit = self._limits[0 if size_bytes > LARGE_BYTES else 1]
        if not self._has_room(self.held_bytes + size_bytes, limit):
            yield False
            return
        self.held_bytes += size_bytes
        self.asked_bytes += size_bytes
        try:
            yield True
        finally:
            self.asked_bytes -= size_bytes
            self.give_back(size_bytes)

    def keep_answer(self, flow: Flow, size_bytes: int) -> bool:
        """Take room for a client's answer, until all of them are given to who asked. `False`: it has too much there.

        Whoever asks others, and waits for one that is silent, would hold what all others say; and ask again meanwhile.
        """
        size_bytes += EVENT_BYTES
        has = self._answers.get(flow, 0)
        if has and has + size_bytes > flow.most_answer_bytes:
            return False
        if not self._has_room(self.answer_bytes + size_bytes, self._most_answer_bytes):
            return False
        if not self._has_room(self.held_bytes + size_bytes, self._limits[0]):
            return False
        self._answers[flow] = has + size_bytes
        self.answer_bytes += size_bytes
        self.held_bytes += size_bytes
        return True

    def give_answers(self, kept: Iterable[tuple[Flow, int]]) -> None:
        """Answers are given to who asked: those, with their sizes."""
        freed = 0
        for flow, size_bytes in kept:
            self._answers[flow] -= EVENT_BYTES + size_bytes
            freed += EVENT_BYTES + size_bytes
            if not self._answers[flow]:
                del self._answers[flow]
        self.answer_bytes -= freed
        self.give_back(freed)

    def charge(self, size_bytes: int, args: Sequence[Any]) -> int:
        """Return what an event is to count for.

        Args:
            size_bytes: how much memory it takes, about.
            args: what its handlers are given.
        """
        size_bytes += EVENT_BYTES
        if args and self._list_bytes and self.held_bytes > _UNCOUNTED_BYTES:
            size_bytes += self._list_bytes * count_containers(args)
        return size_bytes

    def is_short_for(self, inbox: Inbox[Any], size_bytes: int) -> bool:
        """Whether an event that counts for so much has to wait."""
        wanted = self.held_bytes + size_bytes
        if wanted > self._limits[1]:
            if self._short_since is None:
                self._short_since = inbox.runtime.wall_time()
        elif not self.is_waited_for:
            self._short_since = None
        which = self._class_of(inbox, size_bytes)
        return bool(self._lines[which]) or not self._has_room(wanted, self._limits[which])

    async def wait(self, inbox: Inbox[Any], size_bytes: int) -> int:
        """Wait in line for the event that comes first in an inbox.

        Returns what is added to `held_bytes` for it; 0 if its client has left meanwhile.
        """
        line = self._lines[self._class_of(inbox, size_bytes)]
        place = line[inbox] = _Place(size_bytes, inbox.runtime.new_event())
        self.is_waited_for = True
        try:
            await place.event.wait()
        except BaseException:  # cancelled
            if line.get(inbox) is place:  # another worker of the inbox may have come meanwhile
                self.leave_line(inbox)
            self.give_back(place.taken_bytes)
            raise
        return place.taken_bytes

    def give_back(self, taken_bytes: int) -> None:
        """What has taken it needs no room any more."""
        self.held_bytes -= taken_bytes
        if self.is_waited_for:
            self.let_in()

    def is_in_line(self, inbox: Inbox[Any]) -> bool:
        """Whether one of its workers waits."""
        return any(inbox in line for line in self._lines)

    def leave_line(self, inbox: Inbox[Any]) -> None:
        """Have an inbox wait no longer."""
        for line in self._lines:
            if inbox in line:
                line.pop(inbox).event.set()
        self.is_waited_for = any(self._lines)

    def let_in(self) -> None:
        """Call up those for whom there is room now, of each line those who came first."""
        for line, limit in zip(self._lines, self._limits, strict=True):
            while line:
                inbox, place = next(iter(line.items()))
                wanted = self.held_bytes + place.size_bytes
                if not self._has_room(wanted, limit):
                    break
                place.taken_bytes, self.held_bytes = place.size_bytes, wanted
                self.leave_line(inbox)

    def part(self, inbox: Inbox[Any], left_bytes: int) -> None:
        """Its client has left. All that handlers see of it stays until they have ended, its goodbye's too.

        Args:
            inbox: where that is handled.
            left_bytes: what the client has said of itself.
        """
        self.parted[inbox] = PARTED_BYTES + left_bytes
        self.held_bytes += PARTED_BYTES + left_bytes
        if self.is_waited_for:
            self.leave_line(inbox)
            self.let_in()  # of those behind it

    def forget(self, inbox: Inbox[Any]) -> None:
        """All that came for it is handled, its goodbye too."""
        self.give_back(self.parted.pop(inbox, 0))

    def _has_room(self, wanted_bytes: int, limit_bytes: float) -> bool:
        return wanted_bytes <= limit_bytes or self.held_bytes <= self._little_bytes

    def _class_of(self, inbox: Inbox[Any], size_bytes: int) -> int:
        if size_bytes > LARGE_BYTES:
            return 0
        return 1 if self._short_since is None or inbox.flow.opened_at >= self._short_since else 2


class _Place:
    """In a line."""

    __slots__ = ("event", "size_bytes", "taken_bytes")

    def __init__(self, size_bytes: int, event: Event) -> None:
        self.size_bytes = size_bytes
        self.event = event
        self.taken_bytes = 0
