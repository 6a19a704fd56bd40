"""When a socket was in which room, in positions of the event log: what it may have missed, it was in the room for."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Set
from typing import Final

MAX_SPANS: Final = 1_000  # of one socket, in rooms that it has left; more, and what came before is not known any more

# What a room takes beside its name, and a time in one that it has left; CPython 3.11, 64 bits, as `tracemalloc` has it.
_ROOM_BYTES: Final = 80
_SPAN_BYTES: Final = 240


class RoomHistory:
    """The rooms of one socket, over all its connections.

    Attributes:
        known_from: what was sent before this position is to be taken for unknown.
        left_bytes: what those take in memory, about, that it has left.
    """

    __slots__ = ("_count", "_current", "_left", "known_from", "left_bytes")

    def __init__(self) -> None:
        self._current: dict[str, int] = {}
        self._left: dict[str, list[tuple[int, int]]] = {}
        self._count = 0
        self.known_from = 0
        self.left_bytes = 0

    @property
    def rooms(self) -> frozenset[str]:
        """Those that it is in."""
        return frozenset(self._current)

    @property
    def current(self) -> Set[str]:
        """The same, as they are now; not to be changed."""
        return self._current.keys()

    @property
    def held_bytes(self) -> int:
        """What they take in memory, about."""
        return sum(map(len, self._current)) + _ROOM_BYTES * len(self._current) + self.left_bytes

    def join(self, room: str, position: int) -> None:
        """It hears what comes behind a position; nothing changes if it is in the room already."""
        self._current.setdefault(room, position)

    def leave(self, room: str, position: int) -> None:
        """It heard what came up to a position."""
        since = self._current.pop(room, position)
        if since == position:
            return
        if self._count == MAX_SPANS:
            self._left.clear()
            self._count, self.left_bytes, self.known_from = 0, 0, position
        if room not in self._left:
            self._left[room] = []
            self.left_bytes += _ROOM_BYTES + len(room)
        self._left[room].append((since, position))
        self._count += 1
        self.left_bytes += _SPAN_BYTES

    def forget(self, room: str) -> None:
        """It shall hear nothing more of what was said in a room."""
        self._current.pop(room, None)
        if room in self._left:
            count = len(self._left.pop(room))
            self._count -= count
            self.left_bytes -= _ROOM_BYTES + len(room) + _SPAN_BYTES * count

    def forget_before(self, position: int) -> None:
        """It has heard everything up to a position."""
        left = {room: [span for span in spans if span[1] > position] for room, spans in self._left.items()}
        self._left = {room: spans for room, spans in left.items() if spans}
        self._count = sum(map(len, self._left.values()))
        self.left_bytes = sum(map(len, self._left)) + _ROOM_BYTES * len(self._left) + _SPAN_BYTES * self._count

    def spans(self) -> Iterator[tuple[str, int, int | None]]:
        """Return from which position on, and up to which, it heard what; `None` is up to now."""
        for room, since in self._current.items():
            yield room, since, None
        for room, spans in self._left.items():
            for since, through in spans:
                yield room, since, through

    def was_in(self, room: str, position: int) -> bool:
        """Whether it was in a room when the event of a position was sent."""
        since = self._current.get(room)
        if since is not None and since < position:
            return True
        spans = self._left.get(room)
        if spans is None:
            return False
        # A client that comes and goes as it likes has many, and this is asked about each event that left the room out.
        index = bisect_left(spans, position, key=_end_of)
        return index < len(spans) and spans[index][0] < position


def _end_of(span: tuple[int, int]) -> int:
    return span[1]
