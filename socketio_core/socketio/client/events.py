"""What a client reports; the names are those of the server's events where the facts are the same.

Of the Engine.IO layer it passes on `Opened`, `OpenFailed`, `Upgraded`, `UpgradeFailed`, `Pinged` and `Closed`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from socketio_core.engineio.client.events import Opened, OpenFailed, Pinged, UpgradeFailed
from socketio_core.engineio.events import Closed, Upgraded
from socketio_core.errors import CloseReason, RemoteProtocolError
from socketio_core.records import record
from socketio_core.socketio.packet import JSONValue

if TYPE_CHECKING:
    from socketio_core.socketio.client.namespace import ClientNamespace


@record
class AuthRequested:
    """A namespace is about to be connected; answer with `namespace.provide_auth(attempt, auth, now)`."""

    namespace: ClientNamespace
    attempt: int  # which of the namespace's connects it is for; an answer to an earlier one is ignored


@record
class Connected:
    """The server let the client into a namespace."""

    namespace: ClientNamespace
    recovered: bool  # the server restored what was there before; missed events follow


@record
class ConnectFailed:
    """The client is not in a namespace: it was refused, or there is no connection to the server."""

    namespace: ClientNamespace
    message: str
    data: JSONValue = None  # what a refusal came with
    will_retry: bool = False  # by itself; otherwise `namespace.connect` is the way to try again


@record
class EventReceived:
    """The server emitted an event."""

    namespace: ClientNamespace
    name: str
    args: list[JSONValue]
    ack_id: int | None = None  # answer with `namespace.acknowledge(ack_id, ...)`, once
    size_bytes: int = 0  # of the messages it came in, for whoever queues it
    has_offset: bool = False  # its last argument may be the server's mark for recovery (PROTOCOL 3.9)


@record
class AckReceived:
    """The server acknowledged an event of ours."""

    namespace: ClientNamespace
    args: list[JSONValue]
    context: object  # as given to `emit_with_ack`


@record
class AckExpired:
    """An acknowledgement did not come in time, whatever the number of tries; a later one is ignored."""

    namespace: ClientNamespace
    context: object


@record
class AckDropped:
    """An acknowledgement will not come: the event was sent, and the connection is gone."""

    namespace: ClientNamespace
    context: object


@record
class EmitFailed:
    """An event that was buffered, or sent again and again, is given up."""

    namespace: ClientNamespace
    name: str
    detail: str


@record
class Left:
    """The client is no longer in a namespace that it was in."""

    namespace: ClientNamespace
    reason: CloseReason
    error: RemoteProtocolError | None = None
    will_retry: bool = False  # it connects again by itself


@record
class ReconnectScheduled:
    """The next attempt to connect begins in a while."""

    attempt: int  # from 1
    delay_s: float


@record
class ReconnectAttempted:
    """An attempt to connect again begins."""

    attempt: int  # from 1


@record
class Reconnected:
    """The connection is there again; the namespaces follow."""

    attempts: int  # how many it took


@record
class ReconnectFailed:
    """All attempts were in vain, and there will be no more."""

    attempts: int


ClientEvent = (
    AuthRequested
    | Connected
    | ConnectFailed
    | EventReceived
    | AckReceived
    | AckExpired
    | AckDropped
    | EmitFailed
    | Left
    | ReconnectScheduled
    | ReconnectAttempted
    | Reconnected
    | ReconnectFailed
    | Opened
    | OpenFailed
    | Upgraded
    | UpgradeFailed
    | Pinged
    | Closed
)
