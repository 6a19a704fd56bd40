from __future__ import annotations

import pytest

from socketio_core.testing import FakeClock


def test_clock_moves_when_told_and_forward_only() -> None:
    clock = FakeClock(5.0)
    assert (clock.advance(0), clock.advance(2.5), clock.now) == (5.0, 7.5, 7.5)
    with pytest.raises(ValueError, match="time does not go back: -1"):
        clock.advance(-1)
    assert repr(clock) == "<FakeClock 7.5>"


def test_clock_starts_far_from_zero() -> None:
    assert FakeClock().now == 1000.0
