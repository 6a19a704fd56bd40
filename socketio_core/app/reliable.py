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
from socketio_core.app.waiting import Until, Waiters
from socketio_core.checks import check_seconds
from socketio_core.errors import LocalProtocolError
from socketio_core.ids import IdFactory
from socketio_core.socketio.acks import check_timeout
from socketio_core.socketio.member import MemberState
from socketio_core.socketio.packet import JSONValue
from socketio_core.socketio.selection import Selection

if TYPE_CHECKING:
    from socketio_core.app.socket_inbox import SocketInbox
    from socketio_core.socketio.recoverable import RecoverableSession

USUAL_TIMEOUT_S: Final = 60.0  # half of the window in which a client may come back
USUAL_RETRY_S: Final = 10.0  # as a client's `ack_timeout_s`


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
    timeout_s = check_timeout(timeout_s)
    check_seconds("retry", retry_s)
    await runtime.check_cancelled()
    if session is None:
        raise LocalProtocolError("emit_reliably needs a server whose clients may come back: Server(recovery=...)")
    until = inbox.until(timeout_s)
    given = (*args, new_id())
    while True:
        there = await _present(session, inbox, name, until)
        left_s = inf if until is None else until.left_s
        if left_s < 0:  # it came too late
            raise _not_there(name)
        try:
            return await answer_of_client(there, name, given, Selection(timeout_s=min(retry_s, left_s)))
        except AckTimeout:
            if until is not None and until.left_s <= 0:
                raise
        except Disconnected:
            pass  # whether it comes back, is seen above


async def _present(session: RecoverableSession, inbox: SocketInbox, name: str, until: Until | None) -> SocketInbox:
    """Wait until the client is there, and return the inbox of the socket that stands for it."""
    if not isinstance(session.context, Waiters):
        session.context = Waiters()
    while True:
        member = session.member
        if member is not None and member.state is MemberState.JOINED:
            there: SocketInbox = member.context  # type: ignore[assignment] # see `inbox_of`
            return there
        if session.is_over:
            raise Disconnected(f"client did not come back, so {name!r} may not have reached it")
        if until is not None and until.left_s <= 0:
            raise _not_there(name)
        await session.context.wait(inbox.runtime, until)


def _not_there(name: str) -> AckTimeout:
    return AckTimeout(f"client was not there in time to acknowledge {name!r}")
