"""The server as its host sees it: requests, events in order, one deadline, the end. Spec: PROTOCOL 4.1."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from socketio_core.engineio.actions import Park, Respond
from socketio_core.engineio.events import RequestRefused
from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.packet import Payload
from socketio_core.errors import CloseReason, LocalProtocolError, PacketError
from socketio_core.http import Request
from socketio_core.settings import EngineSettings
from socketio_core.socketio import (
    AckDropped,
    AckExpired,
    ConnectionClosed,
    ConnectionOpened,
    ConnectionUpgraded,
    Decoder,
    EventReceived,
    JsonParser,
    Left,
    MemberState,
    Packet,
    Selection,
    ServerCore,
)
from socketio_core.socketio.packet import CONNECT, EVENT
from socketio_core.testing import Refused, WireClient, advance, settle
from tests.socketio.rig import BOTH, Rig


@pytest.fixture
def rig() -> Rig:
    return Rig()


@BOTH
def test_a_connection_begins_and_ends_whatever_its_client_joins(rig: Rig, transport: str) -> None:
    client = rig.open(transport)
    (opened,) = rig.server.take_events()
    assert isinstance(opened, ConnectionOpened)
    assert opened.connection.session is client.session
    client.send("1")
    closed = rig.server.take_events()[-1]
    assert isinstance(closed, ConnectionClosed)
    assert closed.connection is opened.connection


def test_an_upgrade_is_told(rig: Rig) -> None:
    client = rig.open("polling")
    (opened,) = rig.server.take_events()
    client.upgrade()
    (upgraded,) = rig.server.take_events()
    assert isinstance(opened, ConnectionOpened)
    assert isinstance(upgraded, ConnectionUpgraded)
    assert upgraded.connection is opened.connection


def test_the_path_is_that_of_socket_io() -> None:
    server = ServerCore()
    assert server.owns(Request("GET", "/socket.io/?EIO=4", scheme="http"))
    assert not server.owns(Request("GET", "/engine.io/?EIO=4", scheme="http"))
    assert server.is_handshake(Request("GET", "/socket.io/?EIO=4&transport=polling", scheme="http"))
    assert not server.is_handshake(Request("GET", "/socket.io/?EIO=3&transport=polling", scheme="http"))
    assert repr(server) == "<ServerCore <Engine /socket.io/, 0 sessions>, 1 namespaces>"


def test_ids_are_unguessable_unless_told_otherwise() -> None:
    server = ServerCore()
    ids = {server.new_id() for _ in range(100)}
    assert len(ids) == 100
    assert {len(sid) for sid in ids} == {20}


def test_refused_requests_are_reported(rig: Rig) -> None:
    request = Request("GET", "/socket.io/?EIO=3&transport=polling", scheme="http")
    refused = rig.server.handle_request(request, rig.now, None)
    assert isinstance(refused, Respond)
    assert refused.response.status == 400
    by_host = rig.server.refuse(request, "banned")
    assert by_host.response.status == 403
    first, second = rig.take(RequestRefused)
    assert (first.message, second.message) == ("Unsupported protocol version", "banned")


def test_events_of_several_clients_come_in_the_order_of_arrival(rig: Rig) -> None:
    (first, a), (second, b) = rig.joined("websocket"), rig.joined("polling")
    first.send('42["1"]')
    second.send('42["2"]', '42["3"]')
    first.send('42["4"]')
    assert [(event.member, event.name) for event in rig.take(EventReceived)] == [(a, "1"), (b, "2"), (b, "3"), (a, "4")]
    assert rig.events() == []


def test_events_cross_an_upgrade_in_order(rig: Rig) -> None:
    client, member = rig.joined("polling")
    client.send('42["1"]')
    member.emit("a", [])
    client.upgrade()
    client.send('42["2"]')
    member.emit("b", [b"x"])
    assert [event.name for event in rig.take(EventReceived)] == ["1", "2"]
    assert client.take_messages() == ['2["a"]', '51-["b",{"_placeholder":true,"num":0}]', b"x"]


def test_an_aborted_post_ends_the_connection_and_delivers_nothing(rig: Rig) -> None:
    client, _ = rig.joined("polling")
    post = client.begin_post()
    post.feed(b'42["a"]')
    post.drop()
    assert [type(event) for event in rig.events()] == [Left, ConnectionClosed]


def test_an_oversized_post_harms_nobody() -> None:
    rig = Rig(EngineSettings(path="/socket.io/", max_payload_bytes=100))
    client, _ = rig.joined("polling")
    assert client.post("4" + "x" * 100).status == 413
    client.send('42["a"]')
    assert [event.name for event in rig.take(EventReceived)] == ["a"]


@BOTH
def test_a_broken_websocket_ends_all_namespaces(rig: Rig, transport: str) -> None:
    rig.server.hub.of("/n")
    client, _ = rig.joined(transport)
    rig.join(client, "/n")
    if client.websocket is None:
        client.upgrade()
    assert client.websocket is not None
    rig.server.fail(client.websocket.carrier, "bad frame", 1002, rig.now)
    settle(rig.server)
    assert client.websocket.close_code == 1002
    first, second, closed = rig.events()
    assert isinstance(first, Left)
    assert isinstance(second, Left)
    assert isinstance(closed, ConnectionClosed)
    assert (closed.reason, str(closed.error)) == (CloseReason.TRANSPORT_ERROR, "bad frame")
    assert first.error is second.error is closed.error


# -- time --------------------------------------------------------------------------------------------------------------


def test_a_server_without_clients_has_no_deadline(rig: Rig) -> None:
    assert rig.server.next_deadline is None
    rig.server.handle_timeout(rig.now + 1e9)
    assert rig.events() == []


def test_the_deadline_is_the_earliest_of_all(rig: Rig) -> None:
    _, member = rig.joined()
    assert rig.server.next_deadline == rig.now + 25.0  # the heartbeat
    member.emit_with_ack("q", [], timeout_s=30.0, context=None, now=rig.now)
    assert rig.server.next_deadline == rig.now + 25.0
    member.emit_with_ack("q", [], timeout_s=3.0, context=None, now=rig.now)
    assert rig.server.next_deadline == rig.now + 3.0
    rig.request(rig.open())
    assert rig.server.next_deadline == rig.now + 3.0


def test_a_repeated_or_early_timeout_does_nothing(rig: Rig) -> None:
    client, member = rig.joined()
    member.emit_with_ack("q", [], timeout_s=3.0, context="q", now=rig.now)
    client.take()
    for _ in range(3):
        rig.server.handle_timeout(rig.now + 2.0)
    assert rig.events() == []
    for _ in range(3):
        rig.server.handle_timeout(rig.now + 3.0)
    assert rig.events() == [AckExpired(member, "q")]
    assert client.take() == []


@BOTH
@pytest.mark.parametrize("steps", [1, 2, 90, 900])
def test_one_long_wait_equals_many_short_ones(transport: str, steps: int) -> None:
    """What falls due first happens first, however late the host wakes up."""
    rig = Rig(connect_timeout_s=40.0)
    client, member = rig.joined(transport)
    client.fetch()
    waiting = rig.request(rig.open(transport))
    member.emit_with_ack("expires", [], timeout_s=44.0, context="expires", now=rig.now)
    member.emit_with_ack("drops", [], timeout_s=60.0, context="drops", now=rig.now)
    start = rig.now
    for step in range(1, steps + 1):
        rig.server.handle_timeout(start + 90.0 * step / steps)
    first, *acks, last = [event for event in rig.events() if not isinstance(event, ConnectionClosed)]
    assert isinstance(first, Left)
    assert isinstance(last, Left)
    assert (first.member, first.reason.value) == (waiting, "forced server close")
    assert acks == [AckExpired(member, "expires"), AckDropped(member, "drops")]
    assert (last.member, last.reason.value) == (member, "ping timeout")


def test_a_pong_keeps_the_members(rig: Rig) -> None:
    client, member = rig.joined()
    for _ in range(3):
        advance(rig.server, rig.clock, 25.0)
        assert client.take() == ["2"]
        client.pong()
    assert member.state is MemberState.JOINED
    assert rig.events() == []


# -- the end -----------------------------------------------------------------------------------------------------------


@BOTH
def test_everybody_is_told_that_the_server_shuts_down(rig: Rig, transport: str) -> None:
    """Without DISCONNECT packets, so that they come back (PROTOCOL 9-54)."""
    rig.server.hub.of("/n")
    clients = [rig.joined(transport)[0] for _ in range(3)]
    for client in clients:
        rig.join(client, "/n")
    members = [member for connection in rig.server.connections for member in connection.members]
    rig.server.hub.of("/asked")
    rig.request(clients[0], "/asked")
    if transport == "polling":
        clients[0].poll()
    members[0].emit("last words", [])
    ack_id = members[0].emit_with_ack("q", [], timeout_s=5, context="q", now=rig.now)
    rig.server.close(rig.now)
    rig.server.close(rig.now)  # nothing more
    events = rig.events()
    assert {event.reason for event in events if isinstance(event, (Left, ConnectionClosed))} == {
        CloseReason.SERVER_SHUTTING_DOWN
    }
    assert [event.member for event in events if isinstance(event, Left) and event.member.was_accepted] == members
    assert len([event for event in events if isinstance(event, ConnectionClosed)]) == 3
    assert AckDropped(members[0], "q") in events
    last = clients[0].take()
    assert last == ['42["last words"]', f'42{ack_id}["q"]', *(["1"] if transport == "polling" else [])]
    websocket = clients[0].websocket
    assert websocket is None or websocket.close_code == 1001
    assert rig.server.connections == []
    assert rig.server.next_deadline is None
    with pytest.raises(Refused) as refused:
        rig.open(transport)
    assert refused.value.response.status == 503


def test_a_connection_that_is_closing_ends_with_the_server(rig: Rig) -> None:
    client, member = rig.joined("polling")
    member.disconnect(rig.now, close=True)
    rig.take(Left)
    assert rig.server.connections != []  # it waits for a poll
    rig.server.close(rig.now)
    assert client.session is None
    (closed,) = rig.take(ConnectionClosed)
    assert closed.reason is CloseReason.SERVER_NAMESPACE_DISCONNECT  # why it was closing


# -- another parser ----------------------------------------------------------------------------------------------------


class LineParser:
    """Packets as lines of text, for a client that speaks the same: `"2 name"`. Spec: PROTOCOL 4.9."""

    def encode(self, packet: Packet) -> WireMessage:
        words: list[str] = packet.data if packet.type == EVENT else []
        return WireMessage([" ".join(["4", str(packet.type), *words])])

    def decoder(self) -> Decoder:
        return LineDecoder()


class LineDecoder:
    def feed(self, payload: Payload) -> Packet | None:
        if isinstance(payload, bytes):
            raise PacketError("text only")
        kind, *words = payload.split()
        return Packet(int(kind), "/", None if int(kind) == CONNECT else words)


def test_a_server_takes_another_parser(rig: Rig) -> None:
    rig.server = ServerCore(EngineSettings(path="/socket.io/"), parser=LineParser())
    client = WireClient(rig.server, rig.clock).open("websocket")
    client.send("40")
    assert rig.server.connections[0].members[0].accept(rig.now)
    rig.events()
    client.send("42 hello world")
    (event,) = rig.take(EventReceived)
    assert (event.name, event.args) == ("hello", ["world"])
    event.member.emit("bye", [])
    assert client.take() == ["4 0", "4 2 bye"]
    client.send(b"x")
    assert rig.reasons() == [("/", "parse error")]


def test_a_packet_may_arrive_in_parts(rig: Rig) -> None:
    client, member = rig.joined()
    assert client.websocket is not None
    websocket = client.websocket.carrier
    for part in ("42[", "", '"hi', '"]'):
        rig.server.receive_part(websocket, part, is_last=part == '"]', now=rig.now)
    (event,) = rig.take(EventReceived)
    assert (event.member, event.name) == (member, "hi")


def test_a_broadcast_is_one_call(rig: Rig) -> None:
    (first, one), (second, two), (third, three) = (rig.joined() for _ in range(3))
    for member in (one, two):
        member.join("room")
    assert rig.server.broadcast("/", "all", [1, b"x"]) == 3
    assert rig.server.broadcast("/", "some", (), Selection(frozenset(["room"]))) == 2
    assert rig.server.broadcast("/", "others", [2], Selection(frozenset(["room"]), frozenset([one.sid]))) == 1
    assert rig.server.broadcast("/", "nobody", [], Selection(frozenset())) == 0
    every = ['51-["all",1,{"_placeholder":true,"num":0}]', b"x"]
    assert first.fetch() == [*every, '2["some"]']
    assert second.fetch() == [*every, '2["some"]', '2["others",2]']
    assert third.fetch() == every
    assert three.namespace is one.namespace


def test_a_volatile_broadcast_passes_over_those_who_would_get_it_late(rig: Rig) -> None:
    quick, _ = rig.joined()
    slow, _ = rig.joined("polling")
    assert rig.server.broadcast("/", "now", [], Selection(volatile=True)) == 1
    assert (quick.fetch(), slow.fetch()) == (['2["now"]'], [])


class Keeping(JsonParser):
    """Encodes once, and hands out the same message again."""

    kept: WireMessage | None = None

    def encode(self, packet: Packet) -> WireMessage:
        if packet.type != EVENT:
            return super().encode(packet)
        self.kept = self.kept or super().encode(packet)
        return self.kept


def test_a_broadcast_that_is_not_to_be_compressed_says_so_and_the_next_one_does_not() -> None:
    rig = Rig()
    rig.server = ServerCore(EngineSettings(path="/socket.io/"), parser=Keeping())
    client, _ = rig.joined()
    client.fetch()
    assert client.websocket is not None
    sent: list[WireMessage] = []
    for compress in (False, True):
        assert rig.server.broadcast("/", "x", [b"y"], Selection(compress=compress)) == 1
        sent += client.websocket.carrier.take()
    assert [message.compress for message in sent] == [False, True]
    assert sent[0].frames == sent[1].frames


def test_a_broadcast_to_a_namespace_that_is_gone_reaches_nobody(rig: Rig) -> None:
    assert rig.server.broadcast("/gone", "hello", []) == 0
    assert "/gone" not in rig.server.hub.namespaces
    with pytest.raises(LocalProtocolError, match="event name is reserved: 'connect'"):
        rig.server.broadcast("/gone", "connect", [])


def test_a_delivered_poll_brings_nothing_back(rig: Rig) -> None:
    client, member = rig.joined("polling")
    poll = client.poll(hold=True)
    member.emit("hello", [])
    assert poll.response is not None
    action = rig.server.handle_request(client.make_request(), rig.now, None)
    assert isinstance(action, Park)
    waiting = action.poll
    member.emit("again", [])
    rig.server.take_ready()
    assert waiting.response is not None
    rig.server.poll_delivered(waiting, rig.now)
    assert waiting.messages == []


# -- several frames at once --------------------------------------------------------------------------------------------


def test_frames_fed_at_once_end_at_the_first_bad_one(rig: Rig) -> None:
    client, member = rig.joined()
    socket = client.websocket
    assert socket is not None
    frames: list[Payload] = [
        '42["one"]',
        '451-["two",{"_placeholder":true,"num":0}]',
        b"\x01",
        '42["three"',
        '42["late"]',
    ]
    rig.server.receive_all(socket.carrier, frames, rig.now)
    *received, left, closed = rig.events()
    assert [(event.name, event.args) for event in received if isinstance(event, EventReceived)] == [
        ("one", []),
        ("two", [b"\x01"]),
    ]
    assert isinstance(left, Left)
    assert (left.member, left.reason) == (member, CloseReason.PARSE_ERROR)
    assert isinstance(closed, ConnectionClosed)


def in_part_of_a_post(server: ServerCore, client: WireClient, now: float) -> None:
    post = client.begin_post()
    post.feed(b'42["broken\x1e42["late"]')
    server.advance_post(post.carrier, 1, now)


def in_a_frame(server: ServerCore, client: WireClient, now: float) -> None:
    assert client.websocket is not None
    server.receive(client.websocket.carrier, '42["broken', now)


def in_frames(server: ServerCore, client: WireClient, now: float) -> None:
    assert client.websocket is not None
    server.receive_all(client.websocket.carrier, ['42["broken'], now)


def in_parts_of_a_frame(server: ServerCore, client: WireClient, now: float) -> None:
    assert client.websocket is not None
    server.receive_part(client.websocket.carrier, '42["broken', is_last=True, now=now)


@pytest.mark.parametrize("break_rules", [in_part_of_a_post, in_a_frame, in_frames, in_parts_of_a_frame])
def test_what_came_is_judged_at_once(rig: Rig, break_rules: Callable[[ServerCore, WireClient, float], None]) -> None:
    """Otherwise more of the same client is taken, and answered, until its host asks for events."""
    client, _ = rig.joined("polling" if break_rules is in_part_of_a_post else "websocket")
    session = client.session
    assert session is not None
    break_rules(rig.server, client, rig.now)
    assert not session.is_open


def lose(server: ServerCore, client: WireClient, now: float) -> None:
    assert client.websocket is not None
    server.lost(client.websocket.carrier, now)


def fail(server: ServerCore, client: WireClient, now: float) -> None:
    assert client.websocket is not None
    server.fail(client.websocket.carrier, "bad frame", 1002, now)


@pytest.mark.parametrize("end", [lose, fail, in_a_frame])
def test_who_is_gone_is_nowhere_at_once(rig: Rig, end: Callable[[ServerCore, WireClient, float], None]) -> None:
    client, member = rig.joined()
    end(rig.server, client, rig.now)
    assert member.state is MemberState.LEFT
    assert not list(rig.server.hub.of("/").recipients(Selection()))
