"""The beginning of a session, over either transport, and every way to be refused."""

from __future__ import annotations

from conformance.case import BOTH, case, expect, require
from conformance.client.peer import ENGINE_IO, MAX_PAYLOAD, Peer, target
from conformance.client.session import HANDSHAKE_FIELDS


@case("required", "Engine.IO 4, Handshake; PROTOCOL 1.3", over=BOTH)
async def open_packet_has_the_fields(peer: Peer, transport: str) -> None:
    """The first packet is `0` with sid, upgrades, pingInterval, pingTimeout and maxPayload, and nothing else."""
    session = await peer.session(transport)
    expect(sorted(session.handshake), sorted(HANDSHAKE_FIELDS), "fields of the open packet")
    expect(session.handshake["upgrades"], ["websocket"] if transport == "polling" else [], "upgrades")
    expect(session.handshake["pingInterval"], 300, "pingInterval")
    expect(session.handshake["pingTimeout"], 200, "pingTimeout")
    expect(session.handshake["maxPayload"], MAX_PAYLOAD, "maxPayload")


@case("required", "Engine.IO 4, Handshake; PROTOCOL 1.3", over=BOTH)
async def each_session_has_an_id_of_its_own(peer: Peer, transport: str) -> None:
    """Session ids differ, and are made of characters that need no escape in a URL."""
    sids = {(await peer.session(transport)).sid for _ in range(5)}
    expect(len(sids), 5, "number of different session ids")
    require(all(sid.isascii() and sid.replace("-", "").replace("_", "").isalnum() for sid in sids), "odd sid", sids)


UNSUPPORTED = {"code": 5, "message": "Unsupported protocol version"}


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
