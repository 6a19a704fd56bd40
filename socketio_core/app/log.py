"""The log of a server: an observer like any other, and the one module of the application layer that knows `logging`."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from traceback import format_exception
from typing import Final

from socketio_core.app.failures import WrongArguments
from socketio_core.app.observer import Observer
from socketio_core.app.socket import Socket
from socketio_core.engineio.events import RequestRefused
from socketio_core.engineio.refusals import UNKNOWN_SESSION
from socketio_core.engineio.session import Session
from socketio_core.errors import CloseReason, InvalidEvent, RemoteProtocolError

_MAX_WARNED_ORIGINS: Final = 100
MAX_EQUAL: Final = 10  # that are logged in full, of one kind, within the time below
WHILE_S: Final = 60.0
_MAX_KINDS: Final = 1000  # that are told apart: more than there are lines that fail at a time
MAX_CHARS: Final = 1000  # of a line, and of each part of its traceback

_NO_SUCH_SESSION: Final = (
    "no such session: it has ended, or it is of another server or worker, to which each request of a client by polling "
    "must go (sticky sessions), unless clients use WebSockets alone; this is told once"
)

_Kind = tuple[str, str, int]
_OTHERS: Final[_Kind] = ("", "", 0)
_NUMBER: Final = re.compile("[0-9]+")


class Log(Observer):
    """Writes what goes wrong to a logger. Each adapter adds one to the servers that it serves, with its own logger.

    Args:
        now: the time, in monotonic seconds: equal failures are logged ten times a minute, then counted.
    """

    def __init__(self, logger: logging.Logger, now: Callable[[], float]) -> None:
        self._logger = logger
        self._failures = Failures(logger, now)
        self._warned: set[str] = set()
        self._has_told_of_sessions = False

    def request_refused(self, refused: RequestRefused) -> None:
        """For an origin once as a warning, and for an unknown session, for nobody else tells the developer."""
        if refused.error is not None:
            self._failures.tell(f"{refused.request!r} failed: {refused.detail}", refused.error)
            return
        request, origin = refused.request, refused.foreign_origin
        if refused.message == UNKNOWN_SESSION.message and not self._has_told_of_sessions:
            self._has_told_of_sessions = True
            why = _NO_SUCH_SESSION
        elif origin is None or _cut(origin) in self._warned or len(self._warned) >= _MAX_WARNED_ORIGINS:
            why = f"{refused.message} ({refused.detail})"
            self._failures.note(f"{request!r} from {request.address} refused: {why}", refused.message)
            return
        else:
            self._warned.add(_cut(origin))
            why = refused.detail
        self._logger.warning("%s", _cut(f"{request!r} from {request.address} refused: {why}"))

    def connection_closed(self, session: Session, reason: CloseReason, error: RemoteProtocolError | None) -> None:
        """What a client did wrong; ten a minute of one reason."""
        self._failures.sum_up()
        if error is not None:
            self._failures.note(f"connection closed, {reason.value}: {error}", reason.value)

    def event_unhandled(self, socket: Socket, name: str) -> None:
        """For who debugs."""
        self._logger.debug("no handler for the event %r of %r", name[:MAX_CHARS], socket)

    def event_invalid(self, socket: Socket, name: str, error: InvalidEvent) -> None:
        """By event; ten a minute of one kind."""
        self._failures.tell(
            f"event {name!r} of {socket!r} is not what was declared: {error.detail}", None, f"invalid {name}"
        )

    def handler_was_slow(self, what: str, lasted_s: float) -> None:
        """By name; ten a minute of one kind."""
        self._failures.tell(f"{what} held the event loop for {lasted_s:.3f} s", None, what)

    def cluster_changed(self, state: str, reason: str, gap: bool) -> None:  # noqa: FBT001 - see `Observer`
        """Once for each change."""
        if state == "up":
            missed = "; what they said meanwhile was missed" if gap else ""
            self._logger.info("the other servers can be reached%s", missed)
        elif state == "degraded":
            self._logger.warning("what joins the servers is slow, and not waited for: %s", reason)
        else:
            self._logger.warning("the other servers cannot be reached, clients of this one are served: %s", reason)

    def failed(self, what: str, error: BaseException) -> None:
        """With the traceback."""
        self._failures.tell(what, error)


class Failures:
    """Writes failures to a logger, with their tracebacks. Of equal ones, ten a minute; the others are counted.

    Equal are those of one type, raised in one line; those that nobody raised, if they differ in numbers alone. That a
    handler cannot take what came is said once a minute for each handler and event, ten events at most, without a
    traceback. How many were counted is said when the minute is over and there is something to say again. Kinds beyond a
    thousand are one.

    Args:
        now: the time, in monotonic seconds.
    """

    __slots__ = ("_logger", "_now", "_seen")

    def __init__(self, logger: logging.Logger, now: Callable[[], float]) -> None:
        self._logger = logger
        self._now = now
        self._seen: dict[_Kind, tuple[float, int, str, int]] = {}  # since when, how many, what, level; oldest first

    def tell(self, what: str, error: BaseException | None, kind: str = "") -> None:
        """Log a failure, or count it.

        Args:
            kind: tells those apart that come without an error.
        """
        self.sum_up()
        what = _cut(what)
        if isinstance(error, WrongArguments):
            self._tell_once(what, error)
        else:
            self._tell(what, error, _kind_of(error, _cut(kind or what)), logging.ERROR)

    def note(self, what: str, kind: str) -> None:
        """Log, or count, what a client did wrong: nobody is to be woken for that, so its level is `INFO`."""
        self.sum_up()
        if self._logger.isEnabledFor(logging.INFO):
            self._tell(_cut(what), None, ("a client", kind, 0), logging.INFO)

    def _tell_once(self, what: str, error: WrongArguments) -> None:
        """Say what clients cause as often as they like, once a minute for an event.

        Where all events are caught, clients choose their names, too: of one handler, ten are told.
        """
        of_event = ("", _cut(f"{error.handler} {error.event}"), 0)
        if of_event not in self._seen and self._tell(what, None, ("", error.handler, 0), logging.WARNING):
            self._seen[of_event] = (self._now(), 1, what, logging.WARNING)

    def _tell(self, what: str, error: BaseException | None, key: _Kind, level: int) -> bool:
        """Do so. Returns whether it was logged in full."""
        if key not in self._seen and len(self._seen) >= _MAX_KINDS:
            key = _OTHERS  # to forget one would be to log it in full again, as often as somebody likes
        since, count, first, _ = self._seen.get(key, (self._now(), 0, what, level))
        count += 1
        self._seen[key] = (since, count, first, level)
        if count <= MAX_EQUAL:
            self._write(level, what, error)
        elif count == MAX_EQUAL + 1:
            left_s = since + WHILE_S - self._now()
            self._logger.log(level, "%s; for %g s, those like it are only counted", what, left_s)
        return count <= MAX_EQUAL

    def _write(self, level: int, what: str, error: BaseException | None) -> None:
        """Log it, with a traceback of which each part is cut off where it is too long: a message may hold what came."""
        logger = self._logger
        parts = [] if error is None else format_exception(error)
        if error is None or max(map(len, parts)) <= MAX_CHARS:
            logger.log(level, "%s", what, exc_info=error)
        elif logger.isEnabledFor(level):
            where, line, function, _ = logger.findCaller()
            exc_info = (type(error), error, error.__traceback__)
            record = logger.makeRecord(logger.name, level, where, line, "%s", (what,), exc_info, function)
            record.exc_text = "".join(
                [part if len(part) <= MAX_CHARS else f"{_cut(part)}\n" for part in parts]
            ).rstrip()
            logger.handle(record)

    def sum_up(self) -> None:
        """Say how many were counted in the minutes that are over."""
        now = self._now()
        while self._seen and next(iter(self._seen.values()))[0] + WHILE_S <= now:
            _, count, what, level = self._seen.pop(next(iter(self._seen)))
            if count > MAX_EQUAL:
                self._logger.log(level, "%s: %d times in %g s", what, count, WHILE_S)


def _cut(text: str) -> str:
    """Return as much of a line as is logged, and kept: the name of an event may be as long as a message."""
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]}…"


def _kind_of(error: BaseException | None, kind: str) -> _Kind:
    """Return what equal failures have in common."""
    if error is None:
        return ("", kind, 0)
    traceback = error.__traceback__
    if traceback is None:
        return (type(error).__qualname__, _NUMBER.sub("0", kind), 0)
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return (type(error).__qualname__, traceback.tb_frame.f_code.co_filename, traceback.tb_lineno)
