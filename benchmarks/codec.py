"""Packets encoded and decoded, by the parsers alone."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson

from benchmarks.messages import BINARY, CHAT, LARGE, TINY, compact, event
from benchmarks.processes import NODE_FOLDER, SERVER_CPU, install_node_packages, pinned, tool
from benchmarks.settings import Effort
from benchmarks.tables import Table
from benchmarks.timing import microseconds
from socketio_core.engineio.packet import MESSAGE, decode_frame
from socketio_core.engineio.payload import SEPARATOR, split_payload
from socketio_core.socketio.json_parser import JsonParser
from socketio_core.socketio.packet import EVENT, Packet

Case = tuple[str, str, list[Any], int | None]
"""Label, namespace, data, ack id."""

CASES: list[Case] = [
    ("tiny event", "/", TINY, None),
    ("200 B chat event", "/", CHAT, None),
    ("10 kB event", "/", LARGE, None),
    ("chat event, namespace and ack", "/admin", CHAT, 4711),
    ("1 kB binary event", "/", ["echo", BINARY], None),
]
PAYLOADS = (16, 100)

Calls = dict[str, Callable[[], object]]
"""What is to be timed, by the label of its row; those of payloads decode that many events."""


def codec(names: list[str], effort: Effort) -> Table:
    """Compare parsers.

    Args:
        names: of peers: `"node"`, `"python-socketio"`.
    """
    table = Table("codec", "Packets", "CPU time of a packet, or of a whole polling payload with its events")
    columns: dict[str, Calls] = {"json": _bare_json(), "socketio_core": _ours(JsonParser())}
    columns["socketio_core, orjson"] = _ours(JsonParser(json=orjson))
    if "python-socketio" in names:
        columns["python-socketio"] = _python_socketio()
    for label in columns["socketio_core"]:
        row = table.row(label)
        for _ in effort.rounds_of(table.name, label):
            for column, calls in columns.items():
                if label in calls:
                    row.cell(column).values.append(microseconds(calls[label], effort))
    if "node" in names:
        rows = {row.label: row for row in table.rows}
        for _ in effort.rounds_of(table.name, "npm's parsers"):
            for label, value in _node(effort).items():
                rows[label].cell("node").values.append(value)
    return table


def _bare_json() -> Calls:
    calls: Calls = {}
    for label, _, data, _ in CASES:
        if data[1] is BINARY:
            continue
        text = compact(data)
        calls[f"encode {label}"] = partial(json.dumps, data, separators=(",", ":"))
        calls[f"decode {label}"] = partial(json.loads, text)
    for size in PAYLOADS:
        calls[f"decode payload of {size}"] = partial(_load_payload, _payload(size))
    return calls


def _load_payload(text: str) -> None:
    for part in text.split(SEPARATOR):
        json.loads(part[2:])


def _ours(parser: JsonParser) -> Calls:
    calls: Calls = {}
    for label, nsp, data, ack_id in CASES:
        packet = Packet(EVENT, nsp, data, ack_id)
        calls[f"encode {label}"] = partial(parser.encode, packet)
        calls[f"decode {label}"] = partial(_feed, parser, [_unframed(frame) for frame in parser.encode(packet).frames])
    for size in PAYLOADS:
        calls[f"decode payload of {size}"] = partial(_feed_payload, parser, _payload(size).encode())
    return calls


def _unframed(frame: str | bytes) -> str | bytes:
    return frame.removeprefix(MESSAGE) if isinstance(frame, str) else frame


def _feed(parser: JsonParser, payloads: list[str | bytes]) -> object:
    decoder = parser.decoder()
    packet = None
    for payload in payloads:
        packet = decoder.feed(payload)
    return packet


def _feed_payload(parser: JsonParser, body: bytes) -> None:
    decoder = parser.decoder()
    for part in split_payload(body, 1000):
        decoder.feed(decode_frame(part)[1])


def _payload(size: int) -> str:
    return SEPARATOR.join([event(CHAT)] * size)


def _python_socketio() -> Calls:
    # Neither package is typed.
    import engineio.payload as engineio_payload  # type: ignore[import-untyped]
    import socketio.packet as socketio_packet  # type: ignore[import-untyped]

    make: Any = socketio_packet.Packet
    make_payload: Any = engineio_payload.Payload
    make_payload.max_decode_packets = 1000

    def encode(nsp: str, data: list[Any], ack_id: int | None) -> object:
        return make(socketio_packet.EVENT, data=data, namespace=nsp, id=ack_id).encode()

    def decode(encoded: list[str | bytes]) -> object:
        packet = make(encoded_packet=encoded[0])
        for attachment in encoded[1:]:
            packet.add_attachment(attachment)
        return packet

    def decode_payload(text: str) -> None:
        for part in make_payload(encoded_payload=text).packets:
            make(encoded_packet=part.data)

    calls: Calls = {}
    for label, nsp, data, ack_id in CASES:
        encoded: Any = encode(nsp, data, ack_id)
        calls[f"encode {label}"] = partial(encode, nsp, data, ack_id)
        calls[f"decode {label}"] = partial(decode, encoded if isinstance(encoded, list) else [encoded])
    for size in PAYLOADS:
        calls[f"decode payload of {size}"] = partial(decode_payload, _payload(size))
    return calls


def _node(effort: Effort) -> dict[str, float]:
    install_node_packages()
    cases = [
        {"label": label, "nsp": nsp, "data": data if data[1] is not BINARY else ["echo"], "id": ack_id}
        for label, nsp, data, ack_id in CASES
    ]
    payloads = {f"decode payload of {size}": _payload(size) for size in PAYLOADS}
    given = {
        "cases": cases,
        "payloads": payloads,
        "binary": list(BINARY),
        "loops": effort.loops,
        "loop_s": effort.loop_s,
    }
    with pinned(SERVER_CPU):
        done = subprocess.run(
            [tool("node"), str(NODE_FOLDER / "codec.js")],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            check=True,
        )
    found: dict[str, float] = json.loads(done.stdout)
    return found
