"""Servers that are wrong about HTTP, the handshake, polling and origins."""

from __future__ import annotations

import re
import zlib
from dataclasses import replace

from conformance.mutants import Broken, caught_by
from socketio_core.engineio import Frame
from socketio_core.http import Request, Response
from socketio_core.settings import EngineSettings


def plain(status: int, body: bytes = b"") -> Response:
    """Return a response without the headers of a poll."""
    return Response(status, [(b"content-length", b"%d" % len(body))], body)


@caught_by("handshake/open_packet_has_the_fields*")
class SaysNoMaxPayload(Broken):
    """The open packet lacks `maxPayload`."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [packet.replace(',"maxPayload":1000000', "")] if isinstance(packet, str) else [packet]


@caught_by(
    "handshake/unknown_transport_is_refused*", "handshake/handshake_is_refused*", "handshake/websocket_is_refused*"
)
class ErrorsHaveNoBody(Broken):
    """Refusals come without the text that says why."""

    def on_response(self, request: Request, response: Response) -> Response:
        return response if response.status == 200 else plain(response.status)


@caught_by("handshake/each_session_has_an_id_of_its_own*")
class OneSessionId(Broken):
    """Whoever comes is told the same session id."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        if isinstance(packet, str) and packet.startswith("0{"):
            return [re.sub('"sid":"[^"]*"', '"sid":"AAAA"', packet)]
        return [packet]


@caught_by("handshake/sessions_of_the_two_paths_are_apart", "polling/unknown_session_is_refused*")
class KnowsEverySession(Broken):
    """A session id is not looked up."""

    def on_request(self, request: Request) -> Request | Response:
        is_own = any(session.sid == request.query.get("sid") for session in self.engine.sessions)
        if request.query.get("sid") and (not is_own or request.path == "/socket.io/"):
            return plain(200, b"6")
        return request


@caught_by("polling/poll_has_the_right_headers", "polling/post_is_answered_ok")
class MayBeStored(Broken):
    """Responses do not say that they must not be stored."""

    def on_response(self, request: Request, response: Response) -> Response:
        kept = [(name, value) for name, value in response.headers if name != b"cache-control"]
        return Response(response.status, kept, response.body)


@caught_by(
    "polling/payload_comes_back*",
    "polling/waiting_poll_is_answered",
    "polling/packets_are_bundled",
    "polling/body_may_be_as_large_as_the_limit*",
    "polling/chunked_body_is_read",
    "polling/content_type_of_text_does_not_matter*",
    "polling/unknown_fields_of_the_query_are_ignored",
)
class LosesMessages(Broken):
    """Messages are taken, and come to nothing."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        return [] if isinstance(packet, bytes) or packet[:1] == "4" else [packet]


@caught_by("polling/second_poll_ends_the_session", "polling/second_post_ends_the_session")
class AllowsOverlaps(Broken):
    """A second request of a kind is answered, whatever the first one does."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()

    def on_request(self, request: Request) -> Request | Response:
        if request.query.get("sid") and request.method in self._seen:
            return plain(200, b"ok" if request.method == "POST" else b"6")
        if request.query.get("sid"):
            self._seen.add(request.method)
        return request


@caught_by("polling/abandoned_poll_loses_nothing")
class AnswersWhoIsGone(Broken):
    """A poll whose connection is lost is answered with what comes next, and that is lost."""

    def on_connection_gone(self) -> bool:
        return False


@caught_by("polling/broken_post_ends_the_session*")
class ForgetsBrokenPosts(Broken):
    """A client that goes away is not noticed, and its heartbeat is slow."""

    def on_connection_gone(self) -> bool:
        return False

    def engine_settings(self, path: str) -> EngineSettings:
        return replace(super().engine_settings(path), ping_interval_s=10.0)


@caught_by("polling/larger_body_is_refused*", "polling/larger_body_in_chunks_is_refused", "polling/limit_counts_bytes")
class TakesAnySize(Broken):
    """Bodies may be ten times as large."""

    def engine_settings(self, path: str) -> EngineSettings:
        return replace(super().engine_settings(path), max_payload_bytes=10_000_000)


@caught_by("polling/bad_payload_ends_the_session*")
class ForgivesBadPayloads(Broken):
    """What is no payload is passed over."""

    def on_body(self, body: bytes) -> bytes:
        return b"4a" if body in (b"", b"7x", b"zz", b"2", b"4a\x1e\x1e4b") else body


@caught_by("polling/binary_content_type_is_refused")
class IgnoresContentTypes(Broken):
    """A body may claim to be anything."""

    def on_request(self, request: Request) -> Request | Response:
        request.headers = [(name, value) for name, value in request.headers if name != b"content-type"]
        return request


@caught_by("polling/path_is_a_prefix*", "cors/no_origin_is_no_browser*")
class IsNotThere(Broken):
    """Nothing is found."""

    def on_request(self, request: Request) -> Request | Response:
        return plain(404)


@caught_by(
    "cors/allowed_origin_may_read*",
    "cors/preflight_is_answered*",
    "cors/errors_may_be_read_too",
    "cors/polls_and_posts_may_be_read",
    "cors/errors_of_a_session_may_be_read_too*",
)
class SaysNothingOfOrigins(Broken):
    """Responses do not say who may read them."""

    def on_response(self, request: Request, response: Response) -> Response:
        kept = [(name, value) for name, value in response.headers if not name.startswith((b"access-control", b"vary"))]
        return Response(response.status, kept, response.body)


@caught_by(
    "cors/other_origin_may_not_read*",
    "cors/similar_origin_may_not_read*",
    "cors/errors_are_not_for_other_origins",
    "cors/preflight_of_another_origin_allows_nothing*",
)
class EverybodyMayRead(Broken):
    """Responses may be read by every origin."""

    def on_response(self, request: Request, response: Response) -> Response:
        return Response(response.status, [*response.headers, (b"access-control-allow-origin", b"*")], response.body)


@caught_by("cors/allowed_origin_gets_a_websocket*")
class RefusesWebSocketsWithOrigin(Broken):
    """No page gets a WebSocket."""

    def on_request(self, request: Request) -> Request | Response:
        return plain(400) if request.is_websocket_upgrade and request.header("origin") else request


@caught_by("cors/own_origin_may_be_that_of_a_websocket*")
class TakesWsForAnotherOrigin(Broken):
    """`ws://` and the server's own host is an origin like any other."""

    def on_request(self, request: Request) -> Request | Response:
        return plain(403) if (request.header("origin") or "").startswith("ws") else request


@caught_by(
    "methods/empty_lines_before_the_first_request_are_ignored*",
    "methods/empty_lines_before_a_later_request_are_ignored*",
    "methods/empty_lines_behind_a_body_are_ignored*",
)
class TakesEmptyLinesForRequests(Broken):
    """A request that begins with an empty line is none."""

    def bytes_in(self, data: bytes) -> bytes:
        return b"?" + data if data.startswith(b"\r\n") else data


@caught_by("polling/answers_know_no_limit")
class LimitsItsAnswers(Broken):
    """A poll is answered with half of what the client might send at most; the rest is lost."""

    def on_response(self, request: Request, response: Response) -> Response:
        return response if len(response.body) <= 500_000 else plain(200, response.body[:500_000])


@caught_by("polling/answer_is_encoded_as_agreed*")
class SaysGzip(Broken):
    """Answers claim to be compressed, and are not."""

    def on_response(self, request: Request, response: Response) -> Response:
        is_encoded = any(name == b"content-encoding" for name, _ in response.headers)
        body = zlib.decompress(response.body, zlib.MAX_WBITS | 32) if is_encoded else response.body
        dropped = (b"content-encoding", b"content-length")
        kept = [(name, value) for name, value in response.headers if name not in dropped]
        length = (b"content-length", b"%d" % len(body))
        return Response(response.status, [*kept, length, (b"content-encoding", b"gzip")], body)


@caught_by("methods/preflight_of_an_unknown_session_is_answered", "methods/preflight_leaves_the_session_alone")
class TakesPreflightsForRequests(Broken):
    """A preflight is looked at as if it were the request that it asks for."""

    def on_request(self, request: Request) -> Request | Response:
        return (
            Request("GET", request.target, request.headers, scheme="http") if request.method == "OPTIONS" else request
        )


@caught_by("methods/other_transport_is_refused*")
class IgnoresTheTransport(Broken):
    """A request of a session is served whatever transport it names."""

    def on_request(self, request: Request) -> Request | Response:
        if request.is_websocket_upgrade or not request.query.get("sid"):
            return request
        named = request.target.replace("transport=websocket", "transport=polling")
        return Request(request.method, named, request.headers, scheme="http")
