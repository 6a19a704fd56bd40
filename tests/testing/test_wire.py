"""The kit itself, as somebody uses it who embeds the engine."""

from __future__ import annotations

import pytest

from socketio_core.engineio import Engine, Park
from socketio_core.errors import CloseReason
from socketio_core.settings import EngineSettings
from socketio_core.socketio import ConnectRequested, EventReceived, Left, Server
from socketio_core.testing import FakeClock, Refused, WireClient, WirePoll, advance, settle

BOTH = pytest.mark.parametrize("transport", ["polling", "websocket"])


@BOTH
def test_client_and_socket_io_server_talk(transport: str) -> None:
    clock = FakeClock()
    server = Server()
    client = WireClient(server, clock).open(transport)
    client.send('40{"token":"t"}')
    [asked] = server.take_events()
    assert isinstance(asked, ConnectRequested)
    asked.member.accept(clock.now)
    assert client.fetch() == [f'0{{"sid":"{asked.member.sid}"}}']
    client.send('42["hello","€"]')
    [event] = server.take_events()
    assert isinstance(event, EventReceived)
    assert (event.name, event.args) == ("hello", ["€"])
    asked.member.emit("file", [b"\x00\x01"])
    assert client.fetch() == ['51-["file",{"_placeholder":true,"num":0}]', b"\x00\x01"]


@BOTH
def test_hours_pass_in_an_instant(transport: str) -> None:
    clock = FakeClock()
    server = Server()
    client = WireClient(server, clock).open(transport)
    client.send("40")
    [asked] = server.take_events()
    assert isinstance(asked, ConnectRequested)
    asked.member.accept(clock.now)
    client.fetch()  # the answer to CONNECT
    for _ in range(100):
        client.fetch()  # leaves a poll waiting
        advance(server, clock, 25.0)
        assert client.take()[-1:] == ["2"]
        client.pong()
    advance(server, clock, 3600.0)
    assert [event.reason for event in server.take_events() if isinstance(event, Left)] == [CloseReason.PING_TIMEOUT]


def test_client_upgrades() -> None:
    clock = FakeClock()
    engine = Engine()
    client = WireClient(engine, clock).open()
    session = client.session
    assert session is not None
    session.send("by polling")
    client.upgrade()
    session.send("by websocket")
    client.send("4up")
    assert client.take_messages() == ["by polling", "by websocket"]
    assert [event for _, event in engine.take_events()][-1] == "up"
    assert client.transport == "websocket"


def test_compressed_responses_are_read() -> None:
    clock = FakeClock()
    engine = Engine(EngineSettings(http_compression_threshold_bytes=1))
    client = WireClient(engine, clock, headers=[(b"accept-encoding", b"gzip")]).open()
    session = client.session
    assert session is not None
    session.send("x" * 100)
    assert client.fetch() == ["x" * 100]


def test_a_refusal_is_raised_with_its_response() -> None:
    clock = FakeClock()
    engine = Engine()
    client = WireClient(engine, clock).open()
    with pytest.raises(Refused) as refusal:
        client.send("9")
    assert refusal.value.response.status == 400
    with pytest.raises(Refused):
        client.poll()


def test_carriers_of_other_hosts_are_left_alone() -> None:
    clock = FakeClock()
    engine = Engine()
    client = WireClient(engine, clock).open()
    action = engine.handle_request(client.make_request("GET"), clock.now)
    assert isinstance(action, Park)
    session = client.session
    assert session is not None
    session.send("x")
    settle(engine)
    assert action.poll.response is not None
    assert not isinstance(action.poll.context, WirePoll)
