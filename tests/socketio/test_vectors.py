"""The parser against what the reference makes of the same packets; see `vectors/README.md`."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any, Final

import pytest

from socketio_core.engineio.packet import MESSAGE, Frame
from socketio_core.errors import PacketError
from socketio_core.socketio import JsonParser, Packet

VECTORS: Final = Path(__file__).parent / "vectors"

NO_EVENT = "event payload must be an array that begins with the event's name"
TOO_DEEP = "payload nested too deep, max_json_depth: 128"
NO_JSON = "payload is not JSON: "  # what follows is Python's, and not the same in every version
NO_COUNT = "illegal attachments: no count"

STRICTER: Final = {
    "empty text": "unknown packet type: ''",
    "space for a type": "unknown packet type: ' '",
    "event without payload": NO_EVENT,
    "event without payload but id": NO_EVENT,
    "event without payload in a namespace": NO_EVENT,
    "event in a namespace without comma": NO_EVENT,
    "event named by a number": NO_EVENT,
    "binary event without payload": NO_EVENT,
    "ack without payload": "ack payload must be an array",
    "ack without id": "ack without an id",
    "binary ack without id": "ack without an id",
    "connect with id": "packet of type 0 must not have an id",
    "connect with id and auth": "packet of type 0 must not have an id",
    "disconnect with id": "packet of type 1 must not have an id",
    "connect error with id": "packet of type 4 must not have an id",
    "connect error without payload": "connect error payload must be a string or an object",
    "id with a space": NO_JSON,
    "space before the payload": NO_JSON,
    "event with a bom": NO_JSON,
    "id with a line feed": NO_JSON,
    "attachments in exponent form": NO_COUNT,
    "attachments with a space": NO_COUNT,
    "attachments in hexadecimal": NO_COUNT,
    "attachments with a plus sign": NO_COUNT,
    "attachments with a fraction of zero": NO_COUNT,
    "placeholder number fraction": "illegal attachments: placeholder without a valid number",
    "placeholder number as a float": "illegal attachments: placeholder without a valid number",
    "event with a number out of range": NO_JSON,
    "event nested 129 deep": TOO_DEEP,
    "event nested 200 deep": TOO_DEEP,
    "event with an id of 310 digits": "ack id too long, limit: 309 digits",
    "namespace of 1025 characters": "namespace too long, max_namespace_chars: 1024",
}


def load(name: str) -> list[Any]:
    rows: list[Any] = json.loads((VECTORS / name).read_text("utf-8"), object_hook=revive)
    assert len({row["name"] for row in rows}) == len(rows)
    return rows


def revive(fields: dict[str, Any]) -> Any:
    if "$bytes" in fields:
        return b64decode(fields["$bytes"])
    return float(fields["$number"]) if "$number" in fields else fields


def packet_of(fields: dict[str, Any]) -> Packet:
    return Packet(fields["type"], fields["nsp"], fields.get("data"), fields.get("id"))


def decode(frames: list[Frame]) -> tuple[list[Packet], str | None]:
    """Return the packets, and the error that ended it."""
    decoder = JsonParser().decoder()
    packets: list[Packet] = []
    try:
        for frame in frames:
            packet = decoder.feed(frame)
            if packet is not None:
                packets.append(packet)
    except PacketError as error:
        return packets, str(error)
    return packets, None


ENCODED = load("encode.json")
DECODED = load("decode.json")


@pytest.mark.parametrize("row", ENCODED, ids=[row["name"] for row in ENCODED])
def test_packets_are_encoded_as_by_the_reference(row: Any) -> None:
    first, *attachments = JsonParser().encode(packet_of(row["packet"])).frames
    assert [first, *attachments] == [MESSAGE + row["frames"][0], *row["frames"][1:]]


@pytest.mark.parametrize("row", ENCODED, ids=[row["name"] for row in ENCODED])
def test_what_the_reference_encodes_is_decoded_to_the_same_packet(row: Any) -> None:
    sent = packet_of(row["packet"])
    assert decode(row["frames"]) == ([sent], None)


@pytest.mark.parametrize("row", DECODED, ids=[row["name"] for row in DECODED])
def test_packets_are_decoded_as_by_the_reference_or_refused_on_purpose(row: Any) -> None:
    packets, error = decode(row["frames"])
    if row["name"] in STRICTER:
        assert "error" not in row
        assert packets == []
        assert error is not None
        assert error.startswith(STRICTER[row["name"]])
        return
    assert (error is not None) == ("error" in row)
    assert len(packets) == len(row["packets"])
    for ours, theirs in zip(packets, map(packet_of, row["packets"]), strict=True):
        assert (ours.type, ours.nsp, ours.data) == (theirs.type, theirs.nsp, theirs.data)
        # Theirs is a double; ours is exact, and an ack must go back with the digits that came.
        assert (None if ours.id is None else float(ours.id)) == theirs.id


def test_every_row_of_the_table_of_differences_is_recorded() -> None:
    assert STRICTER.keys() <= {row["name"] for row in DECODED}
    assert len(ENCODED) + len(DECODED) >= 150
