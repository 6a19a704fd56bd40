"""How much random tests do: enough in every run, twenty times as much with `--long`, or `FUZZ` times with that set."""

from __future__ import annotations

import os
from typing import Final

FUZZ: Final = "FUZZ"
LONG: Final = 20


def examples(normally: int) -> int:
    """How many examples a random test tries."""
    return normally * int(os.environ.get(FUZZ, "1"))
