"""`python -m benchmarks`: measure, print tables, write JSON and a picture."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from benchmarks import network, page
from benchmarks.client import client
from benchmarks.cluster import cluster
from benchmarks.codec import codec
from benchmarks.engine import core, growth
from benchmarks.hostile import asgi, hostile, tls
from benchmarks.picture import picture
from benchmarks.processes import (
    HERE,
    NODE_FOLDER,
    OURS,
    OURS_ASYNCIO,
    OURS_ORJSON,
    PEERS,
    BenchmarkError,
    Peer,
    install_node_packages,
    run_tool,
    tool,
)
from benchmarks.settings import QUICK, Effort
from benchmarks.tables import Table

_NETWORK: Final[dict[str, Callable[[Sequence[Peer], Effort], Table]]] = {
    "server": network.server,
    "latency": network.latency,
    "broadcast": network.broadcast,
    "connect": network.connect,
    "polling": network.polling,
    "memory": network.memory,
    "cluster": cluster,
}
_PARSERS: Final[dict[str, Callable[[list[str], Effort], Table]]] = {"codec": codec, "client": client}
_ALONE: Final[dict[str, Callable[[Effort], Table]]] = {"core": core, "growth": growth, "tls": tls, "asgi": asgi}

BENCHMARKS: Final = {
    "codec": "packets to text and back, beside bare json",
    "core": "the engine alone, in memory",
    "server": "events echoed, acknowledgements",
    "latency": "in which time events come back, at rates that are given",
    "broadcast": "one event to many sockets",
    "connect": "clients that come and go",
    "polling": "events over long polling",
    "memory": "what an idle socket costs",
    "client": "events sent and received by a client",
    "growth": "costs as connections and rooms grow: flat",
}
BY_HAND: Final = {
    "hostile": "an honest client beside hostile ones; also tls, asgi; if asked for",
    "tls": "",
    "asgi": "",
    "cluster": "servers that a Redis joins, and one with an adapter; if asked for",
}


def _lines(known: dict[str, str]) -> str:
    return "\n".join(f"  {name:<11}{text}" for name, text in known.items() if text)


_EPILOG: Final = f"""benchmarks, all of them by default, alone or beside their peers:
{_lines(BENCHMARKS)}
{_lines(BY_HAND)}"""

_PACKAGES: Final = (
    "socketio_core", "trio", "wsproto", "h11", "orjson", "python-socketio", "python-engineio", "uvicorn", "uvloop",
    "httptools", "websockets", "aiohttp",
)  # fmt: skip
_MODULES: Final = (
    "aiohttp",
    "hiredis",
    "msgpack",
    "orjson",
    "redis",
    "socketio",
    "trio",
    "uvicorn",
    "uvloop",
    "websockets",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks that were asked for."""
    options = _options(arguments)
    effort = QUICK if options.quick else Effort(options.rounds, options.seconds)
    try:
        _check_modules()
        if "node" in options.against:
            install_node_packages()
        versions = _versions(options.against)
        names = options.benchmark or list(BENCHMARKS)
        tables: list[Table] = []
        for name in names:
            print(f"benchmark {len(tables) + 1} of {len(names)}: {name}", file=sys.stderr, flush=True)
            tables.append(_run(name, options.against, effort))
    except BenchmarkError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    result = {"versions": versions, "effort": vars(effort), "tables": [table.as_json() for table in tables]}
    caption = f"{versions['commit']}, {versions['date']}, Python {versions['python']}, {effort.rounds} rounds"
    drawn = [table for table in tables if table.name in _NETWORK or table.name == "client"] or tables
    folder: Path = options.output
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "results.svg").write_text(picture(drawn, caption), encoding="utf-8")
    if options.record:
        try:
            page.record(options.record, result)
        except BenchmarkError as error:
            print(f"benchmarks: {error}", file=sys.stderr)
            return 1
        if options.record == "results":  # the page of them has a picture
            shutil.copy(folder / "results.svg", HERE)
    print(f"n = {effort.rounds}; {', '.join(f'{name} {value}' for name, value in versions.items())}")
    print(f"written: {folder / 'results.json'}, {folder / 'results.svg'}", file=sys.stderr)
    return 0


def _check_modules() -> None:
    """Say what to install, rather than that a server has ended which could not import it."""
    for name in _MODULES:
        if find_spec(name) is None:
            raise BenchmarkError(f"no module {name!r}, which comes with: pip install -e '.[benchmarks]'")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        usage="python -m benchmarks [options] [BENCHMARK ...]",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("benchmark", nargs="*", metavar="BENCHMARK", help=argparse.SUPPRESS)
    parser.add_argument("--against", default="", metavar="PEERS", help=f"too, in turns: {','.join(PEERS)}")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each figure (5)")
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement (0.5)")
    parser.add_argument("--output", type=Path, default=HERE / "build", help="folder of results.json and results.svg")
    names = ", ".join(page.RECORDS)
    parser.add_argument("--record", choices=page.RECORDS, metavar="NAME", help=f"in pages: {names}")
    parser.add_argument("--quick", action="store_true", help="see that it all runs; the figures mean nothing")
    options = parser.parse_args(arguments)
    options.against = [name for name in options.against.split(",") if name]
    for given, known in ((options.against, PEERS), (options.benchmark, BENCHMARKS | BY_HAND)):
        for name in given:
            if name not in known:
                parser.error(f"unknown: {name!r}; choose from {', '.join(known)}")
    if options.quick and options.record:
        parser.error("what --quick finds means nothing; choose from --quick and --record")
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds and --seconds must be positive")
    return options


def _run(name: str, against: list[str], effort: Effort) -> Table:
    others = [peer for key in against for peer in PEERS[key] if name in (peer.only or (name,))]
    if name in _ALONE:
        table = _ALONE[name](effort)
    elif name == "hostile":
        table = hostile(list(dict.fromkeys([OURS, OURS_ASYNCIO, *others])), effort)
    elif name in _PARSERS:
        table = _PARSERS[name](against, effort)
    else:
        table = _NETWORK[name]([OURS, OURS_ORJSON, *others], effort)
    print("\n".join(table.lines()) + "\n", flush=True)
    return table


def _versions(against: list[str]) -> dict[str, str]:
    found = {
        "commit": _commit(),
        "date": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "processor": _processor(),
        "load": f"{os.getloadavg()[0]:.1f}",  # before it began: how busy the machine was with other things
    }
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    if "node" in against:
        found["node"] = run_tool([tool("node"), "--version"]).strip().lstrip("v")
        lock: Any = json.loads((NODE_FOLDER / "package-lock.json").read_text(encoding="utf-8"))
        for name in ("socket.io", "socket.io-client", "ws"):
            found[f"npm {name}"] = lock["packages"][f"node_modules/{name}"]["version"]
    return found


def _commit() -> str:
    try:
        return run_tool([tool("git"), "describe", "--always", "--dirty"], HERE).strip()
    except BenchmarkError:
        return "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
