"""How connections end: who learns which reason, and how a client comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from tests.interop.peers import InteropServer, Peer

StartServer = Callable[..., InteropServer]
StartPeer = Callable[[str, str, str], Peer]

# What each client calls the same end.
BY_SERVER: Final = {"node": "io server disconnect", "python-socketio": "server disconnect"}
BY_CLIENT: Final = {"node": "io client disconnect", "python-socketio": "client disconnect"}
ENGINE_CLOSED: Final = {"node": "forced close", "python-socketio": "client disconnect"}
CONNECTION_LOST: Final = {
    "node": {"transport close", "transport error"},
    "python-socketio": {"server disconnect", "transport close", "transport error"},
}


def assert_server_saw(server: InteropServer, sid: str, *reasons: str, rooms: tuple[str, ...] = ()) -> None:
    """`disconnecting` came with the rooms, then `disconnect` without them, with the same reason."""
    before = server.take("disconnecting", sid=sid)
    after = server.take("disconnect", sid=sid)
    assert before["reason"] in reasons
    assert before["rooms"] == list(rooms)
    assert (after["reason"], after["rooms"]) == (before["reason"], [])


def test_client_disconnects(peer: Peer, server: InteropServer) -> None:
    socket = peer.join()
    socket.call("join", "tea")
    socket.disconnect()
    assert socket.take("disconnect") == [BY_CLIENT[peer.kind]]
    reasons = ["client namespace disconnect"]
    if peer.kind == "python-socketio" and peer.mode != "polling":
        reasons.append("transport close")  # it closes its WebSocket without waiting for its own farewell to be sent
    assert_server_saw(server, socket.id, *reasons, rooms=("tea",))


def test_server_disconnects_the_only_namespace(peer: Peer, server: InteropServer) -> None:
    socket = peer.join()
    socket.emit("kick me")
    assert socket.take("disconnect") == [BY_SERVER[peer.kind]]
    assert_server_saw(server, socket.id, "server namespace disconnect")


def test_server_drops_the_whole_connection(peer: Peer, server: InteropServer) -> None:
    connection = peer.open("/", "/chat")
    for nsp in ("/", "/chat"):
        connection[nsp].take("connect")
        connection[nsp].take("welcome")
    connection["/"].call("join", "tea")
    connection["/chat"].emit("drop me")
    for nsp in ("/", "/chat"):
        assert connection[nsp].take("disconnect") == [BY_SERVER[peer.kind]]
    assert_server_saw(server, connection["/"].id, "server namespace disconnect", rooms=("tea",))
    assert_server_saw(server, connection["/chat"].id, "server namespace disconnect")


def test_client_closes_the_engine(peer: Peer, server: InteropServer) -> None:
    connection = peer.open("/", "/chat")
    for nsp in ("/", "/chat"):
        connection[nsp].take("connect")
        connection[nsp].take("welcome")
    connection.close_engine()
    for nsp in ("/", "/chat"):
        assert connection[nsp].take("disconnect") == [ENGINE_CLOSED[peer.kind]]
        assert_server_saw(server, connection[nsp].id, "transport close")


def test_node_leaves_one_namespace_of_two(server: InteropServer, mode: str, start_peer: StartPeer) -> None:
    connection = start_peer("node", mode, server.url).open("/", "/chat")
    for nsp in ("/", "/chat"):
        connection[nsp].take("connect")
        connection[nsp].take("welcome")
    connection["/chat"].disconnect()
    assert connection["/chat"].take("disconnect") == [BY_CLIENT["node"]]
    assert_server_saw(server, connection["/chat"].id, "client namespace disconnect")
    connection["/"].assert_quiet()
    first = connection["/chat"].id
    connection["/chat"].reopen()  # and comes back to it, as somebody new
    connection["/chat"].take("connect")
    connection["/chat"].take("welcome")
    assert connection["/chat"].id != first
    connection["/chat"].assert_quiet()


def test_client_program_dies(server: InteropServer, kind: str, mode: str, start_peer: StartPeer) -> None:
    peer = start_peer(kind, mode, server.url)
    connection = peer.open("/")
    connection["/"].take("connect")
    connection["/"].take("welcome")
    connection.wait_for_mode()
    peer.close()
    if mode != "polling":
        assert_server_saw(server, connection["/"].id, "transport close", "transport error")


def test_client_falls_silent_and_another_does_not(start_server: StartServer, peer: Peer, start_peer: StartPeer) -> None:
    """Many intervals pass meanwhile, in which heartbeats keep the other one's connection."""
    server = start_server("--ping-interval", "0.1", "--ping-timeout", "2")
    kept = peer.join(server=server)
    silent = start_peer(peer.kind, peer.mode, server.url)
    connection = silent.open("/")
    connection["/"].take("connect")
    connection["/"].take("welcome")
    connection.wait_for_mode()
    silent.pause()
    try:
        assert_server_saw(server, connection["/"].id, "ping timeout")
    finally:
        silent.resume()
    connection["/"].take("disconnect")
    kept.assert_quiet()
    server.stop()


def test_server_shuts_down(start_server: StartServer, peer: Peer) -> None:
    server = start_server()
    connection = peer.open("/", "/chat", server=server)
    for nsp in ("/", "/chat"):
        connection[nsp].take("connect")
        connection[nsp].take("welcome")
    connection.wait_for_mode()
    server.stop()
    for nsp in ("/", "/chat"):
        assert connection[nsp].take("disconnect")[0] in CONNECTION_LOST[peer.kind]
        assert_server_saw(server, connection[nsp].id, "server shutting down")


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_client_comes_back_after_the_server_restarts(start_server: StartServer, peer: Peer, end: str) -> None:
    server = start_server()
    connection = peer.open("/", "/chat", reconnection=True, server=server)
    first: dict[str, str] = {}
    for nsp in ("/", "/chat"):
        connection[nsp].take("connect")
        connection[nsp].take("welcome")
        first[nsp] = connection[nsp].id
    connection.wait_for_mode()
    if end == "stop":
        server.stop()
    else:
        server.kill()
    for nsp in ("/", "/chat"):
        assert connection[nsp].take("disconnect")[0] in CONNECTION_LOST[peer.kind]
    if (peer.kind, peer.mode, end) == ("python-socketio", "polling", "stop"):
        return  # it takes the close packet, which only polling has, as an order to stay away
    again = start_server(port=server.port)
    for nsp in ("/", "/chat"):
        connection[nsp].take("connect", passing_over="connect_error")
        connection[nsp].take("welcome")
        assert connection[nsp].id != first[nsp]
        connection[nsp].assert_quiet()
    connection.wait_for_mode()
    again.stop()
