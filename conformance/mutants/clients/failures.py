"""Clients that are wrong about what goes wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from conformance.mutants.clients import caught_by
from socketio_core.engineio.client.carriers import ClientWebSocket
from socketio_core.engineio.client.session import ClientSession
from socketio_core.engineio.client.states import Reaction
from socketio_core.engineio.events import Closed
from socketio_core.engineio.packet import Frame, Payload
from socketio_core.errors import CloseReason, PacketError
from socketio_core.socketio.binary import Incomplete
from socketio_core.socketio.client.client import ClientCore
from socketio_core.socketio.client.events import ClientEvent, EventReceived
from socketio_core.socketio.json_decoder import JsonDecoder
from socketio_core.socketio.packet import Packet

_NUMBER: Final = re.compile('"num":-?[0-9]+')
_BAD_PACKETS: Final = (
    "failures/bad_json_is_a_parse_error",
    "failures/unknown_packet_is_a_parse_error",
    "failures/text_for_an_attachment_is_a_parse_error",
    "failures/bad_placeholder_is_a_parse_error",
    "failures/flood_of_attachments_is_a_parse_error",
    "failures/event_without_a_payload_is_a_parse_error",
)


@caught_by("failures/lost_websocket_is_a_transport_close", "failures/close_packet_on_polling_ends_the_session")
class CallsEveryEndAnError(ClientCore):
    """The end of a connection is reported as "transport error", whatever it was."""

    def _lost(self, event: Closed, now: float) -> None:
        super()._lost(Closed(CloseReason.TRANSPORT_ERROR, event.error), now)


@caught_by(
    "failures/lost_poll_is_a_transport_error",
    "failures/bad_engine_packet_is_a_parse_error",
    "transports/refused_post_ends_the_connection",
    "transports/refused_poll_ends_the_connection",
    *_BAD_PACKETS,
)
class CallsEveryEndAClose(ClientCore):
    """The end of a connection is reported as "transport close", whatever it was."""

    def _lost(self, event: Closed, now: float) -> None:
        super()._lost(Closed(CloseReason.TRANSPORT_CLOSE, event.error), now)


@caught_by("failures/close_packet_on_polling_ends_the_session")
class IgnoresTheClosePacket(ClientSession):
    """The close packet means nothing."""

    def _act(self, action: Reaction, websocket: ClientWebSocket | None, data: Payload, now: float) -> None:
        if action is not Reaction.PEER_CLOSED:
            super()._act(action, websocket, data, now)


@caught_by("failures/bad_json_is_a_parse_error")
class ForgivesBadPackets(JsonDecoder):
    """What is no packet is passed over."""

    def feed(self, payload: Payload) -> Packet | None:
        try:
            return super().feed(payload)
        except PacketError:
            return None


@caught_by(
    "failures/bad_json_is_a_parse_error",
    "namespaces/closing_on_polling_posts_a_close_packet",
    "namespaces/closing_on_websocket_closes_it",
)
class LeavesTheConnectionOpen(ClientSession):
    """A connection that is of no more use is not closed."""

    def close(self, now: float) -> None:
        pass


@caught_by("failures/events_before_a_bad_packet_are_delivered")
class LosesWhatCameBefore(ClientCore):
    """Events that came together with a bad packet are not delivered."""

    def take_events(self) -> list[ClientEvent]:
        events = super().take_events()
        is_bad = any(isinstance(event, Closed) and event.reason is CloseReason.PARSE_ERROR for event in events)
        return [event for event in events if not (is_bad and isinstance(event, EventReceived))]


@caught_by("failures/unknown_packet_is_a_parse_error")
class PassesOverUnknownTypes(JsonDecoder):
    """Packets of unknown types are for later versions of the protocol."""

    def feed(self, payload: Payload) -> Packet | None:
        return None if isinstance(payload, str) and payload[:1] not in "0123456" else super().feed(payload)


@caught_by("failures/text_for_an_attachment_is_a_parse_error")
class TakesTextForAnAttachment(JsonDecoder):
    """What comes behind a binary event is its attachment."""

    def feed(self, payload: Payload) -> Packet | None:
        return super().feed(payload.encode() if isinstance(payload, str) and self._waiting is not None else payload)


@caught_by("failures/bad_placeholder_is_a_parse_error")
class BelievesPlaceholders(JsonDecoder):
    """Placeholders with impossible numbers stay where they are."""

    def _begin(self, packet: Packet, count: int) -> None:
        try:
            super()._begin(packet, count)
        except PacketError:
            self._waiting = Incomplete(count, packet)


@caught_by(
    "failures/bad_placeholder_is_a_parse_error[too large,polling]",
    "failures/bad_placeholder_is_a_parse_error[too large,websocket]",
    "failures/bad_placeholder_is_a_parse_error[negative,polling]",
    "failures/bad_placeholder_is_a_parse_error[negative,websocket]",
    "events/binary_events_are_put_together",
)
class TakesAnyNumber(JsonDecoder):
    """Every placeholder stands for the first attachment, whatever its number is."""

    def feed(self, payload: Payload) -> Packet | None:
        return super().feed(_NUMBER.sub('"num":0', payload) if isinstance(payload, str) else payload)


@caught_by("failures/flood_of_attachments_is_a_parse_error")
class WaitsForAnyNumberOfAttachments(JsonDecoder):
    """An event may announce as many attachments as it likes."""

    def _check_count(self, count: int) -> int:
        return count


@caught_by("failures/bad_engine_packet_is_a_parse_error")
class PassesOverBadFrames(ClientSession):
    """A frame that is no packet is passed over."""

    def receive(self, websocket: ClientWebSocket, frame: Frame, now: float) -> None:
        self.receive_all(websocket, [frame], now)

    def receive_all(self, websocket: ClientWebSocket, frames: Iterable[Frame], now: float) -> None:
        good = [frame for frame in frames if isinstance(frame, bytes) or frame[:1] in "0123456"]
        super().receive_all(websocket, good, now)


@caught_by("failures/event_without_a_payload_is_a_parse_error")
class TakesNothingForAnEvent(JsonDecoder):
    """An event without a payload is none."""

    def feed(self, payload: Payload) -> Packet | None:
        return None if payload == "2" else super().feed(payload)
