"""How a session begins: the open packet, and what else its first answer carries. Spec: PROTOCOL 1.3."""

from __future__ import annotations

import json
from collections.abc import Sequence

from socketio_core.checks import check_id
from socketio_core.engineio.actions import Respond, Upgrade
from socketio_core.engineio.answers import extra_headers, polling_headers, wants_base64
from socketio_core.engineio.carriers import Poll, WebSocket
from socketio_core.engineio.events import Opened
from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.packet import OPEN, message_frame
from socketio_core.engineio.session import Session
from socketio_core.engineio.shared import Shared
from socketio_core.engineio.states import CarrierState
from socketio_core.errors import CloseReason
from socketio_core.http import Request
from socketio_core.ids import IdFactory
from socketio_core.settings import EngineSettings


def open_packet(
    sid: str, upgrades: Sequence[str], ping_interval_s: float, ping_timeout_s: float, max_payload_bytes: int
) -> str:
    """Return `'0{"sid":...,"upgrades":[...],"pingInterval":ms,"pingTimeout":ms,"maxPayload":bytes}'`.

    Exactly these five fields in this order: published test suites compare the keys.
    """
    fields = {
        "sid": sid,
        "upgrades": list(upgrades),
        "pingInterval": round(ping_interval_s * 1000),
        "pingTimeout": round(ping_timeout_s * 1000),
        "maxPayload": max_payload_bytes,
    }
    return OPEN + json.dumps(fields, separators=(",", ":"))


class Handshakes:
    """Begins the sessions of one engine, for requests that may.

    Args:
        new_id: makes session ids; they must be unguessable.
    """

    __slots__ = ("_new_id", "_settings", "_shared")

    def __init__(self, shared: Shared, new_id: IdFactory) -> None:
        self._shared = shared
        self._settings = shared.settings
        self._new_id = new_id

    def begin(self, request: Request, now: float, context: object) -> Respond | Upgrade:
        """Open a session over what the request asks for; nothing has begun if a function in the settings raises.

        Raises:
            ValueError: the factory of ids made one that is no id, or is in use.
        """
        sid = check_id(self._new_id())
        if sid in self._shared.sessions:
            raise ValueError(f"new_id returned the id of an open session: {sid!r:.80}")
        first = _first_messages(sid, self._settings, can_upgrade=not request.is_websocket_upgrade)
        if request.is_websocket_upgrade:
            return self._begin_websocket(request, sid, first, now, context)
        return self._begin_polling(request, sid, first, now)

    def _begin_websocket(
        self, request: Request, sid: str, first: list[WireMessage], now: float, context: object
    ) -> Upgrade:
        headers = extra_headers(request, sid, self._settings)
        session = self._add_session(sid, request, now)
        websocket = WebSocket(session, CarrierState.WEBSOCKET, is_base64=wants_base64(request))
        websocket.context = context
        session.attach_websocket(websocket, first)
        return Upgrade(websocket, headers)

    def _begin_polling(self, request: Request, sid: str, first: list[WireMessage], now: float) -> Respond:
        settings = self._settings
        headers = polling_headers(request, sid, settings)
        if settings.cookie is not None:
            headers.append((b"set-cookie", settings.cookie.header_value(sid)))
        admission = self._shared.admission
        if admission.fresh_count >= settings.max_fresh_sessions:
            self._make_room(request)
        session = self._add_session(sid, request, now)
        admission.begun_by_polling(session)
        session.polling.deadline = now + settings.first_request_timeout_s
        session.reschedule()
        poll = Poll(session, headers, request.header("accept-encoding"), settings.http_compression_threshold_bytes)
        poll.respond(first)
        assert poll.response is not None  # respond() sets it
        return Respond(poll.response)

    def _add_session(self, sid: str, request: Request, now: float) -> Session:
        shared = self._shared
        if len(shared.sessions) >= shared.settings.max_sessions:
            self._make_room(request)
        session = shared.sessions[sid] = Session(shared, sid, request, now)
        shared.admission.begun(session)
        shared.events.append((session, Opened(request)))
        shared.unpacked.append(request)
        return session

    def _make_room(self, request: Request) -> None:
        session = self._shared.admission.first_to_go(request.address)
        session.break_off(CloseReason.TRANSPORT_ERROR, "made room for another, before a second request")


def _first_messages(sid: str, settings: EngineSettings, *, can_upgrade: bool) -> list[WireMessage]:
    can_upgrade = can_upgrade and settings.allow_upgrades and "websocket" in settings.transports
    packet = open_packet(
        sid,
        ["websocket"] if can_upgrade else [],
        settings.ping_interval_s,
        settings.ping_timeout_s,
        settings.max_payload_bytes,
    )
    messages = [WireMessage((packet,))]
    if settings.initial_packet is not None:
        messages.append(WireMessage((message_frame(settings.initial_packet),)))
    return messages
