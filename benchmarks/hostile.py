"""Hostile clients beside an honest one: how long its events take to come back, and what the server holds.

A server has a processor for itself; attackers, and the neighbour that is measured, share another.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter, sleep
from typing import Final

from benchmarks.attacker import connect
from benchmarks.attacks import ATTACKS, HANDSHAKE, JOIN, JOINED, OPENED, TLS_ATTACKS, Attack, frame
from benchmarks.processes import ASGI_FLOORS, LOAD_CPU, SECURE, UNDER_ASGI, BenchmarkError, Peer, Process, start_server
from benchmarks.settings import Effort
from benchmarks.tables import Cell, Table, number

ATTACKERS: Final = 20
PAUSE_S: Final = 0.005  # of the neighbour, between two events
NEIGHBOUR_EVENT: Final = '42["echo",7'  # how each of its events begins; attackers have others
WANTED_MS: Final = 50.0
WANTED_TIMES: Final = 10
ASGI_PATIENCE_S: Final = 3.0  # or it would take twice as long
LONGEST_S: Final = 10.0  # of echoes, where none has taken a server any time that can be seen


@dataclass
class Beside(Cell):
    """What a neighbour had of an attack; the figure to quote is its 99th percentile, in milliseconds.

    Attributes:
        median_ms: its median.
        calm_ms: the 99th percentile without the attack.
        cpu_ms: the 99th percentile of what the server worked during an echo, whatever else the machine did.
        peak_mb: the most memory that the server held.
        has_ended: the server did not survive, or did not answer for as long as the figure says.
    """

    median_ms: float = 0.0
    calm_ms: float = 0.0
    cpu_ms: float = 0.0
    peak_mb: float = 0.0
    has_ended: bool = False

    @property
    def is_within(self) -> bool:
        """Whether the neighbour had no more of it than anybody should: 50 ms, or ten times as long as without."""
        return not self.has_ended and self.median <= max(WANTED_MS, WANTED_TIMES * self.calm_ms)

    def __str__(self) -> str:
        if self.has_ended:
            return f"no answer in {self.median / 1000:.0f} s"
        return f"{number(self.median)} (× {number(self.median / self.calm_ms)}) · {self.peak_mb:,.0f} MB"


def hostile(
    peers: Sequence[Peer],
    effort: Effort,
    attacks: Iterable[Attack] = ATTACKS.values(),
    *,
    name: str = "hostile",
    title: str = "Hostile clients",
    floors: Sequence[Peer] = (),
) -> Table:
    """Measure each attack on each server; each time on a new one.

    Args:
        floors: one for each of the peers; it is measured where that is not `is_within`.
    """
    note = f"99th percentile of an echo beside {ATTACKERS} attackers (× without them) · peak memory of the server"
    table = Table(name, title, note)
    for attack in attacks:
        row = table.row(attack.name, "ms")
        for number_of, peer in enumerate(peers):
            cell = row.cells[peer.name] = _measure(attack, peer, effort, name)
            if floors and not cell.is_within:
                row.cells[floors[number_of].name] = _measure(attack, floors[number_of], effort, name)
    return table


def tls(effort: Effort) -> Table:
    """Measure the same over TLS, and what there is only there."""
    attacks = [*ATTACKS.values(), *TLS_ATTACKS.values()]
    return hostile(SECURE, effort, attacks, name="tls", title="Hostile clients over TLS")


def asgi(effort: Effort) -> Table:
    """Measure the same under ASGI servers; where it goes badly, also what is the server's own."""
    effort = replace(effort, patience_s=ASGI_PATIENCE_S)  # or it would take twice as long
    return hostile(UNDER_ASGI, effort, name="asgi", title="Hostile clients under ASGI servers", floors=ASGI_FLOORS)


def _measure(attack: Attack, peer: Peer, effort: Effort, name: str) -> Beside:
    print(f"{name}: {attack.name}, {peer.name}", file=sys.stderr, flush=True)
    cell = Beside()
    with ExitStack() as stack:
        server, port = start_server(peer, stack, deflates=attack.deflates)
        command = [sys.executable, "-m", "benchmarks.attacker", attack.name, str(port), str(ATTACKERS)]
        try:
            neighbour = stack.enter_context(Neighbour(server, port, effort.patience_s, is_secure=peer.is_secure))
            neighbour.echoes(effort.warm_up_s)
            calm = neighbour.echoes(effort.seconds)
            attackers = Process([*command, *["--tls"] * peer.is_secure], LOAD_CPU)
            stack.callback(attackers.end)
            attackers.line()
            neighbour.echoes(effort.warm_up_s)
            neighbour.worked_s.clear()
            seconds = 2 * effort.seconds
            times = neighbour.echoes(seconds)
            while not _percentile(neighbour.worked_s, 0.99) and seconds < LONGEST_S:  # that clock may go by ticks
                seconds *= 2
                times += neighbour.echoes(seconds)
        except (OSError, EOFError):
            cell.has_ended = True
            cell.values.append(effort.patience_s * 1000)
            return cell
        cell.values.append(_percentile(times, 0.99))
        cell.median_ms, cell.calm_ms = _percentile(times, 0.5), _percentile(calm, 0.99)
        cell.cpu_ms = _percentile(neighbour.worked_s, 0.99)
        cell.peak_mb = _peak_mb(server)
    return cell


def _percentile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))] * 1000


def _peak_mb(process: Process) -> float:
    for line in Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1000
    raise BenchmarkError("memory can be measured on Linux only")


class Neighbour:
    """An honest client over a WebSocket, which waits so long for an answer.

    Attributes:
        worked_s: how much CPU time the server took during each echo.
    """

    def __init__(self, server: Process, port: int, patience_s: float, *, is_secure: bool) -> None:
        self._server = server
        self.worked_s: list[float] = []
        self._socket = connect(port, patience_s, is_secure=is_secure)
        self._received = b""
        self._count = 0
        for part, answer in ((HANDSHAKE, OPENED), (JOIN, JOINED)):
            self._socket.sendall(part)
            self._await(answer)

    def __enter__(self) -> Neighbour:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def echoes(self, seconds: float) -> list[float]:
        """Send events, one at a time; return how long each took to come back."""
        times: list[float] = []
        end = perf_counter() + seconds
        while perf_counter() < end or not times:
            self._count += 1
            event = b"%b%06d]" % (NEIGHBOUR_EVENT.encode("ascii"), self._count)
            worked_s, sent_at = self._server.worked_s(), perf_counter()
            self._socket.sendall(frame(event))
            self._await(event)
            times.append(perf_counter() - sent_at)
            self.worked_s.append(self._server.worked_s() - worked_s)
            sleep(PAUSE_S)
        return times

    def _await(self, text: bytes) -> None:
        while text not in self._received:
            piece = self._socket.recv(65536)
            if not piece:
                raise EOFError("the server has ended the connection")
            if b"\x01" + b"2" in piece:  # a ping of Engine.IO
                self._socket.sendall(frame(b"3"))
            self._received = self._received[-100:] + piece
        self._received = self._received.partition(text)[2]
