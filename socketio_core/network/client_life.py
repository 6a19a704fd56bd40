"""A client from its beginning to its end, on any event loop: an adapter owns its sockets and tasks, and calls this."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from socketio_core.app.client import Connecting
from socketio_core.app.client_end import ClientEnd
from socketio_core.app.client_host import ClientHost
from socketio_core.app.client_socket import ClientSocket
from socketio_core.app.runtime import Event, Runtime
from socketio_core.app.site import client_site_of
from socketio_core.network.dialing import Trust
from socketio_core.network.runtime import DROPPED, look_after
from socketio_core.network.tls import check_context
from socketio_core.wire.client import ClientWire
from socketio_core.wire.client.connection import is_unknown


def check_tls(asked: Connecting) -> Connecting:
    """Return what was asked for, if TLS can be had that way.

    Raises:
        TypeError, ValueError: it cannot.
    """
    check_context(asked.ssl_context, of_server=False)
    return asked


def drop(wire: ClientWire) -> None:
    """The connection is closed, and the wire over: what looked after it is not wanted any more. See `DROPPED`."""
    wire.context = DROPPED
    wire.has_unread = is_unknown


class ClientRuntime(Runtime, Protocol):
    """What this needs of an adapter's runtime."""

    def flush(self) -> None:
        """Call `ClientLife.flush`, and see that the clock is in time."""

    def begin(self, wire: ClientWire) -> None:
        """Dial a new connection; what looks after it is its `context`, and has a `flush(now)`."""


class ClientLife:
    """One client; a `TurnGiver`.

    Args:
        asked: has been through `check_tls`.
        is_working: whether handlers run.

    Attributes:
        host: its sockets.
        trust: what TLS is to be spoken with.
        site: its connections.
        is_ending: the block was left.
    """

    def __init__(self, asked: Connecting, runtime: ClientRuntime, is_working: Callable[[], bool]) -> None:
        self.host = ClientHost(asked.core, runtime)
        self.site = client_site_of(self.host, asked)
        self._asked = asked
        self._runtime = runtime
        self._is_working = is_working
        self.trust = Trust(asked.ssl_context)
        self._end: ClientEnd | None = None
        self._has_moved: Event

    @property
    def next_deadline(self) -> float | None:
        """See `TurnGiver`."""
        own = None if self._end is None else self._end.next_deadline
        at = self.site.next_deadline
        return at if own is None else own if at is None else min(own, at)

    @property
    def is_behind(self) -> bool:
        """See `TurnGiver`."""
        return self.site.is_behind

    def handle_timeout(self, now: float) -> None:
        """See `TurnGiver`. The end is looked at with each flush."""
        self.site.handle_timeout(now)

    def flush(self, now: float) -> None:
        """Let the application work, begin and end connections, have each write what it has, and look at the end."""
        for wire in self.site.flush(now):
            if wire.context is not None:
                look_after(wire, now)
            elif not wire.is_over:
                self._runtime.begin(wire)
        if self._end is not None and self._end.look(now):
            self._has_moved.set()

    # -- in its order ------------------------------------------------------------------------------------------------

    async def open(self) -> ClientSocket:
        """Return the first socket; from now on handlers run."""
        socket = self.host.socket_of(self._asked.namespace, self._asked.auth)
        if self._asked.wait:
            await socket.wait_first_outcome()
        self.host.release()
        return socket

    @property
    def is_ending(self) -> bool:
        """Whether `close_in_order` was called."""
        return self._end is not None

    async def close_in_order(self) -> None:
        """Send what is left, with `retries` until it is acknowledged, and say goodbye, up to the deadline for each."""
        self._end = end = ClientEnd(
            self.host, self._runtime.now(), is_busy=lambda: self.site.is_busy, is_working=self._is_working
        )
        while not end.is_over:
            self._has_moved = self._runtime.new_event()
            self._runtime.flush()
            await self._has_moved.wait()

    def abort(self) -> None:
        """Drop what is left."""
        now = self._runtime.now()
        self.host.core.abort(now)
        self.site.abort(now)

    def release(self) -> None:
        """Tell everybody who still waits that it is over. No task is left."""
        self.host.dispatch_soon()
        self.host.close()
