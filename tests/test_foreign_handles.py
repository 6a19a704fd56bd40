"""Handles of somebody else: of another engine, server, client or session. Refused, and nothing has changed."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import pytest

from socketio_core.engineio import Engine, Session
from socketio_core.engineio.client.session import ClientSession
from socketio_core.errors import LocalProtocolError
from socketio_core.socketio import ConnectRequested, ServerCore
from socketio_core.socketio.client import ClientCore
from socketio_core.testing import FakeClock, WireClient
from tests.engineio.client.scene import Scene as SessionScene
from tests.socketio.client.scene import Scene as ClientScene
from tests.test_due_first import client_arguments, methods, server_arguments

HANDLES = {"carrier", "post", "poll", "websocket", "exchange"}


def taking_handles(kind: type) -> list[str]:
    """Return the names of the public methods that are given a handle and the time."""
    return [name for name in methods(kind) if HANDLES & set(signature(getattr(kind, name)).parameters)]


def check_refused(target: object, name: str, now: float, known: dict[str, Any]) -> None:
    function: Callable[..., object] = getattr(target, name)
    wanted = [field for field, each in signature(function).parameters.items() if each.default is each.empty]
    with pytest.raises(LocalProtocolError, match=r"belongs to another (engine|session|client)"):
        function(**{field: known[field] for field in wanted if field != "now"}, now=now)


@pytest.mark.parametrize("other", [Engine, ServerCore])
@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in (Engine, ServerCore) for name in taking_handles(kind)]
)
def test_server(kind: type[Engine | ServerCore], name: str, other: type[Engine | ServerCore]) -> None:
    clock = FakeClock()
    ours, theirs = kind(), other()
    known = server_arguments(theirs, clock)
    _ = (ours.take_events(), theirs.take_events(), theirs.take_ready())
    before = repr(theirs.sessions)
    check_refused(ours, name, clock.now, known)
    assert (ours.take_events(), theirs.take_events(), theirs.take_ready()) == ([], [], [])
    assert (repr(theirs.sessions), known["websocket"].is_closed, known["poll"].response) == (before, False, None)


@pytest.mark.parametrize("name", taking_handles(Session))
def test_session(name: str) -> None:
    clock, engine = FakeClock(), Engine()
    clients = [WireClient(engine, clock).open(transport) for transport in ("polling", "websocket")]
    known = server_arguments(engine, clock)
    for client in clients:
        session = client.session
        assert session is not None
        engine.take_events()
        for is_last in (True, False):
            for frame in ("4x", b"x", "3", "x", "4" + "x" * 2_000_000):
                arguments = {**known, "is_last": is_last, "frame": frame, "part": frame}
                check_refused(session, name, clock.now, arguments)
        assert (engine.take_events(), session.is_open, known["websocket"].is_closed) == ([], True, False)


@pytest.mark.parametrize("name", taking_handles(ClientSession))
def test_client_session(name: str) -> None:
    ours, theirs = SessionScene(transports=["websocket"]), SessionScene(transports=["websocket"])
    check_refused(ours.session, name, ours.now, session_arguments(theirs))
    assert (ours.session.take_events(), theirs.session.take_events()) == ([], [])
    assert theirs.sockets[-1].state.value == "opening"


def session_arguments(scene: SessionScene) -> dict[str, Any]:
    scene_arguments = client_arguments(ClientScene().connected())
    return {**scene_arguments, "carrier": scene.sockets[-1], "websocket": scene.sockets[-1]}


@pytest.mark.parametrize("name", taking_handles(ClientCore))
def test_client(name: str) -> None:
    ours, theirs = ClientScene().connected(), ClientScene().connected()
    _ = (ours.take_events(), theirs.take_events())
    check_refused(ours.client, name, ours.now, client_arguments(theirs))
    assert (ours.client.take_events(), theirs.client.take_events()) == ([], [])
    assert ours.root.is_connected
    assert theirs.root.is_connected


def close(session: Session, client: WireClient, now: float) -> None:
    session.close(now)


def lose(session: Session, client: WireClient, now: float) -> None:
    assert client.websocket is not None
    session.lost(client.websocket.carrier, now)


def receive(session: Session, client: WireClient, now: float) -> None:
    assert client.websocket is not None
    session.receive(client.websocket.carrier, "1", now)


@pytest.mark.parametrize("end", [close, lose, receive])
def test_what_is_done_to_a_session_of_a_socket_io_server_is_told_by_the_server(
    end: Callable[[Session, WireClient, float], None],
) -> None:
    clock, server = FakeClock(), ServerCore()
    client = WireClient(server, clock).open("websocket")
    client.send("40")
    _opened, event = server.take_events()
    assert isinstance(event, ConnectRequested)
    event.member.accept(clock.now)
    (session,) = server.sessions
    session.receive(client.websocket.carrier, '42["said"]', clock.now)  # type: ignore[union-attr]
    end(session, client, clock.now)
    events = [type(event).__name__ for event in server.take_events()]
    assert events == ["EventReceived", "Left", "ConnectionClosed"]
    assert event.member.state.value == "left"
    assert server.take_events() == []


@pytest.mark.parametrize("name", ["close", "abort", "lost", "fail", "receive"])
def test_what_is_done_to_a_session_of_a_socket_io_client_is_told_by_the_client(name: str) -> None:
    scene = ClientScene().connected()
    scene.take_events()
    session = scene.client.session
    assert session is not None
    session.receive(scene.sockets[-1], '42["said"]', scene.now)
    known = {**client_arguments(scene), "frame": "9"}
    function = getattr(session, name)
    wanted = [field for field in signature(function).parameters if field != "now"]
    function(**{field: known[field] for field in wanted}, now=scene.now)
    events = [type(event).__name__ for event in scene.client.take_events()]
    assert events[0] == "EventReceived"
    assert "Closed" in events
    assert not scene.root.is_connected
    assert scene.client.session is None


def test_nobody_sends_over_a_session_of_a_socket_io_server() -> None:
    clock, server = FakeClock(), ServerCore()
    client = WireClient(server, clock).open("websocket")
    (session,) = server.sessions
    client.take()
    with pytest.raises(LocalProtocolError, match=r"session belongs to a Socket\.IO server; emit to one of its members"):
        session.send("2[]", clock.now)
    assert (client.take(), session.is_open) == ([], True)


def test_nobody_sends_over_a_session_of_a_socket_io_client() -> None:
    scene = ClientScene().connected()
    session = scene.client.session
    assert session is not None
    with pytest.raises(LocalProtocolError, match=r"session belongs to a Socket\.IO client"):
        session.send("2[]", scene.now)
    assert (session.buffered_bytes, scene.root.is_connected) == (0, True)


def test_the_engine_of_a_socket_io_server_cannot_be_reached() -> None:
    """Its answers and events are the server's to take."""
    server = ServerCore()
    shown = {name: getattr(server, name) for name in dir(server) if not name.startswith("_")}
    assert [name for name, value in shown.items() if isinstance(value, Engine)] == []
