"""Who sends little is served between any two large messages of others, which may take long, on every loop."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import Any, Final

import pytest

from benchmarks.attacks import HANDSHAKE, JOIN, POLLING, frame, request
from socketio_core import Server
from socketio_core.app import Socket
from socketio_core.wire.base import LARGE_BYTES
from tests.adapters.bench import Bench, serving, until
from tests.adapters.loops import both_loops_tcp

CROWD: Final = 6
LARGE: Final = f'42["large","{"x" * 2 * LARGE_BYTES}"]'.encode()


async def large_of(kind: str, bench: Bench) -> bytes:
    """Return what a client sends."""
    if kind == "frame":
        return frame(LARGE)
    client = await bench.polling()
    return request(f"{POLLING}&sid={client.sid}", method="POST", body=LARGE)


@pytest.mark.parametrize("kind", ["frame", "POST"])
@both_loops_tcp
async def test_who_sends_little_is_served_between_two_large_messages(kind: str) -> None:
    """Whenever one was handled, the neighbour has sent something."""
    io = Server()
    handled: list[str] = []

    @io.on("large")
    def large(_: Socket, __: str) -> None:
        handled.append("large")
        neighbour.sendall(frame(b'42["small"]'))

    @io.on("small")
    def small(_: Socket) -> None:
        handled.append("small")

    async with serving(io, tcp=True) as bench:
        port = int(bench.urls[0].rpartition(":")[2])
        sent = [await large_of(kind, bench) for _ in range(CROWD)]
        with ExitStack() as stack:

            def connect() -> Any:
                peer = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if kind == "frame" or not clients:
                    peer.sendall(HANDSHAKE + JOIN)
                clients.append(peer)
                return peer

            clients: list[Any] = []
            neighbour = connect()
            crowd = [connect() for _ in range(CROWD)]
            joined = len(bench.core.hub.of("/").members) + (CROWD + 1 if kind == "frame" else 1)
            await until(lambda: len(bench.core.hub.of("/").members) == joined, "all have joined")
            for peer, data in zip(crowd, sent, strict=True):
                peer.sendall(data)
            await until(lambda: len(handled) == 2 * CROWD, "all were handled")
        assert handled == ["large", "small"] * CROWD
