"""A stream that is read and written without a task switch where that is possible: on a plain socket."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

import trio

from socketio_core.trio.addresses import tls_of

READ_BYTES: Final = 65536


class DirectStream:
    """Reads and writes the socket of a stream itself. What it cannot do goes through the stream, and so does TLS.

    Attributes:
        stream: the stream.
        is_closed: it was closed here.
    """

    __slots__ = ("_fileno", "is_closed", "stream")

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.is_closed = False
        # Where sockets are files; -1 is what is no plain socket, or was closed here.
        self._fileno = -1
        if os.name == "posix" and isinstance(stream, trio.SocketStream):
            self._fileno = stream.socket.fileno()

    async def receive(self) -> bytes:
        """Wait for bytes and return them; `b""` at the end.

        Raises:
            trio.BrokenResourceError, trio.ClosedResourceError: the connection is gone.
        """
        if self._fileno < 0:
            return bytes(await self.stream.receive_some(READ_BYTES))
        # receive_some() would try to read first, in vain nearly always, and that costs as much as all of this.
        while True:
            await trio.lowlevel.wait_readable(self._fileno)
            if self._fileno < 0:  # closed by another task since it became readable; the number may be another's now
                raise trio.ClosedResourceError("this stream was closed by another task")
            try:
                return os.read(self._fileno, READ_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                raise trio.BrokenResourceError(f"socket connection broken: {error}") from error

    @property
    def fileno(self) -> int:
        """Of a plain socket; -1 otherwise."""
        return self._fileno

    def read_now(self) -> bytes:
        """Read a plain socket; `b""` at the end, and when the connection is broken.

        Raises:
            BlockingIOError: there is nothing to read.
        """
        try:
            return os.read(self._fileno, READ_BYTES)
        except BlockingIOError:
            raise
        except OSError:
            return b""

    def write_now(self, data: bytes) -> int:
        """Return how many bytes the socket took at once; a broken one is the reader's to find."""
        if self._fileno < 0:
            return 0
        try:
            return os.write(self._fileno, data)
        except OSError:
            return 0

    async def send_all(self, data: bytes) -> None:
        """Write all of it, and wait as long as that takes.

        Raises:
            trio.BrokenResourceError, trio.ClosedResourceError: the connection is gone.
        """
        await self.stream.send_all(data)

    def has_unread(self) -> bool:
        """Whether the socket has something that was not read yet, or the end."""
        tls = tls_of(self.stream)
        stream = self.stream if tls is None else tls.transport_stream
        return isinstance(stream, trio.SocketStream) and stream.socket.is_readable()

    def end_writing(self) -> None:
        """Tell the peer that nothing more comes, if it is a plain socket; reading goes on."""
        if self._fileno >= 0 and isinstance(self.stream, trio.SocketStream):
            with suppress(OSError):  # it is gone
                self.stream.socket.shutdown(trio.socket.SHUT_WR)

    @property
    def is_plain(self) -> bool:
        """Whether it is a plain socket, and was not closed here."""
        return self._fileno >= 0

    def close_now(self) -> None:
        """Drop the connection, of a plain socket."""
        self._fileno = -1
        self.is_closed = True
        if isinstance(self.stream, trio.SocketStream):
            self.stream.socket.close()

    async def aclose_forcefully(self) -> None:
        """Drop the connection."""
        if self.is_plain:
            self.close_now()
        else:
            self.is_closed = True
            await trio.aclose_forcefully(self.stream)
