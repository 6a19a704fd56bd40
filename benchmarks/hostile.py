"""Hostile clients beside an honest one: how long its events take to come back, and what the server holds.

A server has a processor for itself; attackers, and the neighbour that is measured, share another.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import Final

from benchmarks.attacks import ATTACKS, HANDSHAKE, JOIN, JOINED, OPENED, Attack, frame
from benchmarks.processes import LOAD_CPU, BenchmarkError, Peer, Process, start_server
from benchmarks.settings import Effort
from benchmarks.tables import Cell, Table, number

ATTACKERS: Final = 20
PAUSE_S: Final = 0.005  # of the neighbour, between two events


@dataclass
class Beside(Cell):
    """What a neighbour had of an attack; the figure to quote is its 99th percentile, in milliseconds.

    Attributes:
        median_ms: its median.
        calm_ms: the 99th percentile without the attack.
        peak_mb: the most memory that the server held.
        has_ended: the server did not survive, or did not answer for as long as the figure says.
    """

    median_ms: float = 0.0
    calm_ms: float = 0.0
    peak_mb: float = 0.0
    has_ended: bool = False

    def __str__(self) -> str:
        if self.has_ended:
            return f"no answer in {self.median / 1000:.0f} s"
        return f"{number(self.median)} (× {number(self.median / self.calm_ms)}) · {self.peak_mb:,.0f} MB"


def hostile(peers: Sequence[Peer], effort: Effort, attacks: Iterable[Attack] = ATTACKS.values()) -> Table:
    """Measure each attack on each server; each time on a new one."""
    note = f"99th percentile of an echo beside {ATTACKERS} attackers (× without them) · peak memory of the server"
    table = Table("hostile", "Hostile clients", note)
    for attack in attacks:
        row = table.row(attack.name, "ms")
        for peer in peers:
            print(f"hostile: {attack.name}, {peer.name}", file=sys.stderr, flush=True)
            row.cells[peer.name] = _measure(attack, peer, effort)
    return table


def _measure(attack: Attack, peer: Peer, effort: Effort) -> Beside:
    cell = Beside()
    with ExitStack() as stack:
        server, port = start_server(peer, stack, deflates=attack.deflates)
        command = [sys.executable, "-m", "benchmarks.attacker", attack.name, str(port), str(ATTACKERS)]
        try:
            neighbour = stack.enter_context(Neighbour(port, effort.patience_s))
            neighbour.echoes(effort.warm_up_s)
            calm = neighbour.echoes(effort.seconds)
            attackers = Process(command, LOAD_CPU)
            stack.callback(attackers.end)
            attackers.line()
            neighbour.echoes(effort.warm_up_s)
            times = neighbour.echoes(2 * effort.seconds)
        except (OSError, EOFError):
            cell.has_ended = True
            cell.values.append(effort.patience_s * 1000)
            return cell
        cell.values.append(_percentile(times, 0.99))
        cell.median_ms, cell.calm_ms = _percentile(times, 0.5), _percentile(calm, 0.99)
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
    """An honest client over a WebSocket, which waits so long for an answer."""

    def __init__(self, port: int, patience_s: float) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=patience_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
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
            event = b'42["echo",%d]' % self._count
            sent_at = perf_counter()
            self._socket.sendall(frame(event))
            self._await(event)
            times.append(perf_counter() - sent_at)
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
