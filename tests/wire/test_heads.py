"""Heads of requests that h11 takes, and that are none; over both ways that requests go."""

from __future__ import annotations

import pytest

from tests.wire.by_hand import House

ways = pytest.mark.parametrize("shortcuts", [True, False])


def status_of(raw: bytes, *, shortcuts: bool) -> int:
    peer = House(shortcuts=shortcuts).connect()
    peer.send(raw)
    return peer.answer().status


GOOD = "|localhost|a:80|a:|127.0.0.1:80|[::1]|[::1]:80|[v1.a:b]|a_b|a,b|*|%41~!$&'()*+;=|a:99999"
BAD = r'a b|x/y@z|u@a|a/|a?b|a#b|a\b|%4|%zz|a:x|a:80:80|[::1|::1|[zz]|[v1]|[::1]a|"a"|<a>'
FOLDED = ["\xe9", "a\r\n b", "a\tb"]


@pytest.mark.parametrize("host", GOOD.split("|"))
@ways
def test_host_may_be_what_a_url_has(host: str, *, shortcuts: bool) -> None:
    assert status_of(f"GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n".encode(), shortcuts=shortcuts) == 404


@pytest.mark.parametrize("host", [*BAD.split("|"), *FOLDED])
@ways
def test_host_that_is_none_is_a_bad_request(host: str, *, shortcuts: bool) -> None:
    assert status_of(f"GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("latin-1"), shortcuts=shortcuts) == 400


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET /x", 404),
        ("GET http://a/x", 404),
        ("OPTIONS *", 404),
        ("OPTIONS /x", 404),
        ("GET *", 400),
        ("OPTIONS **", 400),
        ("GET x", 400),
        ("GET a:80", 400),
        ("GET /x#y", 400),
        ("GET http://a/x#y", 400),
        ("POST #", 400),
        ("CONNECT a:80", 405),
    ],
)
@ways
def test_target_is_of_one_of_four_forms(line: str, status: int, *, shortcuts: bool) -> None:
    assert status_of(f"{line} HTTP/1.1\r\nHost: a\r\n\r\n".encode(), shortcuts=shortcuts) == status


@pytest.mark.parametrize(("version", "status"), [("1.0", 400), ("1.1", 404)])
def test_chunks_are_not_for_http_1_0(version: str, status: int) -> None:
    head = f"POST /x HTTP/{version}\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert status_of(head.encode(), shortcuts=True) == status
