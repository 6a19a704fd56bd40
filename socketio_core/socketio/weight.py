"""How much memory a message takes once it is parsed, told from its text.

A megabyte of `[],` is 28 MB of lists. Who keeps what was parsed, and counts it, must count that. So each mark that
makes a value is counted, outside of strings only: commas, colons, opening brackets.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain
from typing import Any, Final, cast

from socketio_core.engineio.message import received_size
from socketio_core.engineio.packet import Payload
from socketio_core.socketio.nesting import count_mark, is_sparse, levels, marks_outside_strings
from socketio_core.socketio.packet import EVENT, Packet

# What is handled at once is gone before anybody asks, and not worth the time to look at each mark (benchmarks: 10 kB).
LIGHT_CHARS: Final = 256  # such shorter messages are taken for what they are on the wire
FLAT_CHARS: Final = 16_384  # and such events, up to this
FLAT_FACTOR: Final = 10  # for eight times what they are on the wire, as is usual; 37 times is the most that was seen

# CPython 3.11, 64 bits, as `tracemalloc` has it; what is kept is between a fifth and 2.5 times the estimate.
_VALUE_BYTES: Final = 32  # of a value, and of its key: a pointer to it, and a small number or a short text
_CONTAINER_BYTES: Final = 80  # of a list or an object beyond that
_DENSE: Final = 8  # one mark for so many bytes: only then is it worth the time to look which of them are in strings
_TOGETHER: Final = 256  # more values that are yet to be looked at
_VALUE_MARKS: Final = (b",", b"[", b"{")

_NOT_MARKS = bytes(set(range(256)) - set(b',:[{"'))

# To read an integer, and to write it again, takes a time that grows with the square of its digits: 0.3 ms for the 4,300
# that Python takes, as long as for a thousand other values.
_LONG_DIGITS: Final = 1024
_LONG_VALUES: Final = 256  # what so many digits, one behind another, count for
_STEP: Final = 31  # a prime: what is shorter, and repeated, has something else at one of so many steps
_DIGITS_TO_0: Final = bytes.maketrans(b"123456789", b"000000000")
_LONG: Final = b"0" * _LONG_DIGITS
_NOT_NUMBERS = bytes(set(range(256)) - set(b'0123456789,:[]{}"'))


def _text_size(payload: Payload) -> int:
    """Return what a message is on the wire, and more for each value in it."""
    size_bytes = received_size(payload)
    if isinstance(payload, bytes):
        return size_bytes
    if not payload.isascii():  # one character beyond U+FFFF makes all the others as wide
        size_bytes = max(size_bytes, payload.__sizeof__())
    elif "\\" in payload and "\\u" in payload:  # and so does one written as an escape; the first is looked up fast
        size_bytes *= 2
    values, containers = _count(payload)
    return size_bytes + _VALUE_BYTES * values + _CONTAINER_BYTES * containers


def count_values(text: str) -> int:
    """Return how many values a JSON text has, about: one for each comma and each opening bracket.

    A number that takes as long as many values counts for as many.
    """
    raw = text.encode("utf-8", "surrogatepass")
    more = _more_for_long_numbers(raw)
    if is_sparse(raw):
        count = sum(count_mark(raw, mark) for mark in _VALUE_MARKS)
        if count * _DENSE <= len(raw):
            return count + more
    marks = marks_outside_strings(raw, _NOT_MARKS)
    return len(marks) - marks.count(b":") + more


def _more_for_long_numbers(raw: bytes) -> int:
    """Return how many values more long numbers count for; digits in strings are none."""
    probe = raw[::_STEP].translate(_DIGITS_TO_0)
    if _LONG[: _LONG_DIGITS // _STEP] not in probe:  # nearly always; 40 µs for 1 MB
        return 0
    if _LONG not in raw.translate(_DIGITS_TO_0):
        return 0
    numbers = marks_outside_strings(raw, _NOT_NUMBERS).translate(_DIGITS_TO_0)
    return _LONG_VALUES * numbers.count(_LONG)


def count_containers(values: Collection[Any]) -> int:
    """Return how many lists, objects and the like are in a collection of values, at any depth, with itself."""
    return sum(map(len, levels(values)))


def _count(text: str) -> tuple[int, int]:
    """Return the number of commas and colons, and that of opening brackets."""
    raw = text.encode("utf-8", "surrogatepass")
    if is_sparse(raw):  # fast path; benchmarks: core, 10 kB
        values = count_mark(raw, b",") + count_mark(raw, b":")
        containers = count_mark(raw, b"[") + count_mark(raw, b"{")
        if (values + containers) * _DENSE <= len(raw):  # then it hardly matters which of them are in strings
            return values, containers
    marks = marks_outside_strings(raw, _NOT_MARKS)
    containers = marks.count(b"[") + marks.count(b"{")
    return len(marks) - containers, containers


class Scale:
    """What messages are weighed with, whichever parser reads them.

    Attributes:
        is_json: then bytes need not be weighed: they take what they are on the wire.
        is_exact: each is weighed exactly, as if it were to wait: handlers have much already.
        light_chars: shorter ones in ASCII need not be weighed; what other parsers make of a few bytes nobody knows.
    """

    __slots__ = ("is_exact", "is_json", "light_chars")

    def __init__(self, *, is_json: bool) -> None:
        self.is_json = is_json
        self.weigh_exactly(is_exact=False)

    def weigh_exactly(self, *, is_exact: bool) -> None:
        """Weigh each message exactly from now on, or no longer."""
        self.is_exact = is_exact
        self.light_chars = LIGHT_CHARS if self.is_json and not is_exact else 0

    def weigh(self, payload: Payload, packet: Packet | None, *, exactly: bool) -> int:
        """Return how much memory a message takes, in bytes, and the packet that it completes, if it does.

        An estimate, which `tests/hostile` holds against what Python takes.

        Args:
            exactly: if it is an event, it will wait. Otherwise most are handled at once, and it is a guess.
        """
        if self.is_json:
            is_event = packet is not None and packet.type == EVENT
            if type(payload) is str and not ((exactly or self.is_exact) and (is_event or packet is None)):
                if len(payload) <= LIGHT_CHARS:
                    return received_size(payload)
                if len(payload) <= FLAT_CHARS and is_event:
                    return FLAT_FACTOR * len(payload)
            return _text_size(payload)
        size_bytes = received_size(payload)
        return size_bytes if packet is None else max(size_bytes, _walked_size(packet.data))


def _walked_size(data: object) -> int:
    """Return the size of what another parser has made of a message: how that looks on the wire nobody knows.

    It may be a million values. One by one they would take 300 ms; many are looked at together, in 20 to 100 ms.
    """
    size_bytes = 0
    pending: list[Any] = [data]
    while pending:
        if len(pending) > _TOGETHER:
            many, pending = pending, []
            size_bytes += _VALUE_BYTES * len(many) + _size_of_many(many, pending)
            continue
        value = pending.pop()
        size_bytes += _VALUE_BYTES
        if isinstance(value, dict):
            size_bytes += _CONTAINER_BYTES
            pending += value
            pending += value.values()  # pyright: ignore[reportUnknownMemberType] # of anything
        elif isinstance(value, (list, tuple)):
            size_bytes += _CONTAINER_BYTES
            pending += cast("list[Any]", value)
        elif isinstance(value, (str, bytes, bytearray)):
            size_bytes += value.__sizeof__()
    return size_bytes


def _size_of_many(values: list[Any], inner: list[Any]) -> int:
    """Return what such values take beyond `_VALUE_BYTES`; what is in them is appended to `inner`."""
    kinds = set(map(type, values))
    size_bytes: int = sum([text.__sizeof__() for text in _of_kinds(values, kinds, (str, bytes, bytearray))])
    for lists in (_of_kinds(values, kinds, (list, tuple)), _of_kinds(values, kinds, (dict,))):
        size_bytes += _CONTAINER_BYTES * len(lists)
        inner += chain.from_iterable(lists)
    for each in lists:
        inner += each.values()
    return size_bytes


def _of_kinds(values: list[Any], kinds: set[type], wanted: tuple[type, ...]) -> list[Any]:
    """Return those of some values, which are of these kinds, that are of the wanted ones."""
    found = {kind for kind in kinds if issubclass(kind, wanted)}
    if found == kinds:
        return values
    return [value for value in values if type(value) in found] if found else []
