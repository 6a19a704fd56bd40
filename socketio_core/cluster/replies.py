"""What a Redis says on one connection, taken apart; whatever else speaks there is found to be none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from typing import Any, Final, cast

import hiredis

from socketio_core.records import record

# A list of millions of parts. One is made before any of them has come, and to forget it takes a loop seconds.
_HUGE: Final = re.compile(rb"[*%~>|][0-9]{7}")

UNFINISHED: Final = object()
"""Instead of a reply that has not come as a whole."""


class Kind(Enum):
    """How a channel is subscribed to; the commands are `SUBSCRIBE`, `PSUBSCRIBE` and `SSUBSCRIBE`."""

    PLAIN = ""
    PATTERN = "P"
    SHARD = "S"


@record
class Heard:
    """A message on a channel."""

    channel: bytes
    data: bytes


_MESSAGES: Final = {b"message": 2, b"smessage": 2, b"pmessage": 3}  # where the data is; the channel is in front of it
_CONFIRMED: Final = {f"{kind.value}subscribe".lower().encode(): kind for kind in Kind}
_ENDED: Final = [f"{kind.value}unsubscribe".lower().encode() for kind in Kind]
_PUSHES: Final = frozenset((*_MESSAGES, *_CONFIRMED, *_ENDED, b"pong"))


def push_name(reply: Any, *, listens: bool) -> bytes | None:
    """Return what a push is called, which is no reply to a command; `None` for a reply.

    RESP3 marks a push. In RESP2 there are some for those who listen, and they are known by their names.
    """
    is_marked = type(reply) is hiredis.PushNotification
    if not (is_marked or (listens and type(reply) is list)):
        return None
    parts = cast("Sequence[Any]", reply)
    name = parts[0] if parts and type(parts[0]) is bytes else b""
    return name if is_marked or name in _PUSHES else None


def message_in(name: bytes, push: Sequence[Any]) -> Heard | None:
    """Return the message, if this is one.

    Raises:
        hiredis.ProtocolError: it is one of nothing.
    """
    at = _MESSAGES.get(name)
    if at is None:
        return None
    if len(push) <= at or type(push[at - 1]) is not bytes or type(push[at]) is not bytes:
        raise hiredis.ProtocolError("a message of nothing")
    return Heard(push[at - 1], push[at])


def subscription_in(name: bytes, push: Sequence[Any]) -> tuple[Kind, str] | None:
    """Return what is heard from now on, if this says so."""
    kind = _CONFIRMED.get(name)
    if kind is None or len(push) < 2 or type(push[1]) is not bytes:
        return None
    return kind, push[1].decode("utf-8", "replace")


class Replies:
    """Takes bytes, and gives replies.

    Attributes:
        unread_bytes: that have come since the last whole reply.
    """

    __slots__ = ("_is_new", "_reader", "unread_bytes")

    def __init__(self) -> None:
        self._reader = hiredis.Reader(notEnoughData=UNFINISHED)
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
        """Return the next reply, or `UNFINISHED`.

        Raises:
            hiredis.ProtocolError: no Redis says that.
        """
        try:
            reply: Any = self._reader.gets()
        except (MemoryError, TypeError) as error:  # a list that does not fit; what cannot be a key, in RESP3
            raise hiredis.ProtocolError(str(error) or "a list that does not fit into the memory") from None
        if reply is not UNFINISHED:
            self.unread_bytes = 0
        return reply
