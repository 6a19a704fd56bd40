"""A parser of the application's own that fails, or returns what is none: it costs that call, or that connection."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from socketio_core.engineio.message import WireMessage
from socketio_core.errors import LocalProtocolError
from socketio_core.settings import ClientSettings, EngineClientSettings, EngineSettings
from socketio_core.socketio import ConnectionClosed, JsonParser, Left, Packet, ServerCore
from socketio_core.socketio.client import ClientCore, Closed, ConnectFailed
from socketio_core.socketio.guard import guard
from socketio_core.socketio.packet import ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT
from socketio_core.testing import Refused, WireClient
from tests.socketio.client.scene import Scene
from tests.socketio.faulty import Fault, Parser
from tests.socketio.rig import Rig


def frames(*made: Any) -> Callable[[], WireMessage]:
    """Return what makes a message, which may fail."""
    return lambda: WireMessage(made)


BAD_MESSAGES = [
    None,
    "42[]",
    b"42[]",
    ["42[]"],
    42,
    frames(42),
    frames("42[]", bytearray(b"x")),
    frames(bytearray(b"x")),
    frames(memoryview(b"x")),
    frames(None),
    frames(),
    frames("2[]"),
    frames(""),
    frames("42[]", "x"),
    lambda: WireMessage("42[]"),  # its letters
    Fault("no"),
    RecursionError("too deep"),
]


class GuardRig(Rig):
    def __init__(self) -> None:
        super().__init__()
        self.parser = Parser()
        self.server = ServerCore(EngineSettings(path="/socket.io/"), parser=self.parser)


@pytest.fixture
def rig() -> GuardRig:
    return GuardRig()


def test_the_usual_parser_needs_no_guard() -> None:
    usual = JsonParser()
    assert guard(usual) is usual
    other = guard(Parser())
    assert guard(other) is other


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("bad", BAD_MESSAGES)
def test_a_bad_event_fails_the_call_and_nothing_else(rig: GuardRig, transport: str, bad: Any) -> None:
    client, member = rig.joined(transport)
    other, _ = rig.joined(transport)
    rig.parser.bad[EVENT] = rig.parser.bad[ACK] = bad
    calls: list[Callable[[], object]] = [
        lambda: member.emit("a", []),
        lambda: member.emit("a", [], volatile=True),
        lambda: member.emit_with_ack("a", [], timeout_s=1, context=None, now=rig.now),
        lambda: member.acknowledge(1, []),
        lambda: rig.server.broadcast("/", "a", []),
    ]
    for call in calls:
        with pytest.raises((Fault, TypeError, IndexError, RecursionError)):
            call()
    assert not member.pending_acks
    rig.parser.bad.clear()
    assert member.emit("b", [])
    assert rig.server.broadcast("/", "c", [b"x"]) == 2
    assert client.fetch() == ['2["b"]', '51-["c",{"_placeholder":true,"num":0}]', b"x"]
    assert other.fetch() == ['51-["c",{"_placeholder":true,"num":0}]', b"x"]
    assert rig.events() == []


def test_what_may_not_be_sent_is_the_callers_fault(rig: GuardRig) -> None:
    _, member = rig.joined()
    with pytest.raises(LocalProtocolError, match="cannot be sent as JSON"):
        member.emit("a", [object()])


@pytest.mark.parametrize("bad", BAD_MESSAGES)
def test_a_bad_connect_costs_that_connection(rig: GuardRig, bad: Any) -> None:
    other, _ = rig.joined()
    client = rig.open()
    member = rig.request(client)
    rig.parser.bad[CONNECT] = bad
    assert not member.accept(rig.now)
    left, closed = rig.events()
    assert isinstance(left, Left)
    assert not member.was_accepted
    assert not member.namespace.pending_count
    assert isinstance(closed, ConnectionClosed)
    assert closed.error is not None
    assert "packet of type 0 could not be encoded" in str(closed.error)
    assert closed.error.__cause__ is not None
    assert client.session is None
    assert other.session is not None


def test_a_bad_refusal_raises_to_who_refuses(rig: GuardRig) -> None:
    client = rig.open()
    member = rig.request(client)
    rig.parser.bad[CONNECT_ERROR] = Fault("no")
    with pytest.raises(Fault):
        member.refuse("no")
    member.disconnect(rig.now, close=True)
    assert [type(event) for event in rig.events()] == [Left, ConnectionClosed]
    assert client.session is None


def test_a_bad_refusal_of_an_unknown_namespace_costs_that_connection(rig: GuardRig) -> None:
    client, _ = rig.joined()
    rig.parser.bad[CONNECT_ERROR] = None
    client.send("40/unknown,")
    assert [type(event) for event in rig.events()] == [Left, ConnectionClosed]


@pytest.mark.parametrize("close", [False, True])
def test_a_bad_disconnect_costs_that_connection(rig: GuardRig, *, close: bool) -> None:
    client, member = rig.joined()
    rig.parser.bad[DISCONNECT] = Fault("no")
    member.disconnect(rig.now, close=close)
    left, closed = rig.events()
    assert isinstance(left, Left)
    assert isinstance(closed, ConnectionClosed)
    assert closed.error is not None
    assert "Fault('no')" in str(closed.error)
    assert client.session is None


BAD_PACKETS = [
    Fault("no"),
    KeyError("x"),
    RecursionError("too deep"),
    "packet",
    (EVENT, "/", ["a"], None),
    Packet(7, "/", ["a"]),
    Packet(5, "/", ["a"]),
    Packet("2", "/", ["a"]),  # type: ignore[arg-type]
    Packet(True, "/", {}),  # noqa: FBT003
    Packet(EVENT, None, ["a"]),  # type: ignore[arg-type]
    Packet(EVENT, "/", ["a"], -1),
    Packet(EVENT, "/", ["a"], "1"),  # type: ignore[arg-type]
    Packet(EVENT, "/", None),
    Packet(EVENT, "/", ("a",)),
    Packet(EVENT, "/", [1]),
    Packet(EVENT, "/", ["connect"]),
    Packet(ACK, "/", ["a"]),
    Packet(ACK, "/", None, 1),
    Packet(CONNECT, "/", []),
    Packet(DISCONNECT, "/", {}),
]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("bad", BAD_PACKETS, ids=repr)
def test_a_bad_packet_costs_that_connection(rig: GuardRig, transport: str, bad: Any) -> None:
    client, _ = rig.joined(transport)
    other, member = rig.joined(transport)
    rig.parser.feeds = [bad]
    with suppress(Refused):
        client.send('42["a"]')
    assert rig.reasons() == [("/", "parse error")]
    other.send('42["b"]')
    (event,) = rig.events()
    assert event.member is member  # type: ignore[union-attr]


def test_a_decoder_that_cannot_be_made_costs_that_connection(rig: GuardRig) -> None:
    _, member = rig.joined()
    rig.parser.decoder_error = Fault("no decoder")
    client = WireClient(rig.server, rig.clock).open("websocket")
    client.send("40")
    (closed,) = rig.take(ConnectionClosed)
    assert closed.reason.value == "parse error"
    assert str(closed.error) == "Parser failed: Fault('no decoder')"
    assert isinstance(closed.error.__cause__, Fault)  # type: ignore[union-attr]
    assert member.emit("a", [])


def test_what_a_peer_did_wrong_is_not_the_parsers_fault(rig: GuardRig) -> None:
    client, _ = rig.joined()
    client.send("4?")
    _, closed = rig.events()
    assert isinstance(closed, ConnectionClosed)
    assert closed.error is not None
    assert (str(closed.error), closed.error.__cause__) == ("unknown packet type: '?'", None)


# -- the client's side -------------------------------------------------------------------------------------------------


class GuardScene(Scene):
    def __init__(self) -> None:
        super().__init__()
        self.parser = Parser()
        self.client = ClientCore(
            EngineClientSettings(path="/socket.io/", transports=["websocket"]),
            ClientSettings(),
            parser=self.parser,
            random=lambda: 0.5,
        )
        self.root = self.client.of("/")

    def closes(self) -> list[Closed]:
        return [event for event in self.events if isinstance(event, Closed)]


@pytest.mark.parametrize("bad", BAD_MESSAGES)
def test_a_clients_bad_event_fails_the_call(bad: Any) -> None:
    scene = GuardScene().connected()
    scene.parser.bad[EVENT] = scene.parser.bad[ACK] = bad  # type: ignore[attr-defined]
    calls: list[Callable[[], object]] = [
        lambda: scene.root.emit("a", [], now=scene.now),
        lambda: scene.root.emit("a", [], now=scene.now, volatile=True),
        lambda: scene.root.emit_with_ack("a", [], timeout_s=1, context=None, now=scene.now),
        lambda: scene.root.acknowledge(1, []),
    ]
    for call in calls:
        with pytest.raises((Fault, TypeError, IndexError, RecursionError)):
            call()
    assert not scene.root.pending_acks
    scene.parser.bad.clear()  # type: ignore[attr-defined]
    assert scene.root.emit("b", [], now=scene.now)
    assert scene.sent() == ['2["b"]']


@pytest.mark.parametrize("bad", BAD_MESSAGES)
def test_a_clients_bad_connect_is_a_failure_to_connect(bad: Any) -> None:
    scene = GuardScene()
    scene.parser.bad[CONNECT] = bad
    scene.root.connect(scene.now)
    scene.open()
    (failed,) = scene.take_events()
    assert isinstance(failed, ConnectFailed)
    assert "auth cannot be sent" in failed.message


@pytest.mark.parametrize("bad", BAD_PACKETS, ids=repr)
def test_what_a_clients_decoder_makes_wrong_costs_the_connection(bad: Any) -> None:
    scene = GuardScene().connected()
    scene.events.clear()
    scene.parser.feeds = [bad]  # type: ignore[attr-defined]
    scene.say('2["a"]')
    assert [event.reason.value for event in scene.events if isinstance(event, Closed)] == ["parse error"]
    assert scene.root.is_active  # and it connects again


def test_a_client_that_cannot_say_goodbye_closes_the_connection() -> None:
    scene = GuardScene().connected()
    other = scene.client.of("/other")
    other.connect(scene.now)
    scene.say('0/other,{"sid":"B"}')
    scene.events.clear()
    scene.parser.bad[DISCONNECT] = Fault("no")  # type: ignore[attr-defined]
    scene.root.disconnect(scene.now)
    scene.look()
    assert [str(event.error) for event in scene.events if isinstance(event, Closed)] == [
        "disconnect could not be encoded: Fault('no')"
    ]
    assert (scene.root.is_active, other.is_active) == (False, True)


def test_a_client_that_cannot_decline_closes_the_connection() -> None:
    scene = GuardScene().connected()
    other = scene.client.of("/other")
    other.connect(scene.now)
    other.disconnect(scene.now)
    scene.parser.bad[DISCONNECT] = Fault("no")  # type: ignore[attr-defined]
    scene.events.clear()
    scene.say('0/other,{"sid":"B"}')
    (closed,) = (event for event in scene.events if isinstance(event, Closed))
    assert closed.error is not None
    assert isinstance(closed.error.__cause__, Fault)


def test_a_client_closes_whatever_its_parser_does() -> None:
    scene = GuardScene().connected()
    scene.parser.bad[DISCONNECT] = Fault("no")  # type: ignore[attr-defined]
    scene.client.close(scene.now)
    scene.client.abort(scene.now)
    assert scene.client.is_closing
