"""What only Python's garbage collector finds: objects that know each other, of something that is over."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def left_to_the_collector(*packages: str) -> Generator[Counter[str]]:
    """Give a count that is filled at the end: of the objects of these packages' types, or of ours, by their names.

    Only of those that were made meanwhile, as far as the collector knows.
    """
    found: Counter[str] = Counter()
    gc.collect()
    gc.disable()
    try:
        yield found
        before = _names_by_id(packages or ("socketio_core",))
        gc.collect()  # what has a finalizer, as generators have, frees others on the way: so `gc.garbage` would not do
        after = _names_by_id(packages or ("socketio_core",))
        found.update(name for known, name in before.items() if known not in after)
    finally:
        gc.enable()


def _names_by_id(packages: tuple[str, ...]) -> dict[int, str]:
    return {
        id(thing): type(thing).__name__
        for thing in gc.get_objects()
        if str(type(thing).__module__).startswith(packages)
    }
