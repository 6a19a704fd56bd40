"""The WebSocket handshake: what is refused, and what the 101 says."""

from __future__ import annotations

from base64 import b64decode
from typing import Final

import pytest

from socketio_core.errors import LocalProtocolError
from socketio_core.http import Request, Response
from socketio_core.websocket_handshake import (
    Subprotocols,
    accept_headers,
    chosen_subprotocol,
    offered_subprotocols,
    problem_of_answer,
    refused_handshake,
    request_headers,
)

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # the example of RFC 6455, 1.3
GOOD = {
    b"host": b"localhost",
    b"upgrade": b"websocket",
    b"connection": b"keep-alive, Upgrade",
    b"sec-websocket-version": b"13",
    b"sec-websocket-key": KEY,
}


def request(method: str = "GET", **changes: bytes | None) -> Request:
    fields: dict[bytes, bytes | None] = {**GOOD, **{name.replace("_", "-").encode(): v for name, v in changes.items()}}
    return Request(
        method, "/engine.io/", [(name, value) for name, value in fields.items() if value is not None], scheme="http"
    )


def test_a_good_handshake_is_not_refused() -> None:
    assert refused_handshake(request()) is None
    assert refused_handshake(request(content_length=b"0")) is None


@pytest.mark.parametrize(
    "plain",
    [request("POST", sec_websocket_key=None), request(upgrade=None), request(connection=b"close", upgrade=b"x")],
)
def test_what_asks_for_no_websocket_is_not_refused(plain: Request) -> None:
    assert refused_handshake(plain) is None


@pytest.mark.parametrize("version", [None, b"8", b"13, 8", b""])
def test_another_version_is_told_which_one_is_needed(version: bytes | None) -> None:
    response = refused_handshake(request(sec_websocket_version=version))
    assert response is not None
    assert response.status == 426
    assert (b"sec-websocket-version", b"13") in response.headers
    assert (b"content-length", b"%d" % len(response.body)) in response.headers
    assert (b"connection", b"close") in response.headers


@pytest.mark.parametrize("length", [b"5", b"", b"x", None])
def test_a_handshake_with_a_body_is_refused(length: bytes | None) -> None:
    chunked = b"chunked" if not length else None
    response = refused_handshake(request(content_length=length, transfer_encoding=chunked))
    assert response is not None
    assert (response.status, b"body" in response.body) == (400, True)
    assert (b"connection", b"close") in response.headers


@pytest.mark.parametrize(
    "key", [None, b"", b"dG9vIHNob3J0", KEY + b"AAAA", KEY + b", " + KEY, b"!!!!" + KEY, b"\xff" + KEY, KEY[:-1]]
)
def test_a_key_that_is_not_sixteen_bytes_in_base64_is_refused(key: bytes | None) -> None:
    response = refused_handshake(request(sec_websocket_key=key))
    assert response is not None
    assert (response.status, b"Sec-WebSocket-Key" in response.body) == (400, True)


def test_the_101_proves_that_the_key_was_read() -> None:
    assert accept_headers(request()) == [
        (b"upgrade", b"websocket"),
        (b"connection", b"Upgrade"),
        (b"sec-websocket-accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ]


OFFERS: Final[list[tuple[bytes | None, Subprotocols | None, str | None]]] = [
    (None, None, None),
    (None, ["a"], None),
    (b"my-token", None, "my-token"),
    (b"a ,\tb", None, "a"),
    (b"a, b", ["b"], "b"),
    (b"a, b", ["b", "a"], "a"),
    (b"a, b", ["A"], None),
    (b"a, b", [], None),
    (b"a, b", lambda _: "b", "b"),
    (b"a, b", lambda _: None, None),
]


@pytest.mark.parametrize(("offered", "taken", "chosen"), OFFERS)
def test_the_first_subprotocol_offered_that_is_taken_is_in_the_101(
    offered: bytes | None, taken: Subprotocols | None, chosen: str | None
) -> None:
    asked = request(sec_websocket_protocol=offered)
    assert refused_handshake(asked) is None
    assert chosen_subprotocol(asked, taken) == chosen
    own = [value for name, value in accept_headers(asked, taken) if name == b"sec-websocket-protocol"]
    assert own == ([] if chosen is None else [chosen.encode()])


def test_subprotocols_of_several_lines_are_one_list() -> None:
    asked = request(sec_websocket_protocol=b"a")
    asked.headers.append((b"sec-websocket-protocol", b"b"))
    assert chosen_subprotocol(asked, ["b"]) == "b"


@pytest.mark.parametrize("offered", [b"", b",", b"a,", b"a b", b"a, a", b"a/b", b'"a"', b"\xe9"])
def test_malformed_subprotocols_are_refused(offered: bytes) -> None:
    response = refused_handshake(request(sec_websocket_protocol=offered))
    assert response is not None
    assert (response.status, b"Sec-WebSocket-Protocol" in response.body) == (400, True)


def test_a_function_may_not_choose_what_was_not_offered() -> None:
    with pytest.raises(LocalProtocolError, match="subprotocol was not offered: 'c'"):
        chosen_subprotocol(request(sec_websocket_protocol=b"a"), lambda _: "c")


# -- the client's half


def answer(**changes: bytes | None) -> Response:
    fields = dict(accept_headers(request()))
    fields |= {name.replace("_", "-").encode(): value for name, value in changes.items() if value is not None}
    gone = [name.replace("_", "-").encode() for name, value in changes.items() if value is None]
    return Response(101, [(name, value) for name, value in fields.items() if name not in gone])


def test_a_client_asks_for_what_a_server_accepts() -> None:
    asked = Request("GET", "/", [(b"host", b"localhost"), *request_headers(b64decode(KEY))], scheme="http")
    assert refused_handshake(asked) is None
    assert problem_of_answer(Response(101, accept_headers(asked)), b64decode(KEY)) is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, None),
        ({"upgrade": b"WebSocket", "connection": b"close, upgrade"}, None),
        ({"upgrade": None}, "101 without 'Upgrade: websocket'"),
        ({"upgrade": b"h2c"}, "101 without 'Upgrade: websocket'"),
        ({"connection": None}, "101 without 'Connection: Upgrade'"),
        ({"connection": b"close"}, "101 without 'Connection: Upgrade'"),
        ({"sec_websocket_accept": None}, "101 with a wrong Sec-WebSocket-Accept"),
        ({"sec_websocket_accept": KEY}, "101 with a wrong Sec-WebSocket-Accept"),
        ({"sec_websocket_protocol": b"chat"}, "101 with a subprotocol that was not asked for"),
        ({"sec_websocket_extensions": b"permessage-deflate"}, "101 with an extension that was not asked for"),
    ],
)
def test_a_wrong_101_opens_nothing(changes: dict[str, bytes | None], problem: str | None) -> None:
    assert problem_of_answer(answer(**changes), b64decode(KEY)) == problem


def test_extensions_that_were_offered_may_be_agreed_on() -> None:
    response = answer(sec_websocket_extensions=b"permessage-deflate")
    assert problem_of_answer(response, b64decode(KEY), offered_extensions=True) is None


def test_subprotocols_are_offered_in_their_order() -> None:
    asked = Request("GET", "/", [(b"host", b"localhost"), *request_headers(b64decode(KEY), ["b", "a"])], scheme="http")
    assert refused_handshake(asked) is None
    assert offered_subprotocols(asked) == ["b", "a"]
    assert b"sec-websocket-protocol" not in dict(request_headers(b64decode(KEY)))


@pytest.mark.parametrize(
    ("chosen", "problem"),
    [
        (b"a", None),
        (b"b", None),
        (b"c", "101 with a subprotocol that was not asked for"),
        (b"A", "101 with a subprotocol that was not asked for"),
        (b"a, b", "101 with a subprotocol that was not asked for"),
        (b"", "101 with a subprotocol that was not asked for"),
        (None, "101 with none of the subprotocols offered: a, b"),
    ],
)
def test_a_server_must_choose_one_of_the_subprotocols_offered(chosen: bytes | None, problem: str | None) -> None:
    response = answer(sec_websocket_protocol=chosen)
    assert problem_of_answer(response, b64decode(KEY), subprotocols=["a", "b"]) == problem
