"""Clients that are wrong about events and acknowledgements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from conformance.mutants.clients import caught_by
from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.packet import Payload
from socketio_core.errors import PacketError
from socketio_core.socketio.client.namespace import ClientNamespace
from socketio_core.socketio.client.outgoing import Outgoing
from socketio_core.socketio.json_decoder import JsonDecoder
from socketio_core.socketio.json_parser import JsonParser
from socketio_core.socketio.packet import EVENT, JSONValue, Packet
from socketio_core.socketio.selection import Selection


@caught_by("events/events_carry_every_value")
class LeavesOutNulls(JsonParser):
    """Arguments that are null are not sent."""

    def encode_fields(self, kind: int, nsp: str, data: JSONValue, ack_id: int | None = None) -> WireMessage:
        if kind == EVENT:
            data = [value for value in data if value is not None]
        return super().encode_fields(kind, nsp, data, ack_id)


@caught_by("events/events_carry_every_value")
class RoundsNumbers(JsonDecoder):
    """Numbers become integers."""

    def feed(self, payload: Payload) -> Packet | None:
        packet = super().feed(payload)
        if packet is None or packet.type != EVENT:
            return packet
        data = [int(value) if isinstance(value, float) else value for value in packet.data]
        return Packet(packet.type, packet.nsp, data, packet.id)


@caught_by("events/binary_events_are_put_together")
class MixesUpAttachments(JsonDecoder):
    """Attachments are filled in from the last one on."""

    def _begin(self, packet: Packet, count: int) -> None:
        super()._begin(packet, count)
        assert self._waiting is not None  # it has begun
        self._waiting.slots = [(container, key, count - 1 - number) for container, key, number in self._waiting.slots]


@caught_by("events/binary_events_are_taken_apart")
class SendsAttachmentsInReverse(JsonParser):
    """The last attachment is sent first."""

    def encode_fields(self, kind: int, nsp: str, data: JSONValue, ack_id: int | None = None) -> WireMessage:
        head, *attachments = super().encode_fields(kind, nsp, data, ack_id).frames
        return WireMessage([head, *attachments[::-1]])


@caught_by("events/binary_events_are_taken_apart", "events/binary_acks_are_given")
class SaysNothingOfBytes(JsonParser):
    """Packets with attachments are of the type of those without."""

    def _binary_head(self, kind: int, attachments: list[bytes]) -> str:
        return f"4{kind}{len(attachments)}-"


@caught_by("events/acks_are_given_once_with_their_id")
class AcknowledgesTwice(ClientNamespace):
    """Each acknowledgement is sent twice."""

    def acknowledge(self, ack_id: int, args: Sequence[JSONValue]) -> bool:
        return super().acknowledge(ack_id, args) and super().acknowledge(ack_id, args)


@caught_by("events/acks_are_given_once_with_their_id", "events/events_carry_every_value")
class AcknowledgesEverything(ClientNamespace):
    """Events that ask for no acknowledgement get one."""

    def receive(self, packet: Packet, size_bytes: int, now: float) -> None:
        if packet.type == EVENT and packet.id is None:
            packet = Packet(packet.type, packet.nsp, packet.data, 0)
        super().receive(packet, size_bytes, now)


@caught_by("events/acks_are_given_once_with_their_id", "events/binary_acks_are_given")
class NumbersAcksByItself(ClientNamespace):
    """Acknowledgements have ids of the client's own."""

    _last_id = -1

    def acknowledge(self, ack_id: int, args: Sequence[JSONValue]) -> bool:
        self._last_id += 1
        return super().acknowledge(self._last_id, args)


@caught_by("events/acks_settle_the_call_of_their_id")
class SettlesInOrder(Outgoing):
    """An acknowledgement settles the oldest call, whatever its id."""

    def ack_arrived(self, ack_id: int, args: list[JSONValue], now: float) -> None:
        super().ack_arrived(next(iter(self.acks), ack_id), args, now)


@caught_by("events/acks_settle_the_call_of_their_id")
class NumbersAllCallsAlike(Outgoing):
    """All calls have the same id."""

    def ask(self, name: str, args: Sequence[JSONValue], how: Selection, *, context: object, now: float) -> int | None:
        self._next_ack_id = 0
        return super().ask(name, args, how, context=context, now=now)


@caught_by("events/acks_settle_the_call_of_their_id", "events/calls_fail_in_time")
class RefusesUnknownAcks(Outgoing):
    """An acknowledgement that nobody waits for is an error."""

    def ack_arrived(self, ack_id: int, args: list[JSONValue], now: float) -> None:
        if ack_id not in self.acks:
            raise PacketError("unknown ack")
        super().ack_arrived(ack_id, args, now)


@caught_by("events/calls_fail_in_time")
class GivesUpAtOnce(ClientNamespace):
    """A call does not wait for its acknowledgement."""

    def emit_with_ack(self, name: str, args: Sequence[JSONValue], **options: Any) -> int | None:
        options["timeout_s"] = 0.0
        return super().emit_with_ack(name, args, **options)


@caught_by("events/calls_fail_in_time")
class NeverGivesUp(ClientNamespace):
    """A call waits for its acknowledgement whatever time it was given."""

    def emit_with_ack(self, name: str, args: Sequence[JSONValue], **options: Any) -> int | None:
        options["timeout_s"] = None
        return super().emit_with_ack(name, args, **options)


@caught_by("events/calls_fail_when_the_connection_is_lost")
class WaitsForLostAnswers(Outgoing):
    """A call outlives its connection."""

    def disconnected(self) -> None:
        pass
