"""A plain socket, read and written by its number, and never waited for. Where sockets are files, that is."""

from __future__ import annotations

import os
from typing import Final

from socketio_core.wire.base import LARGE_BYTES, BaseWire

READ_BYTES: Final = 65536


class PlainSocket:
    """Reads and writes at once, or not at all.

    Attributes:
        fileno: its number; -1 when it was closed here, or is none.
    """

    __slots__ = ("fileno",)

    def __init__(self, fileno: int) -> None:
        self.fileno = fileno

    def read_into(self, wire: BaseWire, now: float) -> int:
        """Hand over what is there, `b""` at the end and when the connection is broken.

        Returns how many bytes that were to be handled; 0 if they only wait for more, or for a turn, or were read away:
        others can be read before.
        """
        try:
            data = os.read(self.fileno, READ_BYTES)
        except BlockingIOError:
            return 0
        except OSError:
            data = b""
        wire.receive(data, now)
        size = len(data)
        return 0 if wire.is_mute or (size >= LARGE_BYTES and wire.is_large) else size

    def write_now(self, data: bytes) -> int:
        """Return how many bytes the socket took at once; a broken one is the reader's to find."""
        if self.fileno < 0:
            return 0
        try:
            return os.write(self.fileno, data)
        except OSError:
            return 0
