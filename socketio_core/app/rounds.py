"""How long handlers work in one round of the event loop, before everybody is read and written to again.

What clients send is counted as it is read, but not what handlers make of it: to answer twelve bytes may take as long as
thousands of echoes. So there is a bound on the time, too, for sockets that have sent several events which take long.
Beyond it they have a line, and one of them is called up in each round.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from socketio_core.app.runtime import Event, Runtime

ROUND_S: Final = 0.005  # a tenth of what a neighbour may have to wait
LONG_S: Final = 0.0001  # as ten echoes; of shorter ones, what is read in a round is not too much
LOOK_EVENTS: Final = 16  # of one socket, between two looks at the clock; benchmarks: server


class Rounds:
    """The rounds of one server.

    Attributes:
        is_timed: somebody tells when each of them begins; otherwise all is one round, without a bound.
        is_over: handlers have had their time in this one.
    """

    __slots__ = ("_began_at", "_late", "is_over", "is_timed")

    def __init__(self) -> None:
        self._late: deque[Event] = deque()
        self._began_at: float | None = None  # as far as somebody has looked
        self.is_timed = False
        self.is_over = False

    @property
    def is_crowded(self) -> bool:
        """Whether who takes long has to wait."""
        return self.is_over or bool(self._late)

    def look(self, began_at: float, now: float) -> None:
        """Look how late it is; somebody has been at work since `began_at`."""
        if self._began_at is None:
            self._began_at = began_at
        if now - self._began_at > ROUND_S:
            self.is_over = self.is_timed

    def begin(self) -> None:
        """Begin another one, and call up who has waited longest."""
        self.is_timed = True
        self.is_over = False
        self._began_at = None
        if self._late:
            self._late.popleft().set()

    async def turn(self, runtime: Runtime) -> None:
        """Wait in line."""
        event = runtime.new_event()
        self._late.append(event)
        runtime.output_ready()  # so that another round comes, though nothing is to be written
        try:
            await event.wait()
        finally:
            if event in self._late:  # cancelled
                self._late.remove(event)
            if self._late:
                runtime.output_ready()
