"""What a server's process holds: on SIGUSR1 it prints a line of JSON that says so."""

from __future__ import annotations

import gc
import json
import logging
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

MAX_CHARS = 300  # of a line of the log


def tell_on_signal(count_tasks: Callable[[], int]) -> None:
    """Print, for each SIGUSR1, the tasks, the descriptors, our objects by type, and what was logged so far.

    And how many blocks Python has allocated: where they are as many as before, what a process has more of memory is
    kept free by the allocators below, and no leak.
    """
    log = _Log()
    logging.basicConfig(handlers=[log], level=logging.WARNING)

    def tell(*_: object) -> None:
        gc.collect()
        names = Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())
        ours = {name: count for name, count in names.items() if name.startswith("socketio_core.")}
        descriptors = len(list(Path("/proc/self/fd").iterdir()))
        del names
        held = {"tasks": count_tasks(), "descriptors": descriptors, "objects": ours, "log": log.lines}
        held["blocks"] = sys.getallocatedblocks()
        print(json.dumps(held), flush=True)

    signal.signal(signal.SIGUSR1, tell)


class _Log(logging.Handler):
    """Counts what is logged, by its text."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        error = f" {record.exc_info[1]!r}" if record.exc_info else ""
        self.lines[f"{record.levelname} {record.name}: {record.getMessage()}{error}"[:MAX_CHARS]] += 1
