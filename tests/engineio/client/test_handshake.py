"""The open packet as a client reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from socketio_core.engineio.client.handshake import (
    MAX_INTERVAL_MS,
    MAX_OPEN_CHARS,
    MAX_SID_CHARS,
    OpenPacket,
    parse_handshake,
)
from socketio_core.errors import PacketError

BAD_SIDS: list[Any] = [..., None, "", 1, [], "a b", "é", "a\n", "x" * (MAX_SID_CHARS + 1)]
BAD_UPGRADES: list[Any] = [..., None, "websocket", [1], {"a": 1}]
BAD_TIMES: list[Any] = [..., None, "1", -1, True, [], MAX_INTERVAL_MS + 1]
BAD_SIZES: list[Any] = ["1", -1, True, []]
FIELDS: dict[str, Any] = {
    "sid": "abc",
    "upgrades": ["websocket"],
    "pingInterval": 300,
    "pingTimeout": 200,
    "maxPayload": 1000,
}


def with_fields(**changes: Any) -> str:
    fields = {**FIELDS, **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not ...})


def test_all_fields_are_read() -> None:
    assert parse_handshake(with_fields()) == OpenPacket("abc", ("websocket",), 0.3, 0.2, 1000)


@pytest.mark.parametrize(
    ("changes", "name", "value"),
    [
        ({"sid": "x" * MAX_SID_CHARS}, "sid", "x" * MAX_SID_CHARS),
        ({"upgrades": []}, "upgrades", ()),
        ({"upgrades": ["webtransport", "x"]}, "upgrades", ("webtransport", "x")),
        ({"pingInterval": 0}, "ping_interval_s", 0.0),
        ({"pingInterval": 0.5}, "ping_interval_s", 0.0005),
        ({"pingInterval": 200, "pingTimeout": 200}, "ping_interval_s", 0.2),
        ({"pingTimeout": 0}, "ping_timeout_s", 0.0),
        ({"pingTimeout": MAX_INTERVAL_MS}, "ping_timeout_s", MAX_INTERVAL_MS / 1000),
        ({"maxPayload": ...}, "max_payload_bytes", None),
        ({"maxPayload": None}, "max_payload_bytes", None),
        ({"maxPayload": 0}, "max_payload_bytes", None),
        ({"maxPayload": 1}, "max_payload_bytes", 1),
        ({"maxPayload": 1e6}, "max_payload_bytes", 1_000_000),
        ({"other": 1}, "sid", "abc"),
        ({"other": "x" * (MAX_OPEN_CHARS - 200)}, "sid", "abc"),
    ],
)
def test_fields_may_be(changes: dict[str, Any], name: str, value: object) -> None:
    assert getattr(parse_handshake(with_fields(**changes)), name) == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 60_000, "not JSON"),
        ('{"sid":NaN}', "not JSON"),
        ("[]", "not an object"),
        ("null", "not an object"),
        (with_fields(upgrades=["x"] * (MAX_OPEN_CHARS // 4)), "larger than 65536 characters"),
        *((with_fields(sid=sid), "'sid'") for sid in BAD_SIDS),
        *((with_fields(upgrades=names), "'upgrades'") for names in BAD_UPGRADES),
        *(
            (with_fields(**{name: value}), repr(name))
            for name in ("pingInterval", "pingTimeout")
            for value in BAD_TIMES
        ),
        (with_fields(pingInterval=0, pingTimeout=0), "no time between pings"),
        *((with_fields(maxPayload=value), "'maxPayload'") for value in BAD_SIZES),
    ],
)
def test_what_is_wrong_is_named(text: str, problem: str) -> None:
    with pytest.raises(PacketError, match=problem):
        parse_handshake(text)
