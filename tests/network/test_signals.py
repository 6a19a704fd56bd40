"""Handlers of signals, and the signals that come while they run."""

from __future__ import annotations

import signal
from collections.abc import Generator
from types import FrameType

import pytest

from socketio_core.network.signals import Unnested


@pytest.fixture(autouse=True)
def _as_before() -> Generator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_signal_that_comes_while_it_is_handled_is_the_same_one() -> None:
    """However many come; the next one behind it is another."""
    handled: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        handled.append(number)
        for _ in range(3):
            signal.raise_signal(number)

    signal.signal(signal.SIGTERM, Unnested(handle))
    signal.raise_signal(signal.SIGTERM)
    assert handled == [signal.SIGTERM]
    signal.raise_signal(signal.SIGTERM)
    assert handled == [signal.SIGTERM] * 2


def test_signal_behind_one_whose_handler_raised_is_handled() -> None:
    def handle(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, Unnested(handle))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
