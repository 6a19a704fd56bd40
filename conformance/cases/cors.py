"""Pages of other origins: who may read, and who is served."""

from __future__ import annotations

from conformance.case import BOTH, case, expect, require
from conformance.client.peer import ENGINE_IO, MAX_PAYLOAD, SOCKET_IO, Peer, target

ALLOWED = ("Origin", "http://allowed.example")
REFUSED = ("Origin", "http://evil.example")
PATHS = [("engine", ENGINE_IO), ("socket", SOCKET_IO)]


@case("required", "Fetch, CORS protocol; PROTOCOL 1.5, 4.10", rows=PATHS)
async def allowed_origin_may_read(peer: Peer, path: str) -> None:
    """The allowed origin is named in the response, with credentials, and caches are told that it matters."""
    response = await peer.get(target(path), headers=[ALLOWED])
    expect(response.status, 200, "status")
    expect(response.header("access-control-allow-origin"), "http://allowed.example", "allowed origin")
    expect(response.header("access-control-allow-credentials"), "true", "allowed credentials")
    require("origin" in (response.header("vary") or "").lower(), "Vary does not name Origin", response.header("vary"))


@case("required", "Fetch, CORS protocol; PROTOCOL 4.10", rows=PATHS)
async def other_origin_may_not_read(peer: Peer, path: str) -> None:
    """Another origin is never allowed to read the response."""
    response = await peer.get(target(path), headers=[REFUSED])
    expect(response.header("access-control-allow-origin"), None, "allowed origin")


@case("better", "PROTOCOL 9-53", rows=PATHS)
async def other_origin_is_not_served(peer: Peer, path: str) -> None:
    """Another origin is not served at all: a session would be begun in the user's name."""
    response = await peer.get(target(path), headers=[REFUSED])
    expect(response.status, 403, "status")


@case("better", "PROTOCOL 4.10, 9-53", rows=PATHS)
async def other_origin_gets_no_websocket(peer: Peer, path: str) -> None:
    """Browsers do not keep other origins from WebSockets, so the server has to."""
    response = await peer.refused_websocket(target(path, "websocket"), headers=[REFUSED])
    require(response.status in (400, 403), "odd status", response.status)


@case("required", "PROTOCOL 4.10", rows=PATHS)
async def allowed_origin_gets_a_websocket(peer: Peer, path: str) -> None:
    """The allowed origin may open WebSockets."""
    await peer.websocket_session(path, headers=[ALLOWED])


@case("required", "Fetch, CORS protocol; PROTOCOL 4.10", rows=PATHS)
async def preflight_is_answered(peer: Peer, path: str) -> None:
    """A preflight of the allowed origin is answered with what it may do."""
    asked = [("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "content-type")]
    response = await peer.request("OPTIONS", target(path), headers=[ALLOWED, *asked])
    require(response.status in (200, 204), "odd status", response.status)
    expect(response.header("access-control-allow-origin"), "http://allowed.example", "allowed origin")
    expect(response.header("access-control-allow-credentials"), "true", "allowed credentials")
    require("POST" in (response.header("access-control-allow-methods") or ""), "POST is not allowed", str(response))
    expect((response.header("access-control-allow-headers") or "").lower(), "content-type", "allowed headers")


@case("required", "Fetch, CORS protocol; PROTOCOL 4.10", rows=PATHS)
async def preflight_of_another_origin_allows_nothing(peer: Peer, path: str) -> None:
    """A preflight of another origin does not allow it."""
    headers = [REFUSED, ("Access-Control-Request-Method", "POST")]
    response = await peer.request("OPTIONS", target(path), headers=headers)
    expect(response.header("access-control-allow-origin"), None, "allowed origin")


@case("required", "PROTOCOL 4.10")
async def errors_may_be_read_too(peer: Peer) -> None:
    """The allowed origin may read why a request was refused."""
    response = await peer.get(target(sid="nobody"), headers=[ALLOWED])
    expect(response.status, 400, "status")
    expect(response.header("access-control-allow-origin"), "http://allowed.example", "allowed origin")


@case("required", "PROTOCOL 4.10")
async def polls_and_posts_may_be_read(peer: Peer) -> None:
    """Every response of a session names the origin."""
    session = await peer.polling(headers=[ALLOWED])
    response = await session.post_body("4x", headers=[ALLOWED])
    expect(response.header("access-control-allow-origin"), "http://allowed.example", "allowed origin of a POST")
    poll = await peer.begin("GET", session.target(), headers=[ALLOWED])
    response = await poll.response()
    expect(response.header("access-control-allow-origin"), "http://allowed.example", "allowed origin of a poll")


@case("required", "PROTOCOL 4.10", rows=PATHS)
async def no_origin_is_no_browser(peer: Peer, path: str) -> None:
    """Programs that send no Origin are served."""
    expect((await peer.get(target(path))).status, 200, "status")


@case("reference", "RFC 6454, 4; RFC 6455, 4.1", over=("polling", "websocket"))
async def own_origin_may_be_that_of_a_websocket(peer: Peer, transport: str) -> None:
    """An `Origin` of `ws:` or `wss:` and the server's own host, as Swift's WebSocket library writes it, is served."""
    headers = [("Origin", peer.wire.origin.replace("http", "ws", 1))]
    if transport == "polling":
        await peer.polling(headers=headers)
    else:
        await peer.websocket_session(headers=headers)


@case(
    "required",
    "Fetch, CORS check; PROTOCOL 4.10",
    rows=[
        ("longer", "http://allowed.example.evil.example"),
        ("with_a_prefix", "http://not-allowed.example"),
        ("other_scheme", "https://allowed.example"),
        ("other_port", "http://allowed.example:8080"),
        ("opaque", "null"),
    ],
)
async def similar_origin_may_not_read(peer: Peer, origin: str) -> None:
    """An origin is allowed only if scheme, host and port are the ones allowed, all of them."""
    response = await peer.get(target(), headers=[("Origin", origin)])
    expect(response.header("access-control-allow-origin"), None, "allowed origin")


@case("required", "PROTOCOL 4.10")
async def errors_are_not_for_other_origins(peer: Peer) -> None:
    """Another origin may not read why a request was refused either."""
    response = await peer.get(target(sid="nobody"), headers=[REFUSED])
    require(response.status in (400, 403), "odd status", response.status)
    expect(response.header("access-control-allow-origin"), None, "allowed origin")


@case("required", "PROTOCOL 4.10", rows=[("too_large", 413), ("overlap", 400)])
async def errors_of_a_session_may_be_read_too(peer: Peer, status: int) -> None:
    """The allowed origin may read that a POST was too large, and that a poll was one too many."""
    session = await peer.polling(headers=[ALLOWED])
    if status == 413:
        response = await session.post_body("4" + "x" * MAX_PAYLOAD, headers=[ALLOWED])
    else:
        first = await session.begin_poll()
        await first.pending(0.05)
        response = await peer.get(session.target(), headers=[ALLOWED])
    expect(response.status, status, "status")
    expect(response.header("access-control-allow-origin"), "http://allowed.example", "allowed origin")


@case("reference", "RFC 9110, 12.5.5; PROTOCOL 4.10", rows=[("none", []), ("refused", [REFUSED])])
async def answer_always_varies(peer: Peer, headers: list[tuple[str, str]]) -> None:
    """Caches are told that the origin matters, also where it was not named."""
    response = await peer.get(target(), headers=headers)
    require("origin" in (response.header("vary") or "").lower(), "Vary does not name Origin", response.header("vary"))


@case("better", "PROTOCOL 9-53", rows=[("GET", "GET"), ("POST", "POST"), ("WebSocket", "WebSocket")])
async def other_origin_gets_no_part_of_a_session(peer: Peer, method: str) -> None:
    """Another origin that knows a session's id can neither poll, post nor upgrade, and does the session no harm."""
    session = await peer.polling()
    if method == "WebSocket":
        response = await peer.refused_websocket(session.target("websocket"), headers=[REFUSED])
    else:
        body = "4stray" if method == "POST" else None
        response = await peer.request(method, session.target(), headers=[REFUSED], body=body)
    require(response.status in (400, 403), "odd status", response.status)
    await session.send("4own")
    expect(await session.receive(), "4own", "packet")


@case("reference", "PROTOCOL 1.4 and 6.2", over=BOTH)
async def origin_with_control_characters_is_refused(peer: Peer, transport: str) -> None:
    """A handshake whose `Origin` holds control characters gets 400."""
    headers = [("Origin", "http://allowed.\x01example")]
    if transport == "polling":
        response = await peer.get(target(), headers=headers)
    else:
        response = await peer.refused_websocket(target(transport="websocket"), headers=headers)
    expect(response.status, 400, "status")
