"""What a Redis says on one connection, taken apart; whatever else speaks there is found to be none."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from enum import Enum
from itertools import pairwise
from typing import Any, Final, cast

import hiredis

from socketio_core.records import record

# What may begin a list of millions of parts, as far as has come. hiredis makes one before any of them is there, and to
# forget it takes a loop seconds. It begins a line, but so may anything in a text.
_MAY_BE_HUGE: Final = re.compile(rb"\n[*%~>|](?:[0-9]{7}|[0-9]*\Z)")
_HUGE_CHARS: Final = 8  # of its line, by which it is known

UNFINISHED: Final = object()
"""Instead of a reply that has not come as a whole."""


class Kind(Enum):
    """How a channel is subscribed to; the commands are `SUBSCRIBE`, `PSUBSCRIBE` and `SSUBSCRIBE`."""

    PLAIN = ""
    PATTERN = "P"
    SHARD = "S"


@record
class Heard:
    """A message on a channel; `pattern` is by what it was heard, if it was by one."""

    channel: bytes
    data: bytes
    pattern: bytes = b""


_PLAIN_DATA_AT: Final = 2
_MESSAGES: Final = {b"message": _PLAIN_DATA_AT, b"smessage": _PLAIN_DATA_AT, b"pmessage": 3}
"""Where the data is; the channel is in front of it, and in front of that the pattern, if there is one."""

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
    if len(push) <= at or not type(push[1]) is type(push[at - 1]) is type(push[at]) is bytes:
        raise hiredis.ProtocolError("a message of nothing")
    return Heard(push[at - 1], push[at], push[1] if at > _PLAIN_DATA_AT else b"")


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

    __slots__ = ("_before", "_kept", "_pieces", "_reader", "unread_bytes")

    def __init__(self) -> None:
        self._reader = hiredis.Reader(notEnoughData=UNFINISHED)
        self._before: bytes = b"\n"  # the last of what was read
        self._kept: bytes = b""  # behind that, a few bytes that may begin a list of millions
        self._pieces: deque[bytes] = deque()  # for the reader, each once it is known what the bytes before it were
        self.unread_bytes = 0

    def feed(self, data: bytes) -> None:
        """Take what was read; all that there was to be taken was."""
        self.unread_bytes += len(data)
        is_short = len(data) < _HUGE_CHARS or data[_HUGE_CHARS - 1 : _HUGE_CHARS].isdigit()
        if is_short or self._kept or _MAY_BE_HUGE.search(data) is not None:
            self._take_apart(data)
        else:  # nearly always; it costs 0.4 µs for a message, and 17 for 64 kB of text
            self._before = data[-1:]
            self._reader.feed(data)

    def _take_apart(self, data: bytes) -> None:
        text = self._before + self._kept + data
        found = list(_MAY_BE_HUGE.finditer(text))
        cuts = [1, *(each.start() + 1 for each in found), len(text)]
        pieces = [text[start:end] for start, end in pairwise(cuts)]
        self._before, self._kept = text[-1:], b""
        if found and found[-1].end() == len(text) and len(pieces[-1]) < _HUGE_CHARS:  # the next bytes will tell
            self._before, self._kept = b"\n", pieces.pop()
        self._reader.feed(pieces[0])
        self._pieces.extend(pieces[1:])

    def take(self) -> Any:
        """Return the next reply, or `UNFINISHED`.

        Raises:
            hiredis.ProtocolError: no Redis says that.
        """
        try:
            reply: Any = self._reader.gets()
            while reply is UNFINISHED and self._pieces:
                if not self._reader.has_data():  # so what follows is not in the middle of a text
                    raise hiredis.ProtocolError("a list of millions")
                self._reader.feed(self._pieces.popleft())
                reply = self._reader.gets()
        except (MemoryError, TypeError) as error:  # a list that does not fit; what cannot be a key, in RESP3
            raise hiredis.ProtocolError(str(error) or "a list that does not fit into the memory") from None
        if reply is not UNFINISHED:
            self.unread_bytes = 0
        return reply
