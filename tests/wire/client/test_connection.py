"""The way to the server: proxies, tunnels, TLS, and in which words they fail."""

from __future__ import annotations

import pytest

from socketio_core.errors import LocalProtocolError
from tests.wire.client.by_hand import OPEN, Desk, Line, response, said, switching

AUTHORIZATION = "Basic YW5uOnNlY3JldA=="  # ann:secret
PROXY = "http://ann:secret@proxy:3128"
TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"


def where(line: Line) -> tuple[str, int]:
    return line.wire.host, line.wire.port


def test_server_is_dialed() -> None:
    assert where(Desk(url="http://test:81").lines[0]) == ("test", 81)
    assert where(Desk(url="https://test").lines[0]) == ("test", 443)
    assert where(Desk(url="http://[::1]:81").lines[0]) == ("::1", 81)


def test_nothing_is_read_or_written_before_there_is_a_connection() -> None:
    wire = Desk().lines[0].wire
    assert not wire.wants_input
    assert not wire.is_large
    assert wire.data_to_send(0.0) == b""
    assert not wire.wants_tls
    assert not wire.has_more


def test_tls_comes_before_the_first_request() -> None:
    desk = Desk(url="https://test")
    line = desk.lines[0]
    assert not line.wants_tls()
    line.connect()
    assert line.wants_tls()
    assert line.wire.server_name == "test"
    assert line.received == b""
    assert not line.wire.wants_input
    line.secure()
    assert not line.wants_tls()
    assert line.request().headers["host"] == "test"
    line.send(response(OPEN))
    assert line.request().method == "GET"


@pytest.mark.parametrize("step", ["connected", "secured"])
def test_steps_that_are_not_due_are_refused(step: str) -> None:
    desk = Desk()
    line = desk.line()
    line.request()
    with pytest.raises(LocalProtocolError, match="connection is not"):
        getattr(line.wire, step)(desk.now)
    assert not line.is_over()
    line.send(response(OPEN))
    assert desk.core.is_open


def test_tls_before_the_connection_is_refused() -> None:
    desk = Desk(url="https://test")
    with pytest.raises(LocalProtocolError, match="connection is not securing"):
        desk.lines[0].wire.secured(desk.now)
    desk.lines[0].connect()
    desk.lines[0].secure()
    assert desk.lines[0].request().method == "GET"


@pytest.mark.parametrize(
    ("why", "told"),
    [("self-signed certificate", "self-signed certificate"), ("", "the connection was closed during the handshake")],
)
def test_tls_that_fails_is_told(why: str, told: str) -> None:
    desk = Desk(url="https://test")
    line = desk.line()
    line.lose(why)
    assert desk.why == f"polling: TLS: {told}"
    assert not line.wants_tls()


def test_connection_given_up_meanwhile_is_neither_secured_nor_used() -> None:
    desk = Desk(url="https://test")
    line = desk.line()
    desk.core.abort(desk.now)
    desk.settle()
    assert line.is_over()
    assert not line.wants_tls()
    line.wire.secured(desk.now)
    assert line.received == b""


# -- proxies -----------------------------------------------------------------------------------------------------------


def test_plain_requests_are_passed_on_by_a_proxy() -> None:
    desk = Desk(url="http://test:81", proxy=PROXY)
    line = desk.line()
    assert where(line) == ("proxy", 3128)
    asked = line.request()
    assert asked.target == "http://test:81/engine.io/?EIO=4&transport=polling"
    assert (asked.headers["host"], asked.headers["proxy-authorization"]) == ("test:81", AUTHORIZATION)
    line.send(response(OPEN))
    assert line.request().target.startswith("http://test:81/engine.io/")
    desk.send("a")
    assert desk.line().request().headers["proxy-authorization"] == AUTHORIZATION


def test_proxy_without_a_password_gets_none() -> None:
    assert "proxy-authorization" not in Desk(proxy="http://proxy").line().request().headers


@pytest.mark.parametrize("status", ["200 Connection established", "204 No Content", "299 Whatever"])
def test_websocket_goes_through_a_tunnel(status: str) -> None:
    desk = Desk("websocket", proxy=PROXY)
    line = desk.line()
    asked = line.request()
    assert (asked.method, asked.target, asked.headers["host"]) == ("CONNECT", "test:80", "test:80")
    assert asked.headers["proxy-authorization"] == AUTHORIZATION
    assert line.wire.wants_input
    line.send(*[bytes([byte]) for byte in f"HTTP/1.1 {status}\r\n\r\n".encode()])
    asked = line.request()
    assert asked.target == "/engine.io/?EIO=4&transport=websocket"
    assert "proxy-authorization" not in asked.headers
    line.send(switching() + said(OPEN))
    assert desk.core.is_open


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_tls_goes_through_a_tunnel_and_begins_behind_it(transport: str) -> None:
    desk = Desk(transport, url="https://test", proxy=PROXY)
    line = desk.line()
    assert line.request().target == "test:443"
    assert not line.wants_tls()
    line.send(TUNNEL)
    assert line.wants_tls()
    assert line.wire.server_name == "test"
    line.secure()
    asked = line.request()
    assert asked.target == f"/engine.io/?EIO=4&transport={transport}"
    assert "proxy-authorization" not in asked.headers


def test_ipv6_is_asked_for_in_brackets() -> None:
    asked = Desk("websocket", url="http://[::1]:81", proxy=PROXY).line().request()
    assert (asked.target, asked.headers["host"]) == ("[::1]:81", "[::1]:81")


REFUSALS = {
    "407": (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "refused the tunnel: HTTP 407 Proxy Authentication"),
    "for long": (b"HTTP/1.1 403 " + b"No" * 30_000 + b"\r\n\r\n", "refused the tunnel: HTTP 403 NoNo"),
    "300": (b"HTTP/1.1 300 Choose\r\n\r\n", "refused the tunnel: HTTP 300 Choose"),
    "no reason": (b"HTTP/1.1 502 \r\n\r\n", "refused the tunnel: HTTP 502"),
    "101": (b"HTTP/1.1 101 X\r\n\r\n", "does not speak HTTP"),
    "rubbish": (b"rubbish\r\n\r\n", "does not speak HTTP"),
    "end": (b"", "closed the connection before it answered"),
    "early": (TUNNEL + b"early", "sent something before the server could"),
    "informational": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 No\r\n\r\n", "refused the tunnel: HTTP 403 No"),
    "many": (b"HTTP/1.1 100 Continue\r\n\r\n" * 21, "sent more than 20 informational responses"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_proxies_refuse_in_words(name: str) -> None:
    answer, told = REFUSALS[name]
    desk = Desk("websocket", proxy=PROXY)
    line = desk.line()
    line.request()
    line.send(answer)
    assert desk.why.startswith(f"websocket: proxy {told}")
    assert len(desk.why) < 300
    assert line.is_over()
    assert not desk.reports


def test_proxy_that_is_not_there_is_named() -> None:
    desk = Desk(proxy=PROXY)
    desk.lines[0].lose("Connection refused")
    assert desk.why == "polling: proxy proxy:3128: Connection refused"


def test_unix_socket_that_is_not_there_is_named() -> None:
    desk = Desk(url="unix:@name")
    (line,) = desk.lines
    assert line.wire.unix_path == "\0name"
    line.lose("Connection refused")
    assert desk.why == "polling: unix:@name: Connection refused"


def test_proxy_that_goes_away_is_told() -> None:
    desk = Desk("websocket", proxy=PROXY)
    desk.line().lose("Connection reset by peer")
    assert desk.why == "websocket: proxy closed the connection before it answered"


def test_handshake_that_takes_too_long_on_its_way_is_given_up() -> None:
    desk = Desk("websocket", proxy=PROXY, open_timeout_s=3.0)
    line = desk.line()
    desk.advance(3.0)
    assert desk.why == "websocket: no answer within 3 s"
    assert line.is_over()
    assert line.request().method == "CONNECT"
    assert line.received == b""


def test_repr_says_how_far_it_is() -> None:
    desk = Desk("websocket", url="https://test", proxy=PROXY)
    line = desk.lines[0]
    assert "dialing for handshake of" in repr(line.wire)
    line.connect()
    assert "asking" in repr(line.wire)
    line.send(TUNNEL)
    assert "securing" in repr(line.wire)
    line.secure()
    assert repr(line.wire).startswith("<ClientWire handshake of <ClientWebSocket")
    assert "HTTP, <Exchange GET" in repr(Desk().line().wire)
    desk = Desk()
    desk.open()
    desk.send("a")
    desk.line().send(response("ok"))
    assert "HTTP, idle" in repr(desk.lines[-1].wire)


def test_host_whose_own_code_fails_says_so() -> None:
    desk = Desk()
    desk.lines[0].wire.fail(ValueError("no"), desk.now)
    desk.settle()
    assert desk.why == "polling: internal error: ValueError('no')"
    assert desk.lines[0].is_over()


def test_closing_what_is_idle_touches_nothing_else() -> None:
    for transport in ("polling", "websocket"):
        desk = Desk(transport)
        for _ in range(2):
            desk.lines[0].wire.close(desk.now)
            assert not desk.lines[0].is_over()
            desk.line()
