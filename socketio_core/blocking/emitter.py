"""`Emitter("redis://localhost:6379").to("room").emit("news", 1)`, for workers, scheduled jobs and shells."""

from __future__ import annotations

import random
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

from socketio_core.cluster.address import RedisAddress, parse_redis_url
from socketio_core.cluster.emitting import Emitting, transport_of
from socketio_core.cluster.link import ClusterUnavailable, Link, LinkDown, LinkUp, Replied
from socketio_core.cluster.transports import Command
from socketio_core.network.dialing import has_unread, reason_of, tls_problem

if TYPE_CHECKING:
    from types import TracebackType

_READ_BYTES = 65536


class Emitter(Emitting[None]):
    """Tells the servers of a cluster, ours and Node's, without being one of them. Any thread may call it.

    It connects when there is something to send, and again when the connection was lost; each call waits until the
    Redis has it.

    Args:
        url: of the Redis: `"redis://user:password@host:6379/0"`, `"rediss://..."`, `"unix:///path"`.
        kind: what the servers use: `"classic"`, `"sharded"` or `"streams"`.
        prefix: what the servers' channels begin with.
        stream: the servers' stream.
        mode: of sharded servers.
        timeout_s: for each call.
        ssl_context: for `rediss`; `None` is the system's trust.
    """

    def __init__(
        self,
        url: str,
        *,
        kind: str = "classic",
        prefix: str = "socket.io",
        stream: str = "socket.io",
        mode: str = "dynamic",
        timeout_s: float = 5.0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        address = parse_redis_url(url)
        self._connection = _Connection(address, timeout_s, ssl_context)
        super().__init__(transport_of(address, kind, prefix, stream, mode), self._connection.execute)

    def __enter__(self) -> Emitter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; another call would open it again."""
        self._connection.close()


class _Connection:
    """A link, driven by whoever calls."""

    def __init__(self, address: RedisAddress, timeout_s: float, ssl_context: ssl.SSLContext | None) -> None:
        self._link = Link(address, random.random)
        self._timeout_s = timeout_s
        self._ssl_context = ssl_context
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    def execute(self, command: Command) -> None:
        """Send a command and wait until it was carried out.

        It is not sent again when the connection is lost before that is known: rather once at the most than twice.

        Raises:
            ClusterUnavailable: it was not, or nobody knows.
        """
        with self._lock:
            until = time.monotonic() + self._timeout_s
            if self._socket is None or not self._link.is_up or has_unread(self._socket.fileno()):
                self._connect(until)  # a dead connection has something to read, its end
            self._link.send(*command, token=command)
            self._pump(command, until)

    def _connect(self, until: float) -> None:
        link = self._link
        self._drop()
        link.lost("another is opened", time.monotonic())
        link.take_events()
        link.dialing()
        try:
            self._socket = self._dial(until)
        except OSError as error:
            link.refused(tls_problem(error) or reason_of(error), time.monotonic())
            link.take_events()
            raise ClusterUnavailable(f"{link.address.url}: {link.reason}") from None
        link.connected(time.monotonic())
        self._pump(None, until)

    def _dial(self, until: float) -> socket.socket:
        address, left_s = self._link.address, max(0.01, until - time.monotonic())
        if address.unix_path is not None:
            connecting = socket.socket(socket.AF_UNIX)
        else:
            connecting = socket.create_connection((address.host, address.port), left_s)
        try:
            connecting.settimeout(left_s)
            if address.unix_path is not None:
                connecting.connect(address.unix_path)
                return connecting
            connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not address.is_secure:
                return connecting
            context = self._ssl_context or ssl.create_default_context()
            return context.wrap_socket(connecting, server_hostname=address.host)
        except BaseException:
            connecting.close()
            raise

    def _pump(self, token: Any, until: float) -> None:
        """Write and read until the link is up, or the command with this token was carried out."""
        link, connection = self._link, self._socket
        assert connection is not None  # it was dialed
        while True:
            for event in link.take_events():
                if isinstance(event, LinkDown):
                    self._drop()
                    raise ClusterUnavailable(f"{link.address.url}: {event.reason}")
                if isinstance(event, LinkUp) and token is None:
                    return
                if isinstance(event, Replied) and event.token is token:
                    if event.error is not None:
                        raise ClusterUnavailable(f"{link.address.url}: {event.error}")
                    return
            left_s = until - time.monotonic()
            try:
                connection.settimeout(max(0.001, left_s))
                data = link.data_to_send()
                if data:
                    connection.sendall(data)
                link.receive(connection.recv(_READ_BYTES), time.monotonic())
            except OSError as error:
                why = f"no answer in {self._timeout_s:g} s" if isinstance(error, TimeoutError) else reason_of(error)
                link.lost(why, time.monotonic())

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        """Drop the connection."""
        with self._lock:
            self._link.lost("closed", time.monotonic())
            self._link.take_events()
            self._drop()
