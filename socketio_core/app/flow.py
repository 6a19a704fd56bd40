"""Backpressure of one client, both ways: when to read no more from it, and when to write no more to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from socketio_core.app.runtime import Event, Runtime
from socketio_core.app.waiting import Until, Waiters
from socketio_core.settings import ClientSettings, SocketSettings

EVENT_BYTES: Final = 400  # what an event that waits takes beside its data; CPython 3.11


class Paced(Protocol):
    """What can be too fast or too slow: a server's `Session`, or a `ClientCore`."""

    is_behind: bool
    """What comes will wait; set here, for then it is worth the time to say exactly how much memory it takes."""

    @property
    def is_over_high_water(self) -> bool:
        """Whether so much waits to be sent that nobody should add to it."""
        ...

    @property
    def is_clogged(self) -> bool:
        """Whether so much waits to be sent that the peer, which does not read, should not be read from."""
        ...

    def pause_reading(self, now: float) -> None:
        """Nothing is read for a while."""

    def resume_reading(self, now: float) -> None:
        """Reading goes on."""


class Flow:
    """How much of a client waits for handlers, who waits for them to catch up, and who for its buffer to empty.

    All that the application keeps of one Engine.IO session shares it: with Socket.IO, the sockets in all namespaces.

    Attributes:
        is_behind: events have come while others waited, and not all are handled yet.
        opened_at: when the session began, in seconds since 1970.
        queued_count: events that wait for handlers.
        queued_bytes: their size.
    """

    __slots__ = (
        "_awaited_acks",
        "_drained",
        "_go_on",
        "_has_room",
        "_is_lifted",
        "_runtime",
        "_session",
        "_settings",
        "is_behind",
        "opened_at",
        "queued_bytes",
        "queued_count",
    )

    def __init__(self, runtime: Runtime, session: Paced, settings: SocketSettings | ClientSettings) -> None:
        self._runtime = runtime
        self._session = session
        self._settings = settings
        self._drained: Waiters | None = None
        self._has_room: Event | None = None
        self._go_on: list[Callable[[float], None]] = []
        self._awaited_acks = 0
        self._is_lifted = False
        self.is_behind = False
        self.opened_at = runtime.wall_time()
        self.queued_count = 0
        self.queued_bytes = 0

    # -- in ----------------------------------------------------------------------------------------------------------

    @property
    def is_congested(self) -> bool:
        """Whether so many events wait for handlers, or so many answers for the peer, that nothing should be read.

        Acknowledgements come among the events. While somebody waits for one, twice as many are read: the handler that
        waits may be the very one that holds the others up.
        """
        if self._is_lifted:
            return False
        if self.queued_count:
            settings = self._settings
            times = 2 if self._awaited_acks else 1
            if (
                self.queued_count >= settings.max_queued_events * times
                or self.queued_bytes >= settings.max_queued_bytes * times
            ):
                return True
        return self._session.is_clogged

    @property
    def held_bytes(self) -> int:
        """How much memory is taken by what waits for handlers, about."""
        return self.queued_bytes + EVENT_BYTES * self.queued_count

    @property
    def most_answer_bytes(self) -> int:
        """How much of its answers may be kept until others have answered: as much as is read while somebody waits."""
        return 2 * self._settings.max_queued_bytes

    def event_queued(self, size_bytes: int) -> None:
        """An event waits for its handlers, or for who iterates."""
        self.queued_count += 1
        self.queued_bytes += size_bytes
        self.fell_behind()

    def fell_behind(self) -> None:
        """Events come while others wait."""
        self.is_behind = self._session.is_behind = True

    def caught_up(self) -> None:
        """None waits any more."""
        self.is_behind = self._session.is_behind = False

    def event_handled(self, size_bytes: int) -> None:
        """An event was handled, and waits no longer."""
        self.queued_count -= 1
        self.queued_bytes -= size_bytes
        if self._has_room is not None or self._go_on:
            self._wake_readers()

    def events_dropped(self, sizes_bytes: Sequence[int]) -> None:
        """Events will not be handled: nobody is there any more who would."""
        for size_bytes in sizes_bytes:
            self.event_handled(size_bytes)

    def ack_awaited(self) -> None:
        """Somebody waits for an acknowledgement of the client, until `ack_settled`."""
        self._awaited_acks += 1
        self._wake_readers()

    def ack_settled(self) -> None:
        """Somebody waits no longer."""
        self._awaited_acks -= 1

    def lift(self) -> None:
        """Let readers go on to the end, whatever waits: nobody will handle it any more."""
        self._is_lifted = True
        self._wake_readers()

    def _wake_readers(self) -> None:
        if (self._has_room is None and not self._go_on) or self.is_congested:
            return
        if self._has_room is not None:
            self._has_room.set()
            self._has_room = None
        if self._go_on:
            going_on, self._go_on = self._go_on, []
            for go_on in going_on:
                go_on(self._runtime.now())
            self._runtime.output_ready()

    def call_when_room(self, go_on: Callable[[float], None]) -> None:
        """Call `go_on` with the time, once, when it is no longer congested."""
        self._go_on.append(go_on)

    async def wait_room(self) -> None:
        """Wait until it is no longer congested; meanwhile the peer's silence is not held against it."""
        self._session.pause_reading(self._runtime.now())
        try:
            while self.is_congested:
                if self._has_room is None:
                    self._has_room = self._runtime.new_event()
                await self._has_room.wait()
        finally:
            self._session.resume_reading(self._runtime.now())
            self._runtime.output_ready()

    # -- out ---------------------------------------------------------------------------------------------------------

    @property
    def is_over_high_water(self) -> bool:
        """Whether the client reads too slowly for more: wait, or drop."""
        return self._session.is_over_high_water

    async def wait_drained(self, until: Until | None = None) -> None:
        """Wait until the outgoing buffer has shrunk, or the connection is gone, or the time is up."""
        if self._drained is None:
            self._drained = Waiters()
        await self._drained.wait(self._runtime, until)

    def output_taken(self) -> None:
        """The adapter took something out of the outgoing buffer."""
        if self._go_on or self._has_room is not None:
            self._wake_readers()
        if self._drained is not None and not self.is_over_high_water:
            self.wake()

    def wake(self) -> None:
        """Let all who wait for the outgoing buffer look whether they still must."""
        self._wake_readers()
        if self._drained is not None:
            drained, self._drained = self._drained, None
            drained.wake()
