"""What hosts without sockets have in common, in either role: a clock that is set, and connections held by both ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from socketio_core.testing import FakeClock
from socketio_core.wire.base import BaseWire

_Wire = TypeVar("_Wire", bound=BaseWire)


class Place:
    """A host, and the ends of its connections that a test holds.

    Attributes:
        site: what is tried.
    """

    site: Any

    def __init__(self) -> None:
        self.clock = FakeClock()

    @property
    def now(self) -> float:
        return self.clock.now

    @property
    def ends(self) -> Sequence[End[Any]]:
        """All of them, oldest first."""
        raise NotImplementedError

    def flush(self) -> Sequence[object]:
        """Flush once, and write. Returns whom the site has named."""
        raise NotImplementedError

    def settle(self) -> None:
        """Do all there is to do at this time."""
        for _ in range(10_000):
            is_busy = False
            for end in self.ends:
                is_busy |= end.give_input()
            if self._is_due:
                self.site.handle_timeout(self.now)
                is_busy = True
            if not (self.flush() or is_busy or self._is_due):
                return
        raise AssertionError("it does not come to rest")

    @property
    def _is_due(self) -> bool:
        deadline: float | None = self.site.next_deadline
        return deadline is not None and deadline <= self.now

    def advance(self, seconds: float) -> None:
        """Let time pass; what falls due on the way is done at its time."""
        end = self.now + seconds
        while (at := self.site.next_deadline) is not None and at <= end:
            self.clock.now = max(at, self.now)
            self.settle()
        self.clock.now = end
        self.settle()


class End(Generic[_Wire]):
    """The other end of a connection.

    Attributes:
        wire: ours.
        received: what was written to it and it has not looked at.
        writes: what each write was.
        is_reading: otherwise nothing is written, as to a socket that is full.
        is_made: the connection is there.
        was_muted: the host was told to half-close.
    """

    def __init__(self, place: Place, wire: _Wire) -> None:
        self.place = place
        self.wire = wire
        wire.context = self
        self.received = b""
        self.writes: list[bytes] = []
        self.is_reading = True
        self.is_made = True
        self.was_muted = False
        self._sending: list[bytes] = []

    # -- the host's part ---------------------------------------------------------------------------------------------

    def give_input(self) -> bool:
        """Hand over one piece of what it has sent. Returns whether there was any."""
        if not (self._sending and self.wire.wants_input):
            return False
        self.wire.receive(self._sending.pop(0), self.place.now)
        return True

    def take_output(self) -> None:
        """Write what there is."""
        while self.is_made and self.is_reading and (data := self.wire.data_to_send(self.place.now)):
            self.received += data
            self.writes.append(data)
            if self.wire.is_through:
                break
        self.was_muted |= self.wire.is_mute

    def lose(self, why: str = "") -> None:
        """The connection breaks, or cannot be made, and the host finds out."""
        self.wire.lost(self.place.now, why)
        self.place.settle()

    # -- who is there ------------------------------------------------------------------------------------------------

    @property
    def unread(self) -> int:
        """How much of what it sent was not read yet; the end counts as one."""
        return sum(len(piece) or 1 for piece in self._sending)

    def put(self, *pieces: bytes) -> None:
        """Send, without anything being read yet."""
        self._sending += pieces

    def send(self, *pieces: bytes) -> None:
        """Send, each in a read of its own."""
        self.put(*pieces)
        self.place.settle()

    def end(self) -> None:
        """Send no more; still read."""
        self.send(b"")

    def read_on(self) -> None:
        """Read again."""
        self.is_reading = True
        self.take_output()
        self.place.settle()
