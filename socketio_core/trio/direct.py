"""A stream that is read and written without a task switch where that is possible: on a plain socket."""

from __future__ import annotations

import os
from contextlib import suppress

import trio

from socketio_core.network.plain import READ_BYTES, PlainSocket
from socketio_core.trio.addresses import socket_stream_of


class DirectStream(PlainSocket):
    """Reads and writes the socket of a stream itself. What it cannot do goes through the stream, and so does TLS.

    Attributes:
        stream: the stream.
        is_closed: it was closed here.
    """

    __slots__ = ("is_closed", "stream")

    def __init__(self, stream: trio.abc.Stream) -> None:
        is_file = os.name == "posix"
        super().__init__(stream.socket.fileno() if is_file and isinstance(stream, trio.SocketStream) else -1)
        self.stream = stream
        self.is_closed = False

    async def receive(self) -> bytes:
        """Wait for bytes and return them; `b""` at the end.

        Raises:
            trio.BrokenResourceError, trio.ClosedResourceError: the connection is gone.
        """
        if self.fileno < 0:
            return bytes(await self.stream.receive_some(READ_BYTES))
        # receive_some() would try to read first, in vain nearly always, and that costs as much as all of this.
        while True:
            await trio.lowlevel.wait_readable(self.fileno)
            if self.fileno < 0:  # closed by another task since it became readable; the number may be another's now
                raise trio.ClosedResourceError("this stream was closed by another task")
            try:
                return os.read(self.fileno, READ_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                raise trio.BrokenResourceError(f"socket connection broken: {error}") from error

    async def send_all(self, data: bytes) -> None:
        """Write all of it, and wait as long as that takes.

        Raises:
            trio.BrokenResourceError, trio.ClosedResourceError: the connection is gone.
        """
        await self.stream.send_all(data)

    def has_unread(self) -> bool:
        """Whether the socket has something that was not read yet, or the end."""
        below = socket_stream_of(self.stream)
        return below is not None and below.socket.is_readable()

    def end_writing(self) -> None:
        """Tell the peer that nothing more comes, if it is a plain socket; reading goes on."""
        if self.fileno >= 0 and isinstance(self.stream, trio.SocketStream):
            with suppress(OSError):  # it is gone
                self.stream.socket.shutdown(trio.socket.SHUT_WR)

    @property
    def is_plain(self) -> bool:
        """Whether it is a plain socket, and was not closed here."""
        return self.fileno >= 0

    def close_now(self) -> None:
        """Drop the connection, of a plain socket."""
        self.fileno = -1
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
