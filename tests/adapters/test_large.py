"""Who sends little is served between any two large messages of others, which may take long, on every loop."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

import pytest

from benchmarks.attacks import HANDSHAKE, JOIN, POLLING, frame, request
from socketio_core import Observer, Server
from socketio_core.app import Socket
from socketio_core.wire.base import LARGE_BYTES
from tests.adapters.bench import Bench, serving, until
from tests.adapters.loops import both_loops_tcp, loop
from tests.adapters.test_tls import secure
from tests.adapters.tls import trusting

CROWD: Final = 6
LARGE: Final = f'42["large","{"x" * 2 * LARGE_BYTES}"]'.encode()
HEAVY: Final = f'42["large",[{"0," * 2 * LARGE_BYTES}0]]'.encode()  # it takes 1 MB once it is read


async def large_of(kind: str, bench: Bench, event: bytes) -> bytes:
    """Return what a client sends."""
    if kind == "frame":
        return frame(event)
    client = await bench.polling()
    return request(f"{POLLING}&sid={client.sid}", method="POST", body=event)


class TlsSocket:
    """A client's end over TLS."""

    def __init__(self, below: socket.socket, context: ssl.SSLContext) -> None:
        self.below = below
        self.came, self.goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.came, self.goes, server_hostname="localhost")

    def sendall(self, data: bytes) -> None:
        self.tls.write(data)
        self.below.sendall(self.goes.read())


async def shaken(below: socket.socket, context: ssl.SSLContext) -> TlsSocket:
    """Return one that has shaken hands."""
    client = TlsSocket(below, context)
    below.setblocking(False)  # noqa: FBT003 - the library's signature
    while True:
        with suppress(BlockingIOError):
            client.came.write(below.recv(65536))
        try:
            client.tls.do_handshake()
        except ssl.SSLWantReadError:
            below.sendall(client.goes.read())
            await loop.sleep(0.001)
        else:
            below.sendall(client.goes.read())
            below.setblocking(True)  # noqa: FBT003 - as above
            return client


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

    async def be_sent(self, kind: str, event: bytes, certificate: Path | None) -> None:
        """Have all come, and then send at once; over TLS, if there is a certificate."""
        async with secure(certificate, self.io) if certificate else serving(self.io, tcp=True) as bench:
            port = int(bench.urls[0].rpartition(":")[2])
            sent = [await large_of(kind, bench, event) for _ in range(CROWD)]
            with ExitStack() as stack:
                self._clients = [
                    stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(CROWD + 1)
                ]
                for peer in self._clients:
                    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if certificate is not None:
                    self._clients = [await shaken(peer, trusting(certificate)) for peer in self._clients]
                joining = self._clients if kind == "frame" else self._clients[:1]
                joined = len(bench.core.hub.of("/").members) + len(joining)
                for peer in joining:
                    peer.sendall(HANDSHAKE + JOIN)
                await until(lambda: len(bench.core.hub.of("/").members) == joined, "all have joined")
                for peer, data in zip(self._clients[1:], sent, strict=True):
                    peer.sendall(data)
                await until(lambda: self.noted.count("large") == CROWD, "all were handled")
                await until(lambda: self.noted.count("small") == CROWD, "the neighbour was served")


@pytest.mark.parametrize("over", ["TCP", "TLS"])
@pytest.mark.parametrize("kind", ["frame", "POST"])
@both_loops_tcp
async def test_who_sends_little_is_served_between_two_large_messages(kind: str, over: str, certificate: Path) -> None:
    """Whenever one was handled, the neighbour has sent something."""

    class Hurried(Town):
        def on_large(self, _: Socket, __: Any) -> None:
            super().on_large(_, __)
            self.ask()

    town = Hurried(Server())
    await town.be_sent(kind, LARGE, certificate if over == "TLS" else None)
    assert town.noted == ["large", "small"] * CROWD


@pytest.mark.parametrize("over", ["TCP", "TLS"])
@pytest.mark.parametrize("kind", ["frame", "POST"])
@both_loops_tcp
async def test_who_sends_little_is_served_between_reading_a_heavy_message_and_handling_it(
    kind: str, over: str, certificate: Path
) -> None:
    """Whenever one was read, the neighbour has sent something."""

    class Reading(Observer):
        def event_received(self, socket: Socket, name: str, args: Sequence[Any]) -> None:
            if name == "large":
                town.ask()

    town = Town(Server(observers=[Reading()]))
    await town.be_sent(kind, HEAVY, certificate if over == "TLS" else None)
    assert town.noted == ["small", "large"] * CROWD
