"""The delays between attempts to connect."""

from __future__ import annotations

import pytest

from socketio_core.settings import ClientSettings
from socketio_core.socketio.client import Backoff


def delays(count: int, *randoms: float, **settings: float) -> list[float]:
    values = iter(randoms * count)
    backoff = Backoff(ClientSettings(**settings), lambda: next(values))  # type: ignore[arg-type] # floats, all of them
    return [backoff.next_delay_s() for _ in range(count)]


@pytest.mark.parametrize(
    ("random", "first"),
    [
        (0.0, [1.0, 2.0, 4.0, 5.0, 5.0]),
        (0.999, [1.499, 2.999, 5.0, 5.0, 5.0]),  # 10 r is odd: longer
        (0.899, [0.551, 1.101, 2.202, 4.404, 5.0]),  # even: shorter
        (0.998, [1.499, 2.998, 5.0, 5.0, 5.0]),
        (0.1, [1.05, 2.1, 4.2, 5.0, 5.0]),
        (0.2, [0.9, 1.8, 3.6, 5.0, 5.0]),
    ],
)
def test_delays_follow_the_formula_of_the_reference(random: float, first: list[float]) -> None:
    assert delays(5, random) == first


def test_no_factor_asks_for_no_randomness() -> None:
    assert delays(4, randomization_factor=0.0) == [1.0, 2.0, 4.0, 5.0]


def test_delays_are_within_the_factor_and_whole_milliseconds() -> None:
    for step in range(1000):
        (delay,) = delays(1, step / 1000)
        assert 0.5 <= delay <= 1.5
        assert round(delay * 1000) == pytest.approx(delay * 1000)


def test_thousands_of_attempts_are_no_trouble() -> None:
    assert delays(3000, 0.3)[-1] == 5.0
    assert delays(3000, 0.89, randomization_factor=1.0)[-1] == 5.0


def test_reset_begins_again() -> None:
    backoff = Backoff(ClientSettings(randomization_factor=0.0), lambda: 0.0)
    assert [backoff.next_delay_s(), backoff.next_delay_s(), backoff.attempts] == [1.0, 2.0, 2]
    backoff.reset()
    assert [backoff.attempts, backoff.next_delay_s()] == [0, 1.0]
