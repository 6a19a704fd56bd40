"""Who sends little is served between any two large messages of others, which may take long, on every loop."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Final

import pytest

from benchmarks.attacks import HANDSHAKE, JOIN, POLLING, frame, request
from socketio_core import Observer, Server
from socketio_core.app import Socket
from socketio_core.wire.base import LARGE_BYTES
from tests.adapters.bench import Bench, serving, until
from tests.adapters.loops import both_loops_tcp

CROWD: Final = 6
LARGE: Final = f'42["large","{"x" * 2 * LARGE_BYTES}"]'.encode()
HEAVY: Final = f'42["large",[{"0," * 2 * LARGE_BYTES}0]]'.encode()  # it takes 1 MB once it is read


async def large_of(kind: str, bench: Bench, event: bytes) -> bytes:
    """Return what a client sends."""
    if kind == "frame":
        return frame(event)
    client = await bench.polling()
    return request(f"{POLLING}&sid={client.sid}", method="POST", body=event)


class Town:
    """A neighbour, and clients that send something large; all handlers are noted."""

    def __init__(self, io: Server) -> None:
        self.io = io
        self.noted: list[str] = []
        io.on("large", self.on_large)
        io.on("small", self.on_small)
        self._clients: list[Any] = []

    def on_large(self, _: Socket, __: Any) -> None:
        self.noted.append("large")

    def on_small(self, _: Socket) -> None:
        self.noted.append("small")

    def ask(self) -> None:
        """Have the neighbour send something; it is there at once."""
        self._clients[0].sendall(frame(b'42["small"]'))

    async def be_sent(self, kind: str, event: bytes) -> None:
        """Have all come, and then send at once."""
        async with serving(self.io, tcp=True) as bench:
            port = int(bench.urls[0].rpartition(":")[2])
            sent = [await large_of(kind, bench, event) for _ in range(CROWD)]
            with ExitStack() as stack:
                self._clients = [
                    stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(CROWD + 1)
                ]
                joining = self._clients if kind == "frame" else self._clients[:1]
                joined = len(bench.core.hub.of("/").members) + len(joining)
                for peer in self._clients:
                    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for peer in joining:
                    peer.sendall(HANDSHAKE + JOIN)
                await until(lambda: len(bench.core.hub.of("/").members) == joined, "all have joined")
                for peer, data in zip(self._clients[1:], sent, strict=True):
                    peer.sendall(data)
                await until(lambda: self.noted.count("large") == CROWD, "all were handled")
                await until(lambda: self.noted.count("small") == CROWD, "the neighbour was served")


@pytest.mark.parametrize("kind", ["frame", "POST"])
@both_loops_tcp
async def test_who_sends_little_is_served_between_two_large_messages(kind: str) -> None:
    """Whenever one was handled, the neighbour has sent something."""

    class Hurried(Town):
        def on_large(self, _: Socket, __: Any) -> None:
            super().on_large(_, __)
            self.ask()

    town = Hurried(Server())
    await town.be_sent(kind, LARGE)
    assert town.noted == ["large", "small"] * CROWD


@pytest.mark.parametrize("kind", ["frame", "POST"])
@both_loops_tcp
async def test_who_sends_little_is_served_between_reading_a_heavy_message_and_handling_it(kind: str) -> None:
    """Whenever one was read, the neighbour has sent something."""

    class Reading(Observer):
        def event_received(self, socket: Socket, name: str, args: Sequence[Any]) -> None:
            if name == "large":
                town.ask()

    town = Town(Server(observers=[Reading()]))
    await town.be_sent(kind, HEAVY)
    assert town.noted == ["small", "large"] * CROWD
