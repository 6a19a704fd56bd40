"""Placeholders: where attachments belong. Spec: PROTOCOL 3.4."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import pytest

from socketio_core.errors import PacketError
from socketio_core.socketio.binary import fill_slots, find_slots, placeholder

FILLED: Final[list[tuple[list[Any], list[bytes], list[Any]]]] = [
    ([], [b"unused"], []),
    ([placeholder(0)], [b"a"], [b"a"]),
    ([placeholder(1), placeholder(0)], [b"a", b"b"], [b"b", b"a"]),
    ([placeholder(0), placeholder(0)], [b"a"], [b"a", b"a"]),
    ([{"x": placeholder(0), "y": [1, [placeholder(1)]]}], [b"a", b"b"], [{"x": b"a", "y": [1, [b"b"]]}]),
    ([{"_placeholder": True, "num": 0, "x": placeholder(7)}], [b"a"], [b"a"]),  # replaced as a whole
    ([{"_placeholder": False, "num": 0}], [b"a"], [{"_placeholder": False, "num": 0}]),
    ([{"_placeholder": 1, "num": 0}], [b"a"], [{"_placeholder": 1, "num": 0}]),
    ([{"_placeholder": [placeholder(0)]}], [b"a"], [{"_placeholder": [b"a"]}]),
    (["_placeholder", None, 1, True, 1.5], [b"a"], ["_placeholder", None, 1, True, 1.5]),
    ([Decimal("1.5"), placeholder(0)], [b"a"], [Decimal("1.5"), b"a"]),  # of a JSON module that makes such numbers
]


@pytest.mark.parametrize(("data", "attachments", "expected"), FILLED)
def test_placeholders_are_replaced(data: list[Any], attachments: list[bytes], expected: list[Any]) -> None:
    fill_slots(find_slots(data, len(attachments), 100), attachments)
    assert data == expected


def test_placeholders_are_counted_as_they_are_found() -> None:
    places: list[Any] = [placeholder(0) for _ in range(3)]
    assert len(find_slots(places, 1, 3)) == 3
    with pytest.raises(PacketError, match="too many places for attachments, max_attachments: 2"):
        find_slots([*places, placeholder(1)], 1, 2)


@pytest.mark.parametrize("number", [2, -1, 0.0, 0.5, True, None, "0", [0], 10**400])
def test_a_number_must_be_that_of_an_attachment(number: Any) -> None:
    bad = {"_placeholder": True, "num": number}
    data: list[Any]
    for data in ([bad], ["x", {"y": [bad]}]):
        with pytest.raises(PacketError, match="illegal attachments: placeholder without a valid number"):
            find_slots(data, 2, 100)
