"""Serves a `Server` on trio: listeners, TLS handshakes, connections, and the end of it all in order."""

from __future__ import annotations

import signal
import ssl
from collections.abc import Sequence

import trio

from socketio_core.app.host import ServerHost
from socketio_core.app.log import Log
from socketio_core.app.server import Server, host_of
from socketio_core.app.site import site_of
from socketio_core.network.groups import only_cause
from socketio_core.network.listening import (
    CAPACITY_WAIT_S,
    CATCH_UP_TURNS,
    NO_CAPACITY,
    cannot_accept,
    check_listening,
    opening,
)
from socketio_core.network.watching import CAN_WATCH
from socketio_core.trio.accepting import Accepting, Listener, forget_handshake
from socketio_core.trio.addresses import listener_url, peer_address, tls_of
from socketio_core.trio.interrupts import calling_at_interrupt, cancel_at_signal
from socketio_core.trio.pump import Pump
from socketio_core.trio.runtime import LOGGER, TrioRuntime
from socketio_core.trio.watcher import Watcher


async def serve(
    server: Server,
    host: str | None = None,
    port: int = 0,
    *,
    listeners: Sequence[Listener] | None = None,
    ssl_context: ssl.SSLContext | None = None,
    signals: Sequence[signal.Signals] = (),
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled or interrupted; then refuse new clients, tell the others, and end within `shutdown_s`.

    Reports the URLs it listens on through `task_status`. `KeyboardInterrupt` comes out when all that is done, also
    if it came up in a handler; Ctrl-C again, in the main thread, ends it at once.

    Args:
        server: any; one of `socketio_core.trio` has this as its method.
        host: an address or a name; `None` with a port is every address of the machine.
        port: 0 lets the system choose.
        listeners: serve on these and not on a host and port; they are closed at the end.
        ssl_context: serve TLS.
        signals: return, in order, when one of these arrives, e.g. `[signal.SIGTERM]`, which systemd and containers
            send; only in the main thread. A second one does what it does by itself.

    Raises:
        OSError: the port is taken, or may not be used.
        ClusterUnavailable: an adapter is to join the server to others, and cannot.
        RuntimeError: the server was served before; or `signals` are waited for in another thread than the main one.
    """
    check_listening(host, port, ssl_context, signals)
    served, runtime = host_of(server), TrioRuntime()
    served.bind(runtime, Log(LOGGER, runtime.now))
    if listeners is None:
        with opening(served, host, port):
            listeners = await trio.open_tcp_listeners(port, host=host)
    if ssl_context is not None:
        listeners = [trio.SSLListener(listener, ssl_context, https_compatible=True) for listener in listeners]
    try:
        await Service(served, runtime, ssl_context).run(listeners, signals, task_status)
    except BaseExceptionGroup as group:
        # Nurseries wrap what passes through them. What the caller sees is the KeyboardInterrupt or OSError itself.
        raise only_cause(group) from None


class Service:
    """A server that is being served.

    Attributes:
        host: the server.
        runtime: what it runs on.
        site: its connections.
        watcher: reads them, where there is one.
    """

    def __init__(self, host: ServerHost, runtime: TrioRuntime, ssl_context: ssl.SSLContext | None) -> None:
        self.host = host
        self.runtime = runtime
        self.site = runtime.site = runtime.timed = site_of(host)
        self.watcher: Watcher | None = None
        self._accepting = Accepting(ssl_context)
        self._shaking_hands: set[trio.CancelScope] = set()  # for TLS
        self._closing = trio.Event()
        self._ended = trio.Event()

    @trio.lowlevel.enable_ki_protection
    async def run(
        self, listeners: Sequence[Listener], signals: Sequence[signal.Signals], task_status: trio.TaskStatus[list[str]]
    ) -> None:
        """Serve on these listeners; see `serve`."""
        scheme = "https" if any(isinstance(listener, trio.SSLListener) for listener in listeners) else "http"
        # Shielded until there is something to shut down: a task that nobody tells to end must not be begun.
        with trio.CancelScope(shield=True) as shield:
            async with trio.open_nursery() as outer:
                connections, scope = await outer.start(self._hold_connections)
                try:
                    shield.shield = False
                    await self.host.adapter.open(may_fail=True)
                    async with trio.open_nursery() as acceptors:
                        self.runtime.stop, self.runtime.stop_at_once = acceptors.cancel_scope.cancel, scope.cancel
                        self.host.stop = self.runtime.stop
                        if signals:
                            await acceptors.start(cancel_at_signal, signals, acceptors.cancel_scope)
                        urls = [listener_url(listener, scheme) for listener in listeners]
                        LOGGER.info("serving at %s", ", ".join(urls))
                        task_status.started(urls)
                        for listener in listeners:
                            acceptors.start_soon(self._accept, listener, connections)
                finally:
                    shield.shield = True
                    for listener in listeners:
                        await listener.aclose()  # it may never have been listened to
                    await self._shut_down(scope)
                    self.host.stop = None
        if self.runtime.interrupt is not None:
            raise self.runtime.interrupt

    @trio.lowlevel.enable_ki_protection
    async def _hold_connections(self, task_status: trio.TaskStatus[tuple[trio.Nursery, trio.CancelScope]]) -> None:
        """Keep all connections and handlers, out of reach of whoever cancels `serve`."""
        try:
            with trio.CancelScope(shield=True) as scope:
                async with trio.open_nursery() as services:
                    services.start_soon(self.runtime.flush_when_ready)
                    services.start_soon(self.runtime.keep_time)
                    async with trio.open_nursery() as lines:
                        self.runtime.attach_lines(lines)
                        await self._hold_handlers(scope, task_status)
                        self.host.adapter.close()
                    services.cancel_scope.cancel()
        finally:  # also after a KeyboardInterrupt, which may come up in any task
            self.runtime.detach()  # what is left, as goodbyes of clients that are cut off now, finds a closed nursery
            self.site.abort(trio.current_time())
            self.runtime.flush()
            with trio.CancelScope(shield=True):
                await self.runtime.tell_rest(self.host.untold())
            if self.watcher is not None:
                self.watcher.close()
                self.watcher = None  # the end may have yet to begin, when a second interrupt came first
            self._ended.set()

    async def _hold_handlers(
        self, scope: trio.CancelScope, task_status: trio.TaskStatus[tuple[trio.Nursery, trio.CancelScope]]
    ) -> None:
        async with trio.open_nursery() as connections:
            self.runtime.attach(connections)
            if CAN_WATCH:
                self.watcher = Watcher(self)
                connections.start_soon(self.watcher.run)
            task_status.started((connections, scope))
            await self._closing.wait()

    @trio.lowlevel.enable_ki_protection
    async def _shut_down(self, scope: trio.CancelScope) -> None:
        """Tell everybody, let connections and handlers end by themselves until the deadline, then cancel them."""
        with calling_at_interrupt(scope.cancel):
            try:
                for _ in range(CATCH_UP_TURNS):
                    await trio.lowlevel.checkpoint()
                self.site.close(trio.current_time())
                self.runtime.flush()
                for handshake in list(self._shaking_hands):
                    handshake.cancel()
                self._closing.set()
                self.end_if_through()
                with trio.move_on_after(self.site.timeouts.shutdown_s):
                    await self._ended.wait()
            finally:  # at the deadline, or at a second KeyboardInterrupt
                scope.cancel()

    @trio.lowlevel.enable_ki_protection
    async def _accept(self, listener: Listener, connections: trio.Nursery) -> None:
        """Accept connections.

        Not `trio.serve_listeners`, which closes a stream when the task that it began with ends: a WebSocket may live on
        in another task.
        """
        async with listener:
            while True:
                try:
                    streams = await self._accepting.accept_all(listener)
                except OSError as error:
                    if error.errno not in NO_CAPACITY:
                        raise
                    self.runtime.log_repeatedly(cannot_accept(error), "accept")
                    await trio.sleep(CAPACITY_WAIT_S)
                    continue
                while streams:  # which are kept by nobody while the next ones are waited for
                    stream = streams.pop(0)
                    if isinstance(stream, trio.SocketStream) and self.watcher is not None:
                        self._connect(stream).flush(trio.current_time())
                    else:
                        connections.start_soon(self._serve_stream, stream)
                    del stream

    # -- connections -------------------------------------------------------------------------------------------------

    async def _serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one connection; whatever goes wrong costs nobody else anything."""
        tls = tls_of(stream)
        if tls is not None:
            is_served = not self._is_crowded and await self._shake_hands(tls)
            forget_handshake(tls)
            if not is_served:
                await trio.aclose_forcefully(stream)
                return
        await self._connect(stream).run()

    def _connect(self, stream: trio.abc.Stream) -> Pump:
        scheme = "http" if tls_of(stream) is None else "https"
        can_half_close = isinstance(stream, trio.SocketStream)
        wire = self.site.connect(trio.current_time(), peer_address(stream), scheme, can_half_close=can_half_close)
        self.runtime.wake_in_time()  # it has a deadline, though it may never say anything
        return Pump(self, stream, wire)

    def end_if_through(self) -> None:
        """Stop watching when the server closes and no connection is left; called whenever one ends."""
        if self.watcher is not None and self.site.is_closing and not self.site.wires:
            self.watcher.stop()

    @property
    def _is_crowded(self) -> bool:
        """Whether as many are shaking hands as there may be connections: who stalls there costs a descriptor, too."""
        limit = self.site.serving.limits.max_connections
        return limit is not None and len(self._shaking_hands) >= limit

    async def _shake_hands(self, tls: trio.SSLStream[trio.abc.Stream]) -> bool:
        with trio.move_on_after(self.site.timeouts.header_s) as scope:
            self._shaking_hands.add(scope)
            try:
                await tls.do_handshake()
            except trio.BrokenResourceError:
                return False  # not TLS, or gone before it began
            finally:
                self._shaking_hands.discard(scope)
        return not scope.cancelled_caught
