"""Servers that a Redis joins, one of its own for each peer: what it costs to tell others, or nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Final

from benchmarks.messages import CHAT, event, frame
from benchmarks.network import SERVER_LOADS
from benchmarks.processes import Load, LoadGenerator, Peer, start_redis, start_server
from benchmarks.settings import Effort
from benchmarks.tables import Row, Table

_CHAT = frame(event(CHAT, name="broadcast"))

EVENT: Final = "one chat event"
ALL: Final = f"{EVENT} to 100 sockets of one"
HERE_ONLY: Final = f"{ALL}, `io.local`"

TOGETHER = {f"{EVENT} to 50 + 50 sockets of two servers": Load("broadcast", 100, 1, 1, _CHAT)}
ALONE = {
    HERE_ONLY: Load("broadcast", 100, 1, 1, frame(event(CHAT, name="local"))),
    ALL: Load("broadcast", 100, 1, 1, _CHAT),
    f"{EVENT} to 1 socket of one": Load("broadcast", 1, 1, 1, _CHAT),
    "echo, 50 connections, 16 in flight": SERVER_LOADS["50 connections, 16 in flight"],
}
"""Measured without an adapter, and with one."""


def cluster(peers: Sequence[Peer], effort: Effort) -> Table:
    """Measure servers that are joined, and one with an adapter and without, in turns."""
    note = "CPU of the servers per delivery or event, without the Redis · each second"
    table = Table("cluster", "Servers that a Redis joins", note)
    for label, load in TOGETHER.items():
        _measure(table, {table.row(label): (True, True)}, load, peers, effort)
    for label, load in ALONE.items():
        rows = {table.row(f"{label}, no adapter"): (False,), table.row(f"{label}, an adapter"): (True,)}
        _measure(table, rows, load, [peer for peer in peers if peer.has_more or label != HERE_ONLY], effort)
    return table


def _measure(
    table: Table, rows: Mapping[Row, tuple[bool, ...]], load: Load, peers: Sequence[Peer], effort: Effort
) -> None:
    """Measure rows in turns, each of them with some servers, of which each has an adapter or not."""
    with ExitStack() as stack:
        paths = {peer.name: start_redis(stack) for peer in peers}
        generators: list[tuple[Row, Peer, LoadGenerator]] = []
        for row, kinds in rows.items():
            for peer in peers:
                first, *others = [
                    start_server(peer, stack, redis=paths[peer.name] if is_joined else "") for is_joined in kinds
                ]
                generators.append((row, peer, LoadGenerator(load, *first, stack, others)))
        for _ in effort.rounds_of(table.name, generators[0][0].label):
            for row, peer, generator in generators:
                row.cell(peer.name).add(generator.measure(effort.warm_up_s, effort.seconds))
