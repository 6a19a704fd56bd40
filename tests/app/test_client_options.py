"""What `connect` makes of its arguments, on any event loop: no connection is needed to see it."""

from __future__ import annotations

from inspect import signature
from typing import Any

import pytest

from socketio_core.app.client import Connecting, connect, entry
from socketio_core.settings import ClientSettings, EngineClientSettings
from socketio_core.socketio.json_parser import JsonParser
from socketio_core.url import Proxy

URL = "http://test:81/admin?a=1&b=2"


def engine(**options: Any) -> EngineClientSettings:
    return connect(URL, **options).core.engine_settings


def settings(**options: Any) -> ClientSettings:
    return connect(URL, **options).core.settings


def test_url_says_who_is_asked_and_for_what() -> None:
    asked = connect(URL)
    assert (asked.address.host, asked.address.port, asked.namespace) == ("test", 81, "/admin")
    assert asked.core.engine_settings.authority == "test:81"
    assert list(asked.core.engine_settings.query) == [("a", "1"), ("b", "2")]
    assert (asked.proxy, asked.auth, asked.ssl_context) == (None, None, None)
    assert (asked.per_message_deflate, asked.wait) == (False, True)
    assert asked.core.session is None, "nothing has begun"


@pytest.mark.parametrize(
    ("path", "used"), [("/a", "/a/"), ("/a/", "/a/"), ("/a/b", "/a/b/"), ("/", "/"), ("/socket.io/", "/socket.io/")]
)
def test_slash_is_put_behind_the_path(path: str, used: str) -> None:
    assert engine(path=path).path == used


def test_path_is_the_usual_one_whatever_the_engine_says() -> None:
    assert engine().path == "/socket.io/"
    assert engine(engine=EngineClientSettings(path="/x/")).path == "/socket.io/"
    assert engine(engine=EngineClientSettings(path="/x/"), path="/y").path == "/y/"


def test_query_comes_behind_that_of_the_url_and_wins_over_that_of_the_engine() -> None:
    base = EngineClientSettings(query=[("c", "3")])
    assert list(engine(engine=base).query) == [("a", "1"), ("b", "2"), ("c", "3")]
    assert list(engine(engine=base, query={"d": "4"}).query) == [("a", "1"), ("b", "2"), ("d", "4")]
    assert list(engine(engine=base, query={}).query) == [("a", "1"), ("b", "2")]


def test_headers_are_latin_1() -> None:
    assert list(engine(headers={"x": "é"}).headers) == [(b"x", b"\xe9")]
    with pytest.raises(ValueError, match="headers must be in Latin-1"):
        connect(URL, headers={"x": "→"})


ENGINE = {
    "subprotocols": (["chat"], "subprotocols"),
    "transports": (["websocket"], "transports"),
    "upgrade": (False, "upgrade"),
    "try_all_transports": (True, "try_all_transports"),
    "remember_upgrade": (True, "remember_upgrade"),
    "connect_timeout_s": (7.0, "open_timeout_s"),
    "close_timeout_s": (8.0, "close_timeout_s"),
}
SOCKETIO = {
    "reconnection": False,
    "reconnection_attempts": 7,
    "reconnection_delay_s": 0.5,
    "reconnection_delay_max_s": 9.0,
    "randomization_factor": 0.25,
    "retries": 3,
    "ack_timeout_s": 4.0,
}


@pytest.mark.parametrize("name", ENGINE)
def test_options_of_the_engine_win_over_its_settings(name: str) -> None:
    value, field = ENGINE[name]
    assert getattr(engine(**{name: value}), field) == value
    base = EngineClientSettings(**{field: value})  # type: ignore[arg-type] # as it says
    assert getattr(engine(engine=base), field) == value, "what is not given is as it was"


@pytest.mark.parametrize("name", SOCKETIO)
def test_options_of_the_client_win_over_its_settings(name: str) -> None:
    needed = {"ack_timeout_s": 4.0} if name == "retries" else {}
    assert getattr(settings(**{name: SOCKETIO[name]} | needed), name) == SOCKETIO[name]
    base = ClientSettings(**{name: SOCKETIO[name]} | needed)  # type: ignore[arg-type] # as it says
    assert getattr(settings(settings=base), name) == SOCKETIO[name], "what is not given is as it was"


def test_a_unix_socket_needs_no_proxy() -> None:
    asked = connect("unix:/run/app.sock")
    assert (asked.address.unix_path, asked.namespace) == ("/run/app.sock", "/")
    with pytest.raises(ValueError, match="no proxy leads to a Unix socket"):
        connect("unix:/run/app.sock", proxy="http://proxy.example")


def test_proxy_and_the_rest_are_handed_on() -> None:
    context: Any = object()
    asked = connect(
        URL, proxy="http://proxy:3128", per_message_deflate=True, wait=False, auth={"a": 1}, ssl_context=context
    )
    assert asked.proxy == Proxy("proxy", 3128, None)
    assert (asked.per_message_deflate, asked.wait, asked.auth) == (True, False, {"a": 1})
    assert asked.ssl_context is context
    parser = JsonParser()
    assert connect(URL, parser=parser).core.parser is not None


BAD: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "engine": ({"engine": 5}, TypeError),
    "settings": ({"settings": {}}, TypeError),
    "per_message_deflate": ({"per_message_deflate": 1}, TypeError),
    "wait": ({"wait": "yes"}, TypeError),
    "path": ({"path": "socket.io"}, ValueError),
    "connect_timeout_s": ({"connect_timeout_s": 0}, ValueError),
    "close_timeout_s": ({"close_timeout_s": -1}, ValueError),
    "query": ({"query": [("a", 1)]}, TypeError),
    "headers": ({"headers": "a: b"}, TypeError),
    "proxy": ({"proxy": "https://proxy"}, ValueError),
    "auth": ({"auth": 5}, TypeError),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_refused_with_its_name(name: str) -> None:
    options, kind = BAD[name]
    with pytest.raises(kind, match=name):
        connect(URL, **options)


def test_adapters_have_the_same_arguments_and_docstring() -> None:
    def begin(asked: Connecting) -> str:
        return asked.namespace

    adapted = entry(begin)(connect)
    assert adapted(URL, wait=False) == "/admin"
    assert adapted.__doc__ == connect.__doc__
    assert signature(adapted).parameters == signature(connect).parameters
    assert signature(adapted).return_annotation == "str"
    assert (adapted.__name__, adapted.__module__) == ("connect", __name__)
