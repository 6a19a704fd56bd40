"""Which requests are refused before they reach a session, in the reference's order, and how that is said.

Spec: PROTOCOL 1.2, 1.4.
"""

from __future__ import annotations

import json
from typing import Final

from socketio_core.cors import Cors, cors_headers, has_illegal_origin, refused_origin
from socketio_core.engineio.shared import Shared
from socketio_core.http import Request, Response
from socketio_core.records import record

PROTOCOL_VERSION: Final = "4"
FORBIDDEN: Final = 4  # the code of a refused handshake or origin (PROTOCOL 1.4)


@record
class Refusal:
    """What was wrong, for the client and for the server's log."""

    code: int
    message: str
    detail: str
    status: int = 400
    foreign_origin: str | None = None


UNKNOWN_SESSION: Final = Refusal(1, "Session ID unknown", "no such session; it may have ended")


def refusal_of(request: Request, shared: Shared) -> Refusal | None:
    """Say why a request is refused; `None`: it may go on, to its session or to a new one."""
    transport = request.query.get("transport", "")
    if transport not in shared.settings.transports:
        return Refusal(0, "Transport unknown", f"transport: {transport!r}")
    if request.raw_header(b"origin") is not None:  # those of one's own pages are sent without one
        if has_illegal_origin(request):
            return Refusal(3, "Bad request", "origin header holds control characters")
        refused = refused_origin(request, shared.settings.cors)
        if refused is not None:
            return Refusal(FORBIDDEN, "Forbidden", refused, 403, request.header("origin"))
    sid = request.query.get("sid")
    return _of_session(request, transport, sid, shared) if sid else _of_handshake(request, transport, shared)


def _of_session(request: Request, transport: str, sid: str, shared: Shared) -> Refusal | None:
    session = shared.sessions.get(sid)
    if session is None:
        return UNKNOWN_SESSION
    if request.query.get("EIO") != PROTOCOL_VERSION:
        return Refusal(3, "Bad request", f"EIO does not match the session: {request.query.get('EIO')!r}")
    if not request.is_websocket_upgrade:
        if transport != session.transport or transport != "polling":
            return Refusal(3, "Bad request", f"transport {transport!r}, but the session is on {session.transport}")
        return None
    if transport != "websocket":
        return Refusal(3, "Bad request", f"WebSocket upgrade with transport {transport!r}")
    if not shared.settings.allow_upgrades:
        return Refusal(3, "Bad request", "upgrades are not allowed")
    return None


def _of_handshake(request: Request, transport: str, shared: Shared) -> Refusal | None:
    if request.method != "GET":
        return Refusal(2, "Bad handshake method", f"method: {request.method!r}")
    if request.is_websocket_upgrade != (transport == "websocket"):
        return Refusal(3, "Bad request", f"transport {transport!r} and the Upgrade header do not match")
    if request.query.get("EIO") != PROTOCOL_VERSION:
        return Refusal(5, "Unsupported protocol version", f"EIO: {request.query.get('EIO')!r}, expected '4'")
    if shared.is_closing:
        return Refusal(3, "Server is shutting down", "handshake during shutdown", 503)
    excess = shared.admission.excess_of(request.address)
    if excess is not None:
        return Refusal(3, *excess, 429)
    if len(shared.sessions) >= shared.settings.max_sessions and not shared.admission.fresh_count:
        return Refusal(3, "Too many sessions", f"limit max_sessions: {shared.settings.max_sessions}", 503)
    return None


def response_to(request: Request, refusal: Refusal, cors: Cors | None) -> Response:
    """Return the answer to a request that is refused."""
    if request.is_websocket_upgrade:
        status = refusal.status if refusal.status in (429, 503) else 400
        body = refusal.message.encode("utf-8", "replace")
        headers = [(b"connection", b"close"), (b"content-type", b"text/html")]
    else:
        status = refusal.status
        fields = {"code": refusal.code, "message": refusal.message}
        body = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
        headers = [(b"content-type", b"application/json"), *cors_headers(request, cors)]
    if request.method == "HEAD":
        body = b""
    else:
        headers.append((b"content-length", b"%d" % len(body)))
    return Response(status, headers, body)
