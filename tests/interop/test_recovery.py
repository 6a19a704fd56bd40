"""The official client comes back to our server, on both event loops and over each transport, as to its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.interop.peers import Connection, InteropServer, Peer

StartPeer = Callable[[str, str, str], Peer]


@pytest.fixture(scope="module", params=["trio", "asyncio"])
def server(request: pytest.FixtureRequest, server_of: Callable[..., InteropServer]) -> InteropServer:
    return server_of("recovery_app", "--loop", str(request.param))


@pytest.fixture(scope="module", params=["polling", "websocket"])
def node(server: InteropServer, request: pytest.FixtureRequest, start_peer: StartPeer) -> Peer:
    return start_peer("node", str(request.param), server.url)


@pytest.fixture
def connection(node: Peer) -> Iterator[Connection]:
    """A client that comes back by itself, connected."""
    opened = node.open("/", reconnection=True)
    opened["/"].take("connect")
    yield opened
    node.forget_connections()


def lose(connection: Connection) -> None:
    """Break the client's connection, of which its sockets learn."""
    connection.close_engine()
    assert connection["/"].take("disconnect") == ["forced close"]


def without_offset(args: list[Any]) -> list[Any]:
    assert isinstance(args[-1], str)
    return args[:-1]


def assert_came_back(connection: Connection, server: InteropServer, sid: str, visits: int) -> None:
    """All that it missed came, in order and once, and it is who it was, in its middlewares too."""
    socket = connection["/"]
    missed = [without_offset(socket.take("missed")) for _ in range(3)]  # before it says that it is connected
    assert missed == [["all"], [b"\x01\x02"], [{"own": True}]]
    assert socket.take("connect") == [sid]
    assert connection.do("recovered", nsp="/") is True
    socket.assert_quiet()
    seen = server.take("middleware", sid=sid)
    assert (seen["recovered"], seen["auth"]) == (True, {})
    came = server.take("connection", sid=sid)
    assert (came["recovered"], came["rooms"], came["visits"]) == (True, ["tea"], visits)


def test_lost_client_is_who_it_was_and_gets_what_it_missed(connection: Connection, server: InteropServer) -> None:
    socket = connection["/"]
    assert connection.do("recovered", nsp="/") is False
    for report in ("middleware", "connection"):
        assert server.take(report, sid=socket.id)["recovered"] is False
    socket.emit("join", "tea")
    socket.emit("news please")
    assert without_offset(socket.take("news")) == [1]
    for args in ([], ["no offset"]):
        while socket.call("volatile please", *args) == [False]:  # no poll was there
            pass
        assert without_offset(socket.take("volatile")) == args
    for visits in (1, 2):  # the second time as well, and with what it was sent first as its last event
        lose(connection)
        assert server.take("disconnect", sid=socket.id)["reason"] == "transport close"
        assert_came_back(connection, server, socket.id, visits)


def test_client_that_has_heard_nothing_comes_back(connection: Connection, server: InteropServer) -> None:
    socket = connection["/"]
    assert socket.call("reflect") == []
    lose(connection)
    server.take("disconnect", sid=socket.id)
    assert [without_offset(socket.take("missed")) for _ in range(2)] == [["all"], [{"own": True}]]
    assert socket.take("connect") == [socket.id]
    assert connection.do("recovered", nsp="/") is True


def test_client_that_claims_what_nobody_knows_begins_anew(connection: Connection, server: InteropServer) -> None:
    socket = connection["/"]
    first = socket.id
    connection.do("claim", nsp="/", pid="foo", offset="bar")
    lose(connection)
    assert socket.take("connect") not in ([first], ["foo"])
    assert connection.do("recovered", nsp="/") is False
    assert server.take("connection", sid=socket.id)["recovered"] is False


@pytest.mark.parametrize("loop", ["trio", "asyncio"])
def test_middlewares_are_skipped_if_that_is_asked_for(
    loop: str, node: Peer, server_of: Callable[..., InteropServer]
) -> None:
    server = server_of("recovery_app", "--loop", loop, "--skip-middlewares")
    connection = node.open("/", reconnection=True, server=server)
    (sid,) = connection["/"].take("connect")
    assert server.take("middleware", sid=sid)["recovered"] is False
    lose(connection)
    server.take("disconnect", sid=sid)
    connection["/"].take("connect", passing_over="missed")
    assert connection.do("recovered", nsp="/") is True
    for _ in range(2):
        server.take("connection", sid=sid)
    server.assert_silent("middleware", sid=sid)
    node.forget_connections()


def test_client_that_was_made_to_leave_begins_anew(connection: Connection, server: InteropServer) -> None:
    socket = connection["/"]
    first = socket.id
    socket.emit("kick me")
    assert socket.take("disconnect") == ["io server disconnect"]
    socket.reopen()
    assert socket.take("connect") != [first]
    assert connection.do("recovered", nsp="/") is False
    socket.assert_quiet()
