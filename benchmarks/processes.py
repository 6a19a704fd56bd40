"""What is measured and what measures it, each a process with a processor of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

from conformance.npm import NpmError, install, locked

HERE: Final = Path(__file__).parent
NODE_FOLDER: Final = HERE / "servers" / "node"

_CPUS = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
SERVER_CPU: Final = _CPUS[0]
LOAD_CPU: Final = _CPUS[-1]


class BenchmarkError(Exception):
    """Something that the benchmarks need is missing, or failed; the text is for the user."""


@contextmanager
def pinned(cpu: int) -> Generator[None]:
    """Run what is started meanwhile on one processor, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def tool(name: str) -> str:
    """Return the path of a program.

    Raises:
        BenchmarkError: it is not installed.
    """
    path = shutil.which(name)
    if path is None:
        raise BenchmarkError(f"{name} is not installed, or not on the PATH")
    return path


def run_tool(command: Sequence[str], cwd: Path | None = None) -> str:
    """Run a program to its end and return what it printed.

    Raises:
        BenchmarkError: it failed.
    """
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"{' '.join(map(str, command))} failed:\n{done.stderr.strip()[-2000:]}")
    return done.stdout


# -- what is measured ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Peer:
    """A server to be measured.

    Attributes:
        name: in tables and JSON.
        command: starts it; `--ping-interval SECONDS` is added, and `--deflate` where WebSockets are to compress,
            `--middleware` where events are to pass one, `--recovery` where clients may come back, `--redis PATH` where
            it has an adapter.
        has_more: middlewares of events, recovery, and broadcasts that stay in the process.
        holds_many: tens of thousands of sockets, within seconds.
        only: which benchmarks it can do, if not all.
        is_secure: it serves TLS, with the certificate in the file behind `--certificate`.
    """

    name: str
    command: tuple[str, ...]
    has_more: bool = True
    holds_many: bool = True
    only: tuple[str, ...] = ()
    is_secure: bool = False


OURS_NAME: Final = "socketio_core"
FLOOR_NAME: Final = "floor"
FLOOR_JSON_NAME: Final = "floor, json"
_FLOORS: Final = {
    FLOOR_NAME: ("server", "connect", "polling", "memory"),
    FLOOR_JSON_NAME: ("server", "polling"),
}


def _python(name: str, module: str, *arguments: str) -> Peer:
    command = (sys.executable, "-m", f"benchmarks.servers.{module}", *arguments)
    return Peer(name, command, has_more=module == "ours", holds_many=name == OURS_NAME, only=_FLOORS.get(name, ()))


OURS: Final = _python(OURS_NAME, "ours")
OURS_ASYNCIO: Final = _python("socketio_core, asyncio", "ours", "--loop", "asyncio")
OURS_UVLOOP: Final = _python("socketio_core, uvloop", "ours", "--loop", "uvloop")
OURS_ORJSON: Final = _python("socketio_core, orjson", "ours", "--json", "orjson")
_ASGI: Final = ("uvicorn", "uvicorn-h11", "hypercorn", "granian")
SECURE: Final = tuple(replace(peer, name=f"{peer.name}, TLS", is_secure=True) for peer in (OURS, OURS_ASYNCIO))
UNDER_ASGI: Final = tuple(_python(f"socketio_core, {host}", "ours", "--loop", host) for host in _ASGI)
ASGI_FLOORS: Final = tuple(_python(f"{host}, floor", "asgi_floor", host) for host in _ASGI)
"""The same servers as in `UNDER_ASGI`, in the same order, with next to no application."""

PEERS: Final = {
    "asyncio": (OURS_ASYNCIO, OURS_UVLOOP),
    "asgi": UNDER_ASGI[:1],
    "node": (Peer("node", ("node", str(NODE_FOLDER / "index.js"))),),
    "python-socketio": (
        _python("python-socketio, uvicorn", "python_socketio", "uvicorn"),
        _python("python-socketio, aiohttp", "python_socketio", "aiohttp"),
    ),
    "floor": (_python(FLOOR_NAME, "floor"), _python(FLOOR_JSON_NAME, "floor", "--json")),
}
"""The peers by the names that `--against` takes."""


def install_node_packages() -> None:
    """Install the reference, once.

    Raises:
        BenchmarkError: Node or npm is missing, or npm failed.
    """
    tool("node")
    try:
        install(NODE_FOLDER)
    except NpmError as error:
        raise BenchmarkError(str(error)) from error


class Process:
    """A process that was started here, and is ended with the block it was started in."""

    def __init__(self, command: Sequence[str], cpu: int) -> None:
        with pinned(cpu):
            self._popen = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE.parent, bufsize=1
            )

    @property
    def pid(self) -> int:
        """Its id."""
        return self._popen.pid

    def say(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self._popen.stdin is not None  # asked for above
        self._popen.stdin.write(line + "\n")
        self._popen.stdin.flush()

    def line(self) -> str:
        """Wait for its next line.

        Raises:
            BenchmarkError: it ended.
        """
        assert self._popen.stdout is not None  # asked for above
        line = self._popen.stdout.readline()
        if not line:
            raise BenchmarkError(f"{' '.join(map(str, self._popen.args))} ended with {self._popen.wait()}")  # type: ignore[arg-type] # a sequence
        return line.strip()

    def end(self) -> None:
        """End it, if it still runs."""
        self._popen.kill()
        self._popen.communicate()

    def worked_s(self) -> float:
        """Return how much CPU time it has taken, with all its threads."""
        return time.clock_gettime(~self.pid << 3 | 2)  # as `clock_getcpuclockid` of Linux names it

    def resident_kb(self) -> int:
        """Return how much memory it uses now."""
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise BenchmarkError("memory can be measured on Linux only")


def start_server(
    peer: Peer,
    stack: ExitStack,
    ping_interval_s: float = 25.0,
    cpu: int = SERVER_CPU,
    *,
    deflates: bool = False,
    more: Sequence[str] = (),
    redis: str = "",
) -> tuple[Process, int]:
    """Start a server and return it, with its port, once it listens.

    Args:
        redis: the path of the socket of one, by which it is joined to others.
    """
    command = peer.command
    if command[0] == "node":
        install_node_packages()
        command = (tool("node"), command[1])
    options = ["--ping-interval", str(ping_interval_s), *["--deflate"] * deflates, *more]
    options += ["--redis", redis] if redis else []
    options += ["--certificate", str(certificate())] if peer.is_secure else []
    process = Process([*command, *options], cpu)
    stack.callback(process.end)
    return process, int(process.line())


@cache
def certificate() -> Path:
    """Return a file with a self-signed certificate and its key; a new one in each run."""
    with tempfile.TemporaryDirectory() as folder:
        key, made = f"{folder}/key", f"{folder}/certificate"
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
        run_tool([tool("openssl"), "req", "-x509", *curve, "-subj", "/CN=localhost", "-keyout", key, "-out", made])
        text = Path(key).read_text(encoding="ascii") + Path(made).read_text(encoding="ascii")
    target = HERE / "build" / "certificate"
    target.parent.mkdir(exist_ok=True)
    target.write_text(text, encoding="ascii")
    return target


def start_redis(stack: ExitStack) -> str:
    """Start a Redis that keeps nothing, and return the path of its socket once it listens.

    Raises:
        BenchmarkError: there is no redis-server, or it does not start.
    """
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    path = f"{folder}/redis"
    options = ["--port", "0", "--unixsocket", path, "--dir", folder, "--save", "", "--appendonly", "no"]
    options += ["--tcp-backlog", "4096"]  # python-socketio opens a connection for each event that waits: 800 at once
    process = Process([tool("redis-server"), *options], SERVER_CPU)
    stack.callback(process.end)
    while "ready to accept connections" not in process.line().lower():
        pass
    return path


# -- what measures ---------------------------------------------------------------------------------------------------


@cache
def load_generator() -> Path:
    """Compile the load generator, if that was not done since it was changed, and return its path."""
    sources = sorted((HERE / "load").glob("*.[ch]"))
    target = HERE / "build" / "load"
    target.parent.mkdir(exist_ok=True)
    with locked(target.parent / ".compiling"):
        if not target.exists() or target.stat().st_mtime < max(source.stat().st_mtime for source in sources):
            units = [str(source) for source in sources if source.suffix == ".c"]
            run_tool([tool("cc"), "-O2", "-pthread", "-o", str(target), *units])
    return target


@dataclass(frozen=True)
class Load:
    """What the generator does; see `load/main.c`.

    Attributes:
        mode: `"echo"`, `"broadcast"`, `"slow"`, `"idle"`, `"connect"`, `"upgrade"` or `"poll"`.
        data: one message: masked frames, or the body of a POST.
    """

    mode: str
    connections: int
    in_flight: int = 1
    frames_per_reply: int = 1
    data: bytes = b""


@dataclass(frozen=True)
class Sample:
    """One measurement.

    Attributes:
        count: events, deliveries, connects or pings.
        server_cpu_s: what the server's process took, with all its threads.
        generator_cpu_s: what the generator took; near to `elapsed_s` it was the bottleneck.
        p50_us, p99_us: in which time half of the messages came back, and 99 of 100; where a rate was given.
    """

    count: int
    elapsed_s: float
    server_cpu_s: float
    generator_cpu_s: float
    p50_us: float = float("nan")
    p99_us: float = float("nan")

    @property
    def per_second(self) -> float:
        """The rate."""
        return self.count / self.elapsed_s

    @property
    def server_us(self) -> float:
        """The server's CPU time for each, in microseconds."""
        return self.server_cpu_s / self.count * 1e6 if self.count else float("nan")


class LoadGenerator:
    """A load generator whose connections stand; it rests between measurements.

    Args:
        others: more servers, and their ports; connections take turns.
    """

    def __init__(
        self, load: Load, server: Process, port: int, stack: ExitStack, others: Sequence[tuple[Process, int]] = ()
    ) -> None:
        file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "data"
        file.write_bytes(load.data)
        ports = ",".join(str(each) for _, each in ((server, port), *others))
        pids = ",".join(str(each.pid) for each, _ in ((server, port), *others))
        numbers = (ports, pids, load.connections, load.in_flight, load.frames_per_reply)
        self._process = Process([str(load_generator()), load.mode, *map(str, numbers), str(file)], LOAD_CPU)
        stack.callback(self._process.end)
        if self._process.line() != "ready":
            raise BenchmarkError("the load generator cannot be understood")

    def measure(self, warm_up_s: float, seconds: float, rate: float = 0.0) -> Sample:
        """Load the server for a while.

        Args:
            rate: messages a second; 0 for as many as come back.
        """
        return measure(self._process, warm_up_s, seconds, rate)


def measure(process: Process, warm_up_s: float, seconds: float, rate: float = 0.0) -> Sample:
    """Have a process measure for a while: for longer, while there is nothing to count because the machine is busy.

    Raises:
        BenchmarkError: nothing came in a minute.
    """
    while seconds < 60.0:
        process.say(f"{warm_up_s} {seconds}{f' {rate}' if rate else ''}")
        sample = Sample(**json.loads(process.line()))
        if sample.count:
            return sample
        seconds *= 4
    raise BenchmarkError("there was nothing to count")
