"""Time what runs in this process."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

from benchmarks.settings import Effort


def microseconds(function: Callable[[], object], effort: Effort, per_call: int = 1) -> float:
    """Return the CPU time of a call, in microseconds: of the fastest of several loops, which noise has met least.

    Args:
        per_call: how many of what is measured one call does.
    """
    function()
    loops = 1
    while (taken := _time(function, loops)) < effort.loop_s / 5:
        loops *= 4
    loops = max(1, int(loops * effort.loop_s / taken))
    return min(_time(function, loops) for _ in range(effort.loops)) / loops / per_call * 1e6


def _time(function: Callable[[], object], loops: int) -> float:
    gc.collect()
    begin = time.process_time()
    for _ in range(loops):
        function()
    return time.process_time() - begin
