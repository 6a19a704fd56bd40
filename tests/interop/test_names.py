"""The official client against what applications find by the names they would guess, on both event loops."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.interop.peers import InteropServer, Peer

StartPeer = Callable[[str, str, str], Peer]


@pytest.fixture(scope="module", params=["trio", "asyncio"])
def server(request: pytest.FixtureRequest, server_of: Callable[..., InteropServer]) -> InteropServer:
    return server_of("names_app", "--loop", str(request.param))


@pytest.fixture(scope="module")
def module_peer(server: InteropServer, start_peer: StartPeer) -> Peer:
    return start_peer("node", "upgrade", server.url)


def test_listeners_and_names(peer: Peer) -> None:
    connection = peer.open("/")
    socket = connection["/"]
    socket.take("connect")
    assert socket.take("greeting") == [False], "what a middleware emits comes behind CONNECT"
    connection.wait_for_mode()
    assert [socket.call("once"), socket.call("once")] == [["once"], ["once"]]  # the second one by "*"
    assert socket.call("nobody knows", 1, b"2") == ["nobody knows", 1, b"2"]
    assert [socket.call(name) for name in ("count", "count twice", "a:b")] == [[1], [5], [9]]
    assert socket.call("ask servers") == [[]]
    socket.emit("message", 1, b"2")
    assert socket.take("message") == [1, b"2"]
    assert socket.take("message") == ["to all"]
    assert socket.call("volatile please") == [True]
    assert (socket.take("volatile"), socket.take("not volatile")) == ([], [])
    assert socket.call("describe") == [
        ["websocket", ["websocket"], True, False, ["message", "message", "volatile", "not volatile"]]
    ]
    other = peer.open("/")["/"]
    other.take("connect")
    other.take("greeting")
    assert other.call("count") == [1], "each has its own"
    assert socket.call("ask all", 5) == [[["a", "b"], ["a", "b"]]]


def test_middlewares_of_events(peer: Peer) -> None:
    socket = peer.open("/guarded")["/guarded"]
    socket.take("connect")
    assert socket.call("reflect", 1) == [1]
    assert socket.call("join", "woot") == ["join", "woot", 2], "one after another"
    assert socket.call("rename", 1) == [1, "renamed"]
    assert socket.call("forbidden") == ["not you", {"code": 403}]
    socket.emit("drop")
    assert [socket.call("limited") for _ in range(3)] == [["within"], ["within"], ["Too many events"]]


def test_those_of_every_event_come_in_front_and_go(peer: Peer) -> None:
    socket = peer.open("/catch-alls")["/catch-alls"]
    socket.take("connect")
    order = ["first", "second", "third"]
    heard, sent = socket.call("tell", "me", b"\x00")
    assert heard == [[who, "tell", "me", b"\x00"] for who in order]
    assert sent == [[who, *event] for event in (["own", 1], ["bytes", b"\x01\x02"]) for who in order]
    assert (socket.take("own"), socket.take("bytes")) == ([1], [b"\x01\x02"])
    assert socket.call("forget all") == [[6, 6]]
    assert socket.take("unheard") == []


def test_what_is_not_to_be_compressed_is_not(peer: Peer) -> None:
    connection = peer.open("/")
    socket = connection["/"]
    socket.take("connect")
    socket.take("greeting")
    connection.wait_for_mode()
    assert socket.call("count") == [1]
    connection.do("watch_frames")
    socket.emit("pack")
    assert [socket.take(name)[0][:1] for name in ("packed", "plain", "packed", "plain")] == ["x"] * 4
    assert connection.do("compressed") == [True, False, True, False]


def test_families(peer: Peer, server: InteropServer) -> None:
    sockets = [peer.open(nsp)[nsp] for nsp in ("/room-1", "/room-2", "/room-2")]
    for socket in sockets:
        socket.take("connect")
    assert {server.take("new_namespace")["name"] for _ in range(2)} == {"/room-1", "/room-2"}
    assert sockets[0].call("all children") == [[3, 3, 3]]
    for socket in sockets:
        assert socket.take("red") == []
    sockets[2].emit("disconnect children")
    for socket in sockets:
        assert socket.take("disconnect") == ["io server disconnect"]
        left = server.take("left", sid=socket.id)
        assert (left["reason"], left["description"]) == ("server namespace disconnect", None)


def test_two_clients_that_ask_at_once_make_one_namespace(peer: Peer, server: InteropServer) -> None:
    """The server answers neither before both have asked."""
    twins = [peer.open("/twins")["/twins"] for _ in range(2)]
    for twin in twins:
        twin.take("connect")
    assert [twin.call("how many") for twin in twins] == [[2], [2]]
    assert server.take("new_namespace")["name"] == "/twins"


def test_a_family_that_asks_about_each_client(peer: Peer, server: InteropServer) -> None:
    for key in (2, 1, 2, 1):
        socket = peer.open("/vip", auth={"key": key})["/vip"]
        if key == 1:
            socket.take("connect")
        else:
            assert socket.take("connect_error") == ["Invalid namespace", None]
    assert server.take("new_namespace")["name"] == "/vip"
    assert peer.open("/elsewhere", auth={"key": 1})["/elsewhere"].take("connect_error")[0] == "Invalid namespace"
