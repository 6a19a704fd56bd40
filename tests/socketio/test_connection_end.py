"""How a client leaves a namespace, and how a connection ends: violations and reasons. Spec: PROTOCOL 3.6, 4.5."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import pytest

from socketio_core.engineio.packet import Frame
from socketio_core.errors import CloseReason
from socketio_core.ids import new_id as make_id
from socketio_core.settings import EngineSettings
from socketio_core.socketio import (
    ConnectionClosed,
    ConnectRequested,
    EventReceived,
    Left,
    Member,
    MemberState,
    ServerCore,
)
from socketio_core.testing import FakeClock, Refused, WireClient
from tests.socketio.rig import BOTH, NAMESPACES, Rig, connect_head, drain


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    for nsp in ("/admin", "/other", "/third"):
        rig.server.hub.of(nsp)
    return rig


# -- one namespace -----------------------------------------------------------------------------------------------------


@BOTH
@NAMESPACES
def test_a_client_leaves_one_namespace(rig: Rig, transport: str, nsp: str) -> None:
    client, other = rig.joined(transport, "/other")
    member = rig.join(client, nsp)
    member.join("room")
    client.send(f"41{connect_head(nsp)}")
    assert rig.events() == [Left(member, CloseReason.CLIENT_NAMESPACE_DISCONNECT, None, frozenset({"room"}))]
    assert client.fetch() == []
    client.send('42/other,["a"]')
    assert [event.member for event in rig.take(EventReceived)] == [other]
    assert rig.join(client, nsp).sid != member.sid


@BOTH
@NAMESPACES
def test_the_server_makes_a_client_leave_one_namespace(rig: Rig, transport: str, nsp: str) -> None:
    client, other = rig.joined(transport, "/other")
    member = rig.join(client, nsp)
    member.disconnect(rig.now)
    member.disconnect(rig.now)  # nothing more
    assert rig.events() == [Left(member, CloseReason.SERVER_NAMESPACE_DISCONNECT)]
    assert client.fetch() == [f"1{connect_head(nsp)}"]
    assert other.state is MemberState.JOINED
    assert rig.join(client, nsp).state is MemberState.JOINED


@BOTH
@pytest.mark.parametrize("frame", ['42/admin,["a"]', '42/admin,1["a"]', "43/admin,1[]", "41/admin,"])
def test_what_was_in_flight_when_the_server_left_is_ignored(rig: Rig, transport: str, frame: str) -> None:
    """The reference closes the whole connection for it (PROTOCOL 9-31)."""
    client, other = rig.joined(transport, "/other")
    member = rig.join(client, "/admin")
    member.disconnect(rig.now)
    rig.events()
    client.send(frame, frame)
    assert rig.events() == []
    client.send('42/other,["still here"]')
    assert [event.member for event in rig.take(EventReceived)] == [other]


def test_an_attachment_in_flight_is_ignored_with_its_packet(rig: Rig) -> None:
    client, member = rig.joined()
    client.send('451-["a",{"_placeholder":true,"num":0}]')
    member.disconnect(rig.now)
    rig.events()
    client.send(b"late")
    assert rig.events() == []
    assert client.session is not None


def test_namespaces_that_the_server_left_are_remembered_up_to_a_limit() -> None:
    rig = Rig(max_namespaces=2)
    client = rig.open()
    for nsp in ("/1", "/2", "/3"):
        rig.server.hub.of(nsp)
        rig.join(client, nsp).disconnect(rig.now)
        rig.take(Left)
    client.send('42/2,["a"]', '42/3,["a"]')
    assert client.session is not None
    client.send('42/1,["a"]')
    assert client.session is None


def test_an_ended_stay_is_forgotten_when_the_client_comes_back_and_leaves(rig: Rig) -> None:
    client, member = rig.joined()
    member.disconnect(rig.now)
    rig.events()
    rig.join(client)
    client.send("41", '42["a"]')  # its own leaving, so this is no packet in flight
    assert rig.reasons() == [("/", "client namespace disconnect")]
    assert client.session is None


@BOTH
def test_disconnect_and_close_leaves_all_namespaces_first(rig: Rig, transport: str) -> None:
    client, member = rig.joined(transport)
    admin = rig.join(client, "/admin")
    pending = rig.request(client, "/other")
    member.disconnect(rig.now, close=True)
    assert {member.state, admin.state, pending.state} == {MemberState.LEFT}
    assert drain(client) == ["1", "1/admin,"]
    drain(client)  # the next poll ends a session on polling
    assert client.session is None
    *left, closed = rig.events()
    assert [event.member for event in left if isinstance(event, Left)] == [member, admin, pending]
    assert isinstance(closed, ConnectionClosed)
    for event in (*left, closed):
        assert isinstance(event, (Left, ConnectionClosed))
        assert event.reason is CloseReason.SERVER_NAMESPACE_DISCONNECT
        assert event.error is None


# -- violations --------------------------------------------------------------------------------------------------------

FORCED: Final = "forced server close"
PARSE: Final = "parse error"


def stay(rig: Rig, client: WireClient) -> None:
    """In `/` and nothing else."""


def ask(rig: Rig, client: WireClient) -> None:
    rig.request(client, "/admin")


def join(rig: Rig, client: WireClient) -> None:
    rig.join(client, "/admin")


def join_and_leave(rig: Rig, client: WireClient) -> None:
    rig.join(client, "/admin")
    client.send("41/admin,")
    rig.events()


def be_left(rig: Rig, client: WireClient) -> None:
    rig.join(client, "/admin").disconnect(rig.now)
    assert client.fetch() == ["1/admin,"]
    rig.events()


VIOLATIONS: Final[list[tuple[Callable[[Rig, WireClient], None], list[Frame], str, str]]] = [
    # rows of PROTOCOL 3.6; an invalid Socket.IO packet is a "parse error" here (reference: "forced close")
    (stay, ["4"], PARSE, "unknown packet type: ''"),
    (stay, ["49"], PARSE, "unknown packet type: '9'"),
    (stay, ['42["connect"]'], PARSE, "event name is reserved: 'connect'"),
    (stay, ["42"], PARSE, "event payload must be an array that begins with the event's name"),
    (stay, [b"x"], PARSE, "binary message without a packet that announced it"),
    (stay, ['451-["a"]', '42["b"]'], PARSE, "text in the place of an attachment"),
    (
        stay,
        ['451-["a",{"_placeholder":true,"num":1}]'],
        PARSE,
        "illegal attachments: placeholder without a valid number",
    ),
    (stay, ["x"], PARSE, "unknown packet type: 'x'"),
    (stay, ["b!"], PARSE, "malformed base64 in a binary packet"),
    (stay, ["40"], FORCED, "packet of type 0 for a namespace in no state for it: '/'"),
    (stay, ["40{}"], FORCED, "packet of type 0 for a namespace in no state for it: '/'"),
    (stay, ['44{"message":"x"}'], FORCED, "packet of type 4 for a namespace in no state for it: '/'"),
    (stay, ['42/admin,["a"]'], FORCED, "packet of type 2 for a namespace in no state for it: '/admin'"),
    (stay, ["43/admin,1[]"], FORCED, "packet of type 3 for a namespace in no state for it: '/admin'"),
    (stay, ["41/admin,"], FORCED, "packet of type 1 for a namespace in no state for it: '/admin'"),
    (stay, ['44/admin,"x"'], FORCED, "packet of type 4 for a namespace in no state for it: '/admin'"),
    (stay, ['42/nowhere,["a"]'], FORCED, "packet of type 2 for a namespace in no state for it: '/nowhere'"),
    (stay, ['42/?token=1,["a"]'], FORCED, "packet of type 2 for a namespace in no state for it: '/?token=1'"),
    (stay, [f'42/{"n" * 500},["a"]'], FORCED, f"packet of type 2 for a namespace in no state for it: '/{'n' * 79}'"),
    (ask, ["43/admin,1[]"], FORCED, "packet of type 3 for a namespace in no state for it: '/admin'"),
    (ask, ['44/admin,"x"'], FORCED, "packet of type 4 for a namespace in no state for it: '/admin'"),
    (join, ["40/admin,"], FORCED, "packet of type 0 for a namespace in no state for it: '/admin'"),
    (join, ['44/admin,"x"'], FORCED, "packet of type 4 for a namespace in no state for it: '/admin'"),
    (join_and_leave, ['42/admin,["a"]'], FORCED, "packet of type 2 for a namespace in no state for it: '/admin'"),
    (join_and_leave, ["41/admin,"], FORCED, "packet of type 1 for a namespace in no state for it: '/admin'"),
    (be_left, ['44/admin,"x"'], FORCED, "packet of type 4 for a namespace in no state for it: '/admin'"),
]


@BOTH
@pytest.mark.parametrize(("before", "frames", "reason", "error"), VIOLATIONS)
def test_a_violation_ends_the_connection_with_the_same_reason_on_both_transports(
    rig: Rig,
    transport: str,
    before: Callable[[Rig, WireClient], None],
    frames: list[Frame],
    reason: str,
    error: str,
) -> None:
    client, _ = rig.joined(transport)
    rig.join(client, "/other")
    before(rig, client)
    members = rig.server.connections[0].members
    *accepted, last = frames
    if client.websocket is not None:
        client.websocket.send(*frames)
    else:
        assert [client.post(frame).status for frame in accepted] == [200] * len(accepted)
        assert client.post(last).status == 400
    assert drain(client) == []
    assert client.session is None
    *left, closed = rig.events()
    assert [event.member for event in left if isinstance(event, Left)] == members
    for event in (*left, closed):
        assert isinstance(event, (Left, ConnectionClosed))
        assert event.reason.value == reason
        assert event.error is not None
        assert str(event.error).startswith(error)
    assert rig.server.hub.of("/").members == {}


@BOTH
def test_a_bad_first_packet_is_reported_with_its_reason(rig: Rig, transport: str) -> None:
    """There is nobody in a namespace yet who could leave with it."""
    client = rig.open(transport)
    if client.websocket is not None:
        client.websocket.send("49")
    else:
        assert client.post("49").status == 400
    drain(client)
    (closed,) = rig.take(ConnectionClosed)
    assert closed.reason is CloseReason.PARSE_ERROR
    assert str(closed.error) == "unknown packet type: '9'"


def test_a_post_is_accepted_only_if_every_packet_in_it_was(rig: Rig) -> None:
    client, member = rig.joined("polling")
    assert client.post('42["a"]', "43999[]").status == 200
    assert client.post('42["b"]', '42["connect"]', '42["c"]').status == 400
    events = rig.events()
    assert [event.name for event in events if isinstance(event, EventReceived)] == ["a", "b"]
    assert [event.member for event in events if isinstance(event, Left)] == [member]
    assert client.post('42["d"]').status == 400
    assert rig.events() == []


def test_what_comes_behind_a_violation_is_not_heard(rig: Rig) -> None:
    client, _ = rig.joined()
    client.send("49", '42["a"]', "40")
    assert [type(event) for event in rig.events()] == [Left, ConnectionClosed]


# -- reasons -----------------------------------------------------------------------------------------------------------


@dataclass
class Scene:
    """A client that has joined `/`."""

    rig: Rig
    client: WireClient
    member: Member

    def send(self, frame: str) -> None:
        if self.client.websocket is not None:
            self.client.websocket.send(frame)
        else:
            self.client.post_body(frame.encode())


def overlap_or_fail(scene: Scene) -> None:
    if scene.client.websocket is not None:
        scene.rig.server.fail(scene.client.websocket.carrier, "bad frame", 1002, scene.rig.now)
        return
    scene.client.poll()
    with pytest.raises(Refused):
        scene.client.poll()


def be_silent(scene: Scene) -> None:
    if scene.client.websocket is None:
        scene.client.poll(hold=True)
    scene.rig.advance(45.0)


REASONS: Final[list[tuple[str, str, Callable[[Scene], object]]]] = [
    ("overlap, or broken frames", "transport error", overlap_or_fail),
    ("a close packet", "transport close", lambda scene: scene.send("1")),
    ("no pong", "ping timeout", be_silent),
    ("bad Engine.IO", "parse error", lambda scene: scene.send("x")),
    ("bad Socket.IO", "parse error", lambda scene: scene.send("49")),
    ("shutdown", "server shutting down", lambda scene: scene.rig.server.close(scene.rig.now)),
    ("violation", "forced server close", lambda scene: scene.send("40")),
    ("the client leaves", "client namespace disconnect", lambda scene: scene.send("41")),
    ("the server leaves", "server namespace disconnect", lambda scene: scene.member.disconnect(scene.rig.now)),
    ("the same", "server namespace disconnect", lambda scene: scene.member.disconnect(scene.rig.now, close=True)),
    ("the host closes", "forced close", lambda scene: scene.member.connection.session.close(scene.rig.now)),
]


@BOTH
@pytest.mark.parametrize(("reason", "act"), [row[1:] for row in REASONS], ids=[row[0] for row in REASONS])
def test_reasons_are_the_same_on_both_transports(
    rig: Rig, transport: str, reason: str, act: Callable[[Scene], object]
) -> None:
    client, member = rig.joined(transport)
    act(Scene(rig, client, member))
    drain(client)
    assert rig.reasons() == [("/", reason)]
    assert member.state is MemberState.LEFT


def test_a_lost_websocket_is_a_transport_close(rig: Rig) -> None:
    client, _ = rig.joined("websocket")
    assert client.websocket is not None
    client.websocket.drop()
    assert rig.reasons() == [("/", "transport close")]


def test_a_lost_poll_may_come_back_and_is_a_transport_error_after_its_grace(rig: Rig) -> None:
    client, _ = rig.joined("polling")
    client.poll().drop()
    rig.advance(1.9)
    assert rig.reasons() == []
    rig.advance(0.1)
    assert rig.reasons() == [("/", "transport error")]


def test_every_reason_is_in_the_table() -> None:
    of_clients = {CloseReason.IO_SERVER_DISCONNECT, CloseReason.IO_CLIENT_DISCONNECT}
    assert {reason for _, reason, _ in REASONS} == {reason.value for reason in set(CloseReason) - of_clients}


# -- what a connection leaves behind -----------------------------------------------------------------------------------


@BOTH
def test_a_connection_that_ended_early_has_no_deadline(transport: str) -> None:
    rig = Rig()
    client = rig.open(transport)
    assert client.session is not None
    client.session.abort(rig.now)
    rig.events()
    assert rig.server.next_deadline is None


def test_what_is_sent_behind_a_connect_that_was_refused_is_ignored() -> None:
    rig = Rig()
    client, _ = rig.joined()
    client.send("40/nowhere,", '42/nowhere,["a"]')
    assert client.take_messages() == ['4/nowhere,{"message":"Invalid namespace"}']
    assert (rig.events(), client.session is not None) == ([], True)


def test_a_slow_client_keeps_its_reason_when_the_server_closes() -> None:
    rig = Rig(EngineSettings(path="/socket.io/", high_water_bytes=200, max_buffered_bytes=200))
    rig.joined()
    client, member = rig.joined()
    assert client.websocket is not None
    client.websocket.is_reading = False
    for _ in range(10):
        member.emit("x", ["x" * 40])
    rig.server.close(rig.now)
    assert rig.reasons() == [("/", "transport error"), ("/", "server shutting down")]


@BOTH
@pytest.mark.parametrize("what", ["pattern", "awaited pattern", "factory"])
def test_function_of_the_application_that_fails_costs_the_connection_that_needs_it(transport: str, what: str) -> None:
    """It raises out of no call of the host."""
    broken = False

    def new_id() -> str:
        if broken and what == "factory":
            raise ZeroDivisionError
        return make_id()

    async def accepts_later(name: str) -> bool:
        return True

    def accepts(name: str) -> Any:
        if what == "pattern":
            raise ZeroDivisionError
        return accepts_later(name) if what == "awaited pattern" else True

    clock, server = FakeClock(), ServerCore(new_id=new_id)
    server.hub.allow(accepts)
    clients = [WireClient(server, clock).open(transport) for _ in range(2)]
    if transport == "polling":
        clients[0].poll()  # for the close packet
    server.take_events()
    broken = True
    with suppress(Refused):
        clients[0].send("40/dynamic,")
    (closed,) = server.take_events()
    assert isinstance(closed, ConnectionClosed)
    assert isinstance(closed.error, Exception)
    assert isinstance(closed.error.__cause__, TypeError if what == "awaited pattern" else ZeroDivisionError)
    assert (list(server.hub.namespaces), server.session_count) == (["/"], 1)
    broken = False
    clients[1].send("40")
    (asked,) = server.take_events()
    assert isinstance(asked, ConnectRequested)
