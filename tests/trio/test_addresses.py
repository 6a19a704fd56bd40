"""What listeners and peers are called, whatever they are."""

from __future__ import annotations

import os
import socket
import sys
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import memory_stream_pair

from socketio_core.app import Socket
from socketio_core.trio import Server
from socketio_core.trio.addresses import listener_url, peer_address
from tests.adapters.clients import WebSocketClient
from tests.adapters.peer import Peer
from tests.trio.bench import trio_tcp_test, unix_socket

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="abstract Unix sockets are Linux's")


async def _seen(server_name: str | bytes, client_name: str | bytes | None) -> tuple[str, str]:
    """Serve a Unix socket. Returns its URL, and the address of a client."""
    io = Server()
    seen: list[str] = []

    @io.on("connection")
    def connection(socket: Socket) -> None:
        seen.append(socket.handshake.address)

    sock = unix_socket(server_name)
    sock.listen()
    async with trio.open_nursery() as nursery:
        urls: list[str] = await nursery.start(partial(io.serve, listeners=[trio.SocketListener(sock)]))
        mine = unix_socket(client_name)
        await mine.connect(server_name)
        client = WebSocketClient(Peer(trio.SocketStream(mine)))
        await client.open()
        await client.join()
        await client.peer.close()
        nursery.cancel_scope.cancel()
    return urls[0], seen[0]


@on_linux
@trio_tcp_test
async def test_abstract_unix_sockets_are_called_so() -> None:
    unique = f"core-{os.getpid()}"
    assert await _seen(f"\0{unique}", f"\0{unique}-client") == (f"unix:@{unique}", f"unix:@{unique}-client")
    assert await _seen(b"\0" + unique.encode() + b"\0\xff\n", None) == (rf"unix:@{unique}\x00\xff\n", "unix:")


@trio_tcp_test
async def test_unix_sockets_with_a_path_are_called_so(tmp_path: Path) -> None:
    wanted = (f"unix:{tmp_path}/server", f"unix:{tmp_path}/client")
    assert await _seen(f"{tmp_path}/server", f"{tmp_path}/client") == wanted


class NamedSocket:
    """A socket as far as its names go: those that a machine need not be able to have."""

    def __init__(self, family: int, name: object) -> None:
        self.family = family
        self._name = name

    def getsockname(self) -> object:
        return self._name

    getpeername = getsockname


ZONE = socket.if_nameindex()[0]


@pytest.mark.parametrize(
    ("family", "name", "url", "address"),
    [
        (socket.AF_INET, ("127.0.0.1", 80), "https://127.0.0.1:80", "127.0.0.1"),
        (socket.AF_INET6, ("::1", 80, 0, 0), "https://[::1]:80", "::1"),
        (socket.AF_INET6, ("fe80::1", 80, 0, ZONE[0]), f"https://[fe80::1%25{ZONE[1]}]:80", f"fe80::1%{ZONE[1]}"),
        (socket.AF_INET6, ("fe80::1%x", 80, 0, 9), "https://[fe80::1%25x]:80", "fe80::1%x"),
        (socket.AF_INET6, ("fe80::1", 80, 0, 999_999), "https://[fe80::1%25999999]:80", "fe80::1%999999"),
        (socket.AF_UNIX, "/tmp/\udcff\n", r"unix:/tmp/\xff\n", r"unix:/tmp/\xff\n"),
        (999, (2, 80), "999:(2, 80)", "999:(2, 80)"),
    ],
)
def test_every_kind_of_name_is_told(
    family: int, name: object, url: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = trio.SocketListener.__new__(trio.SocketListener)
    stream = trio.SocketStream.__new__(trio.SocketStream)
    listener.socket = stream.socket = NamedSocket(family, name)  # type: ignore[assignment]
    assert listener_url(listener, "https") == url
    assert peer_address(stream) == address


def test_peer_without_a_socket_has_no_address() -> None:
    assert peer_address(memory_stream_pair()[0]) == ""


@trio_tcp_test
async def test_peer_that_is_gone_has_no_address() -> None:
    one, other = socket.socketpair()
    other.close()
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(one))
    await stream.aclose()
    assert peer_address(stream) == ""
