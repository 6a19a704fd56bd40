"""What the servers of a cluster tell each other, whichever dialect carries it.

Each has the `uid` of the server that says it, `None` where a dialect leaves that out, and the namespace `nsp`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from socketio_core.records import record

EMITTER_UID: Final = "emitter"
"""Of those who only write: they are no servers, and nobody waits for their answers."""


@record
class Audience:
    """Whom a message is for: those in any of `rooms` (in all of them, if there are none) and in none of the others."""

    rooms: Sequence[str]
    except_rooms: Sequence[str]
    flags: Mapping[str, Any]  # as `volatile`, `compress`, `timeout` in milliseconds


@record
class Broadcast:
    """An event. With a `request_id`, each server answers with `ClientCount`, and each of its clients with `ClientAck`.

    One with an `ack_id` went to a single client of the server that says it, and is no business of others: it is there
    so that the client misses nothing when it comes back.
    """

    uid: str | None
    nsp: str
    args: Sequence[Any]  # its name first
    audience: Audience
    request_id: str | None = None
    ack_id: int | None = None


@record
class RoomsJoin:
    """Make sockets join rooms."""

    uid: str | None
    nsp: str
    audience: Audience
    rooms: Sequence[str]


@record
class RoomsLeave:
    """Make sockets leave rooms."""

    uid: str | None
    nsp: str
    audience: Audience
    rooms: Sequence[str]


@record
class SocketsDisconnect:
    """Disconnect sockets, with `close` their connections too."""

    uid: str | None
    nsp: str
    audience: Audience
    close: bool


@record
class SocketsFetch:
    """Ask who is there."""

    uid: str | None
    nsp: str
    audience: Audience
    request_id: str


@record
class SocketsFetched:
    """Who is there, at one server: `id`, `handshake`, `rooms` and `data` of each."""

    uid: str | None
    nsp: str
    request_id: str
    sockets: Sequence[Mapping[str, Any]]


@record
class ServerEmit:
    """An event for the other servers; with a `request_id` each answers."""

    uid: str | None
    nsp: str
    args: Sequence[Any]
    request_id: str | None = None


@record
class ServerAnswer:
    """What a server answers to that: one value."""

    uid: str | None
    nsp: str
    request_id: str
    value: Any


@record
class ClientCount:
    """How many clients of a server got an event that is to be acknowledged."""

    uid: str | None
    nsp: str
    request_id: str
    count: int


@record
class ClientAck:
    """What a client has acknowledged: one value, the first."""

    uid: str | None
    nsp: str
    request_id: str
    value: Any


@record
class RoomsList:
    """Ask which rooms there are; in the classic dialect only."""

    uid: str | None
    nsp: str
    request_id: str


@record
class RoomsListed:
    """Which rooms there are at one server."""

    uid: str | None
    nsp: str
    request_id: str
    rooms: Sequence[str]


@record
class Presence:
    """A server has come (1), is there (2), or goes (13); of older cluster adapters."""

    uid: str | None
    nsp: str
    kind: int


Message = (
    Broadcast
    | RoomsJoin
    | RoomsLeave
    | SocketsDisconnect
    | SocketsFetch
    | SocketsFetched
    | ServerEmit
    | ServerAnswer
    | ClientCount
    | ClientAck
    | RoomsList
    | RoomsListed
    | Presence
)
