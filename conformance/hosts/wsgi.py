"""Threads and blocking sockets, no event loop: for those who live under WSGI servers and their kind.

The connections of `sans` turn bytes into calls on the core; what threads add is one lock around those calls, a reader
and a writer for each connection, and one thread for the time. Nothing that can block is done under the lock.
"""

from __future__ import annotations

import socket
import threading
from time import monotonic, sleep

from conformance.hosts.sans import Host, HostConnection
from socketio_core.engineio import Poll, WebSocket

READ_BYTES = 65536
IDLE_S = 60.0  # a client that says nothing for so long is gone: the heartbeat of a live one is faster


class Server:
    """All connections, and the lock that every call on the core is made under."""

    def __init__(self) -> None:
        self.host = Host()
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)  # the next deadline may be nearer

    def accept_forever(self, listener: socket.socket) -> None:
        """Serve the clients of one listening socket."""
        while True:
            try:
                client = Client(self, listener.accept()[0])
            except OSError:  # no file descriptor is free, or the client has left already
                sleep(0.1)
                continue
            for task in (client.read_forever, client.write_forever):
                threading.Thread(target=task, daemon=True).start()

    def keep_time(self) -> None:
        """Do what is due, for ever."""
        with self.changed:
            while True:
                deadline = self.host.next_deadline
                self.changed.wait(None if deadline is None else max(0.0, deadline - monotonic()))
                self.host.handle_timeout(monotonic())
                self.host.flush(monotonic())


class Client(HostConnection):
    """One connection and its two threads."""

    def __init__(self, server: Server, connection: socket.socket) -> None:
        super().__init__(server.host)
        self._server = server
        self._socket = connection
        self._socket.settimeout(IDLE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wakeup = threading.Event()
        self._ready: WebSocket | None = None
        self._answered: Poll | None = None  # its response is not written yet

    def read_forever(self) -> None:
        """Hand over what comes, until the client is gone."""
        data = b" "
        while data:
            try:
                data = self._socket.recv(READ_BYTES)
            except OSError:  # a time-out is one too
                data = b""
            with self._server.changed:
                self.receive(data, monotonic())
                self._server.changed.notify()
            self._wakeup.set()
        self._socket.close()

    def write(self, carrier: Poll | WebSocket) -> None:
        """Remember a WebSocket: what it has to say stays in its outbox, which is bounded, until it can be written."""
        if isinstance(carrier, WebSocket):
            self._ready = carrier
        else:
            self._answered = carrier
            super().write(carrier)
        self._wakeup.set()

    def write_forever(self) -> None:
        """Write what there is, until it is all. A client that reads slowly holds up this thread alone."""
        is_last, poll = False, None
        try:
            while not is_last:
                self._wakeup.wait()
                self._wakeup.clear()
                with self._server.lock:
                    if self._ready is not None:
                        super().write(self._ready)
                        self._ready = None
                    data, is_last = bytes(self.output), self.is_closed
                    poll, self._answered = self._answered, None
                    self.output.clear()
                self._socket.sendall(data)
                poll = None
            self._socket.shutdown(socket.SHUT_WR)  # the reader goes on until the client has seen it all
        except OSError:
            if poll is not None:  # its packets go to the next one
                with self._server.lock:
                    self._core.abort_poll(poll, monotonic())
                    self._host.flush(monotonic())


def serve(listeners: list[socket.socket]) -> None:
    """Serve until Ctrl-C."""
    server = Server()
    for listener in listeners:
        threading.Thread(target=server.accept_forever, args=[listener], daemon=True).start()
    try:
        server.keep_time()
    finally:  # tell all clients
        with server.lock:
            for core in server.host.cores:
                core.close(monotonic())
            server.host.flush(monotonic())
