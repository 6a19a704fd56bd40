"""Servers that are wrong about HTTP and the handshake."""

from __future__ import annotations

from conformance.mutants import Broken, caught_by
from socketio_core.engineio import Frame
from socketio_core.http import Request, Response


@caught_by("handshake/open_packet_has_the_fields*")
class SaysNoMaxPayload(Broken):
    """The open packet lacks `maxPayload`."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [packet.replace(',"maxPayload":1000000', "")] if isinstance(packet, str) else [packet]


@caught_by("handshake/unknown_transport_is_refused*")
class ErrorsHaveNoBody(Broken):
    """Refusals come without the JSON that says why."""

    def on_response(self, request: Request, response: Response) -> Response:
        return response if response.status == 200 else Response(response.status, [(b"content-length", b"0")])


@caught_by("handshake/each_session_has_an_id_of_its_own[polling]")
class OnePollingSession(Broken):
    """Whoever comes by polling is told the same session id."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        if isinstance(packet, str) and packet.startswith("0{") and '"upgrades":["' in packet:
            return ['0{"sid":"AAAA","upgrades":["websocket"]}']
        return [packet]
