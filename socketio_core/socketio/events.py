"""What the Socket.IO layer reports; the same names for the same facts on both roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from socketio_core.engineio.events import RequestRefused
from socketio_core.errors import CloseReason, RemoteProtocolError
from socketio_core.records import record
from socketio_core.socketio.packet import JSONValue

if TYPE_CHECKING:
    from socketio_core.socketio.connection import Connection
    from socketio_core.socketio.member import Member
    from socketio_core.socketio.recoverable import RecoverableSession


@record
class Claim:
    """What a client that was lost says to have its session back. Both are secrets of the client's."""

    pid: str
    offset: str | None = None  # of the last event that it got; `None` when it got none

    def __repr__(self) -> str:
        return "<Claim>"


@record
class ConnectRequested:
    """A client asks to join a namespace; decide, then `accept` or `refuse` the member."""

    member: Member
    auth: dict[str, JSONValue]  # what the client sent, without a claim; `{}` when nothing
    claim: Claim | None = None  # for `ServerCore.take_session`, if the server recovers sessions


@record
class EventReceived:
    """A client emitted an event."""

    member: Member
    name: str
    args: list[JSONValue]
    ack_id: int | None = None  # answer with `member.acknowledge(ack_id, ...)`, once
    size_bytes: int = 0  # of the messages it came in, for whoever queues it


@record
class AckReceived:
    """A client acknowledged an event of ours."""

    member: Member
    args: list[JSONValue]
    context: object  # as given to `emit_with_ack`


@record
class AckExpired:
    """An acknowledgement did not come in time; a later one is ignored."""

    member: Member
    context: object


@record
class AckDropped:
    """An acknowledgement will not come, for the member has left."""

    member: Member
    context: object


@record
class AcksCollected:
    """Of a broadcast that was to be acknowledged no more acks will come: all are there, or the time is up."""

    answers: list[list[JSONValue]]  # the arguments of each, in the order in which they came
    silent: tuple[Member, ...]  # recipients that did not answer: those that left, and then those that were late
    context: object  # as given to `broadcast_with_acks`


@record
class Left:
    """A member left its namespace, or never got in: `member.was_accepted` tells. Nothing more comes from it."""

    member: Member
    reason: CloseReason
    error: RemoteProtocolError | None = None
    rooms: frozenset[str] = frozenset()  # those it was in, without the one named by its id
    detail: str = ""  # what else is known of the end of its connection; see `engineio.Closed`


@record
class SessionOver:
    """The client of a session that might have been recovered will not: it left, was not let in, or its time is up."""

    session: RecoverableSession


@record
class ConnectionOpened:
    """A client has begun an Engine.IO session; it has joined no namespace yet."""

    connection: Connection


@record
class ConnectionUpgraded:
    """The Engine.IO session of a client moved from polling to its WebSocket; nothing was lost or reordered."""

    connection: Connection


@record
class ConnectionClosed:
    """The Engine.IO session of a client ended; its members had their `Left` before."""

    connection: Connection
    reason: CloseReason
    error: RemoteProtocolError | None = None
    code: int | None = None  # see `engineio.Closed`
    detail: str = ""


ServerEvent = (
    ConnectRequested
    | EventReceived
    | AckReceived
    | AckExpired
    | AckDropped
    | AcksCollected
    | Left
    | SessionOver
    | ConnectionOpened
    | ConnectionUpgraded
    | ConnectionClosed
    | RequestRefused
)
