"""What can go wrong, and whose fault it is.

`LocalProtocolError` is raised, at once, when the caller misuses the API; nothing has changed then.
`RemoteProtocolError` is what the peer did wrong. Machines never raise it: they put it into `Closed.error`.
`PacketError` is raised by codecs, which know nothing of connections; machines turn it into a close.
"""

from __future__ import annotations

from enum import Enum
from typing import Any


class ProtocolError(Exception):
    """Base class of every error that this package defines about the protocol."""


class LocalProtocolError(ProtocolError):
    """The caller did something that the protocol or the current state does not allow; nothing changed."""


class BufferFull(LocalProtocolError):  # noqa: N818 - named like trio.WouldBlock and queue.Full
    """The peer reads too slowly: its outgoing buffer is above the high-water mark.

    Wait (`await socket.emit(...)` does), drop the message, or disconnect the peer.
    """


class PacketError(ProtocolError):
    """A packet or payload is malformed. The message says what was wrong, never the whole input."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol.

    Attributes:
        websocket_close_code: what to put into a WebSocket close frame, or `None` for a frame without a code.
    """

    def __init__(self, message: str, *, websocket_close_code: int | None = None) -> None:
        super().__init__(message)
        self.websocket_close_code = websocket_close_code


class ClusterError(ProtocolError):
    """Something about the servers that an adapter joins to this one; what this one does alone goes on.

    Attributes:
        partial: what is known without them: what would have been returned, as far as it came.
    """

    def __init__(self, message: str, partial: Any = None) -> None:
        super().__init__(message)
        self.partial = partial


class ConnectRefused(Exception):  # noqa: N818 - reads as the decision that it is: `raise ConnectRefused("...")`
    """Raised by a middleware to refuse a socket; the client gets a CONNECT_ERROR packet.

    Args:
        message: what the client's `connect_error` handler gets as `error.message`.
        data: JSON value for `error.data`; left out when `None`.
    """

    def __init__(self, message: str = "connection refused", data: object = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class EventRefused(Exception):  # noqa: N818 - as `ConnectRefused`
    """Raised by a middleware of events, the event meets no handler; by a handler, it is no failure, but the answer.

    Args:
        answer: the arguments of its acknowledgement, if the client asked for one.
    """

    def __init__(self, *answer: object) -> None:
        super().__init__(*answer)
        self.answer = answer


class InvalidEvent(EventRefused):
    """What came is not what the event was declared as (see `Declare`); the answer says so, and so does the log.

    The answer is `{"error": "invalid event", "detail": detail}`.

    Attributes:
        detail: what was wrong with which argument.
    """

    def __init__(self, detail: str) -> None:
        super().__init__({"error": "invalid event", "detail": detail})
        self.detail = detail

    def __str__(self) -> str:
        return self.detail


class CloseReason(Enum):
    """Why a session or a socket ended: a closed set, with the strings that Socket.IO users know.

    Spec: PROTOCOL 4.5; 5.3 for those of a client.
    """

    TRANSPORT_ERROR = "transport error"
    TRANSPORT_CLOSE = "transport close"
    FORCED_CLOSE = "forced close"
    PING_TIMEOUT = "ping timeout"
    PARSE_ERROR = "parse error"
    SERVER_SHUTTING_DOWN = "server shutting down"
    FORCED_SERVER_CLOSE = "forced server close"
    CLIENT_NAMESPACE_DISCONNECT = "client namespace disconnect"
    SERVER_NAMESPACE_DISCONNECT = "server namespace disconnect"
    IO_SERVER_DISCONNECT = "io server disconnect"
    IO_CLIENT_DISCONNECT = "io client disconnect"
