"""The kit itself, as somebody uses it who embeds the engine."""

from __future__ import annotations

import pytest

from socketio_core.engineio import Engine, Park
from socketio_core.errors import CloseReason
from socketio_core.settings import EngineSettings
from socketio_core.socketio import ConnectRequested, EventReceived, Left, ServerCore
from socketio_core.testing import FakeClock, Refused, WireClient, WirePoll, advance, settle

BOTH = pytest.mark.parametrize("transport", ["polling", "websocket"])


@BOTH
def test_client_and_socket_io_server_talk(transport: str) -> None:
    clock = FakeClock()
    server = ServerCore()
    client = WireClient(server, clock).open(transport)
    client.send('40{"token":"t"}')
    _opened, asked = server.take_events()
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
    server = ServerCore()
    client = WireClient(server, clock).open(transport)
    client.send("40")
    _opened, asked = server.take_events()
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
    session.send("by polling", clock.now)
    client.upgrade()
    session.send("by websocket", clock.now)
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
    session.send("x" * 100, clock.now)
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
    action = engine.handle_request(client.make_request("GET"), clock.now, None)
    assert isinstance(action, Park)
    session = client.session
    assert session is not None
    session.send("x", clock.now)
    settle(engine)
    assert action.poll.response is not None
    assert not isinstance(action.poll.context, WirePoll)


def engine_and_client() -> tuple[Engine, WireClient]:
    engine = Engine()
    return engine, WireClient(engine, FakeClock()).open()


def send(client: WireClient, *texts: str) -> None:
    session = client.session
    assert session is not None
    for text in texts:
        session.send(text, 1000.0)


def test_a_response_under_way_arrives_when_the_test_says_so() -> None:
    _, client = engine_and_client()
    poll = client.poll(hold=True)
    poll.arrive()  # not answered yet: it is only no longer held
    send(client, "a")
    assert client.take() == ["4a"]
    poll = client.poll(hold=True)
    send(client, "b")
    assert (client.take(), poll.is_done) == ([], False)
    poll.arrive()
    assert (client.take(), poll.is_done) == (["4b"], True)


def test_a_response_that_is_lost_comes_with_the_next_poll() -> None:
    _, client = engine_and_client()
    poll = client.poll(hold=True)
    send(client, "a")
    assert poll.response is not None
    poll.drop()
    assert (client.take(), client.fetch()) == ([], ["a"])


def test_a_post_goes_out_piece_by_piece_or_breaks_off() -> None:
    engine, client = engine_and_client()
    post = client.begin_post()
    assert [post.feed(chunk) for chunk in (b"4he", b"llo")] == [True, True]
    assert post.finish().status == 200
    client.begin_post().drop()
    assert [str(event) for _, event in engine.take_events()][1] == "hello"
    assert client.session is None


def test_a_client_that_does_not_read_leaves_the_server_waiting() -> None:
    engine = Engine()
    client = WireClient(engine, FakeClock()).open("websocket")
    socket, session = client.websocket, client.session
    assert socket is not None
    assert session is not None
    socket.is_reading = False
    session.send("a", 1000.0)
    session.close(1000.0, code=1001)
    assert (client.take(), socket.is_open, session.buffered_bytes) == ([], True, 2)
    socket.is_reading = True
    assert (client.take(), socket.is_open, socket.close_code) == (["4a"], False, 1001)


def test_a_client_that_drops_its_websocket_reads_no_more() -> None:
    engine = Engine()
    client = WireClient(engine, FakeClock()).open("websocket")
    socket = client.websocket
    assert socket is not None
    send(client, "a")
    socket.drop()
    assert (client.take(), socket.is_open, engine.session_count) == ([], False, 0)


@BOTH
def test_a_handshake_may_be_refused(transport: str) -> None:
    client = WireClient(Engine(), FakeClock(), query={"EIO": "3"})
    with pytest.raises(Refused, match="400"):
        client.open(transport)
    assert client.sid == ""


def test_raw_bodies_and_headers_go_as_they_are() -> None:
    _, client = engine_and_client()
    assert client.post_body(b"4a\x1e4b").body == b"ok"
    assert client.post_body(b"x", [(b"content-type", b"application/octet-stream")]).status == 400
    assert client.post("4a").status == 400


def test_a_request_can_be_bent() -> None:
    client = WireClient(Engine(), FakeClock(), headers=[(b"x-a", b"1")], query={"token": "t"})
    request = client.make_request("PUT", headers=[(b"x-b", b"2")], query={"EIO": None, "transport": "x"})
    assert (request.method, request.query) == ("PUT", {"transport": "x", "token": "t"})
    assert (request.header("x-a"), request.header("x-b"), request.is_websocket_upgrade) == ("1", "2", False)
    assert client.make_request(upgrade=True).is_websocket_upgrade


def test_a_client_that_expected_to_wait_and_was_refused_says_so() -> None:
    engine, client = engine_and_client()
    engine.close(1000.0)
    for attempt in (client.poll, client.begin_post, client.open_websocket):
        with pytest.raises(Refused):
            attempt()


def test_a_response_that_is_no_handshake_is_refused() -> None:
    client = WireClient(Engine(), FakeClock())
    client.sid = "unknown"
    with pytest.raises(Refused, match="Session ID unknown"):
        client.open()
