"""How long to wait before the next attempt to connect. Spec: PROTOCOL 5.1."""

from __future__ import annotations

import math
from collections.abc import Callable

from socketio_core.settings import ClientSettings

_MAX_DOUBLINGS = 64  # far beyond every maximum, and no float overflows


class Backoff:
    """Delays that double up to a maximum, spread at random so that the clients of one server do not come all at once.

    The reference's formula: one random number gives both the size of the deviation and its sign, and the maximum is
    applied behind it, so no delay is longer (PROTOCOL 9-63). Delays are whole milliseconds.

    Args:
        random: returns floats from 0 (inclusive) to 1 (exclusive).

    Attributes:
        attempts: how many delays were given since the last reset.
    """

    def __init__(self, settings: ClientSettings, random: Callable[[], float]) -> None:
        self._delay_ms = settings.reconnection_delay_s * 1000
        self._max_ms = settings.reconnection_delay_max_s * 1000
        self._factor = settings.randomization_factor
        self._random = random
        self.attempts = 0

    def next_delay_s(self) -> float:
        """Return how long to wait now, in seconds."""
        delay_ms = math.ldexp(self._delay_ms, min(self.attempts, _MAX_DOUBLINGS))
        self.attempts += 1
        if self._factor:
            chance = self._random()
            deviation = math.floor(chance * self._factor * delay_ms)
            delay_ms += deviation if math.floor(chance * 10) % 2 else -deviation
        return math.floor(min(delay_ms, self._max_ms)) / 1000

    def reset(self) -> None:
        """Begin again with the first delay."""
        self.attempts = 0
