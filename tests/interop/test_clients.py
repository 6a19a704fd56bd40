"""The official client from npm and the client of python-socketio against our server, over each transport.

On asyncio, over those that lead over both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from tests.interop.peers import MODES, InteropServer, Peer

TEXTS: Final[dict[str, object]] = {
    "empty": "",
    "accents": "grüße, žluťoučký, 日本語",
    "astral": "😀 \U00010000 \U0010ffff",
    "combining and zero width": "e\u0301 \u200d \ufeff",
    "line separators": "a\u2028b\u2029c\r\nd",
    "control characters, the payload separator among them": "\x00\x01\x1e\x1f\x7f\x80",
    "quotes and backslashes": '"\\" \\u0041 \\\\',
    "looks like a packet": '42["echo"]\x1eb00',
    "lone high surrogate": "a\ud83db",
    "lone low surrogate": "\ude00",
    "surrogates the wrong way round": "\ude00\ud83d",
}
VALUES: Final[dict[str, list[object]]] = {
    "no argument": [],
    "null": [None],
    "booleans and numbers": [True, False, 0, -1, 1.5, 2**53, 1e300, 5e-324],
    "falsy": ["", 0, None, False, [], {}],
    "nested": [{"a": [{"b": {"c": [[[]], {}]}}], "": "empty key", "ключ": "😀"}],
    "a megabyte, nearly": ["x" * 900_000],
}
BINARIES: Final[dict[str, list[object]]] = {
    "one": [b"\x00\x01\xfe\xff"],
    "empty": [b""],
    "nested": [{"a": [b"first", {"b": b"second"}], "c": "text"}, b"third", None],
    "ten attachments": [[bytes([number]) * number for number in range(10)]],
    "large": [b"\x1e\x00\xff" * 200_000, "and text"],
    "looks like a placeholder": [{"_placeholder": False, "num": 0}, b"real"],
}
KINDS_OF_ARGUMENTS = pytest.mark.parametrize(
    "args",
    [pytest.param([text], id=name) for name, text in TEXTS.items()]
    + [pytest.param(args, id=name) for name, args in (VALUES | BINARIES).items()],
)


@pytest.fixture(scope="module", params=[*(("trio", mode) for mode in MODES), ("asyncio", "upgrade")], ids="-".join)
def way(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Which loop the server runs on, and which transports the client uses."""
    chosen: tuple[str, str] = request.param
    return chosen


@pytest.fixture(scope="module")
def server(way: tuple[str, str], server_of: Callable[..., InteropServer]) -> InteropServer:
    return server_of("app", "--loop", way[0])


@pytest.fixture(scope="module")
def mode(way: tuple[str, str]) -> str:
    return way[1]


def test_connects_with_auth_and_query(peer: Peer, server: InteropServer) -> None:
    connection = peer.open("/", auth={"token": "t ü", "deep": [1, {"a": None}]}, query={"token": "from-the-url"})
    socket = connection["/"]
    (sid,) = socket.take("connect")
    (welcome,) = socket.take("welcome")
    assert welcome == {"sid": sid, "auth": {"token": "t ü", "deep": [1, {"a": None}]}, "token": "from-the-url"}
    server.take("connection", sid=sid)
    connection.wait_for_mode()
    socket.assert_quiet()


def test_middleware_accepts(peer: Peer) -> None:
    socket = peer.join("/private", auth={"token": "good"})
    assert socket.call("reflect", "in") == ["in"]


def test_middleware_refuses_with_message_and_data(peer: Peer) -> None:
    socket = peer.open("/private", auth={"token": "bad"})["/private"]
    assert socket.take("connect_error") == ["not authorised", {"code": 401, "hint": "grüße \u2028"}]


def test_unknown_namespace_is_refused(peer: Peer) -> None:
    socket = peer.open("/nowhere")["/nowhere"]
    assert socket.take("connect_error")[0] == "Invalid namespace"


@KINDS_OF_ARGUMENTS
def test_arguments_survive_events_and_acks_both_ways(peer: Peer, args: list[object]) -> None:
    socket = peer.join()
    socket.emit("echo", *args)
    assert socket.take("echo") == args
    assert socket.call("reflect", *args) == args
    # The server asks, the client answers, the server tells what it got: `call` gives one value as it is, none as None.
    socket.emit("ask", *args)
    answer: object = None if not args else args[0] if len(args) == 1 else args
    assert socket.take("answered") == [answer]
    socket.assert_quiet()


def test_arguments_survive_after_the_upgrade(peer: Peer) -> None:
    connection = peer.open("/")
    socket = connection["/"]
    socket.take("connect")
    socket.take("welcome")
    connection.wait_for_mode()
    for args in [*([text] for text in TEXTS.values()), *VALUES.values(), *BINARIES.values()]:
        socket.emit("echo", *args)
        assert socket.take("echo") == args
        assert socket.call("reflect", *args) == args


def test_events_keep_their_order(peer: Peer) -> None:
    socket = peer.join()
    sent: list[list[object]] = [
        [number, bytes([number]) * (number * 37 % 5)] if number % 3 else [number, "text"] for number in range(60)
    ]
    for args in sent:
        socket.emit("echo", *args)
    assert [socket.take("echo") for _ in sent] == sent


def test_namespaces_share_a_connection_and_nothing_else(peer: Peer, server: InteropServer) -> None:
    connection = peer.open("/", "/chat")
    for nsp in ("/", "/chat"):
        connection[nsp].take("connect")
        connection[nsp].take("welcome")
    assert connection["/"].id != connection["/chat"].id
    assert connection["/chat"].call("join", "here") == [["here"]]
    assert connection["/"].call("join", "here") == [["here"]]
    other = peer.join("/chat")
    other.emit("say", "here", "only to /chat", b"\x00")
    assert connection["/chat"].take("said") == ["only to /chat", b"\x00"]
    connection["/"].assert_quiet()
    other.assert_quiet()
    # The server closes one of them; the other goes on.
    connection["/chat"].emit("kick me")
    connection["/chat"].take("disconnect")
    assert server.take("disconnect", sid=connection["/chat"].id)["reason"] == "server namespace disconnect"
    connection["/"].assert_quiet()


def test_rooms(peer: Peer) -> None:
    anna, ben, carl = (peer.join() for _ in range(3))
    assert anna.call("join", "tea") == [["tea"]]
    assert ben.call("join", "tea") == [["tea"]]
    assert ben.call("join", "quiet") == [["quiet", "tea"]]
    assert carl.call("reflect") == []

    anna.emit("say", "tea", "to the others", b"\xff", {"n": 1})
    assert ben.take("said") == ["to the others", b"\xff", {"n": 1}]
    anna.emit("say to all of", "tea", "to all")
    assert anna.take("said") == ["to all"]
    assert ben.take("said") == ["to all"]
    carl.emit("say except", "tea", "quiet", "not to the quiet ones")
    assert anna.take("said") == ["not to the quiet ones"]
    carl.emit("say", ben.id, "to one socket")
    assert ben.take("said") == ["to one socket"]
    assert ben.call("leave", "tea") == [["quiet"]]
    anna.emit("say", "tea", "nobody hears")
    carl.emit("say to all of", "no such room", "nobody hears")
    for socket in (anna, ben, carl):
        socket.assert_quiet()
    carl.emit("say to everyone", "hello")
    for socket in (anna, ben, carl):
        assert socket.take("said") == ["hello"]
        socket.assert_quiet()


def test_a_thousand_messages_both_ways(peer: Peer) -> None:
    total = 1000
    connection = peer.open("/", later=True)
    result = connection["/"].exchange(total=total, chunk=5)
    assert result["got"] == list(range(total))
    assert result["reported"] == list(range(total))
    if peer.mode != "upgrade":
        assert (result["startedOn"], result["endedOn"]) == (peer.mode, peer.mode)
    elif peer.kind == "node":  # the other client lets nobody send before it has upgraded
        assert (result["startedOn"], result["endedOn"]) == ("polling", "websocket")
        assert 0 < result["upgradedAfter"]["sent"] < total
        assert 0 < result["upgradedAfter"]["got"] < total
