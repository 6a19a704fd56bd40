"""Clients that open a session in the wrong way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf

from conformance.mutants.clients import caught_by
from socketio_core.engineio.client.carriers import Exchange
from socketio_core.engineio.client.handshake import OpenPacket
from socketio_core.engineio.client.requests import ClientMemory, RequestMaker
from socketio_core.engineio.client.session import ClientSession
from socketio_core.http import Response
from socketio_core.settings import EngineClientSettings
from socketio_core.socketio.client.namespace import ClientNamespace


@caught_by(
    "handshake/handshake_names_protocol_and_transport",
    "handshake/websocket_handshake_names_protocol_and_transport",
    "handshake/later_requests_name_the_session",
)
class SpeaksTheOldProtocol(RequestMaker):
    """Requests name version 3 of Engine.IO."""

    def _target(self, transport: str, sid: str) -> str:
        return super()._target(transport, sid).replace("EIO=4", "EIO=3")


@caught_by(
    "handshake/handshake_names_protocol_and_transport",
    "handshake/websocket_handshake_names_protocol_and_transport",
    "handshake/later_requests_name_the_session",
)
class ForgetsTheSlash(RequestMaker):
    """The path of requests lacks its last slash."""

    def _target(self, transport: str, sid: str) -> str:
        return super()._target(transport, sid).replace("/?", "?")


@caught_by(
    "handshake/handshake_names_protocol_and_transport",
    "handshake/websocket_handshake_names_protocol_and_transport",
    "handshake/later_requests_name_the_session",
)
class SaysNoTransport(RequestMaker):
    """Requests do not name their transport."""

    def _target(self, transport: str, sid: str) -> str:
        return super()._target(transport, sid).replace(f"&transport={transport}", "")


@caught_by(
    "handshake/handshake_names_protocol_and_transport",
    "handshake/websocket_handshake_names_protocol_and_transport",
    "events/events_carry_every_value[polling]",
)
class NamesASessionAtOnce(RequestMaker):
    """There is a sid in the handshake, an empty one."""

    def _target(self, transport: str, sid: str) -> str:
        return super()._target(transport, sid) + ("" if sid else "&sid=")


@caught_by("handshake/own_query_and_headers_are_sent")
class ForgetsOwnQuery(RequestMaker):
    """The application's query is not sent."""

    def __init__(
        self,
        session: ClientSession,
        settings: EngineClientSettings,
        memory: ClientMemory,
        random: Callable[[], float],
    ) -> None:
        super().__init__(session, replace(settings, query=[]), memory, random)


@caught_by("handshake/own_query_and_headers_are_sent")
class ForgetsOwnHeaders(RequestMaker):
    """The application's headers are not sent."""

    def _headers(self, now: float) -> list[tuple[bytes, bytes]]:
        return [(name, value) for name, value in super()._headers(now) if not name.lower().startswith(b"x-")]


@caught_by("handshake/later_requests_name_the_session", "events/events_carry_every_value[polling]")
class PostsWithoutTheSid(RequestMaker):
    """POSTs do not name the session."""

    def post(self, sid: str, body: bytes, now: float) -> Exchange:
        return super().post("", body, now)


@caught_by("handshake/cookies_are_sent_back")
class ForgetsCookies(RequestMaker):
    """What the server asked to be sent back is not."""

    def _headers(self, now: float) -> list[tuple[bytes, bytes]]:
        return [(name, value) for name, value in super()._headers(now) if name != b"cookie"]


@caught_by("handshake/refused_handshake_is_reported")
class KeepsQuietAboutFailures(ClientNamespace):
    """Nobody is told that there is no connection."""

    def open_failed(self, message: str, *, will_retry: bool) -> None:
        pass


@caught_by("handshake/only_200_is_success")
class TakesAnySuccess(ClientSession):
    """Every 2xx is as good as 200."""

    def exchange_done(self, exchange: Exchange, response: Response, now: float, max_packets: float = inf) -> bool:
        if 200 <= response.status < 300:
            response = Response(200, response.headers, response.body)
        return super().exchange_done(exchange, response, now, max_packets)


@caught_by("handshake/open_packet_without_a_sid_is_refused")
class NeedsNoSid(ClientSession):
    """A session may be without a name."""

    def _read_payload(self, exchange: Exchange, body: bytes, max_packets: float, now: float) -> bool:
        if body.startswith(b"0{") and b'"sid"' not in body:
            self._open(OpenPacket("undefined", (), 25.0, 20.0, None), now)
            return False
        return super()._read_payload(exchange, body, max_packets, now)
