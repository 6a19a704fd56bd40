"""One connection of a server on asyncio at a plain socket, which it reads and writes itself."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, final

from socketio_core.network.dialing import reason_of
from socketio_core.network.plain import PlainSocket
from socketio_core.network.runtime import DROPPED
from socketio_core.network.watching import READABLE, WRITABLE
from socketio_core.network.writer import Writer
from socketio_core.wire import Wire

if TYPE_CHECKING:
    from socketio_core.asyncio.serve import AsyncioServer
    from socketio_core.asyncio.watcher import Watcher


@final
class OwnSocket(PlainSocket):
    """A socket of nobody else's."""

    __slots__ = ("_socket",)

    def __init__(self, own: socket.socket) -> None:
        super().__init__(own.fileno())
        self._socket = own

    def end_writing(self) -> None:
        """Tell the peer that nothing more comes; reading goes on."""
        with suppress(OSError):  # it is gone
            self._socket.shutdown(socket.SHUT_WR)

    def close_now(self) -> None:
        """Drop the connection."""
        self.fileno = -1
        self._socket.close()


@final
class PlainConnection(Writer[Wire, OwnSocket]):
    """A client has come, on a plain socket."""

    __slots__ = ("_events", "_own", "_server", "_watcher")

    def __init__(self, server: AsyncioServer, watcher: Watcher, own: socket.socket, wire: Wire) -> None:
        super().__init__(wire)
        self._server = server
        self._watcher = watcher
        self._own = OwnSocket(own)
        self._events = 0  # that are watched

    def on_ready(self, now: float) -> int:
        """See `Watched`."""
        if self._is_writing:
            self._write_rest(now)
        return self._own.read_into(self._wire, now) if self._events & READABLE else 0

    def flush(self, now: float) -> None:
        """Write what is waiting; read on or not; or end."""
        wire = self._wire
        self._write(self._own, now)
        if wire.is_over:
            self._watch(0)
            self._own.close_now()
            self._server.end_if_through()
            if not wire.has_more:
                wire.context = DROPPED
            return
        events = (READABLE if wire.wants_input else 0) | (WRITABLE if self._is_writing else 0)
        if events != self._events:
            self._watch(events)

    def _watch(self, events: int) -> None:
        watcher, fileno = self._watcher, self._own.fileno
        if self._events:
            watcher.unwatch(fileno)
        if events:
            watcher.watch(fileno, self, events)
        self._events = events

    def _begin_to_wait(self, direct: OwnSocket) -> None:
        """See `flush`."""

    def _write_rest(self, now: float) -> None:
        """Write what the socket did not take before; the runner sees to what has come since then."""
        data, self._unsent = self._unsent, b""
        self._is_writing = False
        self._wire.unwritten_bytes = 0
        try:
            sent = os.write(self._own.fileno, data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._wire.write_failed(now, reason_of(error))
            sent = len(data)
        if sent < len(data):
            self._wait_with(data[sent:], self._own)
        self._server.site.note(self._wire)
