"""Frames: how packets travel over a WebSocket, how large they may be, and what is no frame or no packet."""

from __future__ import annotations

import struct

from conformance.case import case, expect, require
from conformance.client.peer import MAX_PAYLOAD, Peer, target
from conformance.client.session import Packet
from conformance.client.websocket import (
    ABNORMAL,
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    frame,
)

TRANSPORT = "Engine.IO 4, Transports, WebSocket; PROTOCOL 1.1"
FRAMES = "RFC 6455, 5"
FAILING = "RFC 6455, 5 and 7.1.7"
PROTOCOL_ERROR, BAD_DATA, TOO_BIG = 1002, 1007, 1009

# -- messages --------------------------------------------------------------------------------------------------------


@case(
    "required",
    TRANSPORT,
    rows=[
        ("text", "4hello"),
        ("unicode", "4Gr\u00fc\u00dfe \u20ac \U0001f642 \u2028 \x00"),
        ("separator", "4one\x1e4not two"),
        ("binary", bytes(range(256))),
        ("empty_binary", b""),
        ("16_bit_length", b"\x00\xff" * 32_767),
        ("64_bit_length", "4" + "x" * 65_536),
    ],
)
async def message_comes_back_unchanged(peer: Peer, message: Packet) -> None:
    """A text frame is one packet, and a binary frame the bytes of one message; both arrive unchanged."""
    session = await peer.websocket_session()
    await session.send(message)
    expect(await session.receive(), message, "message")
    await session.silent(0.1)


def _fragments(opcode: int, *parts: bytes) -> bytes:
    last = len(parts) - 1
    return b"".join(frame(CONTINUATION if i else opcode, part, fin=i == last) for i, part in enumerate(parts))


@case(
    "required",
    f"{FRAMES}.4",
    rows=[
        ("text", TEXT, (b"4he", b"ll", b"o"), "4hello"),
        ("binary", BINARY, (b"\x01\x02", b"\x03"), b"\x01\x02\x03"),
        ("empty_fragments", TEXT, (b"", b"4hello", b""), "4hello"),
        ("inside_a_character", TEXT, (b"4\xe2\x82", b"\xac\xf0", b"\x9f\x99\x82"), "4\u20ac\U0001f642"),
        ("many_empty_ones", BINARY, (b"",) * 20 + (b"4",), b"4"),
    ],
)
async def fragments_make_one_message(peer: Peer, opcode: int, parts: tuple[bytes, ...], message: Packet) -> None:
    """A message that comes in several frames is one packet."""
    session = await peer.websocket_session()
    await session.websocket.send_raw(_fragments(opcode, *parts))
    expect(await session.receive(), message, "message")


@case("required", FRAMES)
async def frames_need_not_come_one_by_one(peer: Peer) -> None:
    """Many frames in one write, and one frame in many, are read all the same."""
    session = await peer.websocket_session()
    messages: list[Packet] = [packet for n in range(50) for packet in (f"4{n}", bytes([n]))]
    await session.send(*messages)
    expect([await session.receive() for _ in messages], messages, "messages")
    for byte in frame(TEXT, b"4slow"):
        await session.websocket.send_raw(bytes([byte]))
    expect(await session.receive(), "4slow", "message that came byte by byte")


@case("required", TRANSPORT)
async def base64_is_accepted(peer: Peer) -> None:
    """A text frame that begins with `b` is a binary message in base64."""
    session = await peer.websocket_session()
    await session.send("bAQL/")
    expect(await session.receive(), b"\x01\x02\xff", "message")


@case("reference", "PROTOCOL 1.1", over=("websocket", "upgrade"))
async def clients_without_binary_frames_get_base64(peer: Peer, transport: str) -> None:
    """With `b64=1` in the handshake of a WebSocket, binary messages to the client are text frames with `b`."""
    if transport == "websocket":
        session = await peer.websocket_session(b64="1")
        await session.send(b"\x01\x02\xff")
        expect(await session.receive(), "bAQL/", "message")
        return
    polling = await peer.polling()
    websocket = await peer.websocket(polling.target("websocket") + "&b64=1")
    await websocket.send("2probe")
    await websocket.expect("3probe")
    await websocket.send("5", b"\x01\x02\xff")
    await websocket.expect("bAQL/")


@case(
    "reference",
    "RFC 6455, 4.2.2; npm's ws",
    rows=[("one", "my-token", "my-token"), ("several", "v2.chat,v1.chat", "v2.chat"), ("none", None, None)],
)
async def first_subprotocol_offered_is_chosen(peer: Peer, offered: str | None, chosen: str | None) -> None:
    """Browsers close a connection whose server chooses none of the subprotocols that they offer."""
    headers = [] if offered is None else [("Sec-WebSocket-Protocol", offered)]
    session = await peer.websocket_session(headers=headers)
    expect(session.websocket.subprotocol, chosen, "Sec-WebSocket-Protocol")
    await session.send("4hello")
    expect(await session.receive(), "4hello", "message")


# -- size ------------------------------------------------------------------------------------------------------------


@case(
    "required",
    "Engine.IO 4, Handshake, maxPayload; PROTOCOL 1.11",
    rows=[
        ("text_below", "4" + "x" * (MAX_PAYLOAD - 2)),
        ("text_at", "4" + "x" * (MAX_PAYLOAD - 1)),
        ("binary_at", b"\x80" * MAX_PAYLOAD),
    ],
)
async def message_of_the_limit_is_accepted(peer: Peer, message: Packet) -> None:
    """A message of up to `maxPayload` bytes is not too large."""
    session = await peer.websocket_session()
    await session.send(message)
    expect(await session.receive(), message, "message")


@case(
    "required",
    "RFC 6455, 7.4.1; PROTOCOL 1.11",
    rows=[
        ("text", frame(TEXT, b"4" + b"x" * MAX_PAYLOAD)),
        ("binary", frame(BINARY, bytes(MAX_PAYLOAD + 1))),
        ("bytes_not_characters", frame(TEXT, b"4" + "\u00e9".encode() * (MAX_PAYLOAD // 2))),
        ("fragments", _fragments(BINARY, *[bytes(250_000)] * 4, b"\x00")),
        ("before_its_end", frame(BINARY, bytes(3 * MAX_PAYLOAD))[: 2 * MAX_PAYLOAD]),
        (
            "fragments_without_end",
            frame(BINARY, bytes(600_000), fin=False) + frame(CONTINUATION, bytes(600_000), fin=False),
        ),
    ],
)
async def larger_message_is_refused(peer: Peer, data: bytes) -> None:
    """A message of more than `maxPayload` bytes closes the WebSocket with 1009 as soon as that is clear."""
    session = await peer.websocket_session()
    await session.websocket.send_raw(data)
    await session.websocket.expect_close(TOO_BIG)
    await peer.forgotten(session.sid)


# -- control frames --------------------------------------------------------------------------------------------------


@case("required", f"{FRAMES}.5.2", rows=[("empty", b""), ("longest", bytes(range(125)))])
async def websocket_ping_is_answered(peer: Peer, payload: bytes) -> None:
    """A ping frame is answered by a pong frame with the same payload."""
    session = await peer.websocket_session()
    await session.websocket.send_raw(frame(PING, payload))
    expect(await session.websocket.receive_pong(), payload, "payload of the pong")


@case("required", f"{FRAMES}.4")
async def ping_between_fragments_is_answered_at_once(peer: Peer) -> None:
    """Control frames may come between the fragments of a message; a ping there does not wait for its end."""
    session = await peer.websocket_session()
    await session.websocket.send_raw(frame(TEXT, b"4be", fin=False) + frame(PING, b"x"))
    expect(await session.websocket.receive_pong(), b"x", "payload of the pong")
    await session.websocket.send_raw(frame(PONG, b"y") + frame(CONTINUATION, b"fore"))
    expect(await session.receive(), "4before", "message")


@case("required", f"{FRAMES}.5.3")
async def unasked_websocket_pong_is_ignored(peer: Peer) -> None:
    """A pong frame that answers no ping means nothing."""
    session = await peer.websocket_session()
    await session.websocket.send_raw(frame(PONG, b"who?") + frame(TEXT, b"4still here"))
    expect(await session.receive(), "4still here", "message")


# -- what is no frame ------------------------------------------------------------------------------------------------


@case(
    "required",
    FAILING,
    rows=[
        ("rsv1", frame(TEXT, b"4x", rsv=4), PROTOCOL_ERROR),
        ("rsv3", frame(TEXT, b"4x", rsv=1), PROTOCOL_ERROR),
        ("unmasked", frame(TEXT, b"4x", mask=False), PROTOCOL_ERROR),
        ("reserved_data_opcode", frame(0x3, b"4x"), PROTOCOL_ERROR),
        ("reserved_control_opcode", frame(0xB, b""), PROTOCOL_ERROR),
        ("continuation_of_nothing", frame(CONTINUATION, b"4x"), PROTOCOL_ERROR),
        ("message_inside_another", frame(TEXT, b"4x", fin=False) + frame(TEXT, b"4y"), PROTOCOL_ERROR),
        ("control_frame_in_fragments", frame(PING, b"x", fin=False), PROTOCOL_ERROR),
        ("control_frame_too_long", frame(PING, bytes(126)), PROTOCOL_ERROR),
        ("half_a_close_code", frame(CLOSE, b"\x03"), PROTOCOL_ERROR),
        ("close_code_not_for_the_wire", frame(CLOSE, struct.pack("!H", 1005)), PROTOCOL_ERROR),
        ("text_is_no_utf8", frame(TEXT, b"4\xff"), BAD_DATA),
        ("text_ends_inside_a_character", frame(TEXT, b"4\xe2\x82"), BAD_DATA),
        ("text_has_a_surrogate", frame(TEXT, b"4\xed\xa0\x80"), BAD_DATA),
        ("close_reason_is_no_utf8", frame(CLOSE, b"\x03\xe8\xff"), BAD_DATA),
    ],
)
async def invalid_frame_ends_the_session(peer: Peer, data: bytes, code: int) -> None:
    """What RFC 6455 forbids closes the WebSocket, with its code or without a word, and ends the session."""
    session = await peer.websocket_session()
    await session.websocket.send_raw(data)
    await session.websocket.expect_close(code, ABNORMAL)
    await peer.forgotten(session.sid)


@case("required", "RFC 6455, 4.2.1", rows=[("no_key", "key"), ("short_key", "short"), ("old_version", "version")])
async def invalid_handshake_is_refused(peer: Peer, what: str) -> None:
    """A WebSocket handshake that RFC 6455 forbids gets a status of 4xx."""
    key = {"key": [], "short": [("Sec-WebSocket-Key", "c2hvcnQ=")]}.get(
        what, [("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]
    )
    version = "7" if what == "version" else "13"
    headers = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", version), *key]
    response = await peer.get(target(transport="websocket"), headers=headers)
    require(400 <= response.status < 500, "handshake was not refused", response.status)


# -- what is no packet -----------------------------------------------------------------------------------------------


@case(
    "required",
    "Engine.IO 4, Packet encoding; PROTOCOL 1.1",
    rows=[("empty", ""), ("digit_unknown", "7x"), ("letter", "zz")],
)
async def undecodable_packet_ends_the_session(peer: Peer, packet: str) -> None:
    """A text frame that is no packet closes the session; nothing behind it counts."""
    session = await peer.websocket_session()
    await session.send(packet, "4behind")
    await session.websocket.expect_close()
    await peer.forgotten(session.sid)


@case("better", "Engine.IO 4, Packet types, close; PROTOCOL 9-1")
async def close_packet_ends_the_session(peer: Peer) -> None:
    """The packet `1` closes the session over WebSocket too; the reference ignores it there."""
    session = await peer.websocket_session()
    await session.send("1", "4behind")
    await session.websocket.expect_close()
    await peer.forgotten(session.sid)
