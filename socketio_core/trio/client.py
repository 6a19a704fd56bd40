"""A Socket.IO client for trio: `async with connect("http://localhost:3000") as socket:`."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from random import SystemRandom
from typing import Any, Final

import trio

from socketio_core.app.client_host import ClientHost
from socketio_core.app.client_socket import Auth, ClientSocket, checked_auth
from socketio_core.checks import check_kind, check_path, check_seconds, check_switch, pairs_of_strings
from socketio_core.http import Headers
from socketio_core.settings import ClientSettings, EngineClientSettings
from socketio_core.socketio.client.client import ClientCore
from socketio_core.socketio.json_module import JsonModule
from socketio_core.socketio.json_parser import parser_of
from socketio_core.socketio.parser import Parser
from socketio_core.trio.client_pump import ClientPump
from socketio_core.trio.groups import is_cancelled, only_cause
from socketio_core.trio.runtime import LoopRuntime
from socketio_core.url import Proxy, ServerAddress, parse_proxy, parse_url
from socketio_core.wire.client import ClientSite

_random = SystemRandom().random

LINGER_S: Final = 1.0  # what the end of the last connection may take beyond the protocol's own deadline; then handlers


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
    ssl_context: ssl.SSLContext | None = None,
    proxy: str | None = None,
    per_message_deflate: bool = False,
    wait: bool = True,
    parser: Parser | None = None,
    json: JsonModule | None = None,
    engine: EngineClientSettings | None = None,
    settings: ClientSettings | None = None,
) -> AbstractAsyncContextManager[ClientSocket]:
    """Connect to a Socket.IO server; inside the block there is a socket, and no task of it outlives the block.

    Handlers that are registered at the beginning of the block, before it waits for anything, miss nothing: `connect`
    is told then too. A connection that is lost is opened again by itself, as the `reconnection` options say. Leaving
    the block sends what is left, with `retries` until it is acknowledged, and closes in order; an exception of the
    block comes out as it is.

    What is left `None` is as in `engine` and `settings`, and has the default that is documented there.

    Args:
        url: `"http://localhost:3000"`, also `https`, `ws`, `wss`. Its path is the namespace, its query is sent along.
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
        close_timeout_s: for what is left to be sent when the block ends (and before, with `retries`, to be
            acknowledged), and for handlers to end.
        retries: send each event again, that many times at most, until the server acknowledges it: at least once, one
            in flight, in order.
        ack_timeout_s: of each try, with `retries`.
        ssl_context: for `https` and `wss`; Python's default checks certificates.
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
    check_kind("ssl_context", ssl_context, ssl.SSLContext, "an ssl.SSLContext")
    check_switch("per_message_deflate", per_message_deflate)
    check_switch("wait", wait)
    check_path("path", path)
    for name, value in (("connect_timeout_s", connect_timeout_s), ("close_timeout_s", close_timeout_s)):
        if value is not None:
            check_seconds(name, value)
    address = parse_url(url)
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
    settings = replace(settings or ClientSettings(), **given)
    core = ClientCore(engine, settings, parser=parser_of(settings, parser, json), random=_random)
    client = TrioClient(
        core,
        address,
        proxy=parse_proxy(proxy) if proxy is not None else None,
        ssl_context=ssl_context,
        per_message_deflate=per_message_deflate,
    )
    return _running(client, address.namespace, checked_auth(auth), wait=wait)


def _given(**options: object) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def _encoded(headers: Mapping[str, str]) -> Headers:
    pairs = pairs_of_strings("headers", headers)
    for name, value in pairs:
        if not (name + value).isascii() and any(char > "\xff" for char in name + value):
            raise ValueError(f"headers must be in Latin-1, encode others yourself (urllib.parse.quote): {name!r}")
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]


@asynccontextmanager
async def _running(client: TrioClient, nsp: str, auth: Auth | None, *, wait: bool) -> AsyncGenerator[ClientSocket]:
    failure: BaseException | None = None
    try:
        try:
            async with trio.open_nursery() as nursery:
                client.attach(nursery)
                nursery.start_soon(client.flush_when_ready)
                nursery.start_soon(client.keep_time)
                try:
                    with client.block:
                        socket = client.host.socket_of(nsp, auth)
                        if wait:
                            await socket.wait_first_outcome()
                        client.host.release()
                        yield socket
                except BaseException as error:  # anything at all: it comes out behind the nursery, in no group
                    if is_cancelled(error):
                        raise
                    failure = error if isinstance(error, Exception) else only_cause(error)
                await client.close_in_order()
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            _, others = group.split(trio.Cancelled)
            if failure is None or others is not None:  # else closing was cancelled, and what the block raised comes out
                failure = only_cause(others or group)
        failure = client.interrupt or failure
        if failure is not None:
            raise failure
    finally:
        failure = None  # or the traceback and this frame would keep each other alive
        client.release_all()


class TrioClient(LoopRuntime):
    """The trio side of one client: its requests, its WebSockets, its clock.

    Attributes:
        block: what the user does with it; cancelled when Ctrl-C comes up in a handler.
        interrupt: the `KeyboardInterrupt` that did; it comes out behind the end.
    """

    interrupt: KeyboardInterrupt | None = None

    def __init__(
        self,
        core: ClientCore,
        address: ServerAddress,
        *,
        proxy: Proxy | None,
        ssl_context: ssl.SSLContext | None,
        per_message_deflate: bool,
    ) -> None:
        super().__init__()
        self.core = core
        self.host = ClientHost(core, self)
        self.site = ClientSite(
            core,
            address,
            proxy=proxy,
            per_message_deflate=per_message_deflate,
            work=self.host.dispatch_soon,
            pace=self.host.flow,
            report=self.log_exception,
        )
        self.block = trio.CancelScope()
        self._ssl_context = ssl_context
        self._handlers = 0  # tasks that run them
        self._has_moved = trio.Event()
        self._is_ending = False  # somebody waits for what comes to nothing

    def tls(self) -> ssl.SSLContext:
        """Return the context; Python's default is made when it is needed, for that takes 30 ms."""
        if self._ssl_context is None:
            self._ssl_context = ssl.create_default_context()
        return self._ssl_context

    # -- LoopRuntime -------------------------------------------------------------------------------------------------

    @property
    def next_deadline(self) -> float | None:
        """See `LoopRuntime`."""
        return self.site.next_deadline

    def handle_timeout(self, now: float) -> None:
        """See `LoopRuntime`."""
        self.site.handle_timeout(now)

    @trio.lowlevel.enable_ki_protection
    def flush(self) -> None:
        """Let the application work, begin and end connections, have each write what it has."""
        now = trio.current_time()
        for wire in self.site.flush(now):
            if isinstance(wire.context, ClientPump):
                wire.context.flush(now)
            elif not wire.is_over:
                self.start_soon(ClientPump(self, wire).run)
        self.wake_in_time()
        if self._is_ending:
            self._has_moved.set()

    def spawn(self, function: Callable[..., Awaitable[object]], *args: object) -> None:
        """See `Runtime`."""
        if self.is_attached:
            self._handlers += 1
            super().spawn(self._count_task, function, *args)

    async def _count_task(self, function: Callable[..., Awaitable[object]], *args: object) -> None:
        try:
            await function(*args)
        except KeyboardInterrupt as error:  # a handler's: the server is told of the end
            self._interrupted(error)
        finally:
            self._handlers -= 1
            self._has_moved.set()

    def _interrupted(self, error: KeyboardInterrupt) -> None:
        if self.interrupt is None:
            self.interrupt = error
            self.block.cancel()
        else:
            self.end_at_once()

    # -- the end -----------------------------------------------------------------------------------------------------

    async def close_in_order(self) -> None:
        """Send what is left, with `retries` until it is acknowledged, and say goodbye, up to the deadline for each."""
        self._is_ending = True
        if self.host.has_undelivered:
            self.host.flow.ack_awaited()
            with trio.move_on_after(self.core.engine_settings.close_timeout_s):
                await self._wait_for(lambda: not self.host.has_undelivered)
            self.host.flow.ack_settled()
        self.core.close(trio.current_time())
        self.host.flow.lift()
        self.flush()
        with trio.move_on_after(self.core.engine_settings.close_timeout_s + LINGER_S):
            await self._wait_for(lambda: not self.site.is_busy)
        with trio.move_on_after(LINGER_S):  # what handlers do about the end, `disconnect` above all
            await self._wait_for(lambda: not self._handlers)

    async def _wait_for(self, is_through: Callable[[], bool]) -> None:
        while not is_through():
            self._has_moved = trio.Event()
            await self._has_moved.wait()

    def release_all(self) -> None:
        """Tell everybody who still waits that it is over. No task of ours is left."""
        self.detach()
        now = trio.current_time()
        self.core.abort(now)
        self.site.abort(now)
        self.host.dispatch_soon()
        self.host.close()
