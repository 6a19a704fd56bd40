"""What a Redis says on one connection, taken apart; whatever else speaks there is found to be none."""

from __future__ import annotations

import re
from typing import Any, Final

import hiredis

# A list of millions of parts. One is made before any of them has come, and to forget it takes a loop seconds.
_HUGE: Final = re.compile(rb"[*%~>|][0-9]{7}")


class Replies:
    """Takes bytes, and gives replies.

    Attributes:
        unread_bytes: that have come since the last whole reply.
    """

    __slots__ = ("_is_new", "_reader", "unread_bytes")

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._is_new = True
        self.unread_bytes = 0

    def feed(self, data: bytes) -> None:
        """Take what was read.

        Raises:
            hiredis.ProtocolError: it is the first, and none of what a Redis would begin with.
        """
        if self._is_new:  # later, what looks so may be in the middle of a text
            self._is_new = False
            if _HUGE.match(data):
                raise hiredis.ProtocolError("the first reply is a list of millions")
        self.unread_bytes += len(data)
        self._reader.feed(data)

    def take(self) -> Any:
        """Return the next reply; `False` if it has not come as a whole.

        Raises:
            hiredis.ProtocolError: no Redis says that.
        """
        try:
            reply: Any = self._reader.gets()
        except (MemoryError, TypeError) as error:  # a list that does not fit; what cannot be a key, in RESP3
            raise hiredis.ProtocolError(str(error) or "a list that does not fit into the memory") from None
        if reply is not False:
            self.unread_bytes = 0
        return reply
