"""A Socket.IO client for trio: `async with connect("http://localhost:3000") as socket:`."""

from __future__ import annotations

import math
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from random import SystemRandom
from typing import Final

import trio

from socketio_core.app.client import Auth, ClientManager, ClientSocket
from socketio_core.engineio.client.carriers import ClientWebSocket, Exchange
from socketio_core.settings import ClientSettings, EngineClientSettings
from socketio_core.socketio.client.client import Client
from socketio_core.socketio.parser import Parser
from socketio_core.trio.client_http import FetchError, HttpPool
from socketio_core.trio.client_websocket import ClientPump
from socketio_core.trio.dial import Dialer, parse_proxy
from socketio_core.trio.runtime import LoopRuntime
from socketio_core.url import parse_url

_random = SystemRandom().random

LINGER_S: Final = 1.0  # what the end of the last connection may take beyond the protocol's own deadline


@asynccontextmanager
async def connect(
    url: str,
    *,
    auth: Auth | None = None,
    path: str = "/socket.io/",
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    transports: Sequence[str] = ("polling", "websocket"),
    upgrade: bool = True,
    try_all_transports: bool = False,
    remember_upgrade: bool = False,
    reconnection: bool = True,
    reconnection_attempts: int | None = None,
    reconnection_delay_s: float = 1.0,
    reconnection_delay_max_s: float = 5.0,
    randomization_factor: float = 0.5,
    connect_timeout_s: float = 20.0,
    close_timeout_s: float = 10.0,
    retries: int = 0,
    ack_timeout_s: float = 10.0,
    ssl_context: ssl.SSLContext | None = None,
    proxy: str | None = None,
    per_message_deflate: bool = False,
    wait: bool = True,
    parser: Parser | None = None,
    engine: EngineClientSettings | None = None,
    settings: ClientSettings | None = None,
) -> AsyncGenerator[ClientSocket, None]:
    """Connect to a Socket.IO server; inside the block there is a socket, and no task of it outlives the block.

    Handlers that are registered at the beginning of the block, before it waits for anything, miss nothing: `connect`
    is told then too. A connection that is lost is opened again by itself, as the `reconnection` options say. Leaving
    the block sends what is left and closes in order; an exception of the block comes out as it is.

    Args:
        url: `"http://localhost:3000"`, also `https`, `ws`, `wss`. Its path is the namespace, its query is sent along.
        auth: sent with each CONNECT: a JSON object, or a sync or async function that is asked each time.
        path: where the server listens; a slash is put behind it.
        headers: more headers of every request.
        transports: in this order; the first one opens the connection. With `upgrade`, one that began on polling goes
            over to a WebSocket if the server offers it.
        try_all_transports: if the first transport cannot connect, try the others.
        remember_upgrade: reconnect with a WebSocket if the last connection ended up on one.
        reconnection_attempts: how often in a row; `None` is no limit.
        connect_timeout_s: for one connection to open.
        close_timeout_s: for what is left to be sent when the block ends.
        retries: send each event again, that many times at most, until the server acknowledges it: at least once, one
            in flight, in order.
        ack_timeout_s: of each try, with `retries`.
        ssl_context: for `https` and `wss`; Python's default checks certificates.
        proxy: an HTTP proxy: `"http://user:password@proxy.example:3128"`.
        per_message_deflate: offer to compress WebSocket messages.
        wait: wait until the socket is connected; otherwise the block begins at once, and a first attempt that fails is
            tried again like later ones.
        engine: the Engine.IO layer's limits; what has an argument of its own here is taken from that.
        settings: the Socket.IO layer's limits; likewise.

    Raises:
        ConnectError: the first attempt failed (with `wait`): what was tried and why, or what the server said.
        ValueError: an argument that cannot be.
    """
    address = parse_url(url)
    engine_settings = replace(
        engine or EngineClientSettings(),
        authority=address.authority,
        path=path if path.endswith("/") else path + "/",
        query=[*address.query, *(query or {}).items()],
        headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()],
        transports=tuple(transports),
        upgrade=upgrade,
        try_all_transports=try_all_transports,
        remember_upgrade=remember_upgrade,
        open_timeout_s=connect_timeout_s,
        close_timeout_s=close_timeout_s,
    )
    socket_settings = replace(
        settings or ClientSettings(),
        reconnection=reconnection,
        reconnection_attempts=reconnection_attempts,
        reconnection_delay_s=reconnection_delay_s,
        reconnection_delay_max_s=reconnection_delay_max_s,
        randomization_factor=randomization_factor,
        retries=retries,
        ack_timeout_s=ack_timeout_s,
    )
    dialer = Dialer(address, ssl_context, parse_proxy(proxy) if proxy is not None else None)
    core = Client(engine_settings, socket_settings, parser=parser, random=_random)
    client = TrioClient(core, dialer, per_message_deflate=per_message_deflate)
    failure: Exception | None = None
    try:
        async with trio.open_nursery() as nursery:
            client.attach(nursery)
            nursery.start_soon(client.flush_when_ready)
            nursery.start_soon(client.keep_time)
            try:
                socket = client.manager.socket_of(address.namespace, auth)
                if wait:
                    await socket.wait_first_outcome()
                client.manager.release()
                yield socket
            except Exception as error:  # noqa: BLE001 - anything at all: it comes out behind the nursery, in no group
                failure = error
            await client.close_in_order()
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
    finally:
        failure = None  # or the traceback and this frame would keep each other alive
        await client.release_all()


class TrioClient(LoopRuntime):
    """The trio side of one client: its requests, its WebSockets, its clock."""

    def __init__(self, core: Client, dialer: Dialer, *, per_message_deflate: bool) -> None:
        super().__init__()
        self.core = core
        self.dialer = dialer
        self.per_message_deflate = per_message_deflate
        self.manager = ClientManager(core, self)
        self._pool = HttpPool(dialer)
        self._running = 0  # exchanges and WebSockets
        self._is_idle = trio.Event()

    # -- LoopRuntime -------------------------------------------------------------------------------------------------

    @property
    def next_deadline(self) -> float | None:
        """See `LoopRuntime`."""
        return self.core.next_deadline

    def handle_timeout(self, now: float) -> None:
        """See `LoopRuntime`."""
        self.core.handle_timeout(now)

    def flush(self) -> None:
        """Dispatch what has happened, and see to what the client wants in flight."""
        self.manager.dispatch_soon()
        for carrier in self.core.take_ready():
            if isinstance(carrier, Exchange):
                self._see_to_exchange(carrier)
            elif isinstance(carrier.context, ClientPump):
                carrier.context.flush()
            elif not carrier.is_closed:
                self._run(self._pump, carrier)
        self.manager.flow.output_taken()
        self.wake_in_time()

    def _see_to_exchange(self, exchange: Exchange) -> None:
        if isinstance(exchange.context, trio.CancelScope):
            exchange.context.cancel()
        elif not exchange.is_cancelled:
            exchange.context = trio.CancelScope()
            self._run(self._make_exchange, exchange, exchange.context)

    def _run(self, function: Callable[..., Awaitable[None]], *args: object) -> None:
        self._running += 1
        self.spawn(self._count, function, *args)

    async def _count(self, function: Callable[..., Awaitable[None]], *args: object) -> None:
        try:
            await function(*args)
        finally:
            self._running -= 1
            if not self._running:
                self._is_idle.set()

    async def _make_exchange(self, exchange: Exchange, scope: trio.CancelScope) -> None:
        with scope:
            try:
                response = None
                with trio.move_on_after(math.inf if exchange.timeout_s is None else exchange.timeout_s):
                    response = await self._pool.fetch(exchange)
            except FetchError as error:
                self.core.exchange_failed(exchange, str(error), trio.current_time())
            else:
                if response is None:
                    detail = f"no answer within {exchange.timeout_s:g} s"
                    self.core.exchange_failed(exchange, detail, trio.current_time())
                else:
                    self.core.exchange_done(exchange, response, trio.current_time())
            self.flush()
            if self.manager.flow.is_congested:
                await self.manager.flow.wait_room()  # meanwhile there is no next GET

    async def _pump(self, websocket: ClientWebSocket) -> None:
        await ClientPump(self, websocket).run()

    # -- the end -----------------------------------------------------------------------------------------------------

    async def close_in_order(self) -> None:
        """Send what is left, say goodbye, up to the deadline of the settings."""
        self.core.close(trio.current_time())
        self.manager.flow.lift()
        self.flush()
        with trio.move_on_after(self.core.engine_settings.close_timeout_s + LINGER_S):
            while self._running:
                self._is_idle = trio.Event()
                await self._is_idle.wait()

    async def release_all(self) -> None:
        """Tell everybody who still waits that it is over; close what is idle. No task of ours is left."""
        self.detach()
        self.core.abort(trio.current_time())
        self.manager.dispatch_soon()
        self.manager.close()
        with trio.CancelScope(shield=True):
            await self._pool.aclose()
