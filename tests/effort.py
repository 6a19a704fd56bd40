"""How much random tests do: what they name in each run, 20 times that with `--long`, or `FUZZ` times that."""

from __future__ import annotations

import os
from typing import Final

FUZZ: Final = "FUZZ"
LONG: Final = 20


def examples(normally: int) -> int:
    """How many examples a random test tries: so many in each run, which everybody waits for."""
    return max(1, int(normally * float(os.environ.get(FUZZ, "1"))))
