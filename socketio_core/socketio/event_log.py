"""What was sent to whom, for clients that come back: bounded in count, bytes and time.

Every event has a position, one more than the one before it; what a client is told of it is its *offset*, a text. The
log is not told the time of an event, for nobody who emits knows it. It is told the time every now and then (`mark`):
what is in it by then is at least as old.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Final

from socketio_core.engineio.message import WireMessage
from socketio_core.settings import RecoverySettings

ENTRY_BYTES: Final = 500  # what an event takes beside its bytes, with its place in the index; CPython 3.11
ROOM_BYTES: Final = 250  # what each room more takes that it went to, or that was left out, with its name; likewise
SHARED_BYTES: Final = 250  # what it takes to find one by the offset that servers share; likewise
_EVERYONE: Final = (None,)
_MAX_POSITION_DIGITS: Final = 18
_FULL: Final = 16  # a full log drops a 16th of itself at once: each drop has to look through the index


class LoggedEvent:
    """One event, as it went out.

    Attributes:
        targets: the rooms that it went to; `None` is everyone.
        except_rooms: who was in one of them was left out.
        offset: in a log that servers share; `None` for an event that is in this one only.
        size_bytes: what it takes in memory, about, with what transports make of a message, and keep.
    """

    __slots__ = ("except_rooms", "message", "nsp", "offset", "position", "size_bytes", "targets")

    def __init__(
        self,
        position: int,
        nsp: str,
        targets: Collection[str | None],
        except_rooms: frozenset[str],
        message: WireMessage,
        offset: str | None,
    ) -> None:
        self.position = position
        self.nsp = nsp
        self.targets = targets
        self.except_rooms = except_rooms
        self.message = message
        self.offset = offset
        self.size_bytes = message.most_bytes + ENTRY_BYTES
        if len(targets) > 1 or len(except_rooms) > 1:
            self.size_bytes += ROOM_BYTES * (len(targets) + len(except_rooms))
        if offset is not None:
            self.size_bytes += SHARED_BYTES


class EventLog:
    """The events of all namespaces of a server, in the order in which they were sent.

    Args:
        settings: its bounds.
        epoch: tells its offsets from those of other logs, such as this server's before it was started again.
        keep_s: how long an event is kept.

    Attributes:
        position: of the newest event; 0 before the first.
        dropped_through: events up to this position are gone.
        size_bytes: what it takes in memory, about.
    """

    def __init__(self, settings: RecoverySettings, epoch: str, keep_s: float) -> None:
        self._settings = settings
        self._prefix = f"{epoch}."
        self._keep_s = keep_s
        self.position = 0
        self.dropped_through = 0
        self.size_bytes = 0
        self._events: list[LoggedEvent] = []
        self._by_target: dict[tuple[str, str | None], list[LoggedEvent]] = {}
        self._marks: list[tuple[float, int]] = []
        self._own_position = 0  # of the newest event that is in this log only
        self._shared: dict[tuple[str, str], int] = {}  # positions of the others, by namespace and offset
        self._shared_of: dict[str, list[LoggedEvent]] = {}

    def __len__(self) -> int:
        return len(self._events)

    def __repr__(self) -> str:
        return f"<EventLog {len(self)} events, {self.size_bytes} bytes>"

    # -- offsets -----------------------------------------------------------------------------------------------------

    def offset_of(self, position: int) -> str:
        """Return what a client is told of a position."""
        return f"{self._prefix}{position}"

    def position_of(self, offset: str | None, nsp: str) -> int:
        """Return the position that an offset stands for, of a client of a namespace; 0 if it is none of this log's."""
        if offset is None:
            return 0
        if not offset.startswith(self._prefix):
            return self._shared.get((nsp, offset), 0)
        digits = offset[len(self._prefix) :]
        if not (digits.isascii() and digits.isdigit()) or len(digits) > _MAX_POSITION_DIGITS:
            return 0
        position = int(digits)
        return position if position <= self.position else 0

    def shared_offset_at(self, position: int, nsp: str) -> str | None:
        """Return the offset of the last event of a namespace, up to a position, that servers share; `None`: unknown."""
        events = self._shared_of.get(nsp, [])
        index = bisect_right(events, position, key=_position_of)
        return events[index - 1].offset if index else None

    def current_offset(self, nsp: str) -> str:
        """Return an offset by which a client has got everything up to now."""
        events = self._shared_of.get(nsp)
        last = events[-1] if events else None
        if last is None or last.offset is None or last.position < self._own_position:
            return self.offset_of(self.position)
        return last.offset

    # -- events ------------------------------------------------------------------------------------------------------

    def append(
        self,
        nsp: str,
        rooms: Collection[str] | None,
        except_rooms: frozenset[str],
        message: WireMessage,
        offset: str | None = None,
    ) -> None:
        """Add an event.

        Args:
            offset: in a log that servers share; `None` stands for `offset_of(position + 1)`.
        """
        self.position += 1
        event = LoggedEvent(self.position, nsp, _EVERYONE if rooms is None else rooms, except_rooms, message, offset)
        if offset is None:
            self._own_position = self.position
        else:
            self._shared[nsp, offset] = self.position
            self._shared_of.setdefault(nsp, []).append(event)
        self._events.append(event)
        for room in event.targets:
            self._by_target.setdefault((nsp, room), []).append(event)
        self.size_bytes += event.size_bytes
        if len(self._events) > self._settings.max_logged_events or self.size_bytes > self._settings.max_logged_bytes:
            self._make_room()

    def between(self, after: int, through: int | None, nsp: str, room: str | None) -> Iterator[LoggedEvent]:
        """Return what went to a room (`None`: to everyone) behind one position, and up to another, newest first."""
        events = self._by_target.get((nsp, room), [])
        end = len(events) if through is None else bisect_right(events, through, key=_position_of)
        for index in range(end - 1, bisect_right(events, after, key=_position_of) - 1, -1):
            yield events[index]

    def count_behind(self, after: int, nsp: str, room: str | None) -> int:
        """Return how many events that would be."""
        events = self._by_target.get((nsp, room), [])
        return len(events) - bisect_right(events, after, key=_position_of)

    def _make_room(self) -> None:
        settings, count, size_bytes = self._settings, 0, self.size_bytes
        max_events = settings.max_logged_events - settings.max_logged_events // _FULL
        max_bytes = settings.max_logged_bytes - settings.max_logged_bytes // _FULL
        while len(self._events) - count > max_events or size_bytes > max_bytes:
            size_bytes -= self._events[count].size_bytes
            count += 1
        self._drop(count)

    def shrink(self, by_bytes: int) -> int:
        """Drop the oldest events, for the memory is needed. Returns how many bytes that gave back."""
        before, count, freed = self.size_bytes, 0, 0
        while count < len(self._events) and freed < by_bytes:
            freed += self._events[count].size_bytes
            count += 1
        self._drop(count)
        return before - self.size_bytes

    def _drop(self, count: int) -> None:
        """Drop the oldest events; each is the oldest of its rooms, too."""
        dropped = self._events[:count]
        if not dropped:
            return
        del self._events[:count]
        self.dropped_through = dropped[-1].position
        self.size_bytes -= sum(event.size_bytes for event in dropped)
        for target, number in Counter((event.nsp, room) for event in dropped for room in event.targets).items():
            events = self._by_target[target]
            del events[:number]
            if not events:
                del self._by_target[target]
        shared = [event for event in dropped if event.offset is not None]
        for event in shared:
            self._shared.pop((event.nsp, event.offset or ""), None)
        for nsp, number in Counter(event.nsp for event in shared).items():
            del self._shared_of[nsp][:number]
            if not self._shared_of[nsp]:
                del self._shared_of[nsp]

    # -- time --------------------------------------------------------------------------------------------------------

    def mark(self, now: float) -> None:
        """Note the time, and drop what is too old."""
        self._marks.append((now, self.position))
        old = bisect_right(self._marks, now - self._keep_s, key=_time_of)
        if old:
            position = self._marks[old - 1][1]
            del self._marks[: old - 1]  # the last of them still tells how far everything is that old
            self._drop(bisect_right(self._events, position, key=_position_of))

    def position_before(self, at: float) -> int:
        """Return a position such that all events up to it were sent before `at`; as high a one as is known."""
        known = bisect_left(self._marks, at, key=_time_of)
        return self._marks[known - 1][1] if known else 0


def _time_of(mark: tuple[float, int]) -> float:
    return mark[0]


def _position_of(event: LoggedEvent) -> int:
    return event.position
