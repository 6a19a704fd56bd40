"""Servers under load over real sockets: `server`, `latency`, `broadcast`, `connect`, `polling`, `memory`."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from statistics import fmean
from typing import Final

from benchmarks.messages import BINARY, BINARY_HEADER, CHAT, LARGE, TINY, event, frame
from benchmarks.processes import Load, LoadGenerator, Peer, Process, start_server
from benchmarks.settings import Effort
from benchmarks.tables import AtRate, Table

_OTHER_FILES: Final = 1000  # of a process, beside its sockets
_MAX_WORKERS: Final = 4
_INTERVALS: Final = 6  # in which a thousand sockets are pinged; with two a round saw so few that no two were alike
_BINARY = frame(BINARY_HEADER) + frame(BINARY)

SERVER_LOADS = {
    "1 connection, 1 in flight": Load("echo", 1, 1, 1, frame(event(TINY))),
    "1 connection, 64 in flight": Load("echo", 1, 64, 1, frame(event(TINY))),
    "50 connections, 1 in flight": Load("echo", 50, 1, 1, frame(event(TINY))),
    "50 connections, 16 in flight": Load("echo", 50, 16, 1, frame(event(TINY))),
    "the same, 200 B chat events": Load("echo", 50, 16, 1, frame(event(CHAT))),
    "the same, 10 kB, 4 in flight": Load("echo", 50, 4, 1, frame(event(LARGE))),
    "ack round trips, 50 × 16": Load("echo", 50, 16, 1, frame(event(TINY, name="ack", head="427"))),
    "binary event, 1 kB, 50 × 4": Load("echo", 50, 4, 2, _BINARY),
}

OPTIONS = {
    "200 B chat events, 50 × 16, through a middleware": "--middleware",  # of events; it lets all pass
    "200 B chat events, 50 × 16, with recovery": "--recovery",
}
"""The same chat events, and what else the server does with them."""
WORKERS = "200 B chat events, 50 × 16, on two workers"
"""Each with half of the clients; all the servers have one processor, so these share it."""

LATENCY_RATES = (5_000, 10_000, 20_000, 40_000)  # events a second; the slowest servers can serve the first two
HALF, NEARLY_ALL = "{:,} events/s: half are back in", "{:,} events/s: 99 of 100 are back in"


def _measure(
    table: Table, loads: Mapping[str, Load], peers: Sequence[Peer], effort: Effort, *more: str, workers: int = 1
) -> Table:
    """Measure each load on each server in turn, round by round, so that noise meets all of them alike."""
    with ExitStack() as stack:
        servers = [(peer, [start_server(peer, stack, more=more) for _ in range(workers)]) for peer in peers]
        for label, load in loads.items():
            row = table.row(label)
            with ExitStack() as row_stack:
                generators = [(peer, LoadGenerator(load, *one, row_stack, rest)) for peer, (one, *rest) in servers]
                for _ in effort.rounds_of(table.name, label):
                    for peer, generator in generators:
                        row.cell(peer.name).add(generator.measure(effort.warm_up_s, effort.seconds))
    return table


def server(peers: Sequence[Peer], effort: Effort) -> Table:
    """Events that come back, and acknowledgements."""
    table = Table("server", "Events echoed", "server CPU per event · events per second")
    _measure(table, SERVER_LOADS, peers, effort)
    load, able = SERVER_LOADS["the same, 200 B chat events"], [peer for peer in peers if peer.has_more]
    for label, option in OPTIONS.items():
        _measure(table, {label: load}, able, effort, option)
    return _measure(table, {WORKERS: load}, able, effort, workers=2)


def latency(peers: Sequence[Peer], effort: Effort) -> Table:
    """In which time events come back, at rates that are the same for all servers."""
    note = "time from when an event is due until it is back; over 50 connections in turn, whatever came back"
    table = Table("latency", "Latency", note)
    load = SERVER_LOADS["50 connections, 16 in flight"]
    with ExitStack() as stack:
        servers = [(peer, *start_server(peer, stack)) for peer in peers]
        generators = [(peer, LoadGenerator(load, process, port, stack)) for peer, process, port in servers]
        for rate in LATENCY_RATES:
            half, nearly_all = table.row(HALF.format(rate)), table.row(NEARLY_ALL.format(rate))
            for row in (half, nearly_all):
                row.cells.update({peer.name: AtRate(offered=rate) for peer in peers})
            for _ in effort.rounds_of(table.name, half.label):
                for peer, generator in generators:
                    sample = generator.measure(effort.warm_up_s, effort.seconds, rate)
                    half.cell(peer.name).add(sample, sample.p50_us)
                    nearly_all.cell(peer.name).add(sample, sample.p99_us)
    return table


def broadcast(peers: Sequence[Peer], effort: Effort) -> Table:
    """One event to many sockets."""
    data = frame(event(CHAT, name="broadcast"))
    loads = {f"one chat event to {n:,} sockets": Load("broadcast", n, 1, 1, data) for n in effort.broadcast_sizes}
    large, count = frame(event(LARGE, name="broadcast")), effort.slow_size
    loads[f"one 10 kB event to {count:,}, a tenth reads next to nothing"] = Load("slow", count, 1, 1, large)
    table = Table("broadcast", "Broadcast", "server CPU per delivery · deliveries per second")
    return _measure(table, loads, peers, effort)


def connect(peers: Sequence[Peer], effort: Effort) -> Table:
    """Clients that come and go."""
    loads = {
        "WebSocket: open, join, close": Load("connect", 20),
        "polling, upgrade, an event, close": Load("upgrade", 20),
    }
    table = Table("connect", "Connects", "server CPU per connect · connects per second")
    return _measure(table, loads, peers, effort)


def polling(peers: Sequence[Peer], effort: Effort) -> Table:
    """Events over long polling."""
    loads = {
        "20 clients, 1 event in a POST": Load("poll", 20, 1, 1, event(TINY).encode()),
        "20 clients, 16 events in a POST": Load("poll", 20, 1, 16, "\x1e".join([event(TINY)] * 16).encode()),
    }
    table = Table("polling", "Long polling", "server CPU per event · events per second")
    return _measure(table, loads, peers, effort)


def memory(peers: Sequence[Peer], effort: Effort) -> Table:
    """What an idle socket costs, and an event while few of many sockets talk."""
    note = "resident memory of a socket, and server CPU for each ping and pong, or each event"
    table = Table("memory", "Idle sockets", note)
    warm = SERVER_LOADS["50 connections, 1 in flight"]
    for size in effort.memory_sizes:
        if not (workers := _workers_for(size)):
            continue
        sockets = f"{size:,} sockets" + (f" on {workers} workers" if workers > 1 else "")
        kilobytes, pings = table.row(f"memory, {sockets}", "kB"), table.row(f"ping, {sockets}")
        events = table.row(f"event, of {sockets} one in a hundred talks")
        is_large = size > 1000  # it takes long until they are there, so they are measured several times in one round
        for _ in replace(effort, rounds=1 if is_large else effort.rounds).rounds_of(table.name, kilobytes.label):
            for peer in peers if size <= 10_000 else [peer for peer in peers if peer.holds_many]:
                with ExitStack() as stack:
                    # Not less than half a second, or a busy machine pings those who still connect.
                    ping_interval_s = max(0.5, effort.seconds) * max(1, size / 1000)
                    servers = [start_server(peer, stack, ping_interval_s) for _ in range(workers)]
                    for process, port in servers:
                        LoadGenerator(warm, process, port, stack).measure(0, 0.2)
                    before_kb = _settled_kb(servers)
                    load = Load("idle", size // workers)  # of each; one generator has no more descriptors than a server
                    idle = [LoadGenerator(load, process, port, stack) for process, port in servers]
                    kilobytes.cell(peer.name).values.append((_settled_kb(servers) - before_kb) / size)
                    seconds = (1 if is_large else _INTERVALS) * ping_interval_s
                    times = effort.rounds if is_large and size <= 10_000 else 1
                    for number in range(times):
                        samples = [each.measure(0 if number else ping_interval_s, seconds) for each in idle]
                        pings.cell(peer.name).values.append(fmean([sample.server_us for sample in samples]))
                    (process, port), *others = servers
                    talking = LoadGenerator(replace(warm, connections=size // 100), process, port, stack, others)
                    for _ in range(times):
                        events.cell(peer.name).add(talking.measure(effort.warm_up_s, effort.seconds))
    return table


def _workers_for(count: int) -> int:
    """Return how many processes it takes to hold so many sockets, 0 if that is too many.

    The limit of open files is raised as far as that is needed and allowed, for all that is started from here.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + _OTHER_FILES
    if hard == resource.RLIM_INFINITY or needed <= hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
        return 1
    with suppress(ValueError, OSError):  # not all who are root may do that
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, needed))
        return 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    workers = -(-count // max(1, hard - _OTHER_FILES))
    if workers <= _MAX_WORKERS:
        return workers
    print(f"memory: {count:,} sockets are left out; they need `ulimit -n {needed}`", file=sys.stderr, flush=True)
    return 0


def _settled_kb(servers: Sequence[tuple[Process, int]]) -> int:
    time.sleep(0.5)
    return sum([process.resident_kb() for process, _ in servers])
