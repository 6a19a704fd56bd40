"""How a client's requests look."""

from __future__ import annotations

from urllib.parse import parse_qsl

from socketio_core.engineio.client.requests import ClientMemory
from socketio_core.http import Response
from tests.engineio.client.scene import Scene, open_packet


def query_of(target: str) -> dict[str, str]:
    return dict(parse_qsl(target.partition("?")[2], keep_blank_values=True))


def test_handshake_over_polling() -> None:
    (get,) = Scene(authority="example.org:1").gets
    assert (get.method, get.target, get.body) == ("GET", "/engine.io/?EIO=4&transport=polling&t=80000000", b"")
    assert get.headers == [(b"host", b"example.org:1"), (b"accept", b"*/*")]
    assert get.timeout_s is None


def test_handshake_over_websocket() -> None:
    (websocket,) = Scene(transports=["websocket"]).sockets
    assert websocket.target == "/engine.io/?EIO=4&transport=websocket"


def test_later_requests_name_the_session() -> None:
    scene = Scene().open(sid="a&b")
    assert query_of(scene.gets[1].target) == {"EIO": "4", "transport": "polling", "t": "80000000", "sid": "a&b"}
    assert query_of(scene.sockets[0].target) == {"EIO": "4", "transport": "websocket", "sid": "a&b"}
    scene.session.send("x", scene.now)
    scene.look()
    (post,) = scene.posts
    assert query_of(post.target)["sid"] == "a&b"
    assert (post.body, post.headers[-1]) == (b"4x", (b"content-type", b"text/plain;charset=UTF-8"))
    assert post.timeout_s == scene.settings.post_timeout_s


def test_own_query_and_headers_are_in_all_but_the_protocol_wins() -> None:
    scene = Scene(
        path="/io/",
        query=[("token", "ä b"), ("EIO", "3")],
        headers=[(b"X-Key", b"1"), (b"Accept", b"x/y"), (b"Host", b"other")],
        timestamp_requests=False,
    )
    (get,) = scene.gets
    assert get.target == "/io/?token=%C3%A4+b&EIO=4&transport=polling"
    assert get.headers == [(b"X-Key", b"1"), (b"Accept", b"x/y"), (b"Host", b"other")]


def test_query_that_cannot_be_encoded_is_replaced() -> None:
    assert "?a=%3F&" in Scene(query=[("a", "\ud800")]).gets[0].target


def test_cookies_are_sent_back_on_every_transport() -> None:
    scene = Scene(headers=[(b"Cookie", b"own=1")])
    assert (b"cookie", b"own=1") in scene.gets[0].headers
    scene.respond(scene.gets[0], open_packet().encode(), headers=[(b"Set-Cookie", b"lb=2; Max-Age=10")])
    assert (b"cookie", b"own=1; lb=2") in scene.gets[1].headers
    assert [name.lower() for name, _ in scene.gets[1].headers].count(b"cookie") == 1
    assert (b"cookie", b"own=1; lb=2") in scene.sockets[0].headers
    scene.clock.advance(10)
    scene.answer(scene.gets[1], "6")
    assert (b"cookie", b"own=1") in scene.gets[2].headers


def test_every_response_is_bounded() -> None:
    scene = Scene(max_message_bytes=1234, post_timeout_s=5).open()
    scene.session.send("a", scene.now)
    scene.look()
    assert [(exchange.limit_bytes, exchange.timeout_s) for exchange in scene.gets + scene.posts] == [
        (1234, None),
        (1234, None),
        (1234, 5),
    ]


def test_cookies_of_a_101_are_kept_for_the_next_session() -> None:
    memory = ClientMemory()
    scene = Scene(memory=memory, transports=["websocket"])
    scene.session.websocket_opened(scene.sockets[0], Response(101, [(b"set-cookie", b"a=1")]), scene.now)
    assert (b"cookie", b"a=1") in Scene(memory=memory).gets[0].headers


def test_subprotocols_are_for_the_host_to_offer_and_for_the_session_to_tell() -> None:
    scene = Scene(subprotocols=["a", "b"]).open()
    (candidate,) = scene.sockets
    assert (candidate.subprotocols, candidate.subprotocol) == (("a", "b"), None)
    chosen = Response(101, [(b"Sec-WebSocket-Protocol", b"b")])
    scene.session.websocket_opened(candidate, chosen, scene.now)
    assert (candidate.subprotocol, scene.session.subprotocol) == ("b", None)
    scene = Scene(subprotocols=["a", "b"], transports=["websocket"])
    scene.session.websocket_opened(scene.sockets[0], chosen, scene.now)
    assert scene.session.subprotocol == "b"
