"""A parser of an application's own that fails when it is told to."""

from __future__ import annotations

from typing import Any

from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.packet import Payload
from socketio_core.socketio import JsonParser, Packet


class Fault(Exception):  # noqa: N818 - what goes wrong in these tests
    """What a parser raises."""


class Parser:
    """JSON, but for packets of the types in `bad`, and for messages in `feeds`.

    Attributes:
        bad: what is returned, or raised, in the place of a packet of a type.
        feeds: what is returned, or raised, for any message that arrives.
    """

    def __init__(self) -> None:
        self.bad: dict[int, Any] = {}
        self.feeds: list[Any] = []
        self.decoder_error: Exception | None = None
        self._json = JsonParser()

    def encode(self, packet: Packet) -> WireMessage:
        if packet.type not in self.bad:
            return self._json.encode(packet)
        message: WireMessage = give(self.bad[packet.type])
        return message

    def decoder(self) -> Any:
        if self.decoder_error is not None:
            raise self.decoder_error
        return _Decoder(self)


class _Decoder:
    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self._json = JsonParser().decoder()

    def feed(self, payload: Payload) -> Packet | None:
        if self._parser.feeds:
            packet: Packet = give(self._parser.feeds.pop(0))
            return packet
        return self._json.feed(payload)


def give(outcome: Any) -> Any:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome() if callable(outcome) else outcome
