"""Clients that are wrong about joining and leaving namespaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from conformance.mutants.clients import caught_by
from socketio_core.engineio.client.carriers import ClientWebSocket
from socketio_core.engineio.client.session import ClientSession
from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.packet import Payload
from socketio_core.engineio.states import SessionState
from socketio_core.errors import CloseReason
from socketio_core.socketio.client.client import ClientCore
from socketio_core.socketio.client.namespace import ClientNamespace, NamespaceState
from socketio_core.socketio.client.pending import Emit
from socketio_core.socketio.json_decoder import JsonDecoder
from socketio_core.socketio.json_parser import JsonParser
from socketio_core.socketio.packet import DISCONNECT, EVENT, ROOT_NAMESPACE, JSONValue, Packet, event_packet
from socketio_core.wire.directions import Outbound
from socketio_core.wire.websocket import Frames


@caught_by("namespaces/connect_carries_auth", "namespaces/namespaces_share_a_connection")
class ForgetsAuth(ClientNamespace):
    """CONNECT carries nothing."""

    def _send_connect(self, auth: Mapping[str, JSONValue] | None, now: float) -> None:
        super()._send_connect(None, now)


@caught_by("namespaces/refusal_is_reported_and_final")
class TriesAgainAfterRefusal(ClientNamespace):
    """A refused CONNECT is followed by a new connection."""

    def _refused(self, message: str, data: JSONValue, now: float) -> None:
        super()._refused(message, data, now)
        self.connect(now)


@caught_by("namespaces/refusal_is_reported_and_final")
class DoesNotSayWhy(ClientNamespace):
    """A refusal is reported without the server's words."""

    def _refused(self, message: str, data: JSONValue, now: float) -> None:
        super()._refused("refused", None, now)


@caught_by("namespaces/namespaces_share_a_connection", "namespaces/leaving_a_namespace_says_so")
class KnowsOneNamespace(JsonDecoder):
    """All that comes is for the root namespace."""

    def feed(self, payload: Payload) -> Packet | None:
        packet = super().feed(payload)
        return None if packet is None else Packet(packet.type, ROOT_NAMESPACE, packet.data, packet.id)


@caught_by("namespaces/namespaces_share_a_connection")
class EmitsToTheRoot(JsonParser):
    """Events do not name their namespace."""

    def encode_fields(self, kind: int, nsp: str, data: JSONValue, ack_id: int | None = None) -> WireMessage:
        return super().encode_fields(kind, ROOT_NAMESPACE if kind == EVENT else nsp, data, ack_id)


@caught_by("namespaces/emits_wait_for_the_answer_to_connect")
class DoesNotWaitToBeLetIn(ClientNamespace):
    """What is emitted before the answer to CONNECT is sent right behind it."""

    def _send_connect(self, auth: Mapping[str, JSONValue] | None, now: float) -> None:
        super()._send_connect(auth, now)
        self._send_early()

    def emit(
        self, name: str, args: Sequence[JSONValue], *, now: float, volatile: bool = False, compress: bool = True
    ) -> bool:
        sent = super().emit(name, args, now=now, volatile=volatile, compress=compress)
        if self.state is NamespaceState.CONNECTING:
            self._send_early()
        return sent

    def _send_early(self) -> None:
        buffer = self._outgoing._buffer  # pyright: ignore[reportPrivateUsage]
        while buffer.emits:
            self.put(buffer.pop().message)


@caught_by("namespaces/volatile_emits_do_not_wait")
class KeepsVolatileEvents(ClientNamespace):
    """Volatile events wait like others."""

    def emit(
        self, name: str, args: Sequence[JSONValue], *, now: float, volatile: bool = False, compress: bool = True
    ) -> bool:
        if volatile and not self.is_connected:
            self._outgoing.buffer(Emit(name, self.client.parser.encode(event_packet(self.name, name, args))))
            return True
        return super().emit(name, args, now=now, volatile=volatile, compress=compress)


@caught_by("namespaces/events_before_connect_are_kept")
class ForgetsEarlyEvents(ClientNamespace):
    """What comes before the answer to CONNECT is not delivered."""

    def _decide(self, packet: Packet, size_bytes: int, now: float) -> None:
        if packet.type != EVENT:
            super()._decide(packet, size_bytes, now)


@caught_by("namespaces/goodbye_of_the_server_is_final")
class ComesBackAfterGoodbye(ClientNamespace):
    """The server's DISCONNECT is followed by a new connection."""

    def receive(self, packet: Packet, size_bytes: int, now: float) -> None:
        super().receive(packet, size_bytes, now)
        if packet.type == DISCONNECT:
            self.connect(now)


@caught_by(
    "namespaces/leaving_a_namespace_says_so",
    "namespaces/closing_on_polling_posts_a_close_packet",
    "namespaces/closing_on_websocket_closes_it",
)
class LeavesWithoutAWord(ClientNamespace):
    """No DISCONNECT is sent."""

    def disconnect(self, now: float) -> None:
        if self.is_connected:
            self.end(CloseReason.IO_CLIENT_DISCONNECT, None, will_retry=False)
            self.client.close_if_unwanted(now)


@caught_by("namespaces/leaving_a_namespace_says_so")
class ClosesWithTheFirst(ClientCore):
    """The connection is closed when one namespace of several was left."""

    def close_if_unwanted(self, now: float) -> None:
        if self.session is not None:
            self.session.close(now)


@caught_by("namespaces/closing_on_polling_posts_a_close_packet")
class PostsNoClosePacket(ClientSession):
    """A session on polling ends without a close packet."""

    def close(self, now: float) -> None:
        super().close(now)
        if self.state is SessionState.CLOSING:
            self.outbox.size_bytes -= self.outbox.messages.pop().size_bytes


@caught_by("namespaces/closing_on_websocket_closes_it")
class DropsTheWebSocket(Frames[ClientWebSocket]):
    """A WebSocket is closed without a close frame."""

    def _take(self) -> bytes:
        data = super()._take()
        return data[:-6] if self._outbound is Outbound.LAST else data

    def sent(self, now: float) -> None:
        if self._outbound is Outbound.LAST:
            self._wire.lost(now)
