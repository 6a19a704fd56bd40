"""A parser of the application's own, kept from harming more than the call or the connection it is used for.

What it raises while it encodes comes out of the call that sent something; what it raises while it decodes is a
`PacketError`, which ends that connection and says whose fault it was (its `__cause__`). What it returns is looked at
here, once: a frame of a wrong type would fail much later, where the bytes of somebody else are written.
"""

from __future__ import annotations

from typing import Any

from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.packet import MESSAGE, Payload
from socketio_core.errors import PacketError
from socketio_core.socketio.json_parser import JsonParser
from socketio_core.socketio.packet import CONNECT, CONNECT_ERROR, JSONValue, Packet, check_payload
from socketio_core.socketio.parser import Decoder, Parser


def guard(parser: Parser) -> GuardedParser | JsonParser:
    """Return a parser that fails as others may rely on; the usual one needs no guard."""
    return parser if type(parser) is JsonParser or type(parser) is GuardedParser else GuardedParser(parser)


class GuardedParser:
    """See above."""

    __slots__ = ("parser",)

    def __init__(self, parser: Parser) -> None:
        self.parser = parser

    def encode(self, packet: Packet) -> WireMessage:
        """Encode a packet.

        Raises:
            LocalProtocolError: the data cannot be encoded.
            TypeError: the parser returned no messages.
            Exception: whatever else the parser raises.
        """
        message: Any = self.parser.encode(packet)
        if not isinstance(message, WireMessage):
            raise TypeError(f"{self._name} must encode to a WireMessage, not to: {message!r:.100}")
        frames: tuple[Any, ...] = tuple(message.frames)
        for frame in frames:
            if not (isinstance(frame, bytes) or (isinstance(frame, str) and frame[:1] == MESSAGE)):
                raise TypeError(
                    f"{self._name} must encode to frames that are bytes or text with '4' first: {frame!r:.100}"
                )
        return message

    def encode_fields(self, kind: int, nsp: str, data: JSONValue, ack_id: int | None = None) -> WireMessage:
        """Encode a packet of these fields; see `encode`."""
        return self.encode(Packet(kind, nsp, data, ack_id))

    def decoder(self) -> Decoder:
        """Return the decoder of a new connection; one that cannot be made says so when it is fed."""
        return GuardedDecoder(self.parser)

    @property
    def _name(self) -> str:
        return type(self.parser).__name__


class GuardedDecoder:
    """Feeds the parser's decoder, and believes nothing that comes back."""

    __slots__ = ("_decoder", "_parser")

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self._decoder: Decoder | None = None

    def feed(self, payload: Payload) -> Packet | None:
        """Take one message; see `Decoder.feed`."""
        try:
            if self._decoder is None:
                self._decoder = self._parser.decoder()
            packet: Any = self._decoder.feed(payload)
            return None if packet is None else _check(packet)
        except PacketError:
            raise
        except Exception as error:
            raise PacketError(f"{type(self._parser).__name__} failed: {error!r:.200}") from error


def _check(packet: Any) -> Packet:
    if not isinstance(packet, Packet):
        raise TypeError(f"decoder must return a Packet or None, not: {packet!r:.100}")
    nsp: Any = packet.nsp
    ack_id: Any = packet.id
    if type(packet.type) is not int or not CONNECT <= packet.type <= CONNECT_ERROR:
        raise TypeError(f"unknown packet type: {packet.type!r:.100}")
    if not isinstance(nsp, str) or not (ack_id is None or (type(ack_id) is int and ack_id >= 0)):
        raise TypeError(f"packet must have a namespace, and an id or None: {nsp!r:.100}, {ack_id!r:.100}")
    check_payload(packet.type, packet.data, packet.id)
    return packet
