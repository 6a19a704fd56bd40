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
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found.update(
            type(thing).__name__
            for thing in gc.garbage
            if str(type(thing).__module__).startswith(packages or "socketio_core")
        )
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
