"""What a packet of each type may carry: every cell. Spec: PROTOCOL 3.1, 3.3."""

from __future__ import annotations

from typing import Any, Final

import pytest

from socketio_core.errors import PacketError
from socketio_core.socketio.packet import (
    ACK,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    RESERVED_EVENTS,
    check_payload,
    copied,
)

PAYLOADS: Final[dict[str, Any]] = {
    "none": None,
    "object": {"a": 1},
    "text": "a",
    "event": ["a", 1],
    "list": [],
    "numbers": [1],
    "number": 1,
    "true": True,
}
ACCEPTED: Final[dict[int, set[str]]] = {
    CONNECT: {"none", "object"},
    DISCONNECT: {"none"},
    EVENT: {"event"},
    ACK: {"event", "list", "numbers"},
    CONNECT_ERROR: {"object", "text"},
}


class Strange(dict[str, Any]):
    """An object of a class that nobody here knows."""


def test_what_is_copied_has_nothing_in_common_that_may_change() -> None:
    def values() -> list[Any]:
        return ["a", 1, 1.5, True, None, b"b", ["c", ["d"]], {"e": "f", "g": {"h": [1]}}, ("i", [2]), Strange(l=[3])]

    given: list[Any] = [*values(), buffer := bytearray(b"j"), memoryview(b"k")]
    found = copied(given)
    for holder in (given, given[6], given[6][1], given[7]["g"]["h"], given[8][1], given[9]["l"]):
        holder.append("changed")
    given[7]["changed"] = buffer[0] = 0
    assert found == [*values()[:8], ["i", [2]], Strange(l=[3]), b"j", b"k"]
    assert type(found[9]) is Strange
    assert [copied(value) for value in ("a", 1, None, b"b")] == ["a", 1, None, b"b"]


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("kind", ACCEPTED)
def test_payloads_by_type(kind: int, payload: str) -> None:
    ack_id = 0 if kind == ACK else None
    if payload in ACCEPTED[kind]:
        check_payload(kind, PAYLOADS[payload], ack_id)
    else:
        with pytest.raises(PacketError, match="payload"):
            check_payload(kind, PAYLOADS[payload], ack_id)


@pytest.mark.parametrize("kind", ACCEPTED)
@pytest.mark.parametrize("ack_id", [None, 0, 1])
def test_ids_by_type(kind: int, ack_id: int | None) -> None:
    """An event may have one, an ack must, the others must not."""
    data = PAYLOADS[min(ACCEPTED[kind])]
    if kind == EVENT or (kind == ACK) == (ack_id is not None):
        check_payload(kind, data, ack_id)
    else:
        with pytest.raises(PacketError, match="id"):
            check_payload(kind, data, ack_id)


def test_reserved_names_are_those_of_the_reference() -> None:
    assert {
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
    } == RESERVED_EVENTS
    for name in RESERVED_EVENTS:
        with pytest.raises(PacketError, match="reserved"):
            check_payload(EVENT, [name], None)
        check_payload(ACK, [name], 0)
    for name in ("connection", "error", "new_namespace", "Connect", "connect "):
        check_payload(EVENT, [name], None)
