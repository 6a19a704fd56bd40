"""What should not fail, and does: it costs the connections to the Redis, and neither the server nor its clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from socketio_core.cluster.address import parse_redis_url
from socketio_core.cluster.lines import ClusterLine
from socketio_core.cluster.link import Link
from tests.cluster.joined import KINDS, Joined, heard


class Faulty:
    """Whoever follows a link, and fails."""

    next_deadline: float | None = None

    def __init__(self) -> None:
        self.failures: list[str] = []

    def work(self, now: float) -> None:
        raise ValueError("work")

    def handle_timeout(self, now: float) -> None:
        raise ValueError("timeout")

    def fail(self, error: Exception, now: float) -> None:
        self.failures.append(str(error))


WAYS: list[tuple[Callable[[ClusterLine], object], list[str]]] = [
    (lambda line: line.receive(b"+OK\r\n", 1.0), ["work"]),
    (lambda line: line.refused("no", 1.0), ["work"]),
    (lambda line: line.lost("no", 1.0), ["work"]),
    (lambda line: line.data_to_send(1.0), ["work"]),
    (lambda line: line.handle_timeout(1.0), ["timeout", "work"]),
]


@pytest.mark.parametrize(("way", "failures"), WAYS)
def test_no_fault_comes_out_of_a_line(way: Callable[[ClusterLine], object], failures: list[str]) -> None:
    owner = Faulty()
    line = ClusterLine(Link(parse_redis_url("redis://h"), float), owner, None, keeps_time=True)
    line.dialing(0.0)
    line.connected(0.0)
    way(line)
    assert owner.failures == failures


@pytest.mark.parametrize("kind", KINDS)
def test_after_a_fault_all_connections_begin_anew(kind: str) -> None:
    joined = Joined(kind)
    (here, _), (there, _) = joined.clients()
    no_bytes: Any = 5
    joined.lines[0].receive(no_bytes, joined.now)
    assert "what joins this server to others failed, so it connects anew" in joined.rigs[0].logged
    ours = joined.lines[: len(joined.lines) // 2]
    assert not any(line.wants_connection for line in ours)
    joined.wait(1.0)
    assert all(line.wants_connection for line in ours)
    joined.io.emit_nowait("again")
    joined.run()
    assert heard(here) == heard(there) == ['2["again"]']
