"""How many TLS records are handed to OpenSSL at once.

It handles all that it is given before anybody else has a turn, and 27 bytes that have keys changed (TLS 1.3) take it as
long as 100 kB of data: 64 kB of these, from each of 20 clients, hold up everybody for a second. So a connection takes
no more than its share of records out of the system's buffer; the rest stays there until others were served. Only heads
of records are looked at, which nothing encrypts.

So it is with a handshake: where clients are asked for certificates, a chain of 80 takes 10 ms, all at its last byte. Of
handshakes that are larger than those of others ever are, one is read in a turn of the event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final, final
from weakref import WeakSet

READ_BYTES: Final = 65536
SHARED_RECORDS: Final = 256  # of all connections that have many, in a turn of each
FEW_RECORDS: Final = 16  # of each, however many connections there are; as data, these can be 256 kB
SIP_BYTES: Final = FEW_RECORDS * 22  # in which there are no more; the smallest is empty, with its kind and a tag
HANDSHAKE_BYTES: Final = 8192  # of a client's part of a handshake; with a certificate and its issuer it has 4,000
_HEAD_BYTES: Final = 5  # of these, the last two say how many follow


@final
class Crowd:
    """The connections of one server.

    Args:
        call_soon: calls a function in the next turn of the event loop.

    Attributes:
        busy: those that have many records.
    """

    def __init__(self, call_soon: Callable[[Callable[[], object]], object]) -> None:
        self._call_soon = call_soon
        self.busy: WeakSet[Records] = WeakSet()
        self._is_taken = False

    def take_turn(self) -> bool:
        """Take this turn of the event loop, to read on in a large handshake. Returns whether nobody else has."""
        if self._is_taken:
            return False
        self._is_taken = True
        self._call_soon(self._next_turn)
        return True

    def _next_turn(self) -> None:
        self._is_taken = False


@final
class Records:
    """Those of one connection.

    Who reads asks for `SIP_BYTES` and tells what that brought (`read`). While `are_many`, more is there: who reads then
    looks at `READ_BYTES` without taking them, and takes as many as `share` says. Before each read of a large handshake
    it waits until it could `take_turn`.

    Args:
        crowd: the connections of the same server.

    Attributes:
        is_shaking_hands: until who reads says that it is over.
    """

    __slots__ = ("__weakref__", "_crowd", "_head", "_left", "_size", "are_many", "is_shaking_hands")

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self.is_shaking_hands = True
        self._size = 0  # bytes that were read of a handshake
        self._head = b""  # of the next record, as much as has come
        self._left = 0  # bytes of this one
        self.are_many = False

    @property
    def is_large_handshake(self) -> bool:
        """Whether it is in the middle of one, and so has to `take_turn` before it is read."""
        return self.is_shaking_hands and self._size > HANDSHAKE_BYTES

    def take_turn(self) -> bool:
        """See `Crowd.take_turn`; to be called when there is something to read."""
        return self._crowd.take_turn()

    def read(self, data: bytes | memoryview) -> None:
        """So much was taken."""
        size = len(data)
        self._size += size
        if self._left or self._head or size <= _HEAD_BYTES or (data[3] << 8 | data[4]) != size - _HEAD_BYTES:
            self._walk(data, inf)  # else it is one record, as most often
        if self.are_many or size >= SIP_BYTES:
            self._note(size >= SIP_BYTES)

    def share(self, data: bytes | memoryview) -> int:
        """Return how many of these bytes are to be taken now."""
        if self.is_shaking_hands and self._size <= HANDSHAKE_BYTES:
            data = data[: HANDSHAKE_BYTES + 1 - self._size]  # what follows waits for its turn
        size = self._walk(data, max(FEW_RECORDS, SHARED_RECORDS // len(self._crowd.busy)))
        self._size += size
        self._note(len(data) >= SIP_BYTES)
        return size

    def _note(self, are_many: bool) -> None:  # noqa: FBT001 - private
        if are_many is not self.are_many:
            self.are_many = are_many
            (self._crowd.busy.add if are_many else self._crowd.busy.discard)(self)

    def _walk(self, data: bytes | memoryview, limit: float) -> int:
        """Go over so many records. Returns where the last one ends, or the data does."""
        at, count = self._left, 0
        while at < len(data) and count < limit:
            missing = _HEAD_BYTES - len(self._head)
            self._head += bytes(data[at : at + missing])
            at += missing
            if at <= len(data):
                at += int.from_bytes(self._head[3:], "big")
                self._head = b""
                count += 1
        if at > len(data) and self._head:  # in the middle of a head
            at = len(data)
        size = min(at, len(data))
        self._left = at - size
        return size
