"""What comes between CONNECT and its answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from socketio_core.errors import PacketError
from socketio_core.settings import ClientSettings
from socketio_core.socketio.client.joining import HeldEvents, read_refusal
from socketio_core.socketio.packet import EVENT, JSONValue, Packet

ENOUGH = ClientSettings(max_held_event_bytes=1000)
FIRST, SECOND = Packet(EVENT, "/", ["first"]), Packet(EVENT, "/", ["second"])


def test_events_come_out_once_in_order_with_their_sizes() -> None:
    held = HeldEvents()
    held.add(FIRST, 8, ENOUGH)
    held.add(SECOND, 9, ENOUGH)
    assert held.take() == [(FIRST, 8), (SECOND, 9)]
    assert held.take() == []


@pytest.mark.parametrize(
    ("settings", "limit"),
    [
        (replace(ENOUGH, max_held_events=1), "max_held_events: 1"),
        (replace(ENOUGH, max_held_event_bytes=16), "max_held_event_bytes: 16"),
    ],
)
def test_what_is_over_a_limit_says_which(settings: ClientSettings, limit: str) -> None:
    held = HeldEvents()
    held.add(FIRST, 8, settings)
    with pytest.raises(PacketError, match=f"^too many events before the namespace was connected, {limit}$"):
        held.add(SECOND, 9, settings)


def test_limits_count_what_is_held_and_not_what_was_taken() -> None:
    held, settings = HeldEvents(), ClientSettings(max_held_events=1, max_held_event_bytes=9)
    for packet, size_bytes in ((FIRST, 8), (SECOND, 9)):
        held.add(packet, size_bytes, settings)
        assert held.take() == [(packet, size_bytes)]


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        ("no room", ("no room", None)),
        ({"message": "no room"}, ("no room", None)),
        ({"message": "no room", "data": {"rooms": 0}}, ("no room", {"rooms": 0})),
        ({"message": 5, "data": 6}, ("the server gave no reason", 6)),
        ({}, ("the server gave no reason", None)),
    ],
)
def test_refusals_say_why(data: JSONValue, refusal: tuple[str, JSONValue]) -> None:
    assert read_refusal(data) == refusal
