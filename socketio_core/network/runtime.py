"""What a `Runtime` is on any event loop: who may call, what is logged, when deadlines are looked at."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextvars import copy_context
from logging import Logger
from threading import get_ident
from typing import Any, ClassVar, Final, Protocol

from socketio_core.app.line import Line
from socketio_core.app.log import Failures
from socketio_core.app.runtime import NOBODY_SERVES, OWN_THREAD
from socketio_core.errors import LocalProtocolError
from socketio_core.timers import Timed

TIMER_REST_S: Final = 0.010
"""After deadlines were seen to; those that fall due meanwhile, nearly all pings, are seen to together (benchmarks:
memory). One that comes alone is seen to at its time."""

UNTOLD_S: Final = 1.0
"""For handlers that hear of the end last: those who would have told them before were cancelled."""

ELSEWHERE: Final = (
    "called from another thread than the one that runs the event loop; there, call io.from_thread(io.emit, ...)"
    " of the server, or socket.from_thread(socket.emit, ...) of the client"
)

NOBODY: Final = 0  # no thread has this number


class TurnGiver(Timed, Protocol):
    """What has deadlines, and input that waits for them: the site of a server, the life of a client."""

    @property
    def is_behind(self) -> bool:
        """Whether input waits for its turn, which `handle_timeout` gives."""
        ...


class LookedAfter(Protocol):
    """A connection, or what is being served of one.

    Attributes:
        context: what looks after it, of the adapter's; it has a `flush(now)`.
    """

    context: Any


class Dropped:
    """In the place of what looked after a connection: that may be named once more, though there is nothing to do."""

    def flush(self, now: float) -> None:
        """Do nothing."""


DROPPED: Final = Dropped()
"""Set by who has dropped a connection: it and its wire know each other, and would need Python's garbage collector."""


class AnySite(TurnGiver, Protocol):
    """What a server has: the connections at its own sockets, or what somebody else's server hands over."""

    def flush(self, now: float) -> Sequence[LookedAfter]:
        """Let the application work; return those that must be looked after, each once."""
        ...

    def close(self, now: float) -> None:
        """Refuse what is new, and begin to end what there is."""


def look_after_all(site: AnySite, now: float, report: Callable[[str, BaseException], None]) -> None:
    """Let the application work, and have all written that there is to write; a connection that fails costs no other."""
    for each in site.flush(now):
        try:
            each.context.flush(now)  # as `look_after`, without the call
        except Exception as error:  # noqa: BLE001 - the others have something to say, too
            report("a connection could not be looked after", error)


def look_after(named: LookedAfter, now: float) -> None:
    """Have written what one connection has to write."""
    named.context.flush(now)


class LoopRuntime(ABC):
    """A part of `Runtime`.

    Attributes:
        logger: of the adapter.
        timed: what has deadlines; set before anything begins.
    """

    logger: ClassVar[Logger]
    timed: TurnGiver

    def __init__(self) -> None:
        self._context = copy_context()  # of whoever began it; all its tasks are run in that
        self._thread = NOBODY  # before the start and behind the end anybody may call
        self._rests_until = -math.inf
        self._failures = Failures(self.logger, self.now)

    @abstractmethod
    def now(self) -> float:
        """See `Runtime`."""

    def wall_time(self) -> float:
        """See `Runtime`."""
        return time.time()

    def check_caller(self) -> None:
        """See `Runtime`."""
        if get_ident() != self._thread and self._thread != NOBODY:
            raise LocalProtocolError(ELSEWHERE)

    def check_elsewhere(self) -> None:
        """See `Runtime.from_thread`."""
        if self._thread == NOBODY:
            raise LocalProtocolError(NOBODY_SERVES)
        if get_ident() == self._thread:
            raise LocalProtocolError(OWN_THREAD)

    def keep(self, line: Line) -> None:  # noqa: B027 - nothing to do, for clients
        """See `Runtime`."""

    def log_exception(self, message: str, error: BaseException | None) -> None:
        """See `Runtime`."""
        self._failures.tell(message, error)

    def log_repeatedly(self, message: str, kind: str) -> None:
        """Log what goes on and on for no fault of ours."""
        self._failures.tell(message, None, kind)

    def to_wake_at(self, deadline: float | None) -> float:
        """When to see to a deadline; at once when input waits for its turn, but others have theirs first."""
        if deadline is None:
            return math.inf
        return deadline if self.timed.is_behind else max(deadline, self._rests_until)

    def do_what_is_due(self, now: float) -> None:
        """See to the deadlines."""
        self._rests_until = now + TIMER_REST_S
        try:
            self.timed.handle_timeout(now)
        except Exception as error:  # noqa: BLE001 - a fault there must not end everything
            self.log_exception("what was due failed", error)
