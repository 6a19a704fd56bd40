"""How the answers of an engine look: the headers that all of them carry, and the short ones. Spec: PROTOCOL 1.4, 1.5.

A function in the settings that raises (`cors`, `extra_headers`) raises through here: see `Engine.handle_request`.
"""

from __future__ import annotations

from socketio_core.checks import check_headers
from socketio_core.cors import cors_headers
from socketio_core.engineio.carriers import POLL_HEADERS
from socketio_core.engineio.packet import NOOP
from socketio_core.http import Headers, Request, Response
from socketio_core.settings import EngineSettings


def wants_base64(request: Request) -> bool:
    """Whether the client takes no binary frames; any text says so, `0` too, as in the reference (PROTOCOL 1.1)."""
    return bool(request.query.get("b64"))


def extra_headers(request: Request, sid: str, settings: EngineSettings) -> Headers:
    """Return those that the settings add to each answer of a session."""
    extra = settings.extra_headers
    if callable(extra):
        extra = extra(request, sid)
        check_headers("extra_headers", extra)
    return extra


def polling_headers(request: Request, sid: str, settings: EngineSettings) -> list[tuple[bytes, bytes]]:
    """Return those of each answer over polling."""
    headers = [*cors_headers(request, settings.cors), *extra_headers(request, sid, settings)]
    agent = request.raw_header(b"user-agent") or b""
    if b";MSIE" in agent or b"Trident/" in agent:
        headers.append((b"x-xss-protection", b"0"))  # PROTOCOL 1.5
    return headers


def empty_response(status: int, headers: Headers) -> Response:
    """Return an answer without a body."""
    return Response(status, [*headers, (b"content-length", b"0")])


def bad_request(request: Request, settings: EngineSettings) -> Response:
    """Return the answer to a request that broke its session off."""
    return empty_response(400, cors_headers(request, settings.cors))


def noop_response(request: Request, sid: str, settings: EngineSettings) -> Response:
    """Return the answer to a poll for which there is nothing, and never will be."""
    headers = [*POLL_HEADERS, *polling_headers(request, sid, settings), (b"content-length", b"1")]
    return Response(200, headers, NOOP.encode("ascii"))


def ok_response(headers: Headers) -> Response:
    """Return the answer to a POST whose packets were all accepted."""
    fixed = [(b"content-type", b"text/html"), (b"cache-control", b"no-store")]
    return Response(200, [*fixed, *headers, (b"content-length", b"2")], b"ok")
