"""What proxies say about clients, and how much of it is believed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio_core.cors import Cors, refused_origin
from socketio_core.forwarded import TrustedProxies
from socketio_core.http import Request

NETWORKS = ["10.0.0.0/8", "fd00::/8"]

# trust, the peer, headers, then address, scheme and host as the client knows them
TABLE: list[tuple[Any, str, str, tuple[str, str, str]]] = [
    (False, "10.0.0.1", "for: 192.0.2.7|proto: https|host: b", ("10.0.0.1", "http", "a:1")),
    (0, "10.0.0.1", "for: 192.0.2.7|proto: https", ("10.0.0.1", "http", "a:1")),
    ([], "10.0.0.1", "for: 192.0.2.7|proto: https", ("10.0.0.1", "http", "a:1")),
    (True, "10.0.0.1", "", ("10.0.0.1", "http", "a:1")),
    (True, "10.0.0.1", "for: 192.0.2.7|proto: HTTPS|host: b", ("192.0.2.7", "https", "b")),
    (True, "", "for: 6.6.6.6, 192.0.2.7|proto: http, wss|host: x, b", ("192.0.2.7", "https", "b")),
    (True, "", "for: 6.6.6.6|for: 192.0.2.7|proto: http|proto: WS", ("192.0.2.7", "http", "a:1")),
    (True, "", "for: 192.0.2.7:5000", ("192.0.2.7", "http", "a:1")),
    (True, "", "for: [2001:db8::1]:80", ("2001:db8::1", "http", "a:1")),
    (True, "", "for: [2001:db8::1]", ("2001:db8::1", "http", "a:1")),
    (True, "", "for: 2001:db8::1", ("2001:db8::1", "http", "a:1")),
    (True, "", "for: ::ffff:192.0.2.7", ("192.0.2.7", "http", "a:1")),
    (True, "10.0.0.1", "for: unknown", ("10.0.0.1", "http", "a:1")),
    (True, "", "proto: gopher|host: b c|port: 0", ("", "http", "a:1")),
    (True, "", "host: b|port: 8443|proto: https", ("", "https", "b:8443")),
    (True, "", "host: b:444|port: 8443", ("", "http", "b:444")),
    (True, "", "host: [::1]|port: 81", ("", "http", "[::1]:81")),
    (True, "", "host: b|port: 65536", ("", "http", "b")),
    (2, "", "for: 6.6.6.6, 192.0.2.7, 10.0.0.2|proto: http, https, http", ("192.0.2.7", "https", "a:1")),
    (2, "", "for: 192.0.2.7|proto: https", ("192.0.2.7", "https", "a:1")),
    (NETWORKS, "10.0.0.1", "for: 6.6.6.6, 192.0.2.7, 10.0.0.2|proto: https", ("192.0.2.7", "https", "a:1")),
    (NETWORKS, "::ffff:10.0.0.1", "for: 192.0.2.7, fd00::2", ("192.0.2.7", "http", "a:1")),
    (NETWORKS, "192.0.2.9", "for: 192.0.2.7|proto: https|host: b", ("192.0.2.9", "http", "a:1")),
    (NETWORKS, "10.0.0.1", "for: 10.0.0.3, 10.0.0.2", ("10.0.0.3", "http", "a:1")),
    (NETWORKS, "10.0.0.1", "for: 192.0.2.7, _hidden, 10.0.0.2", ("10.0.0.2", "http", "a:1")),
    (NETWORKS, "10.0.0.1", f"for: 192.0.2.7{', 10.0.0.2' * 31}", ("192.0.2.7", "http", "a:1")),
    (NETWORKS, "10.0.0.1", f"for: 192.0.2.7{', 10.0.0.2' * 32}", ("10.0.0.2", "http", "a:1")),
    (NETWORKS, "10.0.0.1", f"forwarded: for=192.0.2.7{', for=10.0.0.2' * 32}", ("10.0.0.2", "http", "a:1")),
    (40, "", f"for: 192.0.2.7{', 10.0.0.2' * 39}", ("192.0.2.7", "http", "a:1")),
    (NETWORKS, "10.0.0.1", "proto: https", ("10.0.0.1", "https", "a:1")),
    (NETWORKS, "", "for: 192.0.2.7|proto: https", ("192.0.2.7", "https", "a:1")),  # a Unix socket
    (True, "", "forwarded: for=192.0.2.7;proto=https;host=b", ("192.0.2.7", "https", "b")),
    (True, "", 'forwarded: For="[2001:db8::1]:80"; PROTO=WSS; host="b:444"', ("2001:db8::1", "https", "b:444")),
    (True, "", "forwarded: for=6.6.6.6|forwarded: for=192.0.2.7, ,", ("192.0.2.7", "http", "a:1")),
    (2, "", 'forwarded: for=192.0.2.7;proto=https, for=10.0.0.2;by="a,b;c"', ("192.0.2.7", "https", "a:1")),
    (True, "", r'forwarded: for="192.0.2\.7"', ("192.0.2.7", "http", "a:1")),
    (True, "", 'forwarded: for="192.0.2.7', ("", "http", "a:1")),
    (True, "", "forwarded: for", ("", "http", "a:1")),
    (True, "", "for: 192.0.2.7|forwarded: for=6.6.6.6;proto=https", ("192.0.2.7", "http", "a:1")),
]


def made(peer: str, lines: str) -> Request:
    headers = [(b"host", b"a:1")]
    for line in filter(None, lines.split("|")):
        name, _, value = line.partition(": ")
        name = name if name == "forwarded" else f"x-forwarded-{name}"
        headers.append((name.encode(), value.encode("latin-1")))
    return Request("GET", "/", headers, address=peer, scheme="http")


@pytest.mark.parametrize(("trust", "peer", "lines", "seen"), TABLE)
def test_what_proxies_say_is_believed_as_far_as_they_are_trusted(
    trust: Any, peer: str, lines: str, seen: tuple[str, str, str]
) -> None:
    request = made(peer, lines)
    TrustedProxies(trust).apply(request)
    assert (request.address, request.scheme, request.host) == seen


def test_a_host_that_a_proxy_names_is_the_servers_own_origin() -> None:
    request = made("", "host: app.example|proto: https|port: 443")
    request.headers.append((b"origin", b"https://app.example"))
    assert refused_origin(request, None) is not None
    TrustedProxies(True).apply(request)  # noqa: FBT003 - as users write it
    assert refused_origin(request, None) is None
    assert refused_origin(request, Cors(origins=[])) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"forwarded", *(b"x-forwarded-" + end for end in (b"for", b"proto", b"host", b"port"))]),
            st.binary(max_size=30) | st.text('"\\,;=:[] for1.', max_size=30).map(str.encode),
        ),
        max_size=6,
    ),
    st.sampled_from([True, 3, NETWORKS]),
    st.sampled_from(["", "10.0.0.1", "fe80::1%eth0", "@abstract"]),
)
def test_no_header_raises(headers: list[tuple[bytes, bytes]], trust: Any, peer: str) -> None:
    request = Request("GET", "/", headers, address=peer, scheme="http")
    TrustedProxies(trust).apply(request)
    assert request.scheme in ("http", "https")


@pytest.mark.parametrize(
    ("trust", "error", "problem"),
    [
        (-1, ValueError, "trust_proxy must not be negative: -1"),
        ("10.0.0.0/8", TypeError, "or a list as .* not: '10.0.0.0/8'"),
        (None, TypeError, "not: None"),
        (1.5, TypeError, "not: 1.5"),
        (["10.0.0.1/8"], ValueError, "trust_proxy network must be like .* host bits"),
        (["proxy.example"], ValueError, "trust_proxy network must be like"),
        ([10], TypeError, "trust_proxy network must be a string, .*: 10"),
    ],
)
def test_what_names_no_proxies_is_refused(trust: Any, error: type[Exception], problem: str) -> None:
    with pytest.raises(error, match=problem):
        TrustedProxies(trust)
