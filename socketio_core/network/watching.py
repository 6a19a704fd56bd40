"""Plain sockets of a server, all watched by one `epoll` of its own, so that an idle one costs the event loop nothing.

The event loop waits for the `epoll` itself. Whoever it wakes reads those that are ready, and then has handlers run.
"""

from __future__ import annotations

import select
import sys
from typing import Final, Protocol

CAN_WATCH: Final = sys.platform == "linux"
ROUND_SOCKETS: Final = 64  # that are read before it is the turn of others
READABLE: Final = 0x1  # `EPOLLIN`, which `select` has only where there is an `epoll`
WRITABLE: Final = 0x4  # `EPOLLOUT`
HANDLED_BYTES: Final = 16384  # when so much was read it is handled first; more, once parsed, would not fit into caches


class Watched(Protocol):
    """A connection, as whoever watches its socket sees it."""

    def on_ready(self, now: float) -> int:
        """Read what is there, which may be nothing; or write on. Returns how many bytes were read."""
        ...


class Watching:
    """What watches the sockets of one server."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._watched: dict[int, Watched] = {}

    def watch(self, fileno: int, connection: Watched, events: int = READABLE) -> None:
        """Have a connection told when its socket is ready: `READABLE`, `WRITABLE` or broken, or either."""
        self._watched[fileno] = connection
        self._epoll.register(fileno, events)

    def unwatch(self, fileno: int) -> None:
        """Watch a socket no more; to be called before it is closed, too."""
        del self._watched[fileno]
        self._epoll.unregister(fileno)

    def close(self) -> None:
        """Free what the system keeps for it; nothing is watched any more."""
        self._epoll.close()

    def _ready(self) -> list[tuple[int, int]]:
        """Return who is ready, or may be."""
        # A single connection is the one that is ready, nearly always: to try it saves a system call in four.
        alone = len(self._watched) == 1
        return [(next(iter(self._watched)), 0)] if alone else self._epoll.poll(0, ROUND_SOCKETS)

    def _read(self, ready: list[tuple[int, int]], now: float) -> list[tuple[int, int]]:
        """Let connections that are ready have their turns, until much was read. Returns those that are left.

        Meanwhile no handler runs: nothing of this connection or another changes, nor does the time.
        """
        left_bytes, find = HANDLED_BYTES, self._watched.get
        for count, (fileno, _) in enumerate(ready, 1):
            connection = find(fileno)
            if connection is not None:  # else it is read no more, since it was found ready
                left_bytes -= connection.on_ready(now)
                if left_bytes <= 0:
                    return ready[count:]
        return []
