"""Serves a `Server` on asyncio: listeners, connections, and the end of it all in order."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any, Protocol

from socketio_core.app.host import ServerHost
from socketio_core.app.log import Log
from socketio_core.app.server import Server, host_of
from socketio_core.app.site import site_of
from socketio_core.asyncio.accepting import BACKLOG, Acceptor
from socketio_core.asyncio.handshakes import Handshakes
from socketio_core.asyncio.plain_connection import PlainConnection
from socketio_core.asyncio.runtime import LOGGER, AsyncioRuntime
from socketio_core.asyncio.server_connection import ServerConnection
from socketio_core.asyncio.watcher import Watcher
from socketio_core.network.listening import (
    ACCEPTED_AT_ONCE,
    CATCH_UP_TURNS,
    NO_CAPACITY,
    address_of,
    check_listening,
    opening,
    url_of,
)
from socketio_core.network.watching import CAN_WATCH
from socketio_core.wire import Site


async def serve(
    server: Server,
    host: str | None = None,
    port: int = 0,
    *,
    listeners: Sequence[socket.socket] | None = None,
    ssl_context: ssl.SSLContext | None = None,
    signals: Sequence[signal.Signals] = (),
    started: asyncio.Future[list[str]] | None = None,
) -> None:
    """Serve until cancelled; then refuse new clients, tell the others, and end within `shutdown_s`.

    Under `asyncio.run`, Ctrl-C cancels it, and comes out as `KeyboardInterrupt` when all that is done.

    Args:
        server: any; one of `socketio_core.asyncio` has this as its method.
        host: an address or a name; `None` with a port is every address of the machine.
        port: 0 lets the system choose.
        listeners: listening sockets to serve on, and not on a host and port; they are closed at the end.
        ssl_context: serve TLS.
        signals: return, in order, when one of these arrives, e.g. `[signal.SIGTERM]`, which systemd and containers
            send; only in the main thread. A second one does what it does by itself.
        started: is given the URLs as soon as clients may come.

    Raises:
        OSError: the port is taken, or may not be used.
        ClusterUnavailable: an adapter is to join the server to others, and cannot.
        RuntimeError: the server was served before; or `signals` are waited for in another thread than the main one.
        TypeError, ValueError: an argument that cannot be.
    """
    check_listening(host, port, ssl_context, signals)
    if started is not None and not asyncio.isfuture(started):  # pyright: ignore[reportUnnecessaryComparison]
        raise TypeError(f"started must be a future, as asyncio.get_running_loop().create_future(), not: {started!r}")
    served = host_of(server)
    service = AsyncioServer(served)
    served.bind(service, Log(LOGGER, service.now))
    if listeners is None:
        with opening(served, host, port):
            listeners = await _open_listeners(host, port)
    await service.run(listeners, ssl_context, signals, started)


async def _open_listeners(host: str | None, port: int) -> list[socket.socket]:
    """Return a listening socket for each address that the host has, all on one port."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    opened: list[socket.socket] = []
    with ExitStack() as undo:
        for family, _, _, _, address in dict.fromkeys(found):
            chosen = opened[0].getsockname()[1] if opened else port  # not another one for each
            try:
                listener = socket.create_server((*address[:1], chosen, *address[2:]), family=family, backlog=BACKLOG)
            except OSError as error:
                if error.errno == errno.EAFNOSUPPORT and len(found) > 1:
                    continue  # the resolver knows IPv6, and the machine does not
                raise
            opened.append(undo.enter_context(listener))
        undo.pop_all()
    return opened


class _Accepting(Protocol):
    """What accepts connections at one listening socket: an `Acceptor`, or the loop's own server."""

    async def start_serving(self) -> None:
        """Begin."""

    def close(self) -> None:
        """Accept no more, and close the listening socket; does nothing the second time."""


class AsyncioServer(AsyncioRuntime[Site]):
    """A server that is being served."""

    def __init__(self, host: ServerHost) -> None:
        super().__init__(host)
        self._served = host
        self._stop = asyncio.Event()
        self._watcher: Watcher | None = None
        self._handshakes: Handshakes | None = None  # for TLS
        self._listeners: Sequence[socket.socket] = ()
        self._before: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None = None

    async def run(
        self,
        listeners: Sequence[socket.socket],
        ssl_context: ssl.SSLContext | None,
        signals: Sequence[signal.Signals],
        started: asyncio.Future[list[str]] | None,
    ) -> None:
        """Serve on these listeners; see `serve`."""
        loop = asyncio.get_running_loop()
        self.site = self.timed = site_of(self._served)
        self.start(self.end_if_through)
        self._served.stop = self._stop.set
        servers: list[_Accepting] = []
        self._hear_errors(loop, listeners)
        self._watcher = self._new_watcher()
        self._handshakes = None if ssl_context is None else Handshakes(self, ssl_context)
        try:
            for number in signals:
                loop.add_signal_handler(number, self._stop.set)
            await self._served.adapter.open(may_fail=True)
            for listener in listeners:
                servers.append(await self._listen(listener, ssl_context))  # noqa: PERF401 - those before one that fails
            for server, listener in zip(servers, listeners, strict=True):
                await server.start_serving()
                listener.listen(BACKLOG)
            scheme = "http" if ssl_context is None else "https"
            urls = [url_of(each.family, each.getsockname(), scheme) for each in listeners]
            LOGGER.info("serving at %s", ", ".join(urls))
            if started is not None and not started.done():
                started.set_result(urls)
            await self._stop.wait()
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
            try:
                await self._shut_down(servers)
            finally:
                self._served.stop = None
                if loop.get_exception_handler() == self._handle_error:
                    loop.set_exception_handler(self._before)

    def _hear_errors(self, loop: asyncio.AbstractEventLoop, listeners: Sequence[socket.socket]) -> None:
        """Hear of connections that the loop cannot accept: it tries again, and logs each try with a traceback.

        All other errors go to whoever heard of them before.
        """
        self._listeners = listeners
        self._before = loop.get_exception_handler()
        loop.set_exception_handler(self._handle_error)

    def _handle_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error: object = context.get("exception")
        is_full = isinstance(error, OSError) and error.errno in NO_CAPACITY and "socket" in context
        if is_full and context["socket"].fileno() in [each.fileno() for each in self._listeners]:
            self.log_repeatedly(f"cannot accept connections: {error}; trying again in a second", "accept")
        elif self._before is None:
            loop.default_exception_handler(context)
        else:
            self._before(loop, context)

    def _new_watcher(self) -> Watcher | None:
        """Return what watches plain sockets; without it, as on Windows, they have transports of the loop's."""
        if CAN_WATCH:
            with suppress(NotImplementedError):  # a loop that cannot wait for descriptors
                return Watcher(self)
        return None

    async def _listen(self, listener: socket.socket, ssl_context: ssl.SSLContext | None) -> _Accepting:
        if isinstance(listener, socket.socket):  # pyright: ignore[reportUnnecessaryIsInstance] # tests have others
            if self._handshakes is not None:
                if _can_wait_for(listener):
                    return Acceptor(self, self._handshakes.begin, listener)
            elif self._watcher is not None:
                return Acceptor(self, partial(self._connect, self._watcher), listener)
        return await asyncio.get_running_loop().create_server(
            partial(ServerConnection, self, listener.family, is_tls=ssl_context is not None),
            sock=listener,
            start_serving=False,  # it does not wait then, so nobody can be cancelled between, and leave it open
            backlog=ACCEPTED_AT_ONCE,  # of those who wait at once; how many may wait is set anew
            ssl=ssl_context,
            ssl_handshake_timeout=None if ssl_context is None else self.site.timeouts.header_s,
        )

    def _connect(self, watcher: Watcher, own: socket.socket, name: Any) -> None:
        own.setblocking(False)  # noqa: FBT003 - the library's signature
        now = self.now()
        wire = self.site.connect(now, address_of(own.family, name), "http", can_half_close=True)
        PlainConnection(self, watcher, own, wire).flush(now)

    async def _shut_down(self, servers: Sequence[_Accepting]) -> None:
        """Tell everybody, let connections and handlers end by themselves until the deadline, then cancel them."""
        try:
            for _ in range(CATCH_UP_TURNS):
                await asyncio.sleep(0)
            for server in servers:
                server.close()
            for listener in self._listeners[len(servers) :]:
                listener.close()  # it was never listened to
            if self._handshakes is not None:
                self._handshakes.cancel()
            await self.close_in_order(self.site.timeouts.shutdown_s, lambda: self.site.wires)
        finally:  # at the deadline, or when it is cancelled again
            for server in servers:
                server.close()
            try:
                if self._handshakes is not None:
                    await self._handshakes.end()
            finally:
                self.site.abort(self.now())
                self.flush()
                if self._watcher is not None:
                    self._watcher.close()
                await self.end()


def _can_wait_for(listener: socket.socket) -> bool:
    """Whether the loop waits for descriptors."""
    loop = asyncio.get_running_loop()
    try:
        loop.add_reader(listener, int)
    except NotImplementedError:
        return False
    loop.remove_reader(listener)
    return True
