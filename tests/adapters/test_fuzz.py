"""A short run of the fuzzer, by count and not by time; `python -m tests.adapters.fuzz` goes on as long as you like."""

from __future__ import annotations

import random
from collections import Counter

from tests.adapters.fuzz import CORE_ROUNDS, mutate, one_round
from tests.effort import examples

ROUNDS = examples(12)


def test_garbage_finds_nothing() -> None:
    """A fresh seed each time; a failure says which, and `--seed` repeats it."""
    counts: Counter[str] = Counter()
    first = random.randrange(2**32)
    for seed in range(first, first + ROUNDS):
        try:
            one_round(seed, counts)
        except BaseException as error:
            error.add_note(f"repeat it with: python -m tests.adapters.fuzz --seconds 0 --seed {seed}")
            raise
    assert counts["rounds against the adapter"] == ROUNDS
    assert counts["rounds against the core"] == ROUNDS * CORE_ROUNDS
    assert counts["events handled"] > 0, "it gets as far as the handlers"
    assert counts["EventReceived"] > 0
    assert counts["status 400"] > 0


def test_equal_seeds_do_equal_damage() -> None:
    first, second = [mutate(random.Random(7), b"hello world" * 10) for _ in range(2)]
    assert first == second
