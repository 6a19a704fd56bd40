"""What the runtimes of servers do on any event loop."""

from __future__ import annotations

from collections.abc import Sequence

from socketio_core.network.runtime import LookedAfter, look_after_all


class Connection:
    """One that has something to write, or fails at it. It looks after itself."""

    def __init__(self, *, is_broken: bool = False) -> None:
        self.context = self
        self.flushed_at: list[float] = []
        self._is_broken = is_broken

    def flush(self, now: float) -> None:
        if self._is_broken:
            raise OSError("not connected")
        self.flushed_at.append(now)


class Serving:
    next_deadline = None
    is_behind = False

    def __init__(self, *connections: Connection) -> None:
        self._connections = connections

    def handle_timeout(self, now: float) -> None: ...

    def close(self, now: float) -> None: ...

    def flush(self, now: float) -> Sequence[LookedAfter]:
        return self._connections


def test_a_connection_that_fails_costs_no_other() -> None:
    reported: list[tuple[str, str]] = []
    first, last = Connection(), Connection()
    served = Serving(first, Connection(is_broken=True), last)
    look_after_all(served, 5.0, lambda what, error: reported.append((what, str(error))))
    assert (first.flushed_at, last.flushed_at) == ([5.0], [5.0])
    assert reported == [("a connection could not be looked after", "not connected")]
