"""Every row of PROTOCOL 1.4: which request gets which status, headers and body, and what becomes of the session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from socketio_core.cors import Cors
from socketio_core.testing import WireClient, WireSocket
from tests.engineio.scene import Scene, parts

Query = dict[str, str | None]

UNKNOWN_TRANSPORT = (0, "Transport unknown", 400)
UNKNOWN_SESSION = (1, "Session ID unknown", 400)
BAD_METHOD = (2, "Bad handshake method", 400)
BAD_REQUEST = (3, "Bad request", 400)
FORBIDDEN = (4, "Forbidden", 403)
BAD_VERSION = (5, "Unsupported protocol version", 400)
STRANGE_ORIGIN = (b"origin", b"http://elsewhere.example")
ILLEGAL_ORIGIN = (b"origin", b"http://here\x01.example")

# (method, changes of the query, one more header, what is refused, part of the detail for the log).
# Query fields not named are those of a good request; `sid=polling` and `sid=websocket` stand for open sessions.
Row = tuple[str, Query, tuple[bytes, bytes] | None, tuple[int, str, int], str]
PLAIN: list[Row] = [
    ("GET", {"transport": None}, None, UNKNOWN_TRANSPORT, "transport: ''"),
    ("GET", {"transport": ""}, None, UNKNOWN_TRANSPORT, "transport: ''"),
    ("GET", {"transport": "tobi"}, None, UNKNOWN_TRANSPORT, "transport: 'tobi'"),
    ("GET", {"transport": "Polling"}, None, UNKNOWN_TRANSPORT, "'Polling'"),
    ("GET", {"transport": "webtransport"}, None, UNKNOWN_TRANSPORT, "'webtransport'"),
    ("GET", {"transport": "constructor"}, None, UNKNOWN_TRANSPORT, "'constructor'"),
    ("GET", {"transport": "__proto__"}, None, UNKNOWN_TRANSPORT, "'__proto__'"),
    ("POST", {"transport": "tobi", "sid": "unknown"}, None, UNKNOWN_TRANSPORT, "'tobi'"),
    ("GET", {"sid": "unknown"}, None, UNKNOWN_SESSION, "no such session"),
    ("POST", {"sid": "unknown"}, None, UNKNOWN_SESSION, "no such session"),
    ("PUT", {"sid": "unknown"}, None, UNKNOWN_SESSION, "no such session"),
    ("GET", {"sid": "unknown", "transport": "websocket"}, None, UNKNOWN_SESSION, "no such session"),
    ("GET", {"sid": "unknown", "EIO": "3"}, None, UNKNOWN_SESSION, "no such session"),
    ("POST", {}, None, BAD_METHOD, "method: 'POST'"),
    ("PUT", {}, None, BAD_METHOD, "method: 'PUT'"),
    ("OPTIONS", {}, None, BAD_METHOD, "method: 'OPTIONS'"),
    ("HEAD", {}, None, BAD_METHOD, "method: 'HEAD'"),
    ("get", {}, None, BAD_METHOD, "method: 'get'"),
    ("POST", {"EIO": "3", "transport": "websocket"}, None, BAD_METHOD, "method"),
    ("GET", {"transport": "websocket"}, None, BAD_REQUEST, "Upgrade header do not match"),
    ("GET", {"transport": "websocket", "EIO": "3"}, None, BAD_REQUEST, "Upgrade header do not match"),
    ("GET", {"sid": "polling", "transport": "websocket"}, None, BAD_REQUEST, "session is on polling"),
    ("GET", {"sid": "websocket"}, None, BAD_REQUEST, "session is on websocket"),
    ("POST", {"sid": "websocket"}, None, BAD_REQUEST, "session is on websocket"),
    ("GET", {"sid": "websocket", "transport": "websocket"}, None, BAD_REQUEST, "session is on websocket"),  # 9-4
    ("GET", {"sid": "polling", "EIO": "3"}, None, BAD_REQUEST, "EIO does not match the session: '3'"),  # 9-5, 10
    ("GET", {"sid": "polling", "EIO": None}, None, BAD_REQUEST, "EIO does not match the session: None"),
    ("GET", {"EIO": "3"}, None, BAD_VERSION, "EIO: '3', expected '4'"),
    ("GET", {"EIO": "5"}, None, BAD_VERSION, "EIO: '5'"),
    ("GET", {"EIO": ""}, None, BAD_VERSION, "EIO: ''"),
    ("GET", {"EIO": "04"}, None, BAD_VERSION, "EIO: '04'"),
    ("GET", {"EIO": None}, None, BAD_VERSION, "EIO: None"),
    ("GET", {}, ILLEGAL_ORIGIN, BAD_REQUEST, "origin header holds control characters"),
    ("GET", {"sid": "polling"}, ILLEGAL_ORIGIN, BAD_REQUEST, "origin header"),
    ("GET", {"transport": "tobi"}, ILLEGAL_ORIGIN, UNKNOWN_TRANSPORT, "'tobi'"),
    ("GET", {}, STRANGE_ORIGIN, FORBIDDEN, "not the server's own"),
    ("GET", {"sid": "polling"}, STRANGE_ORIGIN, FORBIDDEN, "not the server's own"),
    ("GET", {"sid": "unknown"}, STRANGE_ORIGIN, FORBIDDEN, "not the server's own"),
    ("POST", {}, STRANGE_ORIGIN, FORBIDDEN, "not the server's own"),
]
UPGRADE: list[Row] = [
    ("GET", {"transport": None}, None, UNKNOWN_TRANSPORT, "transport: ''"),
    ("GET", {"transport": "tobi", "sid": "polling"}, None, UNKNOWN_TRANSPORT, "'tobi'"),
    ("GET", {"sid": "unknown"}, None, UNKNOWN_SESSION, "no such session"),
    ("GET", {"transport": "polling"}, None, BAD_REQUEST, "Upgrade header do not match"),  # reference: 101, then close
    ("GET", {"transport": "polling", "sid": "polling"}, None, BAD_REQUEST, "upgrade with transport 'polling'"),
    ("GET", {"sid": "polling", "EIO": "3"}, None, BAD_REQUEST, "EIO does not match"),  # 9-5
    ("GET", {"EIO": "3"}, None, BAD_VERSION, "EIO: '3'"),  # 9-2: the reference answers 101 first
    ("GET", {"EIO": None}, None, BAD_VERSION, "EIO: None"),
    ("GET", {}, ILLEGAL_ORIGIN, BAD_REQUEST, "origin header"),
    ("GET", {}, STRANGE_ORIGIN, FORBIDDEN, "not the server's own"),
    ("GET", {"sid": "polling"}, STRANGE_ORIGIN, FORBIDDEN, "not the server's own"),
]


class Stage:
    """One session on polling and one on a WebSocket, and whoever wants to come in between."""

    def __init__(self, **settings: Any) -> None:
        self.scene = Scene(**settings)
        self.polling = self.scene.client()
        self.websocket = self.scene.client("websocket")

    def refuse(self, row: Row, *, upgrade: bool) -> tuple[int, dict[str, str], bytes]:
        """Make the request of a row and return its response; check the event."""
        method, query, header, (code, message, _), detail = row
        sids = {"polling": self.polling.sid, "websocket": self.websocket.sid}
        query = {name: sids.get(value, value) if value and name == "sid" else value for name, value in query.items()}
        headers = [(b"host", b"here.example"), *([header] if header else [])]
        request = self.scene.stranger(headers=headers).make_request(method, upgrade=upgrade, query=query)
        response = self.scene.respond(request)
        ((session, event),) = self.scene.engine.take_events()
        assert session is None
        assert (getattr(event, "code", None), getattr(event, "message", None)) == (code, message)
        assert detail in getattr(event, "detail", "")
        assert getattr(event, "request", None) is request
        return response

    def assert_unharmed(self) -> None:
        """Assert that both sessions work as before."""
        for client in (self.polling, self.websocket):
            self.scene.session(client).send("hi", self.scene.now)
            assert client.fetch() == ["hi"]
            client.send("4ho")
            assert self.scene.reports() == ["ho"]
        self.scene.check()


@pytest.mark.parametrize("row", PLAIN, ids=lambda row: f"{row[0]}-{row[1]}-{row[2]}")
def test_a_refused_request_gets_its_code_as_json(row: Row) -> None:
    stage = Stage()
    _, _, _, (code, message, status), _ = row
    body = f'{{"code":{code},"message":"{message}"}}'.encode()
    headers = {"content-type": "application/json"}
    if row[0] == "HEAD":
        body = b""
    else:
        headers["content-length"] = str(len(body))
    assert stage.refuse(row, upgrade=False) == (status, headers, body)
    stage.assert_unharmed()


@pytest.mark.parametrize("row", UPGRADE, ids=lambda row: f"{row[1]}-{row[2]}")
def test_a_refused_upgrade_gets_the_bare_text_before_any_101(row: Row) -> None:
    """PROTOCOL 9-2, 9-18: always 400, never JSON, no CORS headers."""
    stage = Stage()
    message = row[3][1]
    headers = {"connection": "close", "content-type": "text/html", "content-length": str(len(message))}
    assert stage.refuse(row, upgrade=True) == (400, headers, message.encode())
    stage.assert_unharmed()


@pytest.mark.parametrize("upgrade", [False, True])
def test_a_disabled_transport_is_unknown(*, upgrade: bool) -> None:
    scene = Scene(transports=["polling" if upgrade else "websocket"])
    assert scene.respond(scene.stranger().make_request(upgrade=upgrade))[0] == 400
    assert scene.reports() == ["<refused: 0 Transport unknown>"]


def test_upgrades_that_are_not_allowed_are_refused() -> None:
    """PROTOCOL 9-7: the reference only stops advertising them."""
    stage = Stage(allow_upgrades=False)
    row: Row = ("GET", {"sid": "polling"}, None, BAD_REQUEST, "upgrades are not allowed")
    assert stage.refuse(row, upgrade=True)[0] == 400
    assert Scene(allow_upgrades=False).client("websocket").websocket is not None


def probed(client: WireClient) -> WireSocket:
    candidate = client.open_websocket()
    candidate.send("2probe")
    assert candidate.take() == ["3probe"]
    return candidate


@pytest.mark.parametrize("moved", [WireClient.open_websocket, probed, WireClient.upgrade])
def test_a_second_websocket_is_opened_and_closed(moved: Callable[[WireClient], WireSocket]) -> None:
    """PROTOCOL 1.8: after the 101, so that who has no handler for a refused handshake sees a close."""
    stage = Stage(extra_headers=[(b"x-own", b"1")])
    first = moved(stage.polling)
    _ = stage.scene.reports()
    second = stage.polling.open_websocket()
    assert (second.is_open, second.close_code, second.headers) == (False, 1005, [(b"x-own", b"1")])
    assert stage.scene.reports() == ["<refused: 3 Bad request>"]
    second.send("2probe", "5", "4hello", b"x" * 2_000_000)
    second.drop()
    assert second.take() == []
    assert first.is_open
    if stage.polling.websocket is None:
        first.send("5")
        stage.polling.websocket = first
        assert stage.scene.reports() == ["<upgraded>"]
    stage.assert_unharmed()


def test_a_second_websocket_for_a_session_that_began_on_one_is_opened_and_closed() -> None:
    """PROTOCOL 9-3: the reference lets it take over."""
    stage = Stage()
    stranger = stage.scene.stranger(query={"sid": stage.websocket.sid})
    second = stranger.open_websocket()
    assert (second.is_open, second.close_code) == (False, 1005)
    assert stage.scene.reports() == ["<refused: 3 Bad request>"]
    stage.assert_unharmed()


def test_a_websocket_for_a_closing_session_is_opened_and_closed() -> None:
    stage = Stage()
    session = stage.scene.session(stage.polling)
    session.close(stage.scene.now)
    assert not stage.polling.open_websocket().is_open
    assert not session.is_closed
    assert stage.polling.poll().response is not None
    assert session.is_closed


@pytest.mark.parametrize("upgrade", [False, True])
def test_the_host_s_refusal_looks_like_the_engine_s(*, upgrade: bool) -> None:
    """PROTOCOL 1.4, code 4: `allowRequest`."""
    scene = Scene()
    request = scene.stranger().make_request(upgrade=upgrade)
    assert scene.engine.is_handshake(request)
    default, custom = scene.engine.refuse(request), scene.engine.refuse(request, "no ünknown \ud800 guests")
    if upgrade:
        assert parts(default.response) == (
            400,
            {"connection": "close", "content-type": "text/html", "content-length": "9"},
            b"Forbidden",
        )
        assert custom.response.body == "no ünknown ? guests".encode()
    else:
        assert parts(default.response)[::2] == (403, b'{"code":4,"message":"Forbidden"}')
        assert custom.response.body == '{"code":4,"message":"no ünknown ? guests"}'.encode()
    assert scene.reports() == ["<refused: 4 Forbidden>", "<refused: 4 no ünknown \ud800 guests>"]
    scene.check_empty()


@pytest.mark.parametrize("method", ["PUT", "HEAD", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_inside_a_session_get_500_and_do_no_harm(method: str) -> None:
    """PROTOCOL 1.4, 9-20."""
    stage = Stage()
    assert stage.scene.respond(stage.polling.make_request(method)) == (500, {"content-length": "0"}, b"")
    stage.assert_unharmed()


# -- failures inside a polling session ---------------------------------------------------------------------------------

EMPTY_400 = (400, {"content-length": "0"}, b"")


def assert_ended(scene: Scene, client: WireClient, reason: str) -> None:
    """Assert that the session ended, and that any later request finds it unknown."""
    assert scene.reports() == [f"<closed: {reason}>"]
    for request in (client.make_request(), client.make_request("POST"), client.make_request(upgrade=True)):
        assert scene.respond(request)[0] == 400
    assert scene.reports() == ["<refused: 1 Session ID unknown>"] * 3
    scene.check_empty()


def test_second_get_closes_session() -> None:
    scene = Scene()
    client = scene.client()
    first = client.poll()
    assert scene.respond(client.make_request()) == EMPTY_400
    assert parts(first.response)[::2] == (200, b"1")
    assert_ended(scene, client, "transport error: overlap from client")


def test_second_post_closes_session() -> None:
    scene = Scene()
    client = scene.client()
    poll, first = client.poll(), client.begin_post()
    assert scene.respond(client.make_request("POST")) == EMPTY_400
    assert poll.response is not None
    assert poll.response.body == b"1"
    first.feed(b"4never read")
    assert parts(first.finish()) == EMPTY_400
    assert_ended(scene, client, "transport error: data request overlap from client")


def test_a_post_that_breaks_off_closes_session() -> None:
    scene = Scene()
    client = scene.client()
    poll, post = client.poll(), client.begin_post()
    post.feed(b"4half a mess")
    post.drop()
    assert parts(poll.response)[2] == b"1"
    assert_ended(scene, client, "transport error: data request connection closed prematurely")
    post.drop()
    assert scene.reports() == []


def test_a_post_that_is_lost_behind_its_end_harms_nobody() -> None:
    scene = Scene()
    client = scene.client()
    post = client.begin_post()
    post.feed(b"4whole")
    assert parts(post.finish())[0] == 200
    post.drop()
    assert (scene.reports(), scene.session(client).is_open) == (["whole"], True)


def test_a_post_with_the_content_type_of_version_3_closes_session() -> None:
    scene = Scene()
    client = scene.client()
    poll = client.poll()
    assert parts(client.post_body(b"4x", [(b"content-type", b"application/octet-stream")])) == EMPTY_400
    assert parts(poll.response)[2] == b"1"
    assert_ended(scene, client, "transport error: invalid content")


def test_other_content_types_are_fine() -> None:
    scene = Scene()
    client = scene.client()
    for content_type in (b"text/plain;charset=UTF-8", b"application/octet-stream;x=1", b"", b"application/json"):
        assert client.post_body(b"4x", [(b"content-type", content_type)]).status == 200


@pytest.mark.parametrize(
    ("body", "delivered", "reason"),
    [
        (b"", [], "parse error: empty packet"),
        (b"4a\x1ezz\x1e4b", ["a"], "parse error: unknown packet type: 'z'"),
        (b"4a\x1e", ["a"], "parse error: empty packet"),
        (b"4a\x1e4b\x1ebA", ["a", "b"], "parse error: malformed base64"),
        (b"\xff", [], "parse error: payload is not UTF-8 at byte 0"),
        (b"2", [], "transport error: invalid heartbeat direction"),
        (b"4a\x1e2\x1e4b", ["a"], "transport error: invalid heartbeat direction"),
        (b"4a\x1e1\x1e4b", ["a"], "transport close"),
        (b"4a\x1e1\x1ezz", ["a"], "transport close"),
    ],
)
def test_a_bad_packet_ends_the_session_behind_the_good_ones(body: bytes, delivered: list[str], reason: str) -> None:
    """PROTOCOL 1.1, 1.4. The reference may answer `ok`; here `ok` means that every packet was accepted."""
    scene = Scene()
    client = scene.client()
    poll = client.poll()
    assert parts(client.post_body(body)) == EMPTY_400
    assert parts(poll.response)[2] == (b"6" if reason == "transport close" else b"1")
    *messages, closed = scene.reports()
    assert messages == delivered
    assert str(closed).startswith(f"<closed: {reason}")
    scene.check_empty()


# -- CORS headers are on everything but upgrades -----------------------------------------------------------------------


def test_cors_headers_are_on_every_plain_response() -> None:
    """PROTOCOL 1.4, 4.10."""
    scene = Scene(cors=Cors(origins=["http://a.example"], credentials=True), max_payload_bytes=10)
    client = scene.client(headers=[(b"origin", b"http://a.example")])
    allowed = {
        "access-control-allow-origin": "http://a.example",
        "access-control-allow-credentials": "true",
    }

    poll = client.poll()
    responses = [
        scene.respond(client.make_request(query={"sid": None})),
        scene.respond(client.make_request(query={"transport": "x"})),
        scene.respond(client.make_request(query={"sid": "unknown"})),
        scene.respond(client.make_request("OPTIONS")),
        parts(client.post("4ok")),
        parts(client.post("4too large")),
        parts(client.post_body(b"", [(b"content-length", b"11")])),
        scene.respond(client.make_request()),
        parts(poll.response),
    ]
    assert [status for status, _, _ in responses] == [200, 400, 400, 204, 200, 200, 413, 400, 200]
    for _, headers, _ in responses:
        assert headers["vary"].startswith("Origin")
        assert {**headers, **allowed} == headers


def test_upgrades_carry_no_cors_headers() -> None:
    scene = Scene(cors=Cors(origins="*"))
    client = scene.client()
    assert list(client.open_websocket().headers) == []
    assert list(client.open_websocket().headers) == []  # closed at once
    unknown = client.make_request(upgrade=True, query={"sid": "nobody"})
    assert set(scene.respond(unknown)[1]) == {"connection", "content-type", "content-length"}


def test_a_preflight_is_answered_before_any_other_check() -> None:
    """PROTOCOL 4.10: 204, whatever the query."""
    scene = Scene(cors=Cors(origins="*"))
    for query in ({}, {"transport": "tobi"}, {"sid": "unknown"}, {"EIO": "3"}):
        request = scene.stranger().make_request("OPTIONS", query={**query})
        assert scene.respond(request)[0] == 204
    assert scene.reports() == []
