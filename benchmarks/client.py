"""Clients, measured against a server of ours that has a processor of its own."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack

from benchmarks.messages import CHAT, LARGE, TINY
from benchmarks.processes import (
    FLOOR_NAME,
    LOAD_CPU,
    NODE_FOLDER,
    OURS,
    OURS_ASYNCIO,
    OURS_UVLOOP,
    SERVER_CPU,
    Process,
    install_node_packages,
    measure,
    start_server,
    tool,
)
from benchmarks.settings import Effort
from benchmarks.tables import Table

_LOADS = {
    "1 in flight": (1, TINY),
    "64 in flight": (64, TINY),
    "64 in flight, 200 B chat events": (64, CHAT),
    "4 in flight, 10 kB": (4, LARGE),
}


def client(names: list[str], effort: Effort) -> Table:
    """Compare clients.

    Args:
        names: of peers: `"asyncio"`, `"node"`, `"python-socketio"`, `"floor"`.
    """
    note = "client CPU per event sent and received · events per second"
    table = Table("client", "Clients", note)
    ours = [sys.executable, "-m", "benchmarks.clients.ours"]
    commands = {"socketio_core": [*ours, "trio"]}
    if "asyncio" in names:
        commands |= {OURS_ASYNCIO.name: [*ours, "asyncio"], OURS_UVLOOP.name: [*ours, "uvloop"]}
    if "node" in names:
        install_node_packages()
        commands["node"] = [tool("node"), str(NODE_FOLDER / "client.js")]
    if "python-socketio" in names:
        commands["python-socketio"] = [sys.executable, "-m", "benchmarks.clients.python_socketio"]
    if "floor" in names:
        commands[FLOOR_NAME] = [sys.executable, "-m", "benchmarks.clients.floor"]
    with ExitStack() as stack:
        _, port = start_server(OURS, stack, cpu=LOAD_CPU)
        for label, (in_flight, data) in _LOADS.items():
            row = table.row(label)
            with ExitStack() as row_stack:
                given = json.dumps([in_flight, data[1:]])
                processes = {
                    name: Process([*command, str(port), given], SERVER_CPU) for name, command in commands.items()
                }
                for process in processes.values():
                    row_stack.callback(process.end)
                    process.line()
                for _ in effort.rounds_of(table.name, label):
                    for name, process in processes.items():
                        row.cell(name).add(measure(process, effort.warm_up_s, effort.seconds))
    return table
