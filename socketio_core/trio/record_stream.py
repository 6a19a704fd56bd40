"""The socket below TLS on trio, which is read a few records at a time: see `network.records`."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import final

import trio

from socketio_core.network.records import READ_BYTES, SIP_BYTES, Crowd, Records


@final
class HandshakeQueue:
    """Who waits for a turn of the event loop, to read on in a large handshake; of one server."""

    def __init__(self) -> None:
        self.crowd = Crowd(self._call_soon)
        self._waiting = trio.lowlevel.ParkingLot()

    def _call_soon(self, begin_turn: Callable[[], object]) -> None:
        def begin() -> None:
            begin_turn()
            self._waiting.unpark()

        trio.lowlevel.current_trio_token().run_sync_soon(begin)

    async def wait(self, records: Records) -> None:
        """Wait for that turn. Who is called up takes it without another checkpoint, or somebody else has."""
        while not records.take_turn():
            await self._waiting.park()


@final
class RecordStream(trio.abc.Stream):
    """A socket's stream.

    Args:
        queue: that of its server.

    Attributes:
        below: the stream.
        records: what is read.
    """

    def __init__(self, below: trio.SocketStream, queue: HandshakeQueue) -> None:
        self.below = below
        self.records = Records(queue.crowd)
        self._queue = queue

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """See `trio.abc.ReceiveStream`; some bytes of some records."""
        records = self.records
        if records.is_large_handshake and self.below.socket.fileno() >= 0:
            await trio.lowlevel.wait_readable(self.below.socket)
            await self._queue.wait(records)
        if not records.are_many:
            data = bytes(await self.below.receive_some(SIP_BYTES))
            records.read(data)
            return data
        try:
            there = await self.below.socket.recv(READ_BYTES, socket.MSG_PEEK)
        except OSError as error:
            raise trio.BrokenResourceError(f"socket connection broken: {error}") from error
        return bytes(await self.below.receive_some(records.share(there) or SIP_BYTES))

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """See `trio.abc.SendStream`."""
        await self.below.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """See `trio.abc.SendStream`."""
        await self.below.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """See `trio.abc.AsyncResource`."""
        await self.below.aclose()
