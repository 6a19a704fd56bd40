"""What a client wants in flight: HTTP exchanges and WebSockets.

Each has a `context` that belongs to the host and that the core never touches. `take_ready()` names those that the host
must see to: begin with a new one (its `context` is still `None`), write what a WebSocket has to say, drop what is
cancelled or closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from socketio_core.engineio.client.states import CarrierState
from socketio_core.engineio.close_codes import NO_CODE
from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.outbox import Outbox
from socketio_core.engineio.parts import Parts
from socketio_core.engineio.payload import HandedOn, hand_on, split_payload

if TYPE_CHECKING:
    from socketio_core.engineio.client.session import ClientSession


class Exchange:
    """One HTTP request that the client wants to make, and whose response it wants to be told.

    The host sends it and calls `exchange_done` or `lost`, once. When `is_cancelled` is true nobody wants the
    response any more: the host drops the connection.

    It is made once, whatever becomes of it: of one that failed nobody knows whether the server acted on it. And it is
    made as it is here: the host, or its HTTP library, adds no cookies, follows no redirects, and sends no
    `Accept-Encoding` of its own, for all that is the session's.

    Attributes:
        method: `"GET"` or `"POST"`.
        target: path and query.
        headers: all but `Content-Length`, in the order of sending, `Host` first.
        limit_bytes: a response whose body is larger is a failure.
        timeout_s: how long the whole exchange may take; `None`: the session watches over it itself.
        packets: those of the response that were not processed yet; `None` before the first was.
    """

    __slots__ = (
        "body",
        "context",
        "headers",
        "is_cancelled",
        "is_ready",
        "limit_bytes",
        "method",
        "packets",
        "session",
        "target",
        "timeout_s",
    )

    def __init__(
        self,
        session: ClientSession,
        method: str,
        target: str,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        *,
        limit_bytes: int,
        timeout_s: float | None,
    ) -> None:
        self.session = session
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.limit_bytes = limit_bytes
        self.timeout_s = timeout_s
        self.packets: Iterator[str] | None = None
        self.context: object = None
        self.is_ready = False
        self.is_cancelled = False

    def __repr__(self) -> str:
        return f"<Exchange {self.method} {self.target.partition('?')[0]}>"

    def advance(self, body: bytes, receive: Callable[[str], bool], max_packets: float) -> bool:
        """Hand on packets of the response, large ones counted for several. Returns whether there may be more.

        Called by the session.

        Raises:
            PacketError: it cannot be taken apart, or a packet of it makes no sense.
        """
        if self.packets is None:
            self.packets = split_payload(body, self.session.engine_settings.max_packets_per_payload)
        return hand_on(self.packets, receive, max_packets) is HandedOn.SOME


class ClientWebSocket:
    """A WebSocket that the client wants to have open.

    The host does the handshake and calls `websocket_opened`, `websocket_refused` or `lost`. Then it writes what
    `take()` returns. Once `is_closed` is true it writes what is left, sends a close frame with `close_code` and
    `close_text`, and drops the connection; frames that still arrive are ignored. Whoever ended it, it calls `lost` when
    the connection is gone: not before that the session is done.

    Attributes:
        close_code: for the close frame: `NO_CODE` (1005) says that it has none, as libraries for WebSockets have it.
            After `lost` it is what answers the server's own close frame.
        target: path and query of the handshake.
        headers: of the handshake, without those of the WebSocket protocol itself.
        subprotocols: to be offered in the handshake.
        subprotocol: the one that the server chose; `None` before, and if none was offered.
        is_open: the handshake is done.
        parts: of a message that has not arrived as a whole.
    """

    __slots__ = (
        "close_code",
        "close_text",
        "context",
        "headers",
        "is_closed",
        "is_open",
        "is_ready",
        "outbox",
        "parts",
        "session",
        "state",
        "subprotocol",
        "subprotocols",
        "target",
    )

    def __init__(
        self,
        session: ClientSession,
        target: str,
        headers: list[tuple[bytes, bytes]],
        state: CarrierState,
        subprotocols: Sequence[str] = (),
    ) -> None:
        self.session = session
        self.target = target
        self.headers = headers
        self.subprotocols = subprotocols
        self.subprotocol: str | None = None
        self.state = state
        self.context: object = None
        self.outbox = Outbox()
        self.is_open = False
        self.is_closed = False
        self.is_ready = False
        self.close_code = NO_CODE
        self.close_text = ""
        self.parts = Parts()

    def __repr__(self) -> str:
        return f"<ClientWebSocket {self.state.value}, {'open' if self.is_open else 'not open'}>"

    def take(self, max_bytes: int | None = None) -> list[WireMessage]:
        """Remove and return what is to be sent now, in order; no more than `max_bytes`, but at least one message.

        Nothing while the handshake is not done.
        """
        return self.outbox.take(max_bytes=max_bytes) if self.is_open else []

    def detach(self) -> None:
        """Be no part of the session any more. Called by the session."""
        self.state = CarrierState.DETACHED
        self.is_closed = True
        self.parts.clear()


ClientCarrier = Exchange | ClientWebSocket


class ReadyList:
    """The carriers of one session that the host must see to, each once."""

    __slots__ = ("_carriers",)

    def __init__(self) -> None:
        self._carriers: list[ClientCarrier] = []

    def __bool__(self) -> bool:
        return bool(self._carriers)

    def mark(self, carrier: ClientCarrier) -> None:
        """Add one, however often it is marked."""
        if not carrier.is_ready:
            carrier.is_ready = True
            self._carriers.append(carrier)

    def take(self) -> list[ClientCarrier]:
        """Remove and return them."""
        carriers, self._carriers = self._carriers, []
        for carrier in carriers:
            carrier.is_ready = False
        return carriers
