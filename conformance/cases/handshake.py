"""The beginning of a session, over either transport, and every way to be refused."""

from __future__ import annotations

from conformance.case import BOTH, case, expect, require
from conformance.client.peer import ENGINE_IO, MAX_PAYLOAD, SOCKET_IO, Peer, target
from conformance.client.session import HANDSHAKE_FIELDS, UNKNOWN_SID


@case("required", "Engine.IO 4, Handshake; PROTOCOL 1.3", over=BOTH)
async def open_packet_has_the_fields(peer: Peer, transport: str) -> None:
    """The first packet is `0` with sid, upgrades, pingInterval, pingTimeout and maxPayload, and nothing else."""
    session = await peer.session(transport)
    expect(sorted(session.handshake), sorted(HANDSHAKE_FIELDS), "fields of the open packet")
    expect(session.handshake["upgrades"], ["websocket"] if transport == "polling" else [], "upgrades")
    expect(session.handshake["pingInterval"], round(1000 * peer.times.ping_interval_s), "pingInterval")
    expect(session.handshake["pingTimeout"], round(1000 * peer.times.ping_timeout_s), "pingTimeout")
    expect(session.handshake["maxPayload"], MAX_PAYLOAD, "maxPayload")


@case("required", "Engine.IO 4, Handshake; PROTOCOL 1.3", over=BOTH)
async def each_session_has_an_id_of_its_own(peer: Peer, transport: str) -> None:
    """Session ids differ, and are made of characters that need no escape in a URL."""
    sids = {(await peer.session(transport)).sid for _ in range(5)}
    expect(len(sids), 5, "number of different session ids")
    require(all(sid.isascii() and sid.replace("-", "").replace("_", "").isalnum() for sid in sids), "odd sid", sids)


UNSUPPORTED: dict[str, object] = {"code": 5, "message": "Unsupported protocol version"}


@case(
    "required",
    "Engine.IO 4, Handshake; PROTOCOL 1.4",
    rows=[("missing", f"{ENGINE_IO}?EIO=4"), ("unknown", target(transport="carrier-pigeon"))],
)
async def unknown_transport_is_refused(peer: Peer, where: str) -> None:
    """A request without a known transport gets 400 with code 0."""
    response = await peer.get(where)
    expect(response.status, 400, "status")
    expect(response.json, {"code": 0, "message": "Transport unknown"}, "body")


REFUSALS: list[tuple[str, str, str, int, dict[str, object]]] = [
    ("post_without_sid", "POST", target(), 400, {"code": 2, "message": "Bad handshake method"}),
    ("put_without_sid", "PUT", target(), 400, {"code": 2, "message": "Bad handshake method"}),
    ("websocket_by_get", "GET", target(transport="websocket"), 400, {"code": 3, "message": "Bad request"}),
    ("webtransport", "GET", target(transport="webtransport"), 400, {"code": 0, "message": "Transport unknown"}),
    ("inherited_name", "GET", target(transport="constructor"), 400, {"code": 0, "message": "Transport unknown"}),
    ("forbidden", "GET", target(forbidden="1"), 403, {"code": 4, "message": "Forbidden"}),
    ("old_protocol", "GET", f"{ENGINE_IO}?EIO=3&transport=polling", 400, UNSUPPORTED),
    ("no_protocol", "GET", f"{ENGINE_IO}?transport=polling", 400, UNSUPPORTED),
    ("other_protocol", "GET", f"{ENGINE_IO}?EIO=5&transport=polling", 400, UNSUPPORTED),
    ("socket_io_forbidden", "GET", target(SOCKET_IO, forbidden="1"), 403, {"code": 4, "message": "Forbidden"}),
    ("socket_io_old_protocol", "GET", f"{SOCKET_IO}?EIO=3&transport=polling", 400, UNSUPPORTED),
]


@case("required", "Engine.IO 4, Handshake; PROTOCOL 1.4", rows=REFUSALS)
async def handshake_is_refused(peer: Peer, method: str, where: str, status: int, body: dict[str, object]) -> None:
    """A handshake that cannot be is refused with the status and the JSON that say why."""
    response = await peer.request(method, where)
    expect((response.status, response.json), (status, body), "answer")
    require((response.header("content-type") or "").startswith("application/json"), "not JSON", str(response))


@case("reference", "PROTOCOL 1.4")
async def head_is_no_handshake(peer: Peer) -> None:
    """HEAD without a session is refused, without a body."""
    response = await peer.request("HEAD", target())
    expect((response.status, response.body), (400, b""), "answer")


@case(
    "required",
    "PROTOCOL 1.4",
    rows=[
        ("unknown_session", target(transport="websocket", sid="nobody"), "Session ID unknown"),
        ("unknown_transport", target(transport="carrier-pigeon"), "Transport unknown"),
        ("forbidden", target(transport="websocket", forbidden="1"), "Forbidden"),
    ],
)
async def websocket_is_refused(peer: Peer, where: str, text: str) -> None:
    """A WebSocket that cannot be is refused before it opens, with 400 and the reason as text."""
    response = await peer.refused_websocket(where)
    expect((response.status, response.text), (400, text), "answer")


@case("better", "PROTOCOL 9-2", rows=[("old", "EIO=3&"), ("none", "")])
async def websocket_of_another_protocol_is_refused(peer: Peer, version: str) -> None:
    """A WebSocket of another protocol version is refused before it opens."""
    response = await peer.refused_websocket(f"{ENGINE_IO}?{version}transport=websocket")
    expect((response.status, response.text), (400, "Unsupported protocol version"), "answer")


@case("required", "PROTOCOL 1.2")
async def sessions_of_the_two_paths_are_apart(peer: Peer) -> None:
    """A session of one path is unknown at the other."""
    session = await peer.polling(ENGINE_IO)
    response = await peer.get(target(SOCKET_IO, sid=session.sid))
    expect((response.status, response.json), (400, UNKNOWN_SID), "answer")
