"""What a client is told over its connection: messages become packets, and packets go to their namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from socketio_core.engineio.packet import Payload
from socketio_core.errors import PacketError
from socketio_core.socketio.json_parser import JsonParser
from socketio_core.socketio.parser import Decoder
from socketio_core.socketio.weight import Scale

if TYPE_CHECKING:
    from socketio_core.socketio.client.client import ClientCore


class Incoming:
    """Reads for one client; `begin` comes before the first message of each connection."""

    __slots__ = ("_client", "_decoder", "_scale", "_unfinished_bytes")

    def __init__(self, client: ClientCore) -> None:
        self._client = client
        self._scale = Scale(is_json=type(client.parser) is JsonParser)
        self.begin()

    def begin(self) -> None:
        """There is a new connection: no packet of the one before is completed by it."""
        self._decoder: Decoder = self._client.parser.decoder()
        self._unfinished_bytes = 0  # of the packet that waits for attachments

    def receive(self, payload: Payload, now: float) -> None:
        """Process one message; what makes no sense costs the connection."""
        client = self._client
        try:
            packet = self._decoder.feed(payload)
            size_bytes, scale = len(payload), self._scale
            if type(payload) is str:
                is_light = size_bytes <= scale.light_chars and not client.is_behind and payload.isascii()
            else:
                is_light = scale.is_json
            if not is_light:
                size_bytes = scale.weigh(payload, packet, exactly=client.is_behind)
            if packet is None:
                self._unfinished_bytes += size_bytes
            else:
                size_bytes += self._unfinished_bytes
                self._unfinished_bytes = 0
                namespace = client.namespaces.get(packet.nsp)
                if namespace is not None:  # others are ignored, as in the reference (PROTOCOL 9-60)
                    namespace.receive(packet, size_bytes, now)
        except PacketError as error:
            client.break_off(str(error), error.__cause__, now)
