"""What only trio's tests need of a server in this process; see `tests.adapters.bench`."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import trio
from trio.testing import memory_stream_pair

from socketio_core import Server
from socketio_core.app.server import host_of
from socketio_core.trio.runtime import TrioRuntime
from tests.adapters import bench
from tests.adapters.abstract import TCP_IDLE_S
from tests.adapters.bench import Faults, core_of, counted_calls, until
from tests.adapters.loops import loop, one_loop
from tests.adapters.on_trio import TrioListener
from tests.adapters.peer import Peer

__all__ = [
    "TCP_IDLE_S",
    "Bench",
    "Faults",
    "MemoryListener",
    "connect_tcp",
    "core_of",
    "counted_calls",
    "runtime_of",
    "serving",
    "task_count",
    "trio_tcp_test",
    "trio_test",
    "unix_socket",
    "until",
]

trio_test: Final = one_loop("trio")
trio_tcp_test: Final = one_loop("trio", tcp=True)


class MemoryListener(TrioListener):
    """Gives whoever connects a `Peer`."""

    def connect_peer(
        self, make_pair: Callable[[], tuple[trio.abc.Stream, trio.abc.Stream]] = memory_stream_pair
    ) -> Peer:
        """Return the client's end of a new connection."""
        return Peer(self.connect(make_pair))


class Bench(bench.Bench):
    """A bench on trio."""

    nursery: trio.Nursery
    listener: TrioListener

    @property
    def runtime(self) -> TrioRuntime:
        """What the server runs on."""
        return runtime_of(self.io)


def serving(io: Server, *, tcp: bool = False, **options: Any) -> AbstractAsyncContextManager[Bench]:
    """See `tests.adapters.bench.serving`."""
    return bench.serving(io, tcp=tcp, bench=Bench, **options)


def runtime_of(io: Server) -> TrioRuntime:
    """Return what a server runs on."""
    runtime = host_of(io).runtime
    assert isinstance(runtime, TrioRuntime)
    return runtime


async def connect_tcp(url: str, *, receive_buffer: int | None = None) -> Peer:
    """Connect to a port of this machine; a small receive buffer makes a peer that is soon full."""
    return Peer(await loop.connect_tcp(int(url.rpartition(":")[2]), receive_buffer))


def task_count() -> int:
    """How many tasks there are in this run."""
    return loop.task_count()


def unix_socket(name: str | bytes | None = None) -> trio.socket.SocketType:
    """Return a Unix socket, bound to a name if there is one.

    Trio would bind it in a thread, and while that starts nothing goes on in the loop: time would jump.
    """
    made = socket.socket(socket.AF_UNIX)
    if name is not None:
        made.bind(name)
    return trio.socket.from_stdlib_socket(made)
