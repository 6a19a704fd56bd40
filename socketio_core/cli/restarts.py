"""When a worker that has ended is started anew. Without a clock."""

from __future__ import annotations

from typing import Final

STEADY_S: Final = 10.0
FIRST_WAIT_S: Final = 0.5
LAST_WAIT_S: Final = 30.0


class Restarts:
    """Of one worker: at once at first, then less and less often, for as long as each ends soon after its start.

    Args:
        steady_s: who has lived so long may start at once again.
    """

    def __init__(self, steady_s: float = STEADY_S) -> None:
        self._steady_s = steady_s
        self._failures = 0

    def wait_s(self, lived_s: float) -> float:
        """Return how long to wait before the next start, now that the worker has ended."""
        if lived_s >= self._steady_s:
            self._failures = 0
        waits = self._failures
        self._failures += 1
        return min(LAST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(waits - 1, 16)) if waits else 0.0
