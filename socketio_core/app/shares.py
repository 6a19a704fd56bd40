"""How much memory messages take that wait to be sent, whatever was made of them, each shared by those who have it.

A broadcast lies in many outboxes, and in memory once. To count in how many takes a time for each copy, of which there
may be millions; CPython counts references anyway. Of many messages only some are looked at, others each time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Final

from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.outbox import MESSAGE_BYTES

_SAMPLE: Final = 32  # of the messages of one list that are looked at, and up to twice as many; 10 µs
_PLACE_BYTES: Final = 8  # in a list
_MOST_TIMES: Final = 8  # what messages take, at most, in comparison with what they are on the wire

_count_references: Callable[[object], int] = getattr(sys, "getrefcount", lambda _: 0)  # others do not count them


def _references(messages: Sequence[object]) -> list[int]:
    return list(map(_count_references, messages))


_A_LIST: Final = [object()]
_ONE: Final = _references(_A_LIST[::1])[0]  # of what is in one list, and in a part of it


def taken_bytes(messages: Sequence[WireMessage], size_bytes: int | None, turn: int, *, only_own: bool = False) -> int:
    """Return how much memory messages take, about.

    Args:
        messages: the list that has them, itself.
        size_bytes: of all of them, on the wire, if that is known.
        turn: says which of them are looked at, if they are many.
        only_own: without those that others have, too.
    """
    count = len(messages)
    step = max(1, count // _SAMPLE)
    some = messages[turn % step :: step]
    size = taken = 0
    for message, references in zip(some, _references(some), strict=True):
        size += message.size_bytes
        copies = max(1, references - _ONE + 1)
        if copies == 1 or not only_own:
            taken += (message.held_bytes + MESSAGE_BYTES) // copies
    times = count / len(some) if some else 1
    if size_bytes is None:
        size_bytes = int(size * times)
    usual = size_bytes + MESSAGE_BYTES * count
    more = (taken - size - MESSAGE_BYTES * len(some)) * times  # or less
    return _PLACE_BYTES * count + min(max(0, usual + int(more)), _MOST_TIMES * usual)
