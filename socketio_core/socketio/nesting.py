"""How deep data is nested: a JSON text without walking over what it was parsed to, what is no text by its levels."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from itertools import accumulate, chain
from typing import Any, Final

_CONTAINERS: Final = frozenset((list, dict, tuple, set))  # of what parsers make
_MAPPING: Final[Any] = Mapping  # to type checkers too, for which `issubclass` makes one of unknown parts
_NESTING: Final[Any] = (list, tuple, set, frozenset, Mapping)  # of what applications have
_NOT_BRACKETS = bytes(set(range(256)) - set(b'[]{}"'))
_PROBED_BYTES = 1024
_SPARSE = 32  # one comma for so many bytes
_DENSE = 16  # one mark for so many: to look at each byte is faster
_BRACKETS_TO_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # +1 and -1 as signed bytes


def levels(data: Any) -> Generator[list[Any]]:
    """Yield the lists, objects and the like of parsed data: itself, those in it, and so on, until there are none."""
    level: list[Any] = [data] if type(data) in _CONTAINERS else []
    while level:
        yield level
        contents = ((each.values() if each.__class__ is dict else each) for each in level)
        level = [value for each in contents for value in each if type(value) in _CONTAINERS]


def is_deeper(data: object, limit: int) -> bool:
    """Whether data of an application is nested deeper than `limit`; what holds itself is.

    To ask each of many values whether it is a mapping takes ten times as long as to encode it. So only each type is.
    """
    level = _nesting([data])
    for _ in range(limit):
        if not level:
            return False
        level = _nesting(_contents(level))
    return bool(level)


def _nesting(values: list[Any]) -> list[Any]:
    """Return those of some values that have others, each once."""
    kinds = {kind for kind in set(map(type, values)) if issubclass(kind, _NESTING)}
    if not kinds:
        return []
    found = [value for value in values if type(value) in kinds]
    return list(dict(zip(map(id, found), found, strict=True)).values())


def _contents(values: list[Any]) -> list[Any]:
    mappings = {kind for kind in set(map(type, values)) if issubclass(kind, _MAPPING)}
    parts = (each.values() if type(each) in mappings else each for each in values) if mappings else values
    return list(chain.from_iterable(parts))


def is_sparse(raw: bytes) -> bool:
    """Whether JSON seems to be made of long strings, by its beginning: then `count_mark` is the fastest."""
    return raw.count(b",", 0, _PROBED_BYTES) * _SPARSE <= _PROBED_BYTES


def count_mark(raw: bytes, mark: bytes) -> int:
    """Count what is rare. `count` and `translate` look at each byte, this leaps from one to the next.

    A leap takes as long as `count` for 20 bytes, so it leaves off where there are many: in a string of 16 MB of
    brackets they took 150 ms.
    """
    most = len(raw) // _DENSE
    found = len(raw) - len(raw.replace(mark, b"", most))
    return found if found < most else raw.count(mark)


def marks_outside_strings(raw: bytes, others: bytes) -> bytes:
    """Return valid JSON without its strings, and without `others`, which are all bytes but quotes and some marks."""
    if b"\\" in raw:  # quotes that end no string go; a regular expression takes 12 times as long, 50 ms for 1 MB
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = raw.translate(None, others)
    if 2 * marks.count(b'""') == marks.count(b'"'):  # the two quotes of each string stand side by side
        return marks.translate(None, b'"')
    return b"".join(marks.split(b'"')[::2])  # there are marks inside of strings


def _has_few_brackets(raw: bytes, limit: int) -> bool:
    """Whether valid JSON has too few brackets to be nested deeper than `limit`; those in strings count too.

    Nowhere is it deeper than as many as were opened before, nor deeper than as many as are closed behind.
    """
    middle = len(raw) // 2
    return _opens_few(raw[:middle], b"[", b"{", limit) and _opens_few(raw[middle:], b"]", b"}", limit)


def _opens_few(half: bytes, array: bytes, obj: bytes, limit: int) -> bool:
    """Whether the brackets of these two kinds are not more than `limit`, but for those that another one makes up for.

    What stands between two elements of a list closes as much as it opens, or is in a string as a whole.
    """
    excess = count_mark(half, array) + count_mark(half, obj) - limit
    if excess > 0:
        excess -= len(half.split(b"},{", excess)) - 1
    if excess > 0:
        excess -= len(half.split(b"],[", excess)) - 1
    return excess <= 0


def is_too_deep(text: str, limit: int) -> bool:
    """Whether valid JSON `text` is nested deeper than `limit`; ask only if it has two characters for each level.

    A walk over the parsed data would cost as much as parsing it. So only the brackets outside of strings are looked at,
    by what costs a nanosecond a character. Most texts are settled when their innermost brackets were taken off a few
    times, at most two levels each time; in the others the brackets become steps up and down, which are added up.
    """
    raw = text.encode("utf-8", "surrogatepass")
    if _has_few_brackets(raw, limit):  # fast path: most of what is emitted; benchmarks: core, 10 kB
        return False
    left = brackets = marks_outside_strings(raw, _NOT_BRACKETS)
    for peeled_levels in range(2, 8, 2):
        left = left.replace(b"[]", b"").replace(b"{}", b"")
        if len(left) // 2 + peeled_levels <= limit:
            return False
    steps = memoryview(brackets.translate(_BRACKETS_TO_STEPS)).cast("b")
    return max(accumulate(steps), default=0) > limit
