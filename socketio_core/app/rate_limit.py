"""A middleware of events that bounds how many a socket may send."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal
from weakref import WeakKeyDictionary

from socketio_core.app.socket import Socket, inbox_behind
from socketio_core.checks import check_count
from socketio_core.errors import EventRefused

if TYPE_CHECKING:
    from socketio_core.app.incoming import IncomingEvent
    from socketio_core.socketio.packet import JSONValue

_CHOICES: Final = ("drop", "refuse", "disconnect")


class RateLimit:
    """Lets each socket send so many events in the long run, and a few at once: `io.use_events(RateLimit(...))`.

    It is a bucket that holds `burst` events and is filled at `events_per_s`. Each `RateLimit` counts by itself, so
    one for a whole server and a narrower one for a namespace go together; one that is registered in several places
    counts in all of them. An event that is beyond it meets no handler.

    Args:
        events_per_s: in the long run; `0.5` is one in two seconds.
        burst: how many may come at once.
        then: what happens beyond it: `"drop"` the event, `"refuse"` it, with `answer` as its acknowledgement, or
            `"disconnect"` the client, with all its sockets.
        answer: of a refusal, to those who asked for an acknowledgement.

    Raises:
        TypeError, ValueError: an argument that cannot be.
    """

    __slots__ = ("_answer", "_buckets", "_burst", "_events_per_s", "_then")

    def __init__(
        self,
        *,
        events_per_s: float,
        burst: int,
        then: Literal["drop", "refuse", "disconnect"] = "drop",
        answer: JSONValue = "Too many events",
    ) -> None:
        # Not everybody checks types.
        rate: object = events_per_s
        if not (isinstance(rate, (int, float)) and 0 < rate < math.inf):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"events_per_s must be a number above 0, not: {events_per_s!r}")
        check_count("burst", burst)
        if then not in _CHOICES:
            raise ValueError(f"then must be one of {', '.join(_CHOICES)}, not: {then!r}")
        self._events_per_s = events_per_s
        self._burst = burst
        self._then = then
        self._answer = answer
        self._buckets: WeakKeyDictionary[Socket, tuple[float, float]] = WeakKeyDictionary()  # what is left, since when

    async def __call__(self, *given: Socket | IncomingEvent) -> bool:
        """Return whether an event, which comes last, is within the limit.

        Raises:
            EventRefused: it is not, and that is the answer.
        """
        event: IncomingEvent = given[-1]  # type: ignore[assignment] # in front is its socket, or nothing
        socket = event.socket
        now = inbox_behind(socket).runtime.now()
        left, since = self._buckets.get(socket, (float(self._burst), now))
        left = min(self._burst, left + (now - since) * self._events_per_s)
        if left >= 1:
            self._buckets[socket] = (left - 1, now)
            return True
        if self._then == "refuse":
            raise EventRefused(self._answer)
        if self._then == "disconnect":
            await socket.disconnect(close=True)
        return False
