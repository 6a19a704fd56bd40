from __future__ import annotations

import pytest

from socketio_core.records import record


@record
class Point:
    """An example."""

    x: int
    y: int = 0


def test_records_are_compared_by_value_and_matched_by_position() -> None:
    assert Point(1) == Point(1, 0)
    assert Point(1) != Point(2)
    match Point(3, 4):
        case Point(x, y):
            assert (x, y) == (3, 4)


def test_records_have_no_dict() -> None:
    with pytest.raises(AttributeError):
        object.__setattr__(Point(1), "z", 3)


def test_records_say_what_they_hold() -> None:
    assert repr(Point(1)) == "Point(x=1, y=0)"
