"""Threads and blocking sockets, no event loop: for those who live under WSGI servers and their kind.

One lock is around every call, and nothing blocks under it; a connection has two threads, and the time has one.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from time import monotonic, sleep

from conformance.hosts.contract import WireContract


class Server:
    """All connections, and the lock that every call on the site and its wires is made under."""

    def __init__(self) -> None:
        self.site = WireContract().site
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)  # the next deadline may be nearer

    def accept_forever(self, listener: socket.socket) -> None:
        """Serve the clients of one listening socket."""
        while True:
            try:
                Client(self, *listener.accept())
            except OSError:  # no file descriptor is free, or the client has left already
                sleep(0.1)

    def settle(self) -> None:
        """See to all that is ready. Call it with the lock, after anything."""
        for wire in self.site.flush(monotonic()):
            wire.context.wake()  # type: ignore[attr-defined] # a Client
        self.changed.notify()

    def keep_time(self) -> None:
        """Do what is due, for ever."""
        with self.lock:
            while True:
                deadline = self.site.next_deadline or monotonic() + 60.0  # `None`: there is nothing to wait for
                if not self.changed.wait(max(0.0, deadline - monotonic())):
                    self.site.handle_timeout(monotonic())
                    self.settle()


class Client:
    """One connection and its two threads."""

    def __init__(self, server: Server, connection: socket.socket, address: tuple[str, int]) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server = server
        self._socket = connection
        self._changed = threading.Condition(server.lock)
        self._is_noted = False  # there may be something to write, or the end
        with server.lock:
            self._wire = server.site.connect(monotonic(), address[0], "http")
            self._wire.context = self
            server.settle()  # it has a deadline
        for task in (self.read_forever, self.write_forever):
            threading.Thread(target=task, daemon=True).start()

    def wake(self) -> None:
        """Have both threads look again; whoever blocks finds out about the end."""
        self._is_noted = True
        self._changed.notify_all()
        if self._wire.is_over:
            with suppress(OSError):  # gone already
                self._socket.shutdown(socket.SHUT_RDWR)

    def read_forever(self) -> None:
        """Hand over what comes, until the client is gone."""
        data = b" "
        while data:
            with self._server.lock:
                self._changed.wait_for(lambda: self._wire.wants_input or self._wire.is_over)
            data = b""
            with suppress(OSError):
                data = self._socket.recv(65536)
            with self._server.lock:
                self._wire.receive(data, monotonic())
                self._server.settle()

    def write_forever(self) -> None:
        """Write what there is. A client that reads slowly holds up this thread alone."""
        data = b""
        while not self._wire.is_over:
            try:
                self._socket.sendall(data)
                if self._wire.is_mute and not data:
                    self._socket.shutdown(socket.SHUT_WR)
            except OSError:
                with self._server.lock:
                    self._wire.write_failed(monotonic())
            with self._server.lock:
                data = self._wire.data_to_send(monotonic())
                if not data:
                    self._server.settle()  # that all is written may be what something waits for,
                    self._changed.notify_all()  # such as the reader
                    self._changed.wait_for(lambda: self._is_noted or self._wire.is_over)
                    self._is_noted = False
        with self._server.lock:
            self.wake()
        self._socket.close()


def serve(listeners: list[socket.socket]) -> None:
    """Serve until Ctrl-C."""
    server = Server()
    threading.Thread(target=server.keep_time, daemon=True).start()
    for listener in listeners:
        threading.Thread(target=server.accept_forever, args=[listener], daemon=True).start()
    try:
        sleep(1e9)  # and not with the lock: Ctrl-C may come when half of that is done
    finally:  # tell all clients
        with server.lock:
            server.site.close(monotonic())
            server.settle()
            server.changed.wait_for(lambda: not server.site.wires, 1.0)
