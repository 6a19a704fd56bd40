"""What cannot work is refused by name, with what to write instead."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from typing import Any, Final

import pytest

from socketio_core.checks import (
    check_function,
    check_kind,
    check_response,
    check_subprotocols,
    decide,
    pairs_of_strings,
)
from socketio_core.cookie import Cookie
from socketio_core.cors import Cors
from socketio_core.settings import ClientSettings, EngineClientSettings, EngineSettings, SocketSettings
from socketio_core.wire import Timeouts

KINDS: Final[list[type[Any]]] = [EngineSettings, SocketSettings, EngineClientSettings, ClientSettings, Timeouts]
NUMBERS: Final = [
    (kind, field.name)
    for kind in KINDS
    for field in fields(kind)
    if field.name.startswith("max_") or field.name.endswith(("_s", "_bytes", "_attempts", "_factor"))
]
SWITCHES: Final = [(kind, field.name) for kind in KINDS for field in fields(kind) if field.type == "bool"]


async def hook(*_: object) -> list[tuple[bytes, bytes]]:
    return []


@pytest.mark.parametrize(("kind", "name"), NUMBERS)
@pytest.mark.parametrize("value", [True, False, "5", b"5", [5], 5j, {}])
def test_numbers_are_numbers(kind: type[Any], name: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"^{name} must be (None or )?a (whole )?number"):
        kind(**{name: value})


@pytest.mark.parametrize(("kind", "name"), NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1, -0.5])
def test_numbers_are_finite_and_not_negative(kind: type[Any], name: str, value: float) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{name} must "):
        kind(**{name: value})


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, name in NUMBERS if name.startswith("max_")])
def test_things_are_counted_in_whole_numbers(kind: type[Any], name: str) -> None:
    if name.endswith("_s"):
        assert getattr(kind(**{name: 7.5}), name) == 7.5
    else:
        with pytest.raises(
            TypeError, match=f"^{name} must be (None or )?a whole number, as in 1_000_000, not: 1e6|1000"
        ):
            kind(**{name: 1e6})


@pytest.mark.parametrize(("kind", "name"), SWITCHES)
@pytest.mark.parametrize("value", ["no", 1, 0, None, []])
def test_switches_are_true_or_false(kind: type[Any], name: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"^{name} must be True or False, not: "):
        kind(**{name: value})


@pytest.mark.parametrize("kind", KINDS)
def test_settings_can_be_made_from_others(kind: type[Any]) -> None:
    assert replace(kind()) == kind()


@pytest.mark.parametrize("name", ["keep_alive_s", "close_s", "linger_s", "shutdown_s"])
def test_some_waits_may_be_left_out(name: str) -> None:
    assert getattr(Timeouts(**{name: 0}), name) == 0


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"ping_interval_s": 3e6}, "ping_interval_s and ping_timeout_s must not exceed 2147483.647 together"),
        ({"ping_interval_s": 2147483, "ping_timeout_s": 1}, "must not exceed"),
        ({"ping_interval_s": 0.0004}, "ping_interval_s must be at least 0.001: 0.0004"),
        ({"ping_timeout_s": 0.0004}, "ping_timeout_s must be at least 0.001: 0.0004"),
        ({"http_compression_threshold_bytes": -1}, "http_compression_threshold_bytes must not be negative: -1"),
        ({"cookie": "io"}, r"cookie must be a Cookie, as in Cookie\(name='io'\), not: 'io'"),
        ({"initial_packet": 5}, "initial_packet must be a string or bytes, not: 5"),
        ({"transports": "websocket"}, r"transports must be a list, as in \['websocket'\], not: 'websocket'"),
        ({"transports": {"websocket"}}, "transports must be a list"),
        ({"transports": [["websocket"]]}, "transports must be 'polling'"),
        ({"path": 5}, "path must be a string, as in '/socket.io/', not: 5"),
        ({"path": "/a?b=c/"}, "path must begin with '/' and hold no query"),
        ({"path": "/a/#b/"}, "path must begin with '/' and hold no query and no fragment"),
        ({"path": "/a b/"}, "path must .*be percent-encoded, as in '/a%20b/', not: '/a b/'"),
        ({"path": "/ü/"}, "as in '/%C3%BC/', not: '/ü/'"),
        ({"path": "/a\\b/"}, "as in '/a%5Cb/'"),
        ({"path": "/\ud800/"}, "percent-encoded"),
        ({"path": "/a/../b/"}, "path must hold no '.' and '..', which clients resolve"),
        ({"path": "/./"}, "path must hold no '.'"),
        ({"extra_headers": {"x-a": "b"}}, r"extra_headers must be a list of pairs of bytes, as in \[\(b'x-token'"),
        ({"extra_headers": [("x-a", "b")]}, "extra_headers must be a list of pairs of bytes"),
        ({"extra_headers": [b"x-a: b"]}, "extra_headers must be a list of pairs of bytes"),
        ({"extra_headers": [(b"x-a",)]}, "extra_headers must be a list of pairs of bytes"),
        ({"extra_headers": None}, "extra_headers must be a list of pairs of bytes"),
        ({"extra_headers": [(b"x a", b"b")]}, "extra_headers must be pairs of a token"),
        ({"extra_headers": [(b"x-a", b"b\r\nc: d")]}, "value without control characters: b'x-a'"),
        ({"extra_headers": [(b"Content-Length", b"0")]}, "extra_headers must leave this one to the protocol"),
        ({"extra_headers": [(b"sec-websocket-protocol", b"a")]}, "leave this one to subprotocols"),
        ({"extra_headers": hook}, "extra_headers must be a plain function, not an async one"),
    ],
)  # fmt: skip
def test_an_engine_cannot_have(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises((TypeError, ValueError), match=problem):
        EngineSettings(**changes)


@pytest.mark.parametrize("path", ["/", "/a/b/", "/a%20b/", "/~a.b_c-d/", "/a:b@c/", "/v1.0/..a/"])
def test_paths_as_clients_send_them_are_taken(path: str) -> None:
    assert EngineSettings(path=path).path == EngineClientSettings(path=path).path == path


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"query": {"a": "b"}}, r"query must be a list of pairs of strings, as in \[\('token', 'abc'\)\]"),
        ({"query": [("a", 1)]}, "query must be a list of pairs of strings"),
        ({"query": [("a",)]}, "query must be a list of pairs of strings"),
        ({"subprotocols": "chat"}, r"subprotocols must be a list of names, as in \['chat'\], not: 'chat'"),
        ({"subprotocols": None}, "subprotocols must be a list of names"),
        ({"subprotocols": ["a b"]}, "subprotocols must be tokens without spaces and commas, as in .*: 'a b'"),
        ({"subprotocols": ["a,b"]}, "subprotocols must be tokens"),
        ({"subprotocols": [""]}, "subprotocols must be tokens"),
        ({"subprotocols": [b"a"]}, "subprotocols must be tokens"),
        ({"subprotocols": ["a", "a"]}, "subprotocols must be named once each"),
        ({"headers": [(b"Sec-WebSocket-Protocol", b"a")]}, "leave this one to subprotocols"),
        ({"headers": {"a": "b"}}, "headers must be a list of pairs of bytes"),
    ],
)
def test_a_client_of_an_engine_cannot_have(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises((TypeError, ValueError), match=problem):
        EngineClientSettings(**changes)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "a b"}, "cookie name must be a token"),
        ({"name": ""}, "cookie name must be a token"),
        ({"name": "a=b"}, "cookie name must be a token"),
        ({"name": None}, "cookie name must be a string, not: None"),
        ({"path": "app"}, "cookie path must begin with '/'"),
        ({"path": 5}, "cookie path must be a string"),
        ({"domain": "https://a.example"}, "cookie domain must be a name without scheme and port"),
        ({"domain": "a.example:80"}, "cookie domain must be a name"),
        ({"domain": ""}, "cookie domain must be a name"),
        ({"expires": "tomorrow"}, "cookie expires must be a date as in 'Thu, 01 Jan 2026 00:00:00 GMT'"),
        ({"max_age_s": 1.5}, "cookie max_age_s must be a whole number"),
        ({"max_age_s": True}, "cookie max_age_s must be a whole number"),
        ({"max_age_s": 0}, "cookie max_age_s must be positive"),
        ({"http_only": "yes"}, "cookie http_only must be True or False"),
        ({"secure": 1}, "cookie secure must be True or False"),
        ({"same_site": "Relaxed"}, "cookie same_site must be 'lax', 'strict', 'none' or None, not: 'Relaxed'"),
        ({"same_site": True}, "cookie same_site must be"),
        ({"same_site": "none"}, "cookie same_site='none' needs secure=True"),
        ({"name": "__Secure-io"}, "cookie of this name needs secure=True"),
        ({"name": "__Host-io", "secure": True, "path": "/a"}, "needs path='/' and no domain"),
        ({"name": "__Host-io", "secure": True, "domain": "a.example"}, "needs path='/' and no domain"),
    ],
)
def test_a_cookie_that_no_browser_would_send_back_is_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises((TypeError, ValueError), match=problem):
        Cookie(**changes)


def test_cookies_that_browsers_keep_are_taken() -> None:
    assert Cookie(name="__Host-io", secure=True, same_site="none").header_value("S").startswith(b"__Host-io=S; ")
    assert Cookie(domain=".a.example", max_age_s=1, same_site="strict").domain == ".a.example"


def test_credentials_are_a_switch() -> None:
    wrong: Any = "no"
    with pytest.raises(TypeError, match="cors credentials must be True or False, not: 'no'"):
        Cors(origins=["https://a.example"], credentials=wrong)


@pytest.mark.parametrize("value", ["a=b", [("a", "b")], None, {"a": 1}, {1: "a"}, {"a": None}, {"a": b"b"}])
def test_mappings_hold_strings(value: object) -> None:
    with pytest.raises(TypeError, match=r"query must be a dict of strings, as in \{'token': 'abc'\}, not: "):
        pairs_of_strings("query", value)


@pytest.mark.parametrize("value", ["http://x", 5, [dict]])
def test_functions_can_be_called(value: object) -> None:
    with pytest.raises(TypeError, match="http must be a function, not: "):
        check_function("http", value)


def test_what_is_good_passes() -> None:
    assert pairs_of_strings("query", {"a": "b"}) == [("a", "b")]
    check_subprotocols({"a", "b"})
    assert len(EngineClientSettings(query=[("a", "b"), ("c", "d")]).query) == 2
    check_kind("engine", None, EngineSettings, "EngineSettings(...)")
    check_function("http", hook)
    check_function("http", None)
    hooks: list[Callable[..., Any]] = [lambda *_: [], dict]
    for each in hooks:
        assert EngineSettings(extra_headers=each).extra_headers is each


@pytest.mark.parametrize("answer", [True, False, None, 0, 1, "yes", []])
def test_a_yes_or_a_no_is_what_a_function_says(answer: object) -> None:
    assert decide("function", lambda _: answer, "x") == bool(answer)


def test_what_is_to_be_awaited_is_no_yes() -> None:
    class Awaitable:
        def __init__(self, text: str) -> None:
            self.text = text

        def __await__(self) -> Any:
            raise NotImplementedError

    async def answer(text: str) -> bool:
        return True

    functions: list[Any] = [partial(answer), Awaitable]
    for function in functions:
        with pytest.raises(TypeError, match="function must be a plain function, not one that is to be awaited"):
            decide("function", function, "x")


NO_PAIRS: Final = "headers of a Response must be a list of pairs, as in [(b'content-type', b'text/html')], not: "
RESPONSES: Final[list[tuple[object, list[object], object, str]]] = [
    ("200", [], b"", "status of a Response must be a number, as in 200, not: '200'"),
    (True, [], b"", "status of a Response must be a number, as in 200, not: True"),
    (200, ["a"], b"", f"{NO_PAIRS}'a'"),
    (200, [("a", "b", "c")], b"", f"{NO_PAIRS}('a', 'b', 'c')"),
    (200, [], "a" * 100, f"body of a Response must be bytes, as in b'hello', not: '{'a' * 79}"),
    (200, [], None, "body of a Response must be bytes, as in b'hello', not: None"),
]


@pytest.mark.parametrize(("status", "headers", "body", "why"), RESPONSES)
def test_what_an_application_answers_is_a_response(
    status: object, headers: list[object], body: object, why: str
) -> None:
    with pytest.raises(TypeError) as failed:
        check_response(status, headers, body)
    assert str(failed.value) == why


@pytest.mark.parametrize("body", [b"a", bytearray(b"a"), memoryview(b"a")])
def test_an_answer_has_any_kind_of_bytes(body: object) -> None:
    check_response(200, [(b"a", b"b"), ["a", "b"]], body)
