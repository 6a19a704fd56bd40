"""Whose pages may use a server, and what browsers are told. PROTOCOL 4.10."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio_core.cors import Cors, cors_headers, has_illegal_origin, preflight_response, refused_origin
from socketio_core.http import Request

SAME: Final = None
EVERYONE: Final = Cors(origins="*")
NOBODY: Final = Cors(origins=[])
LISTED: Final = Cors(origins=["https://app.example", "http://localhost:5173"], credentials=True)
ASKED: Final = Cors(origins=lambda origin: origin.endswith(".example"))


def request(origin: str | None = None, *, host: str | None = "a.example", scheme: str = "http", **more: str) -> Request:
    headers = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in more.items()]
    if host is not None:
        headers.append((b"Host", host.encode()))
    if origin is not None:
        headers.append((b"Origin", origin.encode("latin-1")))
    return Request("GET", "/socket.io/", headers, scheme=scheme)


# -- origins -----------------------------------------------------------------------------------------------------------

TRUTH: Final[list[tuple[str, Cors | None, str | None, str | None, str, bool]]] = [
    # name, policy, origin, host, scheme, whether it may
    ("no origin, own only", SAME, None, "a.example", "http", True),
    ("no origin, nobody", NOBODY, None, "a.example", "http", True),
    ("no origin, list", LISTED, None, "a.example", "http", True),
    ("no origin, function", ASKED, None, "a.example", "http", True),
    ("no origin, everyone", EVERYONE, None, "a.example", "http", True),
    ("own", SAME, "http://a.example", "a.example", "http", True),
    ("own, case differs", SAME, "HTTP://A.example", "a.EXAMPLE", "http", True),
    ("own, port", SAME, "http://a.example:3000", "a.example:3000", "http", True),
    ("own, default port in origin", SAME, "http://a.example:80", "a.example", "http", True),
    ("own, default port in host", SAME, "http://a.example", "a.example:80", "http", True),
    ("own, TLS", SAME, "https://a.example", "a.example", "https", True),
    ("own, TLS default port", SAME, "https://a.example:443", "a.example", "https", True),
    ("own, IPv6", SAME, "http://[::1]:3000", "[::1]:3000", "http", True),
    ("other port", SAME, "http://a.example:3001", "a.example:3000", "http", False),
    ("other scheme", SAME, "https://a.example", "a.example", "http", False),
    ("TLS seen as plain", SAME, "http://a.example", "a.example", "https", False),
    ("port of the other scheme", SAME, "http://a.example:443", "a.example", "http", False),
    ("other host", SAME, "http://b.example", "a.example", "http", False),
    ("subdomain", SAME, "http://x.a.example", "a.example", "http", False),
    ("prefix", SAME, "http://a.example.evil.example", "a.example", "http", False),
    ("suffix", SAME, "http://evil-a.example", "a.example", "http", False),
    ("null", SAME, "null", "a.example", "http", False),
    ("empty origin", SAME, "", "a.example", "http", False),
    ("no host", SAME, "http://a.example", None, "http", False),
    ("two origins", SAME, "http://a.example, http://a.example", "a.example", "http", False),
    ("everyone, other", EVERYONE, "http://b.example", "a.example", "http", True),
    ("everyone, null", EVERYONE, "null", "a.example", "http", True),
    ("own by its WebSocket", SAME, "wss://a.example", "a.example", "https", True),
    ("own by its WebSocket, in capitals", SAME, "WS://A.example:80", "a.example", "http", True),
    ("own to a host that says wss", SAME, "https://a.example:443", "a.example", "wss", True),
    ("own by its WebSocket, other scheme", SAME, "wss://a.example", "a.example", "http", False),
    ("own by its WebSocket, port of the other scheme", SAME, "ws://a.example:443", "a.example", "http", False),
    ("list, own by its WebSocket", LISTED, "ws://a.example", "a.example", "http", True),
    ("list, listed by its WebSocket", LISTED, "wss://app.example:443", "a.example", "http", True),
    ("list, no host", LISTED, "http://a.example", None, "http", False),
    ("function, own", ASKED, "http://own.test", "own.test", "http", True),
    ("extension", Cors(origins=["moz-extension://1f2e/"]), "moz-extension://1f2e", "a.example", "http", True),
    ("file", Cors(origins=["file://"]), "file://", "a.example", "http", True),
    ("nobody else, own", NOBODY, "http://a.example", "a.example", "http", True),
    ("nobody, null", NOBODY, "null", "a.example", "http", False),
    ("list, listed", LISTED, "https://app.example", "a.example", "http", True),
    ("list, listed with port", LISTED, "http://localhost:5173", "a.example", "http", True),
    ("list, default port", LISTED, "https://app.example:443", "a.example", "http", True),
    ("list, other scheme", LISTED, "http://app.example", "a.example", "http", False),
    ("list, own but not listed", LISTED, "http://a.example", "a.example", "http", True),
    ("list, null", LISTED, "null", "a.example", "http", False),
    ("null listed", Cors(origins=["null"]), "null", "a.example", "http", True),
    ("function, yes", ASKED, "https://x.example", "a.example", "http", True),
    ("function, no", ASKED, "https://x.test", "a.example", "http", False),
]


@pytest.mark.parametrize(
    ("policy", "origin", "host", "scheme", "may"), [r[1:] for r in TRUTH], ids=[r[0] for r in TRUTH]
)
def test_origin_policy(policy: Cors | None, origin: str | None, host: str | None, scheme: str, *, may: bool) -> None:
    assert (refused_origin(request(origin, host=host, scheme=scheme), policy) is None) == may


def test_origins_that_are_no_urls_can_be_listed() -> None:
    assert Cors(origins=["null", "file://"]).origins == ["null", "file://"]


@pytest.mark.parametrize(
    ("policy", "detail"),
    [
        (
            SAME,
            (
                "origin 'http://b.example' is not the server's own; expected 'http://a.example'"
                " (set `cors` to admit others)"
            ),
        ),
        (NOBODY, "origin 'http://b.example' is not allowed; expected 'http://a.example' or one of []"),
        (
            LISTED,
            (
                "origin 'http://b.example' is not allowed; expected 'http://a.example'"
                " or one of ['http://localhost:5173', 'https://app.example']"
            ),
        ),
        (Cors(origins=lambda _: False), "origin 'http://b.example' was refused by the `cors` function"),
    ],
)
def test_refusal_names_what_was_expected(policy: Cors | None, detail: str) -> None:
    assert refused_origin(request("http://b.example"), policy) == detail


def test_refusal_without_a_host_says_so() -> None:
    assert "the Host header, which is missing" in str(refused_origin(request("http://b.example", host=None), None))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"origins": "*", "credentials": True}, "'\\*' cannot be combined with credentials"),
        ({"origins": "https://a.example"}, "not a single string"),
        ({"origins": ["*"]}, "'\\*' must stand alone"),
        ({"origins": ["https://*.example"]}, "must not hold a wildcard, use a function that decides: 'https://"),
        ({"origins": ["https://a.example", "b.example"]}, "must have a scheme, .*: 'b.example'"),
        ({"origins": ["https://münchen.example"]}, "must be in ASCII, as browsers send it .*münchen"),
        ({"origins": ["https://a.example/app"]}, "host and port alone, .*: 'https://a.example/app'"),
        ({"origins": ["https://a.example?x"]}, "host and port alone"),
        ({"origins": ["https://a.example#x"]}, "host and port alone"),
        ({"origins": ["https://me@a.example"]}, "host and port alone"),
        ({"origins": ["https://a.example "]}, "host and port alone"),
        ({"origins": ["https://a.example\n"]}, "host and port alone"),
        ({"origins": ["https://"]}, "host and port alone"),
        ({"origins": ["https://a.example:"]}, "host and port alone"),
        ({"origins": ["https://a.example:0443"]}, "host and port alone"),
        ({"origins": ["https://a.example:65536"]}, "host and port alone"),
        ({"origins": ["https://::1"]}, "host and port alone"),
        ({"origins": [], "methods": "GET"}, "cors methods must be a list of names"),
        ({"origins": [], "methods": None}, "cors methods must be a list of names"),
        ({"origins": [], "allowed_headers": ["X A"]}, "cors allowed_headers must be a list of names"),
        ({"origins": [], "exposed_headers": ["X-A\r\nX-B"]}, "cors exposed_headers must be a list of names"),
    ],
)
def test_policies_that_mean_something_else_are_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Cors(**options)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"origins": None}, "cors origins must be '\\*', a list or a function, not: None"),
        ({"origins": iter(["https://a.example"])}, "cors origins must be"),
        ({"origins": [b"https://a.example"]}, "cors origin must be a string"),
        ({"origins": "*", "max_age_s": "600"}, "cors max_age_s must be a whole number or None, not: '600'"),
        ({"origins": "*", "max_age_s": True}, "cors max_age_s must be"),
    ],
)
def test_policies_of_the_wrong_type_are_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(TypeError, match=problem):
        Cors(**options)


@pytest.mark.parametrize("byte", range(256))
def test_origin_holds_no_control_characters(byte: int) -> None:
    """PROTOCOL 6.2: HTAB, 32-126 and 128-255 may stand in it."""
    found = has_illegal_origin(Request("GET", "/", [(b"origin", b"http://a" + bytes([byte]))], scheme="http"))
    assert found == (byte < 9 or 9 < byte < 32 or byte == 127)


# -- CORS --------------------------------------------------------------------------------------------------------------

VARY: Final = (b"vary", b"Origin")


@pytest.mark.parametrize(
    ("policy", "origin", "headers"),
    [
        (None, "http://b.example", []),
        (EVERYONE, None, [(b"access-control-allow-origin", b"*")]),
        (EVERYONE, "http://b.example", [(b"access-control-allow-origin", b"*")]),
        (LISTED, None, [VARY]),
        (LISTED, "http://b.example", [VARY]),
        (
            LISTED,
            "https://app.example",
            [
                (b"access-control-allow-origin", b"https://app.example"),
                (b"access-control-allow-credentials", b"true"),
                VARY,
            ],
        ),
        (ASKED, "https://x.example", [(b"access-control-allow-origin", b"https://x.example"), VARY]),
        (
            Cors(origins="*", exposed_headers=["X-A", "X-B"]),
            None,
            [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"X-A,X-B")],
        ),
    ],
)
def test_cors_headers(policy: Cors | None, origin: str | None, headers: list[tuple[bytes, bytes]]) -> None:
    """Credentials are never promised to an origin that is refused (PROTOCOL 9-53)."""
    assert cors_headers(request(origin), policy) == headers


def test_preflight_lets_through_what_it_is_asked_for() -> None:
    response = preflight_response(request("https://app.example", access_control_request_headers="x-one, x-two"), LISTED)
    assert (response.status, response.body) == (204, b"")
    assert response.headers[-4:] == [
        (b"access-control-allow-methods", b"GET,HEAD,PUT,PATCH,POST,DELETE"),
        (b"access-control-allow-headers", b"x-one, x-two"),
        (b"vary", b"Access-Control-Request-Headers"),
        (b"content-length", b"0"),
    ]


def test_preflight_says_what_the_policy_says() -> None:
    policy = Cors(origins="*", methods=["GET"], allowed_headers=["x-a", "x-b"], max_age_s=60)
    assert preflight_response(request("http://b.example"), policy).headers == [
        (b"access-control-allow-origin", b"*"),
        (b"access-control-allow-methods", b"GET"),
        (b"access-control-allow-headers", b"x-a,x-b"),
        (b"access-control-max-age", b"60"),
        (b"content-length", b"0"),
    ]


def test_preflight_that_asks_for_no_headers_is_told_of_none() -> None:
    names = [name for name, _ in preflight_response(request("http://b.example"), EVERYONE).headers]
    assert b"access-control-allow-headers" not in names


def test_a_policy_must_not_be_async() -> None:
    async def decide(origin: str) -> bool:
        return False

    decided: Any = decide
    with pytest.raises(TypeError, match="cors origins must be a plain function, not an async one"):
        Cors(origins=decided)


@given(st.text(), st.binary())
def test_no_origin_raises(host: str, value: bytes) -> None:
    headers = [(b"host", host.encode("latin-1", "replace")), (b"origin", value)]
    asked = Request("GET", "/", headers, scheme="http")
    for policy in (LISTED, None):
        refused_origin(asked, policy)
        cors_headers(asked, policy)
