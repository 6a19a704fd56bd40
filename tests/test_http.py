"""HTTP meaning: requests, responses, codings. PROTOCOL 1.2."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio_core.http import Request, Response, preferred_encoding

# -- requests ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/socket.io/?a=1", "/socket.io/"),
        ("/socket.io/", "/socket.io/"),
        ("/a%2Fb?x", "/a%2Fb"),
        ("http://h.example/socket.io/?a=1", "/socket.io/"),
        ("http://h.example", "/"),
        ("http:///socket.io/", "/socket.io/"),
        ("*", "*"),
        ("", ""),
    ],
)
def test_path(target: str, path: str) -> None:
    assert Request("GET", target, scheme="http").path == path


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", {}),
        ("EIO=4&transport=polling", {"EIO": "4", "transport": "polling"}),
        ("a=1&a=2", {"a": "2"}),  # the last one counts (PROTOCOL 1.2)
        ("a=&b", {"a": "", "b": ""}),
        ("a=x%20y+z", {"a": "x y z"}),
        ("a=%C3%A9%ff", {"a": "é\ufffd"}),
        ("a=1#b=2", {"a": "1"}),
        ("=1", {"": "1"}),
    ],
)
def test_query(query: str, fields: dict[str, str]) -> None:
    asked = Request("GET", "/x?" + query, scheme="http")
    assert asked.query == fields
    assert asked.query is asked.query


@pytest.mark.parametrize(("count", "is_read"), [(999, True), (1000, True), (1001, False)])
def test_query_of_too_many_fields_is_none(count: int, *, is_read: bool) -> None:
    fields = "&".join(f"a{number}=1" for number in range(count))
    assert bool(Request("GET", "/?" + fields, scheme="http").query) == is_read


@given(st.text("aé=&;#/?", max_size=20))
def test_query_means_the_same_beside_a_field_that_is_encoded(query: str) -> None:
    query = query.partition("#")[0]
    together = Request("GET", f"/?{query}&%6e=1", scheme="http").query
    assert together == {**Request("GET", f"/?{query}", scheme="http").query, "n": "1"}


def test_headers_are_found_in_any_case_and_joined() -> None:
    asked = Request("GET", "/", [(b"X-One", b" 1 "), (b"x-one", b"2"), (b"X-Two", b"\xe9")], scheme="http")
    assert (asked.header("x-ONE"), asked.header("x-two"), asked.header("x-three")) == ("1 , 2", "é", None)
    assert asked.headers[0] == (b"x-one", b" 1 ")


@pytest.mark.parametrize(
    ("method", "upgrade", "connection", "is_upgrade"),
    [
        ("GET", b"websocket", b"Upgrade", True),
        ("GET", b"WebSocket", b"keep-alive, upgrade", True),
        ("GET", b"websocket", b"keep-alive", False),
        ("GET", b"h2c", b"Upgrade", False),
        ("GET", None, b"Upgrade", False),
        ("GET", b"websocket", None, False),
        ("POST", b"websocket", b"Upgrade", False),
    ],
)
def test_websocket_upgrade(method: str, upgrade: bytes | None, connection: bytes | None, *, is_upgrade: bool) -> None:
    headers = [(b"upgrade", upgrade), (b"connection", connection)]
    asked = Request(method, "/", [(name, value) for name, value in headers if value is not None], scheme="http")
    assert asked.is_websocket_upgrade == is_upgrade


def test_representations_are_short_and_keep_queries_to_themselves() -> None:
    assert repr(Request("GET", "/a?token=secret", scheme="http")) == "<Request GET /a>"
    assert repr(Response(200, [], b"abc")) == "<Response 200, 3 bytes>"


def test_response_headers_are_its_own() -> None:
    headers = [(b"a", b"1")]
    response = Response(200, headers)
    response.headers.append((b"b", b"2"))
    assert headers == [(b"a", b"1")]


# -- codings -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepts", "coding"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("br", None),
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("gzip, deflate, br", "gzip"),
        ("deflate, gzip", "gzip"),
        ("gzip;q=0.5, deflate;q=0.8", "deflate"),
        ("gzip;q=0.5, deflate;q=0.500", "gzip"),
        ("gzip;q=0", None),
        ("gzip;q=0, deflate", "deflate"),
        ("*", "gzip"),
        ("*;q=0", None),
        ("gzip;q=0, *", "deflate"),
        ("GZIP", "gzip"),
        ("gzip;q=nan", None),
        ("gzip;q=inf", None),
        ("gzip;q=1e5", None),
        ("gzip; q = 0.5", "gzip"),
        ("gzip;level=9", "gzip"),
    ],
)
def test_preferred_encoding(accepts: str | None, coding: str | None) -> None:
    """RFC 9110, 12.5.3."""
    assert preferred_encoding(accepts) == coding


@given(st.text(alphabet="gzipdeflate*;q=.,01 -naNE", max_size=40))
def test_no_accept_encoding_raises(text: str) -> None:
    assert preferred_encoding(text) in (None, "gzip", "deflate")


@given(st.text(max_size=60), st.binary(max_size=40))
def test_no_target_and_no_header_raises(target: str, value: bytes) -> None:
    asked = Request("GET", target, [(b"origin", value), (b"host", value), (b"connection", value)], scheme="http")
    readers: list[Callable[[], object]] = [
        lambda: asked.path,
        lambda: asked.query,
        lambda: asked.is_websocket_upgrade,
    ]
    for read in readers:
        read()


def test_a_request_that_was_packed_says_the_same() -> None:
    headers = [(b"Host", b"a"), (b"x", b""), (b"X", b"2")]
    request = Request("GET", "/?a=1&b=2", headers, scheme="http")
    told = (request.headers, request.query, request.header("x"), request.host)
    for _ in range(2):
        request.pack()
        assert (request.headers, request.query, request.header("x"), request.host) == told
    request.headers = [(b"x", b"3")]
    assert request.header("x") == "3"


@pytest.mark.parametrize("headers", [[], [(b"x", b"a\nb")]])
def test_a_request_may_have_headers_that_cannot_be_packed(headers: list[tuple[bytes, bytes]]) -> None:
    request = Request("GET", "/", headers, scheme="http")
    request.pack()
    assert request.headers == headers
