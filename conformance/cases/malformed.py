"""Packets that no client may send: the connection ends, what came before them was handled, nobody else notices."""

from __future__ import annotations

from conformance.case import BOTH, case, require
from conformance.client.peer import Peer
from conformance.client.session import Packet, Polling
from conformance.client.socketio import SocketIO, packet

BAD_PACKETS = [
    ("unknown_type", '7["message"]'),
    ("type_is_a_letter", 'x["message"]'),
    ("type_is_a_sign", '-["message"]'),
    ("event_is_no_json", '2["message"'),
    ("event_is_text_behind_json", '2["message"]x'),
    ("event_is_an_object", '2{"message":1}'),
    ("event_is_a_string", '2"message"'),
    ("event_is_a_number_alone", "2 true"),
    ("event_is_null", "2null"),
    ("event_without_name", "2[]"),
    ("event_name_is_an_object", '2[{"toString":"foo"}]'),
    ("event_name_is_a_list", '2[["message"]]'),
    ("event_name_is_null", "2[null]"),
    ("event_name_is_true", "2[true]"),
    ("reserved_connect", '2["connect"]'),
    ("reserved_connect_error", '2["connect_error"]'),
    ("reserved_disconnect", '2["disconnect"]'),
    ("reserved_disconnecting", '2["disconnecting"]'),
    ("reserved_new_listener", '2["newListener"]'),
    ("reserved_remove_listener", '2["removeListener"]'),
    ("event_for_a_namespace_never_joined", '2/custom,["message"]'),
    ("event_for_an_unknown_namespace", '2/nowhere,["message"]'),
    ("ack_is_an_object", "30{}"),
    ("ack_is_no_json", "30["),
    ("ack_for_a_namespace_never_joined", "3/custom,0[]"),
    ("disconnect_with_payload", '1{"a":1}'),
    ("disconnect_of_a_namespace_never_joined", "1/custom,"),
    ("connect_error_from_a_client", '4{"message":"no"}'),
    ("second_connect", "0"),
    ("connect_payload_is_a_list", "0/custom,[]"),
    ("connect_payload_is_a_string", '0/custom,"token"'),
    ("connect_payload_is_true", "0/custom,true"),
    ("connect_payload_is_null", "0/custom,null"),
    ("connect_payload_is_no_json", "0/custom,{"),
    ("attachments_without_number", '5-["message",{"_placeholder":true,"num":0}]x'),
    ("attachments_without_dash", '51["message",{"_placeholder":true,"num":0}]'),
    ("attachments_are_letters", '5x-["message",{"_placeholder":true,"num":0}]'),
    ("attachments_are_negative", '5-1-["message",{"_placeholder":true,"num":0}]'),
    ("attachments_are_a_fraction", '51.5-["message",{"_placeholder":true,"num":0}]'),
    ("attachments_are_not_to_be_counted", f'5{"9" * 30}-["message",{{"_placeholder":true,"num":0}}]'),
    ("attachments_are_infinity", '5Infinity-["message",{"_placeholder":true,"num":0}]'),
    ("too_many_attachments", '511-["message"]'),
    ("too_many_attachments_of_an_ack", "611-0[]"),
    ("binary_event_is_no_json", "51-["),
    ("binary_event_is_an_object", "51-{}"),
    ("binary_event_of_a_reserved_name", '51-["disconnect"]'),
    ("binary_ack_is_no_json", "61-0["),
    ("binary_ack_is_an_object", '61-0{"_placeholder":true,"num":0}'),
    ("event_is_a_bare_word", "2message"),
]


@case("required", "Socket.IO 5, Packet encoding; PROTOCOL 3.2, 3.3, 3.6", rows=BAD_PACKETS, over=BOTH)
async def bad_packet_ends_the_connection(peer: Peer, transport: str, bad: str) -> None:
    """A packet that is not valid, or in no place for it, ends the connection, and nothing else."""
    other = await peer.socketio("websocket")
    client = await peer.socketio(transport)
    await client.works()
    await send_bad(client, f"4{bad}")
    await client.closed()
    await other.works()


@case(
    "better",
    "Socket.IO 5, Packet encoding; PROTOCOL 3.3, 9-35 to 9-37",
    rows=[
        ("empty_packet", ""),
        ("event_without_payload", "2"),
        ("event_with_id_without_payload", "212"),
        ("ack_without_payload", "30"),
        ("ack_without_id", "3[]"),
        ("id_is_a_blank", '2 ["message"]'),
        ("attachments_in_exponents", '51e0-["message",{"_placeholder":true,"num":0}]'),
        ("binary_event_without_attachments", '50-["message"]'),
        ("payload_is_nan", '2["message",NaN]'),
    ],
    over=BOTH,
)
async def sloppy_packet_ends_the_connection(peer: Peer, transport: str, bad: str) -> None:
    """What the protocol's grammar does not allow is refused, where the reference reads something into it."""
    client = await peer.socketio(transport)
    await send_bad(client, f"4{bad}")
    await client.closed()


@case("required", "Socket.IO 5, Packet encoding; PROTOCOL 1.1, 3.6", over=BOTH)
async def what_came_before_a_bad_packet_counts(peer: Peer, transport: str) -> None:
    """Events that came before a bad packet were handled."""
    other = await peer.socketio("websocket")
    await other.send(packet(2, data=["join", f"before-bad-{transport}"], ack_id=1))
    await other.expect("31[]")
    client = await peer.socketio(transport)
    await client.send(packet(2, data=["tell", f"before-bad-{transport}", "good"]))
    await other.expect('2["told","good"]')
    await send_bad(client, "4x")
    await client.closed()


@case("required", "Socket.IO 5, Binary; PROTOCOL 3.4", over=BOTH)
async def attachment_without_a_header_ends_the_connection(peer: Peer, transport: str) -> None:
    """Binary data that no packet announced ends the connection."""
    client = await peer.socketio(transport)
    await send_bad(client, b"\x01\x02")
    await client.closed()


@case(
    "required",
    "Socket.IO 5, Binary; PROTOCOL 3.4",
    rows=[
        ("beyond_the_last", '{"_placeholder":true,"num":1}'),
        ("negative", '{"_placeholder":true,"num":-1}'),
        ("text", '{"_placeholder":true,"num":"splice"}'),
        ("missing", '{"_placeholder":true}'),
    ],
    over=BOTH,
)
async def bad_placeholder_ends_the_connection(peer: Peer, transport: str, placeholder: str) -> None:
    """A placeholder that names no attachment ends the connection."""
    client = await peer.socketio(transport)
    await send_bad(client, f'451-["message",{placeholder}]')  # it is seen now, or with the last attachment
    await send_bad(client, b"\x01")
    await client.closed()


async def send_bad(client: SocketIO, *bad: Packet) -> None:
    """Send what must not be sent; a POST may be answered either way, for the reference says `ok` before it looks."""
    if isinstance(client.session, Polling):
        response = await client.session.try_post(*bad)
        require(response.status in (200, 400), "odd answer to a POST", str(response))
    else:
        await client.session.send(*bad)
