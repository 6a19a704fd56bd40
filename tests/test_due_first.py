"""What is due at `now` is done before a call is judged, by every public method that is told the time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from inspect import getmembers, isfunction, signature
from typing import Any

import pytest

from socketio_core.engineio import Closed, Engine, Park, ReadBody, Session, Upgrade
from socketio_core.engineio.client.carriers import ClientWebSocket, Exchange
from socketio_core.engineio.client.session import ClientSession
from socketio_core.errors import LocalProtocolError
from socketio_core.http import Response
from socketio_core.settings import EngineSettings
from socketio_core.socketio import Claim, Connection, ConnectRequested, Member, Selection, ServerCore
from socketio_core.socketio.client import ClientCore, ClientNamespace
from socketio_core.testing import FakeClock, WireClient
from tests.engineio.client.scene import Scene as SessionScene
from tests.socketio.client.scene import Scene as ClientScene

PING_S = 25.0  # interval
LATE_S = 45.0  # interval and time-out together: the very moment

INNER: dict[type, set[str]] = {
    # Called by the machine itself, in the course of a call that was told the time.
    Session: {
        "attach_poll",
        "poll_lost",
        "advance_post",
        "finish_post",
        "begin_upgrade",
        "payload_of",
    },  # by the engine
    ClientSession: {"payload_of"},
    Connection: {"receive", "note_accepted", "send_control", "hand_over", "handle_timeout"},
    ClientCore: {"namespace_wanted", "close_if_unwanted", "open", "check_session", "break_off"},
    ClientNamespace: {"session_opened", "handle_timeout", "receive"},
}


def methods(kind: type) -> list[str]:
    """Return the names of all public methods of a class that are told the time."""
    functions = [(name, value) for name, value in getmembers(kind, isfunction) if not name.startswith("_")]
    told = [name for name, function in functions if "now" in signature(function).parameters]
    assert INNER.get(kind, set()) <= set(told)
    return [name for name in told if name not in INNER.get(kind, set())]


def call(target: object, method: str, now: float, /, **known: Any) -> None:
    """Call a method with `now`, and of `known` what else it wants."""
    function: Callable[..., object] = getattr(target, method)
    wanted = [field for field, each in signature(function).parameters.items() if each.default is each.empty]
    with suppress(LocalProtocolError):  # a poll that is told to be delivered has no response
        function(**{field: known[field] for field in wanted if field != "now"}, now=now)


def server_arguments(host: Engine | ServerCore, clock: FakeClock) -> dict[str, Any]:
    """Return handles of all kinds: of sessions that are not the silent one."""
    poller, poster = WireClient(host, clock).open("polling"), WireClient(host, clock).open("polling")
    park = host.handle_request(poller.make_request(), clock.now, None)
    body = host.handle_request(poster.make_request("POST"), clock.now, None)
    upgrade = host.handle_request(WireClient(host, clock).make_request(upgrade=True), clock.now, None)
    assert isinstance(park, Park)
    assert isinstance(body, ReadBody)
    assert isinstance(upgrade, Upgrade)
    return {
        "request": poller.make_request("POST"),
        "context": None,
        "nsp": "/",
        "name": "x",
        "args": [],
        "selection": Selection(),
        "claim": Claim("nobody's"),
        "post": body.post,
        "carrier": body.post,
        "poll": park.poll,
        "websocket": upgrade.websocket,
        "frame": "4x",
        "frames": ["4x"],
        "payload": "x",
        "max_packets": 1,
        "part": "4x",
        "is_last": True,
        "detail": "broken",
        "code": 1002,
    }


@pytest.mark.parametrize("name", methods(Engine))
def test_engine(name: str) -> None:
    clock, engine = FakeClock(), Engine(EngineSettings())
    silent = WireClient(engine, clock).open("websocket").session
    arguments = server_arguments(engine, clock)
    engine.handle_timeout(clock.now + PING_S)
    engine.take_events()
    call(engine, name, clock.now + LATE_S, **arguments)
    session, event = engine.take_events()[0]
    assert session is silent
    assert isinstance(event, Closed)
    assert event.reason.value == "ping timeout"


@pytest.mark.parametrize("is_last", [True, False])
@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("name", methods(Session))
def test_session(name: str, transport: str, *, is_last: bool) -> None:
    clock, engine = FakeClock(), Engine(EngineSettings())
    client = WireClient(engine, clock).open(transport)
    session = client.session
    assert session is not None
    arguments = server_arguments(engine, clock)
    arguments["websocket"] = (client.websocket or client.open_websocket()).carrier
    arguments["is_last"] = is_last
    engine.handle_timeout(clock.now + PING_S)
    engine.take_events()
    call(session, name, clock.now + LATE_S, **arguments)
    event = next(event for whose, event in engine.take_events() if whose is session)
    assert isinstance(event, Closed)
    assert event.reason.value == "ping timeout"


def silent_member() -> tuple[ServerCore, FakeClock, Member]:
    clock, server = FakeClock(), ServerCore()
    client = WireClient(server, clock).open("websocket")
    client.send("40")
    _opened, event = server.take_events()
    assert isinstance(event, ConnectRequested)
    return server, clock, event.member


@pytest.mark.parametrize("name", methods(ServerCore))
def test_server(name: str) -> None:
    server, clock, member = silent_member()
    member.accept(clock.now)
    arguments = server_arguments(server, clock)
    server.handle_timeout(clock.now + PING_S)
    server.take_events()  # that there are others now
    call(server, name, clock.now + LATE_S, **arguments)
    assert "ping timeout" in repr(server.take_events()[0])
    assert member.state.value == "left"


@pytest.mark.parametrize("name", methods(Connection))
def test_connection(name: str) -> None:
    server, clock, member = silent_member()
    member.accept(clock.now)
    call(member.connection, name, clock.now + LATE_S)
    assert "ping timeout" in repr(server.take_events()[0])


@pytest.mark.parametrize("is_accepted", [True, False])
@pytest.mark.parametrize("name", methods(Member))
def test_member(name: str, *, is_accepted: bool) -> None:
    server, clock, member = silent_member()
    if is_accepted:
        member.accept(clock.now)
    arguments: dict[str, Any] = {"name": "x", "args": [], "timeout_s": 5.0, "context": None}
    call(member, name, clock.now + LATE_S, **arguments)
    assert member.state.value == "left"
    assert "ping timeout" in repr(server.take_events()[0])


@pytest.mark.parametrize("name", methods(ClientSession))
def test_client_session(name: str) -> None:
    scene = SessionScene(transports=["websocket"])
    (socket,) = scene.sockets
    assert isinstance(socket, ClientWebSocket)
    scene.session.websocket_opened(socket, Response(101, []), scene.now)
    opened = '0{"sid":"A","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
    scene.session.receive(socket, opened, scene.now)
    scene.session.take_events()
    arguments = {
        "exchange": Exchange(scene.session, "GET", "/", [], b"", limit_bytes=10, timeout_s=None),
        "response": Response(200, []),
        "detail": "broken",
        "carrier": socket,
        "websocket": socket,
        "frame": "4x",
        "frames": ["4x"],
        "part": "4x",
        "is_last": True,
        "code": 1002,
        "payload": "x",
    }
    call(scene.session, name, scene.now + LATE_S, **arguments)
    events = scene.session.take_events()
    assert isinstance(events[0], Closed)
    assert events[0].reason.value == "ping timeout"


def client_arguments(scene: ClientScene) -> dict[str, Any]:
    session = scene.client.session
    assert session is not None
    return {
        "exchange": Exchange(session, "GET", "/", [], b"", limit_bytes=10, timeout_s=None),
        "response": Response(200, []),
        "detail": "broken",
        "carrier": scene.sockets[-1],
        "websocket": scene.sockets[-1],
        "frame": '42["x"]',
        "frames": ['42["x"]'],
        "part": '42["x"]',
        "is_last": True,
        "code": 1002,
        "name": "x",
        "args": [],
        "timeout_s": 5.0,
        "context": None,
        "attempt": 1,
        "auth": None,
    }


@pytest.mark.parametrize("kind", [ClientCore, ClientNamespace])
def test_client(kind: type) -> None:
    for name in methods(kind):
        scene = ClientScene().connected()
        scene.take_events()
        target = scene.client if kind is ClientCore else scene.root
        call(target, name, scene.now + LATE_S, **client_arguments(scene))
        events = scene.client.take_events()
        assert "ping timeout" in repr(events[0]), name
        assert not scene.root.is_connected


@pytest.mark.parametrize("retries", [0, 1])
@pytest.mark.parametrize("asks", [False, True])
def test_emit_behind_an_overdue_ping_is_sent_once_over_the_next_connection(retries: int, *, asks: bool) -> None:
    scene = ClientScene(retries=retries).connected()
    dead = scene.sockets[-1]
    dead.take()
    scene.clock.advance(LATE_S)  # the host slept, and so did its timer
    if asks:
        scene.root.emit_with_ack("x", [], timeout_s=60.0, context=None, now=scene.now)
    else:
        assert scene.root.emit("x", [], now=scene.now)
    assert not scene.root.emit("gone", [], now=scene.now, volatile=True)
    assert (dead.take(), scene.root.is_connected) == ([], False)
    scene.wait(2)
    scene.open()
    before = scene.sockets[-1].take()
    assert not any("x" in str(message.frames) and "42" in str(message.frames) for message in before)
    scene.say('0{"sid":"B"}')
    number = "0" if asks or retries else ""
    assert [message.frames for message in scene.sockets[-1].take()] == [(f'42{number}["x"]',)]


def test_no_try_is_wasted_on_a_connection_that_is_overdue_as_well() -> None:
    scene = ClientScene(retries=1).connected()
    scene.root.emit("x", [], now=scene.now)  # its time is up in 10 s
    assert len(scene.sockets[-1].take()) >= 1
    scene.clock.advance(LATE_S)
    scene.client.handle_timeout(scene.now)
    scene.wait(2)
    scene.open()
    scene.sockets[-1].take()
    scene.say('0{"sid":"B"}')
    assert [message.frames for message in scene.sockets[-1].take()] == [('420["x"]',)]
    assert scene.root.buffered_count == 1


@pytest.mark.parametrize("retries", [0, 1])
@pytest.mark.parametrize("asks", [False, True])
def test_nor_by_polling(retries: int, *, asks: bool) -> None:
    scene = ClientScene(engine={"transports": ["polling"]}, retries=retries)
    client = scene.client
    scene.root.connect(scene.now)
    exchanges = polled(client)
    opened = '0{"sid":"A","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
    client.exchange_done(exchanges[-1], Response(200, [], opened.encode("ascii")), scene.now)
    exchanges = polled(client)
    assert [exchange.method for exchange in exchanges] == ["GET", "POST"]
    client.exchange_done(exchanges[1], Response(200, [], b"ok"), scene.now)
    client.exchange_done(exchanges[0], Response(200, [], b'40{"sid":"A"}'), scene.now)
    assert [exchange.method for exchange in polled(client)] == ["GET"]
    assert "Connected" in {type(event).__name__ for event in client.take_events()}
    scene.clock.advance(LATE_S)
    if asks:
        scene.root.emit_with_ack("x", [], timeout_s=60.0, context=None, now=scene.now)
    else:
        assert scene.root.emit("x", [], now=scene.now)
    assert [exchange.method for exchange in polled(client) if not exchange.is_cancelled] == []
    assert not scene.root.is_connected
    assert scene.root.buffered_count == 1


def polled(client: ClientCore) -> list[Exchange]:
    return [carrier for carrier in client.take_ready() if isinstance(carrier, Exchange)]
