"""When workers are started anew."""

from __future__ import annotations

from socketio_core.cli.restarts import LAST_WAIT_S, STEADY_S, Restarts


def test_who_ends_soon_is_started_less_and_less_often() -> None:
    restarts = Restarts()
    waits = [restarts.wait_s(0.1) for _ in range(100)]
    assert waits[:9] == [0, 0.5, 1, 2, 4, 8, 16, 30, 30]
    assert waits[-1] == LAST_WAIT_S


def test_who_has_lived_for_a_while_is_started_at_once() -> None:
    restarts = Restarts()
    for _ in range(5):
        restarts.wait_s(0.1)
    assert [restarts.wait_s(STEADY_S), restarts.wait_s(STEADY_S), restarts.wait_s(0.1)] == [0, 0, 0.5]
