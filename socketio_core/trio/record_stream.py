"""The socket below TLS on trio, which is read a few records at a time: see `network.records`."""

from __future__ import annotations

import socket
from typing import final

import trio

from socketio_core.network.records import READ_BYTES, SIP_BYTES, Records


@final
class RecordStream(trio.abc.Stream):
    """A socket's stream.

    Attributes:
        below: the stream.
    """

    def __init__(self, below: trio.SocketStream, records: Records) -> None:
        self.below = below
        self._records = records

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """See `trio.abc.ReceiveStream`; some bytes of some records."""
        records = self._records
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
