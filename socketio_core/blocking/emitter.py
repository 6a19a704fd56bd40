"""`Emitter("redis://localhost:6379").to("room").emit("news", 1)`, for workers, scheduled jobs and shells."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

from socketio_core.cluster.calling import CallLine
from socketio_core.cluster.emitting import AnyEmitter
from socketio_core.cluster.lines import nothing
from socketio_core.cluster.link import Command
from socketio_core.network.dialing import Trust, has_unread, reason_of, tls_problem

if TYPE_CHECKING:
    from types import TracebackType

_READ_BYTES = 65536


class Emitter(AnyEmitter[None]):
    __doc__ = f"{AnyEmitter.__doc__}\n    Any thread may call it.\n"

    def __enter__(self) -> Emitter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self) -> None:
        self._connection = _Connection(self._line)

    def _execute(self, command: Command) -> None:
        self._connection.execute(command)

    def close(self) -> None:
        """Close the connection; another call would open it again."""
        self._connection.close()


class _Connection:
    """Keeps a line while somebody waits for what comes of a call; in between, nobody sees to it."""

    def __init__(self, line: CallLine) -> None:
        self._line = line
        self._trust = Trust(line.ssl_context)
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    def execute(self, command: Command) -> None:
        """Send a command and wait until it was carried out.

        Raises:
            ClusterUnavailable: it was not, or nobody knows.
        """
        with self._lock:
            while self._socket is not None and has_unread(self._socket.fileno()):  # perhaps its end
                self._read(self._socket)
            call = self._line.call(command, time.monotonic(), nothing)
            try:
                while not call.is_over:
                    self._turn()
            finally:
                self._line.forget(call)  # after Ctrl-C, too
                if not self._line.wants_connection:
                    self._drop()
            if call.error is not None:
                raise call.error

    def _turn(self) -> None:
        line, connection = self._line, self._socket
        if line.dial_at is not None:
            self._connect()
            return
        assert connection is not None  # without, the call is over
        try:
            connection.settimeout(self._left_s())
            connection.sendall(line.data_to_send(time.monotonic()))
        except OSError as error:
            line.lost(reason_of(error), time.monotonic())
        else:
            self._read(connection)

    def _left_s(self) -> float:
        deadline = self._line.next_deadline
        assert deadline is not None  # there is a call
        return max(0.001, deadline - time.monotonic())

    def _read(self, connection: socket.socket) -> None:
        line = self._line
        try:
            line.receive(connection.recv(_READ_BYTES), time.monotonic())
        except TimeoutError:
            line.handle_timeout(time.monotonic())
        except OSError as error:
            line.lost(reason_of(error), time.monotonic())
        if not line.wants_connection:
            self._drop()

    def _connect(self) -> None:
        self._drop()
        self._line.dialing(time.monotonic())
        try:
            self._socket = self._dial()
        except OSError as error:
            self._line.refused(tls_problem(error) or reason_of(error), time.monotonic())
        except BaseException:  # Ctrl-C: the next call dials again
            self._line.refused("interrupted", time.monotonic())
            raise
        else:
            self._line.connected(time.monotonic())

    def _dial(self) -> socket.socket:
        line, left_s = self._line, self._left_s()
        if line.unix_path is not None:
            connecting = socket.socket(socket.AF_UNIX)
        else:
            connecting = socket.create_connection((line.host, line.port), left_s)
        try:
            connecting.settimeout(left_s)
            if line.unix_path is not None:
                connecting.connect(line.unix_path)
                return connecting
            connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if line.ssl_context is None:
                return connecting
            return self._trust.context.wrap_socket(connecting, server_hostname=line.host)
        except BaseException:
            connecting.close()
            raise

    def _drop(self) -> None:
        """Close the connection; `execute` opens it again."""
        if self._socket is not None:
            self._line.lost("closed", time.monotonic())
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        """Close the connection when nobody waits for anything."""
        with self._lock:
            self._drop()
