"""The socket below TLS on asyncio, which is read a few records at a time: see `network.records`."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, final

from socketio_core.network.records import READ_BYTES, SIP_BYTES, Records

if TYPE_CHECKING:
    from typing_extensions import Buffer


@final
class RecordSocket(socket.socket):
    """Takes the place of a socket that was accepted. asyncio's loop reads it by `recv_into`; uvloop does not.

    What is left in the system's buffer makes it ready again in the next turn of the loop.

    Attributes:
        records: what is read.
    """

    __slots__ = ("records",)

    def __init__(self, accepted: socket.socket, records: Records) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        self.records = records

    def recv_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> int:
        """See `socket.socket`; some bytes of some records."""
        records, view = self.records, memoryview(buffer)
        if records.is_large_handshake and not records.take_turn():
            raise BlockingIOError
        if records.are_many:
            there = super().recv_into(view[:READ_BYTES], 0, socket.MSG_PEEK)
            return super().recv_into(view[: records.share(view[:there]) or SIP_BYTES])
        size = super().recv_into(view[:SIP_BYTES])
        records.read(view[:size])
        return size
