"""How long a run takes, and how sure it is of its figures."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        rounds: of each figure; the median is quoted.
        seconds: of one measurement over the network.
        loops: of what runs in this process, for each figure; the fastest counts.
        loop_s: how long each of them is.
        patience_s: for one event beside hostile clients; who waits longer has been locked out.
    """

    rounds: int = 5
    seconds: float = 0.5
    loops: int = 3
    loop_s: float = 0.03
    warm_up_s: float = 0.3
    patience_s: float = 10.0
    broadcast_sizes: tuple[int, ...] = (100, 1000, 5000)
    slow_size: int = 1000
    memory_sizes: tuple[int, ...] = (1000, 10_000, 30_000)
    growth_sizes: tuple[int, ...] = (10, 100, 1000, 10_000)

    def rounds_of(self, table: str, row: str) -> Iterator[int]:
        """Go through the rounds, and say so where somebody watches."""
        for number in range(1, self.rounds + 1):
            if sys.stderr.isatty():
                print(f"\r\x1b[K{table}: {row}, round {number} of {self.rounds}", end="", file=sys.stderr, flush=True)
            yield number
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        else:
            print(f"{table}: {row}", file=sys.stderr, flush=True)


QUICK = Effort(
    rounds=1,
    seconds=0.1,
    loops=1,
    loop_s=0.001,
    warm_up_s=0.05,
    patience_s=60.0,  # where a processor is shared with other tests, a server may well need 10 s
    broadcast_sizes=(100,),
    slow_size=100,
    memory_sizes=(100,),
    growth_sizes=(10, 100),
)
"""To see that everything runs; the figures mean nothing."""
