"""What goes wrong, and what it is called."""

from __future__ import annotations

from conformance.case import BOTH
from conformance.clients.case import case
from conformance.clients.peer import ClientPeer


@case("required", "PROTOCOL 5.3")
async def lost_websocket_is_a_transport_close(peer: ClientPeer) -> None:
    """A WebSocket whose connection is lost is reported as "transport close"."""
    session = await peer.connected("websocket")
    await session.lose()
    await peer.report("disconnect", reason="transport close")


@case("required", "PROTOCOL 5.3")
async def lost_poll_is_a_transport_error(peer: ClientPeer) -> None:
    """A poll whose connection is lost is reported as "transport error"."""
    session = await peer.connected()
    await session.lose()
    await peer.report("disconnect", reason="transport error")


@case("required", "PROTOCOL 1.10")
async def close_packet_on_polling_ends_the_session(peer: ClientPeer) -> None:
    """The close packet in a poll is reported as "transport close"."""
    session = await peer.connected()
    await session.send("1")
    await peer.report("disconnect", reason="transport close")


async def _parse_error(peer: ClientPeer, transport: str, *packets: str | bytes) -> None:
    session = await peer.connected(transport)
    await session.send(*packets)
    await peer.report("disconnect", reason="parse error")
    await session.ends()


@case("required", "PROTOCOL 3.6", over=BOTH)
async def bad_json_is_a_parse_error(peer: ClientPeer, transport: str) -> None:
    """An event that is no JSON ends the connection with "parse error"."""
    await _parse_error(peer, transport, '42["a"')


@case("better", "PROTOCOL 3.6", over=BOTH)
async def events_before_a_bad_packet_are_delivered(peer: ClientPeer, transport: str) -> None:
    """What came before a bad packet is delivered, and then the connection ends."""
    session = await peer.connected(transport)
    await session.send('42["before"]', '42["a"')
    await peer.report("received", name="before")
    await peer.report("disconnect", reason="parse error")


@case("required", "PROTOCOL 3.6", over=BOTH)
async def unknown_packet_is_a_parse_error(peer: ClientPeer, transport: str) -> None:
    """A packet of an unknown type ends the connection with "parse error"."""
    await _parse_error(peer, transport, "49")


@case("required", "PROTOCOL 3.4", over=BOTH)
async def text_for_an_attachment_is_a_parse_error(peer: ClientPeer, transport: str) -> None:
    """Text in the place of an attachment ends the connection with "parse error"."""
    await _parse_error(peer, transport, '451-["a",{"_placeholder":true,"num":0}]', '42["b"]')


@case("required", "CVE-2022-2421", over=BOTH, rows=[("text", '"splice"'), ("too large", "1"), ("negative", "-1")])
async def bad_placeholder_is_a_parse_error(peer: ClientPeer, transport: str, number: str) -> None:
    """A placeholder without the number of an attachment ends the connection with "parse error"."""
    await _parse_error(peer, transport, f'451-["a",{{"_placeholder":true,"num":{number}}}]', b"\x00")


@case("required", "CVE-2026-33151", over=BOTH)
async def flood_of_attachments_is_a_parse_error(peer: ClientPeer, transport: str) -> None:
    """An event that announces thousands of attachments ends the connection with "parse error"."""
    await _parse_error(peer, transport, '4599999-["a"]')


@case("better", "PROTOCOL 9-1")
async def bad_engine_packet_is_a_parse_error(peer: ClientPeer) -> None:
    """A frame that is no Engine.IO packet ends the connection with "parse error"."""
    await _parse_error(peer, "websocket", "z")


@case("better", "PROTOCOL 9-35")
async def event_without_a_payload_is_a_parse_error(peer: ClientPeer) -> None:
    """An event without a payload ends the connection with "parse error"."""
    await _parse_error(peer, "websocket", "42")
