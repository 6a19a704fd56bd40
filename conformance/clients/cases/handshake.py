"""How a client opens a session."""

from __future__ import annotations

from conformance.case import BOTH, expect
from conformance.clients.case import case, expect_fields
from conformance.clients.peer import ClientPeer
from conformance.clients.server import open_packet


@case("required", "PROTOCOL 1.2")
async def handshake_names_protocol_and_transport(peer: ClientPeer) -> None:
    """The handshake is GET /socket.io/ with EIO=4 and its transport, and no sid."""
    await peer.open("polling")
    request = await peer.server.next("handshake")
    expect((request.method, request.path), ("GET", "/socket.io/"), "request line")
    expect_fields(request.query, {"EIO": "4", "transport": "polling"}, "query")
    await request.respond("no", 503)


@case("required", "PROTOCOL 1.2")
async def websocket_handshake_names_protocol_and_transport(peer: ClientPeer) -> None:
    """The handshake of a WebSocket-only client is an upgrade request with EIO=4 and its transport."""
    await peer.open("websocket")
    request = await peer.server.next("websocket")
    expect((request.method, request.path), ("GET", "/socket.io/"), "request line")
    expect_fields(request.query, {"EIO": "4", "transport": "websocket"}, "query")
    expect("sid" in request.query, False, "sid in the handshake")  # noqa: FBT003
    await request.respond("no", 400)


@case("required", "PROTOCOL 1.13", over=BOTH)
async def own_query_and_headers_are_sent(peer: ClientPeer, transport: str) -> None:
    """The application's query and headers are in the handshake."""
    session = await peer.connected(transport, query={"token": "a b"}, headers={"X-Test": "yes"})
    expect_fields(session.request.query, {"token": "a b"}, "query")
    expect_fields(session.request.headers, {"x-test": "yes"}, "headers")


@case("required", "PROTOCOL 1.2")
async def later_requests_name_the_session(peer: ClientPeer) -> None:
    """Polls and POSTs carry the sid of the handshake."""
    await peer.open("polling")
    session = await peer.session()
    poll, post = await peer.server.next("poll"), await peer.server.next("post")
    for request in (poll, post):
        expect(request.path, "/socket.io/", "path")
        expect_fields(request.query, {"EIO": "4", "transport": "polling", "sid": session.sid}, "query")
    await post.respond()
    await poll.respond('40{"sid":"x"}')
    await peer.report("connect", sid="x")


@case("reference", "PROTOCOL 1.13")
async def cookies_are_sent_back(peer: ClientPeer) -> None:
    """Cookies of the handshake's response are in later requests."""
    await peer.open("polling")
    request = await peer.server.next("handshake")
    await request.respond(open_packet("s"), Set_Cookie="lb=node-1; Path=/; HttpOnly")
    poll = await peer.server.next("poll")
    expect(poll.headers.get("cookie"), "lb=node-1", "cookie")
    await poll.respond("1")


async def _refused(peer: ClientPeer, transport: str, body: str, status: int = 200) -> None:
    await peer.open(transport)
    if transport == "polling":
        await (await peer.server.next("handshake")).respond(body, status)
    elif status != 200:
        await (await peer.server.next("websocket")).respond(body, status)
    else:
        await (await (await peer.server.next("websocket")).accept()).send(body)
    await peer.report("connect_error", nsp="/")


@case("required", "PROTOCOL 1.4", over=BOTH)
async def refused_handshake_is_reported(peer: ClientPeer, transport: str) -> None:
    """A handshake that is answered with 400 is a connect error."""
    await _refused(peer, transport, '{"code":5,"message":"Unsupported protocol version"}', 400)


@case("required", "PROTOCOL 1.13")
async def only_200_is_success(peer: ClientPeer) -> None:
    """A handshake that is answered with 201 is a connect error, whatever comes with it."""
    await _refused(peer, "polling", open_packet("sid"), 201)


@case("better", "PROTOCOL 1.3")
async def open_packet_without_a_sid_is_refused(peer: ClientPeer) -> None:
    """An open packet without a sid is a connect error, and not a session without a name."""
    await _refused(peer, "polling", '0{"upgrades":[],"pingInterval":25000,"pingTimeout":20000}')
