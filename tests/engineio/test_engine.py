"""The engine as its host sees it: handshakes and what they carry, limits, shutting down."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from socketio_core.cookie import Cookie
from socketio_core.cors import Cors
from socketio_core.engineio import Engine, Park, Poll, ReadBody, RequestRefused, Upgrade, WireMessage
from socketio_core.http import Headers, Request
from socketio_core.settings import EngineSettings
from socketio_core.socketio import ServerCore
from socketio_core.testing import FakeClock, Refused, WireClient
from tests.engineio.scene import Scene, parts, status_of

OPEN_PACKET = b'0{"sid":"sid-1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'


# -- the handshake: PROTOCOL 1.3, 1.5 ----------------------------------------------------------------------------------


def test_handshake_over_polling_is_exact() -> None:
    scene = Scene()
    assert scene.respond(scene.stranger().make_request()) == (
        200,
        {
            "content-type": "text/plain; charset=UTF-8",
            "cache-control": "no-store",
            "content-length": str(len(OPEN_PACKET)),
        },
        OPEN_PACKET,
    )
    assert scene.reports() == ["<opened>"]
    scene.check()


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_session_knows_its_handshake(transport: str) -> None:
    scene = Scene()
    session = scene.session(scene.client(transport))
    assert (session.sid, session.request.query["transport"]) == ("sid-1", transport)


def test_handshake_over_websocket_is_exact() -> None:
    scene = Scene()
    action = scene.engine.handle_request(scene.stranger().make_request(upgrade=True), scene.now, None)
    assert isinstance(action, Upgrade)
    assert scene.engine.take_ready() == [action.websocket]
    assert [message.frames for message in action.websocket.take()] == [
        (OPEN_PACKET.decode().replace('["websocket"]', "[]"),)
    ]
    assert (list(action.headers), action.websocket.is_closed) == ([], False)
    assert scene.reports() == ["<opened>"]
    scene.check()


@pytest.mark.parametrize(
    ("settings", "transport", "upgrades"),
    [
        ({}, "polling", ["websocket"]),
        ({}, "websocket", []),
        ({"allow_upgrades": False}, "polling", []),
        ({"transports": ("polling",)}, "polling", []),
        ({"transports": ("websocket",)}, "websocket", []),
        ({"transports": ["websocket", "polling"]}, "polling", ["websocket"]),
    ],
)
def test_advertises_the_upgrades_that_it_would_accept(
    settings: dict[str, Any], transport: str, upgrades: list[str]
) -> None:
    assert Scene(**settings).client(transport).handshake["upgrades"] == upgrades


def test_handshake_says_the_settings() -> None:
    scene = Scene(ping_interval_s=0.3, ping_timeout_s=0.2, max_payload_bytes=1234)
    assert scene.client().handshake == {
        "sid": "sid-1",
        "upgrades": ["websocket"],
        "pingInterval": 300,
        "pingTimeout": 200,
        "maxPayload": 1234,
    }


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize(("packet", "frame"), [("hello", "4hello"), ("", "4"), (b"\x01", b"\x01")])
def test_the_initial_packet_follows_the_open_packet(transport: str, packet: str | bytes, frame: str | bytes) -> None:
    scene = Scene(initial_packet=packet)
    assert scene.client(transport).take() == [frame]


def test_no_initial_packet_by_default() -> None:
    assert Scene().client().take() == []


def test_the_cookie_comes_with_the_first_polling_response_only() -> None:
    scene = Scene(cookie=Cookie())
    client = scene.stranger()
    assert scene.respond(client.make_request())[1]["set-cookie"] == "io=sid-1; Path=/; HttpOnly; SameSite=Lax"
    client.sid = "sid-1"
    poll = client.poll()
    scene.session(client).send("x", scene.now)
    assert "set-cookie" not in parts(poll.response)[1]
    assert "set-cookie" not in parts(client.post("4x"))[1]
    assert list(scene.stranger().open_websocket().headers) == []


@pytest.mark.parametrize("is_function", [False, True])
def test_extra_headers_are_on_every_polling_response_and_on_the_101(*, is_function: bool) -> None:
    asked: list[tuple[str, str]] = []

    def hook(request: Request, sid: str) -> Headers:
        asked.append((request.method, sid))
        return [(b"x-sid", sid.encode())]

    scene = Scene(extra_headers=hook if is_function else [(b"x-sid", b"sid-1")])
    client = scene.stranger()
    handshake = scene.respond(client.make_request())
    client.sid = "sid-1"
    poll = client.poll()
    responses = [handshake, parts(client.post("4x"))]
    too_large = parts(client.post_body(b"", [(b"content-length", b"9" * 18)]))
    candidate = client.open_websocket()
    client.post("3")
    scene.session(client).send("x", scene.now)
    responses += [parts(poll.response), too_large, parts(client.post("9"))]
    assert [response[0] for response in responses] == [200, 200, 200, 413, 400]
    assert [response[1]["x-sid"] for response in responses] == ["sid-1"] * 5
    assert list(candidate.headers) == [(b"x-sid", b"sid-1")]
    if is_function:
        assert asked == [(method, "sid-1") for method in ("GET", "GET", "POST", "POST", "GET", "POST", "POST")]


def test_extra_headers_are_not_on_refusals() -> None:
    scene = Scene(extra_headers=[(b"x-extra", b"1")])
    assert "x-extra" not in scene.respond(scene.stranger().make_request("POST"))[1]


@pytest.mark.parametrize(
    ("agent", "is_old"),
    [
        ("Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0)", True),
        ("Mozilla/4.0 (compatible;MSIE 8.0)", True),
        ("Mozilla/5.0 Firefox/130.0", False),
    ],
)
def test_old_internet_explorers_get_their_header(agent: str, *, is_old: bool) -> None:
    scene = Scene()
    stranger = scene.stranger(headers=[(b"User-Agent", agent.encode())])
    responses = [scene.respond(stranger.make_request())]
    stranger.sid = "sid-1"
    responses.append(parts(stranger.post("4x")))
    assert [headers.get("x-xss-protection") for _, headers, _ in responses] == ["0" if is_old else None] * 2


@pytest.mark.parametrize("core", [Engine, ServerCore])
@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({b"sec-websocket-version": b"12"}, 426),
        ({b"sec-websocket-key": b"short"}, 400),
        ({b"content-length": b"3"}, 400),
        ({b"sec-websocket-protocol": b"a, a"}, 400),
    ],
)
@pytest.mark.parametrize("has_session", [False, True])
def test_bad_websocket_handshake_opens_nothing(
    core: type[Engine | ServerCore], changes: dict[bytes, bytes], status: int, *, has_session: bool
) -> None:
    clock, server = FakeClock(), core()
    client = WireClient(server, clock)
    if has_session:
        client.open()
    request = client.make_request(upgrade=True)
    server.take_events()
    assert server.is_handshake(request) != has_session
    request.headers = [(name, value) for name, value in request.headers if name not in changes] + list(changes.items())
    assert not server.is_handshake(request)
    assert status_of(server.handle_request(request, clock.now, None)) == status
    (event,) = server.take_events()
    refused = event[1] if isinstance(event, tuple) else event
    assert isinstance(refused, RequestRefused)
    assert (refused.code, refused.request, refused.error) == (None, request, None)
    assert (server.session_count, server.take_ready()) == (int(has_session), [])


@pytest.mark.parametrize("core", [Engine, ServerCore])
def test_carriers_belong_to_their_host_from_the_beginning(core: type[Engine | ServerCore]) -> None:
    """Between `handle_request` and what its host does next, somebody else may take what is ready."""
    clock, server = FakeClock(), core(EngineSettings(initial_packet="hello"))
    polling = WireClient(server, clock).open()
    mine = [object(), object(), object(), object()]
    first = server.handle_request(WireClient(server, clock).make_request(upgrade=True), clock.now, mine[0])
    assert isinstance(first, Upgrade)
    candidate = server.handle_request(polling.make_request(upgrade=True), clock.now, mine[1])
    turned_away = server.handle_request(polling.make_request(upgrade=True), clock.now, mine[2])
    (session,) = [session for session in server.sessions if session.sid == polling.sid]
    session.put(WireMessage(("4x",)))
    poll = server.handle_request(polling.make_request(), clock.now, mine[3])
    assert isinstance(candidate, Upgrade)
    assert isinstance(turned_away, Upgrade)
    assert isinstance(poll, Park)
    ready = server.take_ready()
    assert [carrier.context for carrier in ready] == [mine[0], mine[2], mine[3]]
    assert candidate.websocket.context is mine[1]
    post = server.handle_request(polling.make_request("POST"), clock.now, mine[1])
    assert isinstance(post, ReadBody)
    assert post.post.context is mine[1]


# -- what a host can ask -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "is_owned"),
    [
        ("/engine.io/", True),
        ("/engine.io/?EIO=4", True),
        ("/engine.io/foo/bar?EIO=4", True),
        ("http://example.org/engine.io/?EIO=4", True),
        ("/engine.io", False),
        ("/engine.io?EIO=4", False),
        ("/engine.ioXYZ/", False),
        ("/", False),
        ("*", False),
        ("//engine.io/", False),
        ("/socket.io/", False),
        ("", False),
    ],
)
def test_owns_its_path_and_all_below_it(target: str, *, is_owned: bool) -> None:
    """PROTOCOL 1.2, 9-19."""
    assert Engine().owns(Request("GET", target, scheme="http")) == is_owned


def test_actions_carry_what_the_host_needs() -> None:
    scene = Scene(max_payload_bytes=77)
    client = scene.client()
    poll = scene.engine.handle_request(client.make_request(), scene.now, None)
    post = scene.engine.handle_request(client.make_request("POST"), scene.now, None)
    assert isinstance(poll, Park)
    assert isinstance(post, ReadBody)
    assert (poll.poll.response, poll.poll.context, post.limit_bytes, post.post.context) == (None, None, 77, None)
    assert poll.poll.session is post.post.session is scene.session(client)


def test_is_handshake_only_of_what_would_begin_a_session() -> None:
    scene = Scene(cors=Cors(origins=["http://a.example"]), max_sessions=2)
    client = scene.client()
    new = scene.stranger()
    table = [
        (new.make_request(), True),
        (new.make_request(upgrade=True), True),
        (new.make_request("POST"), False),
        (new.make_request("OPTIONS"), False),
        (new.make_request(query={"transport": "x"}), False),
        (new.make_request(query={"EIO": "3"}), False),
        (new.make_request(query={"transport": "websocket"}), False),
        (new.make_request(query={"sid": "unknown"}), False),
        (new.make_request(query={"sid": ""}), True),
        (new.make_request(headers=[(b"origin", b"http://a.example")]), True),
        (new.make_request(headers=[(b"origin", b"http://b.example")]), False),
        (client.make_request(), False),
        (client.make_request(upgrade=True), False),
    ]
    assert [scene.engine.is_handshake(request) for request, _ in table] == [expected for _, expected in table]
    assert scene.reports() == []
    new.open("websocket")
    assert scene.engine.is_handshake(scene.stranger().make_request())  # the first one would make room
    client.poll()
    assert not scene.engine.is_handshake(scene.stranger().make_request())


def test_a_host_looks_at_sessions_oldest_first() -> None:
    scene = Scene()
    first, second = scene.client(), scene.client("websocket")
    assert [session.sid for session in scene.engine.sessions] == ["sid-1", "sid-2"]
    assert repr(scene.engine) == "<Engine /engine.io/, 2 sessions>"
    assert repr(scene.session(first)) == "<Session polling, open, 0 bytes buffered>"
    assert repr(scene.session(second)) == "<Session websocket, open, 0 bytes buffered>"
    assert scene.session(first).request.query["transport"] == "polling"
    scene.session(first).abort(scene.now)
    assert (scene.engine.session_count, scene.engine.sessions) == (1, [scene.session(second)])


def test_each_carrier_is_ready_once_and_in_order() -> None:
    scene = Scene()
    clients = [scene.client("websocket"), scene.client(), scene.client("websocket")]
    clients[1].poll()
    assert scene.engine.take_ready() == []
    for client in (clients[2], clients[1], clients[0], clients[2], clients[1]):
        scene.session(client).put(WireMessage(("4x",)))
    ready = scene.engine.take_ready()
    assert [carrier.session.sid for carrier in ready] == ["sid-3", "sid-2", "sid-1"]
    poll = ready[1]
    assert isinstance(poll, Poll)
    assert parts(poll.response)[2] == b"4x\x1e4x"
    assert scene.engine.take_ready() == []


def test_polls_wait_for_the_next_call_when_responses_hold_much() -> None:
    scene = Scene()
    clients = [scene.client(transport) for transport in ("polling", "polling", "polling", "websocket")]
    for client in clients[:3]:
        client.poll()
    for client in clients:
        scene.session(client).put(WireMessage(("4" + "x" * 999,)))

    def take(max_poll_bytes: float) -> list[str]:
        ready = scene.engine.take_ready(max_poll_bytes)
        assert all(carrier.response is not None for carrier in ready if isinstance(carrier, Poll))
        return [carrier.session.sid for carrier in ready]

    assert (take(1001), scene.engine.has_ready) == (["sid-1", "sid-2", "sid-4"], True)
    scene.session(clients[3]).put(WireMessage(("4x",)))
    assert (take(1000), scene.engine.has_ready) == (["sid-3", "sid-4"], False)
    assert take(1000) == []


def test_a_poll_that_waits_for_the_next_call_and_is_lost_is_not_named() -> None:
    scene = Scene()
    clients = [scene.client(), scene.client()]
    polls = [client.poll().carrier for client in clients]
    for client in clients:
        scene.session(client).put(WireMessage(("4x",)))
    assert scene.engine.take_ready(1) == polls[:1]
    scene.engine.lost(polls[1], scene.now)
    assert not scene.engine.has_ready


# -- how many: max_sessions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_one_session_too_many_is_refused_until_one_ends(transport: str) -> None:
    scene = Scene(max_sessions=3)
    clients = [scene.client(transport) for _ in range(3)]
    for client in clients:
        client.fetch()  # those who never make a second request make room
    with pytest.raises(Refused) as caught:
        scene.client(transport)
    assert caught.value.response.status == 503
    assert scene.reports() == ["<refused: 3 Too many sessions>"]
    clients[0].send("1")
    scene.reports()
    scene.client(transport)
    assert scene.engine.session_count == 3


# -- the end: Engine.close ---------------------------------------------------------------------------------------------


def test_closing_the_engine_sends_what_waits_and_ends_every_session() -> None:
    scene = Scene()
    parked, idle, socket, upgrading = scene.client(), scene.client(), scene.client("websocket"), scene.client()
    poll = parked.poll()
    candidate = upgrading.open_websocket()
    for client in (parked, idle, socket):
        scene.session(client).send("last words", scene.now)
    scene.engine.close(scene.now, code=1001, text="going away")
    assert parts(poll.response)[2] == b"4last words\x1e1"
    end = scene.socket(socket)
    assert (socket.take(), end.is_open, end.close_code, end.carrier.close_text) == (
        ["4last words"],
        False,
        1001,
        "going away",
    )
    assert (candidate.is_open, candidate.close_code) == (False, 1005)
    assert scene.reports() == ["<closed: forced close>"] * 4
    scene.check_empty()


def test_closing_the_engine_ends_sessions_that_are_closing_already() -> None:
    scene = Scene()
    client = scene.client()
    scene.session(client).close(scene.now)
    assert scene.engine.session_count == 1
    scene.engine.close(scene.now)
    assert scene.reports() == ["<closed: forced close>"]
    scene.check_empty()


def test_a_closed_engine_refuses_new_sessions() -> None:
    scene = Scene()
    scene.engine.close(scene.now)
    for transport in ("polling", "websocket"):
        with pytest.raises(Refused) as caught:
            scene.client(transport)
        assert caught.value.response.status == 503
    assert scene.reports() == ["<refused: 3 Server is shutting down>"] * 2
    assert not scene.engine.is_handshake(scene.stranger().make_request())


def test_closing_twice_is_closing_once() -> None:
    scene = Scene()
    scene.client("websocket")
    scene.engine.close(scene.now)
    scene.engine.close(scene.now)
    assert scene.reports() == ["<closed: forced close>"]


def test_a_shutdown_keeps_within_max_packets_per_poll() -> None:
    """What a parked poll cannot take is lost: nobody waits for another one."""
    scene = Scene(max_packets_per_poll=2)
    client = scene.client()
    poll = client.poll()
    for text in "abc":
        scene.session(client).send(text, scene.now)
    scene.engine.close(scene.now)
    assert parts(poll.response)[2] == b"4a\x1e1"
    scene.check_empty()


def test_settings_have_defaults() -> None:
    assert replace(Engine().engine_settings, path=None) == EngineSettings()


@pytest.mark.parametrize(("path", "found"), [(None, "/engine.io/"), ("/x/", "/x/"), ("/socket.io/", "/socket.io/")])
def test_path_is_the_layers_own_unless_it_is_named(path: str | None, found: str) -> None:
    engine = Engine(EngineSettings(path=path))
    assert (engine.path, engine.engine_settings.path) == (found, found)
    assert engine.owns(Request("GET", f"{found}?EIO=4&transport=polling", scheme="http"))


# -- several frames at once --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frames", [["4a", b"b", "4c"], ["4a", "2", "4late"], ["4a", "x", "4late"], ["1", "4late"], []])
def test_frames_fed_at_once_mean_what_they_mean_one_by_one(frames: list[str | bytes]) -> None:
    seen: list[list[str | bytes]] = []
    for at_once in (True, False):
        scene = Scene()
        client = scene.client("websocket")
        websocket = scene.socket(client).carrier
        scene.reports()
        if at_once:
            scene.engine.receive_all(websocket, frames, scene.now)
        else:
            for frame in frames:
                scene.engine.receive(websocket, frame, scene.now)
        seen.append(scene.reports())
        scene.check()
    assert seen[0] == seen[1]
