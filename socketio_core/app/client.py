"""What a user asks for with `connect`, checked, for any event loop: an adapter's own `connect` is `entry(open)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, Protocol, TypeVar

from socketio_core.app.client_socket import Auth, check_auth
from socketio_core.checks import check_kind, check_path, check_seconds, check_switch, pairs_of_strings
from socketio_core.http import Headers
from socketio_core.ids import random
from socketio_core.settings import ClientSettings, EngineClientSettings, combine_for_client
from socketio_core.socketio.client.client import ClientCore
from socketio_core.socketio.json_module import JsonModule
from socketio_core.socketio.json_parser import parser_of
from socketio_core.socketio.parser import Parser
from socketio_core.url import Proxy, ServerAddress, parse_proxy, parse_url

_P = ParamSpec("_P")
_T = TypeVar("_T")


class TlsContext(Protocol):
    """An `ssl.SSLContext`, which is for adapters alone to use; they check that it is one."""

    @property
    def check_hostname(self) -> bool:
        """Whether the certificate must be the server's own."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Connecting:
    """A client that is to be, with all that was asked for.

    Attributes:
        core: the engine's client; nothing has begun yet.
        address: where the server is.
        namespace: of the first socket.
        auth: of that.
        ssl_context: `None` is the default of Python.
        wait: for the first outcome.
    """

    core: ClientCore
    address: ServerAddress
    proxy: Proxy | None
    namespace: str
    auth: Auth | None
    ssl_context: TlsContext | None
    per_message_deflate: bool
    wait: bool


def entry(begin: Callable[[Connecting], _T]) -> Callable[[Callable[_P, Connecting]], Callable[_P, _T]]:
    """Return a function that makes an adapter's `connect` of the one here, with its arguments and its docstring."""

    def adapted(check: Callable[_P, Connecting]) -> Callable[_P, _T]:
        @wraps(check)
        def connect(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            return begin(check(*args, **kwargs))

        returned = signature(begin).return_annotation
        connect.__signature__ = signature(check).replace(return_annotation=returned)  # type: ignore[attr-defined] # for help()
        connect.__module__ = begin.__module__
        return connect

    return adapted


def connect(
    url: str,
    *,
    auth: Auth | None = None,
    path: str = "/socket.io/",
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    subprotocols: Sequence[str] | None = None,
    transports: Sequence[str] | None = None,
    upgrade: bool | None = None,
    try_all_transports: bool | None = None,
    remember_upgrade: bool | None = None,
    reconnection: bool | None = None,
    reconnection_attempts: int | None = None,
    reconnection_delay_s: float | None = None,
    reconnection_delay_max_s: float | None = None,
    randomization_factor: float | None = None,
    connect_timeout_s: float | None = None,
    close_timeout_s: float | None = None,
    retries: int | None = None,
    ack_timeout_s: float | None = None,
    ssl_context: TlsContext | None = None,
    proxy: str | None = None,
    per_message_deflate: bool = False,
    wait: bool = True,
    parser: Parser | None = None,
    json: JsonModule | None = None,
    engine: EngineClientSettings | None = None,
    settings: ClientSettings | None = None,
) -> Connecting:
    """Connect to a Socket.IO server; inside the block there is a socket, and no task of it outlives the block.

    Handlers that are registered at the beginning of the block, before it waits for anything, miss nothing: `connect`
    is told then too. A connection that is lost is opened again by itself, as the `reconnection` options say. Leaving
    the block sends what is left, with `retries` until it is acknowledged, and closes in order; an exception of the
    block comes out as it is. Handlers have a second more to end, then they are cancelled, and events behind them are
    not handled; but `disconnect` is told at any rate, `"io client disconnect"`, and has a second too. If the block is
    cancelled on trio nothing can wait any more, and handlers of `disconnect` run as far as they do not.

    What is left `None` is as in `engine` and `settings`, and has the default that is documented there.

    Args:
        url: `"http://localhost:3000"`, also `https`, `ws`, `wss`. Its path is the namespace, its query is sent along.
            Or a Unix socket: `"unix:/run/app.sock"`, `"unix:@name"`.
        auth: sent with each CONNECT: a JSON object, or a sync or async function that is asked each time.
        path: where the server listens; a slash is put behind it. Wins over the one in `engine`.
        query: more fields of every request's query, behind those of the URL.
        headers: more headers of every request.
        subprotocols: offered for WebSockets (`new WebSocket(url, protocols)` in a browser); the server must choose one
            of them, and `socket.manager.subprotocol` tells which.
        transports: in this order; the first one opens the connection.
        upgrade: go over to a WebSocket if it began on polling, the transports name both, and the server offers it.
        try_all_transports: if the first transport cannot connect, try the others.
        remember_upgrade: reconnect with a WebSocket if the last connection ended up on one.
        reconnection: open a connection that was lost, or could not be opened, again by itself.
        reconnection_attempts: how often in a row.
        reconnection_delay_s: before the first attempt; it doubles with each one.
        reconnection_delay_max_s: no delay is longer.
        randomization_factor: from 0 to 1: how much each delay is made longer or shorter at random, so that not all
            clients of a server come back at once.
        connect_timeout_s: for one connection to open (`open_timeout_s` of `engine`).
        close_timeout_s: for what is left to be sent when the block ends, and before, with `retries`, to be
            acknowledged.
        retries: send each event again, that many times at most, until the server acknowledges it: at least once, one
            in flight, in order.
        ack_timeout_s: of each try, with `retries`.
        ssl_context: an `ssl.SSLContext` for `https` and `wss`; Python's default checks certificates.
        proxy: an HTTP proxy: `"http://user:password@proxy.example:3128"`.
        per_message_deflate: offer to compress WebSocket messages.
        wait: wait until the socket is connected; otherwise the block begins at once, and a first attempt that fails is
            tried again like later ones.
        parser: how packets are encoded; the server must use the same.
        json: a faster JSON for the usual parser: `connect(url, json=orjson)`; see `JsonParser`.
        engine: the Engine.IO layer's settings and limits; what is given here wins, and the URL says who is asked.
        settings: the Socket.IO layer's settings and limits; what is given here wins.

    Raises:
        ConnectError: the first attempt failed (with `wait`): what was tried and why, or what the server said.
        TypeError, ValueError: an argument that cannot be; raised at once, not when the block begins.
    """
    check_kind("engine", engine, EngineClientSettings, "EngineClientSettings(...)")
    check_kind("settings", settings, ClientSettings, "ClientSettings(...)")
    check_switch("per_message_deflate", per_message_deflate)
    check_switch("wait", wait)
    check_path("path", path)
    for name, value in (("connect_timeout_s", connect_timeout_s), ("close_timeout_s", close_timeout_s)):
        if value is not None:
            check_seconds(name, value)
    address = parse_url(url)
    if proxy is not None and address.unix_path is not None:
        raise ValueError(f"no proxy leads to a Unix socket: {url!r}")
    engine = engine or EngineClientSettings()
    engine = replace(
        engine,
        authority=address.authority,
        path=path if path.endswith("/") else path + "/",
        query=[*address.query, *(engine.query if query is None else pairs_of_strings("query", query))],
        **_given(
            headers=None if headers is None else _encoded(headers),
            subprotocols=subprotocols,
            transports=transports,
            upgrade=upgrade,
            try_all_transports=try_all_transports,
            remember_upgrade=remember_upgrade,
            open_timeout_s=connect_timeout_s,
            close_timeout_s=close_timeout_s,
        ),
    )
    given = _given(
        reconnection=reconnection,
        reconnection_attempts=reconnection_attempts,
        reconnection_delay_s=reconnection_delay_s,
        reconnection_delay_max_s=reconnection_delay_max_s,
        randomization_factor=randomization_factor,
        retries=retries,
        ack_timeout_s=ack_timeout_s,
    )
    settings = combine_for_client(engine, replace(settings or ClientSettings(), **given))
    return Connecting(
        core=ClientCore(engine, settings, parser=parser_of(settings, parser, json), random=random),
        address=address,
        proxy=None if proxy is None else parse_proxy(proxy),
        namespace=address.namespace,
        auth=check_auth(auth),
        ssl_context=ssl_context,
        per_message_deflate=per_message_deflate,
        wait=wait,
    )


def _given(**options: object) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def _encoded(headers: Mapping[str, str]) -> Headers:
    pairs = pairs_of_strings("headers", headers)
    for name, value in pairs:
        if not (name + value).isascii() and any(char > "\xff" for char in name + value):
            raise ValueError(f"headers must be in Latin-1, encode others yourself (urllib.parse.quote): {name!r}")
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
