"""Events that are sent again until the client has acknowledged them, over connections that come and go.

At least once: the acknowledgement may be what was lost. Each try carries the same id, behind the other arguments, so
that a client can tell. Nothing is kept but by who waits: when the server ends, or gives up, the caller knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, Final

from socketio_core.app.acks import AckTimeout, Disconnected
from socketio_core.app.socket_operator import answer_of_client
from socketio_core.checks import check_seconds
from socketio_core.errors import LocalProtocolError
from socketio_core.ids import IdFactory
from socketio_core.socketio.acks import check_timeout
from socketio_core.socketio.member import MemberState
from socketio_core.socketio.packet import JSONValue
from socketio_core.socketio.selection import Selection

if TYPE_CHECKING:
    from socketio_core.app.runtime import Event
    from socketio_core.app.socket_inbox import SocketInbox
    from socketio_core.socketio.recoverable import RecoverableSession

USUAL_TIMEOUT_S: Final = 60.0  # half of the window in which a client may come back
USUAL_RETRY_S: Final = 10.0  # as a client's `ack_timeout_s`


class Waiters:
    """Who waits for a lost client; belongs to its session, as `RecoverableSession.context`."""

    __slots__ = ("_events",)

    def __init__(self) -> None:
        self._events: list[Event] = []

    def add(self, event: Event) -> None:
        """Wake somebody next time."""
        self._events.append(event)

    def remove(self, event: Event) -> None:
        """Wake somebody no more."""
        if event in self._events:
            self._events.remove(event)

    def wake(self) -> None:
        """Let all of them look."""
        events, self._events = self._events, []
        for event in events:
            event.set()


class _Alarm:
    """Wakes somebody when the time has come."""

    __slots__ = ("_event",)

    def __init__(self, event: Event) -> None:
        self._event = event

    def handle_timeout(self, now: float) -> None:
        """See `Scheduled`."""
        self._event.set()


def wake_waiters(session: RecoverableSession | None) -> None:
    """The client of a session is back, or will not be."""
    if session is not None and isinstance(session.context, Waiters):
        session.context.wake()


async def deliver(
    inbox: SocketInbox,
    name: str,
    args: Sequence[JSONValue],
    *,
    timeout_s: float | None,
    retry_s: float,
    new_id: IdFactory,
) -> list[JSONValue]:
    """Send an event until it is acknowledged; see `Socket.emit_reliably`."""
    session, runtime = inbox.member.recoverable, inbox.runtime
    check_timeout(timeout_s)
    check_seconds("retry", retry_s)
    await runtime.check_cancelled()
    if session is None:
        raise LocalProtocolError("emit_reliably needs a server whose clients may come back: Server(recovery=...)")
    given_up_at = inf if timeout_s is None else runtime.now() + timeout_s
    given = (*args, new_id())
    while True:
        there = await _present(session, inbox, name, given_up_at)
        left_s = given_up_at - runtime.now()
        if left_s < 0:  # it came too late
            raise _not_there(name)
        how = Selection(timeout_s=min(retry_s, left_s))
        try:
            return await answer_of_client(there, name, given, how)
        except AckTimeout:
            if runtime.now() >= given_up_at:
                raise
        except Disconnected:
            pass  # whether it comes back, is seen above


async def _present(session: RecoverableSession, inbox: SocketInbox, name: str, until: float) -> SocketInbox:
    """Wait until the client is there, and return the inbox of the socket that stands for it."""
    runtime, agenda = inbox.runtime, inbox.app.core.agenda
    if not isinstance(session.context, Waiters):
        session.context = Waiters()
    while True:
        member = session.member
        if member is not None and member.state is MemberState.JOINED:
            there: SocketInbox = member.context  # type: ignore[assignment] # see `inbox_of`
            return there
        if session.is_over:
            raise Disconnected(f"client did not come back, so {name!r} may not have reached it")
        if runtime.now() >= until:
            raise _not_there(name)
        event = runtime.new_event()
        session.context.add(event)
        timer = None if until == inf else agenda.schedule(until, _Alarm(event), layer=1)
        runtime.output_ready()  # a deadline may be nearer
        try:
            await event.wait()
        finally:
            session.context.remove(event)
            if timer is not None:
                timer.cancel()


def _not_there(name: str) -> AckTimeout:
    return AckTimeout(f"client was not there in time to acknowledge {name!r}")
