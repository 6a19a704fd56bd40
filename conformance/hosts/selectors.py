"""Blocking for all sockets at once, with the standard library's `selectors`: the smallest loop there is."""

from __future__ import annotations

import selectors
import socket
from contextlib import suppress
from time import monotonic

from conformance.hosts.contract import WireContract
from socketio_core.wire import Site, Wire

READ_BYTES = 65536


class Connection:
    """One connection."""

    def __init__(self, poller: selectors.BaseSelector, connection: socket.socket, wire: Wire) -> None:
        connection.setblocking(False)  # noqa: FBT003 - as below
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._poller = poller
        self._socket = connection
        self._wire = wire
        self._unsent = b""
        self._awaited = 0  # what the poller is asked for
        wire.context = self

    def read(self) -> None:
        """Hand on what came."""
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._wire.receive(data, monotonic())

    def pump(self) -> None:
        """Write what there is as far as it goes, then wait for what is wanted."""
        wire = self._wire
        try:
            while data := self._unsent or wire.data_to_send(monotonic()):
                self._unsent = data
                self._unsent = data[self._socket.send(data) :]
            if wire.is_mute and not wire.is_over:
                self._socket.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except OSError:
            self._unsent = b""
            wire.write_failed(monotonic())
        wire.unwritten_bytes = len(self._unsent)
        reads = selectors.EVENT_READ if wire.wants_input else 0
        self._wait_for(0 if wire.is_over else reads | (selectors.EVENT_WRITE if self._unsent else 0))
        if wire.is_over:
            self._socket.close()

    def _wait_for(self, events: int) -> None:
        if self._awaited and not events:
            self._poller.unregister(self._socket)
        elif self._awaited and events != self._awaited:
            self._poller.modify(self._socket, events, self)
        elif events and not self._awaited:
            self._poller.register(self._socket, events, self)
        self._awaited = events


def _settle(site: Site) -> None:
    while wires := site.flush(monotonic()):
        for wire in wires:
            assert isinstance(wire.context, Connection)
            wire.context.pump()


def _turn(site: Site, poller: selectors.BaseSelector) -> None:
    deadline = site.next_deadline
    for key, events in poller.select(None if deadline is None else max(0.0, deadline - monotonic())):
        if not isinstance(key.data, Connection):
            assert isinstance(key.fileobj, socket.socket)
            with suppress(OSError):  # no file descriptor is free, or the client has left already
                connection, address = key.fileobj.accept()
                Connection(poller, connection, site.connect(monotonic(), address[0], "http")).pump()
        elif events & selectors.EVENT_READ:
            key.data.read()
        else:
            key.data.pump()
    site.handle_timeout(monotonic())
    _settle(site)


def serve(listeners: list[socket.socket]) -> None:
    """Serve until Ctrl-C."""
    site, poller = WireContract().site, selectors.DefaultSelector()
    for listener in listeners:
        listener.setblocking(False)  # noqa: FBT003 - the library's signature
        poller.register(listener, selectors.EVENT_READ)
    try:
        while True:
            _turn(site, poller)
    finally:  # tell all clients
        site.close(monotonic())
        _settle(site)
