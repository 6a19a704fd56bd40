"""Attachments: what holds their places, where they may come, and what must not come between them."""

from __future__ import annotations

import base64
from typing import Any

from conformance.case import BOTH, case, expect
from conformance.cases.events import holder
from conformance.cases.malformed import send_bad
from conformance.client.peer import SOCKET_IO, Peer
from conformance.client.session import Polling, WebSocketSession
from conformance.client.socketio import SocketIO, packet

ALL_BYTES = bytes(range(256))
BINARY = "Socket.IO 5, Binary; PROTOCOL 3.4"
ONE = packet(5, data=["message", holder(0)], attachments=1)
ONE_BACK = packet(5, data=["message-back", holder(0)], attachments=1)


@case("required", BINARY, over=BOTH, rows=[("without_id", None), ("with_id", 7)])
async def binary_event_of_a_namespace_comes_back(peer: Peer, transport: str, ack_id: int | None) -> None:
    """Count, namespace and id of a binary event are told apart."""
    client = await peer.socketio(transport, "/custom")
    event = "message" if ack_id is None else "message-with-ack"
    await client.send(packet(5, "/custom", [event, holder(0), holder(1)], ack_id, 2), b"\x01", b"\x02\x03")
    if ack_id is None:
        answer = packet(5, "/custom", ["message-back", holder(0), holder(1)], None, 2)
    else:
        answer = packet(6, "/custom", [holder(0), holder(1)], ack_id, 2)
    await client.expect(answer, b"\x01", b"\x02\x03")


@case(
    "reference",
    "PROTOCOL 1.1; RFC 2045, 6.8; RFC 4648, 5",
    over=BOTH,
    rows=[
        ("lines", base64.encodebytes(ALL_BYTES).decode("ascii")),
        ("lines_crlf", base64.encodebytes(ALL_BYTES).decode("ascii").replace("\n", "\r\n")),
        ("for_urls", base64.urlsafe_b64encode(ALL_BYTES).decode("ascii")),
        ("without_padding", base64.b64encode(ALL_BYTES).decode("ascii").rstrip("=")),
    ],
)
async def base64_is_read_as_clients_write_it(peer: Peer, transport: str, text: str) -> None:
    """Base64 may have line breaks, as in e-mail, or be of the kind for URLs; an attachment that has them is intact."""
    client = await peer.socketio(transport)
    event = f"4{ONE}"
    if isinstance(client.session, Polling):
        response = await client.session.post_body(f"{event}\x1eb{text}")
        expect(response.status, 200, "status of the POST")
    else:
        await client.session.send(event, f"b{text}")
    await client.expect(ONE_BACK, ALL_BYTES)


@case("required", BINARY, over=BOTH)
async def placeholders_may_be_in_any_order(peer: Peer, transport: str) -> None:
    """A placeholder names its attachment by number, not by its own place."""
    client = await peer.socketio(transport)
    await client.send(packet(5, data=["message", holder(1), holder(0)], attachments=2), b"first", b"second")
    await client.expect(packet(5, data=["message-back", holder(0), holder(1)], attachments=2), b"second", b"first")


@case("reference", "PROTOCOL 3.4", over=BOTH)
async def attachment_may_be_named_twice_or_not_at_all(peer: Peer, transport: str) -> None:
    """Two placeholders may name one attachment, and none another."""
    client = await peer.socketio(transport)
    await client.send(packet(5, data=["message", holder(1), holder(1)], attachments=2), b"unused", b"used")
    await client.expect(packet(5, data=["message-back", holder(0), holder(1)], attachments=2), b"used", b"used")


@case(
    "required",
    BINARY,
    over=BOTH,
    rows=[
        ("false", {"_placeholder": False, "num": 0}),
        ("text", {"_placeholder": "true", "num": 0}),
        ("number", {"_placeholder": 1, "num": 0}),
        ("only_num", {"num": 0}),
    ],
)
async def what_is_no_placeholder_is_left_alone(peer: Peer, transport: str, data: dict[str, Any]) -> None:
    """Only an object whose `_placeholder` is true stands for an attachment."""
    client = await peer.socketio(transport)
    await client.send(packet(5, data=["message", data, holder(0)], attachments=1), b"\x01")
    await client.expect(packet(5, data=["message-back", data, holder(0)], attachments=1), b"\x01")


@case("reference", "PROTOCOL 3.4", over=BOTH)
async def placeholder_in_a_plain_event_is_data(peer: Peer, transport: str) -> None:
    """An event without attachments has no placeholders, only objects that look so."""
    client = await peer.socketio(transport)
    await client.send(packet(2, data=["message", holder(0)]))
    await client.expect(packet(2, data=["message-back", holder(0)]))
    await client.works()


@case("required", BINARY, over=BOTH)
async def binary_event_that_nobody_handles_takes_its_attachments(peer: Peer, transport: str) -> None:
    """The attachments of an unknown event are not left for the next one."""
    client = await peer.socketio(transport)
    await client.send(packet(5, data=["nobody listens", holder(0)], attachments=1), b"\x01")
    await client.send(ONE, b"\x02")
    await client.expect(ONE_BACK, b"\x02")
    await client.works()


@case("required", BINARY)
async def attachments_may_come_over_the_next_transport(peer: Peer) -> None:
    """A client that moves to a WebSocket between a header and its attachments loses nothing."""
    client = await peer.socketio("polling")
    await client.send(packet(5, data=["message", holder(0), holder(1)], attachments=2), b"by POST")
    assert isinstance(client.session, Polling)  # as asked for
    client.session = await client.session.upgrade()
    await client.send(b"by WebSocket")
    await client.expect(
        packet(5, data=["message-back", holder(0), holder(1)], attachments=2), b"by POST", b"by WebSocket"
    )


@case("required", "Engine.IO 4, Packet encoding; PROTOCOL 1.1, 3.4")
async def heartbeat_between_attachments_does_no_harm(peer: Peer) -> None:
    """Packets of Engine.IO may come between a header and its attachments."""
    client = await peer.socketio("websocket")
    await client.send(packet(5, data=["message", holder(0), holder(1)], attachments=2))
    for attachment in (b"\x01", b"\x02"):
        await client.session.send("3")
        await client.send(attachment)
    await client.expect(packet(5, data=["message-back", holder(0), holder(1)], attachments=2), b"\x01", b"\x02")


@case("required", "Engine.IO 4, Packet encoding; PROTOCOL 1.1")
async def base64_is_understood_on_websockets(peer: Peer) -> None:
    """An attachment may come as Base64 in a text frame, as from a client that has no binary ones."""
    client = await peer.socketio("websocket")
    await client.session.send(f"4{ONE}", "bAQL/")
    await client.expect(ONE_BACK, b"\x01\x02\xff")


@case("required", BINARY, over=BOTH)
async def attachments_of_two_clients_are_not_mixed(peer: Peer, transport: str) -> None:
    """What one client still owes is not taken from another."""
    first, second = await peer.socketio(transport), await peer.socketio(transport)
    await first.send(ONE)
    await second.send(ONE)
    await second.send(b"second")
    await first.send(b"first")
    await first.expect(ONE_BACK, b"first")
    await second.expect(ONE_BACK, b"second")


@case("required", BINARY)
async def connection_may_end_between_attachments(peer: Peer) -> None:
    """A client that goes away in the middle of a packet leaves nothing behind for the next."""
    gone = await peer.socketio("websocket")
    await gone.send(packet(5, data=["message", holder(0), holder(1)], attachments=2), b"\x01")
    assert isinstance(gone.session, WebSocketSession)  # as asked for
    await gone.session.websocket.abort()
    client = await peer.socketio("websocket")
    await client.send(ONE, b"\x02")
    await client.expect(ONE_BACK, b"\x02")


@case(
    "required",
    BINARY,
    over=BOTH,
    rows=[
        ("event", '42["message",1]'),
        ("binary_event", '451-["message",{"_placeholder":true,"num":0}]'),
        ("ack", "43999[]"),
        ("connect", "40/custom,"),
        ("disconnect", "41"),
    ],
)
async def other_packets_in_place_of_an_attachment_end_the_connection(peer: Peer, transport: str, other: str) -> None:
    """No packet of any type may come before the attachments of the one before it."""
    client = await peer.socketio(transport)
    await client.session.send('451-["message",{"_placeholder":true,"num":0}]')
    await send_bad(client, other)
    await client.closed()


@case("required", BINARY, over=BOTH)
async def surplus_attachment_ends_the_connection(peer: Peer, transport: str) -> None:
    """One attachment more than was announced is one too many; what was complete has been handled."""
    client = await peer.socketio(transport)
    await client.send(ONE, b"\x01")
    await client.expect(ONE_BACK, b"\x01")
    await send_bad(client, b"\x02")
    await client.closed()


@case("required", BINARY, over=BOTH)
async def binary_before_any_namespace_ends_the_connection(peer: Peer, transport: str) -> None:
    """A client that has joined nothing may send no attachment either."""
    client = SocketIO(await peer.session(transport, SOCKET_IO))
    await send_bad(client, b"\x01")
    await client.closed(0.8 * peer.times.connect_timeout_s)  # before the connect timeout would end it
