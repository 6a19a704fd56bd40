"""Entries of streams, as a Redis replies with them; whatever else replies is found to be none.

All functions raise `Malformed` for what no Redis would reply, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from socketio_core.cluster.values import Malformed

StreamId = tuple[int, int]

START: Final[StreamId] = (0, 0)

_MAX_ID_BYTES: Final = 41  # two numbers of 64 bits
_BYTES: Final = {bytes}


def count_in(reply: object) -> int:
    """Return a count."""
    if type(reply) is not int:
        raise _no_redis("no number where one should be")
    return reply


def entries_in(reply: object) -> Sequence[tuple[bytes, Sequence[bytes] | None]]:
    """Return entries in their order: an id, and what `fields_of` takes. An id may be none, see `parse_id`."""
    for entry in _list_of(reply):
        parts = _list_of(entry)
        if len(parts) != 2 or type(parts[0]) is not bytes:
            raise _no_redis("an entry without an id")
        if parts[1] is not None and not _BYTES.issuperset(map(type, _list_of(parts[1]))):
            raise _no_redis("an entry whose fields are no text")
    return cast("Sequence[tuple[bytes, Sequence[bytes] | None]]", reply)


def count_of_next(asked: int, found: Sequence[tuple[bytes, Sequence[bytes] | None]], most_bytes: int, most: int) -> int:
    """Return how many entries to ask for next, so that they take so many bytes if they are like those that were found.

    No more than twice as many as before: the next ones may be larger.
    """
    size_bytes = sum([sum(map(len, values or ())) for _, values in found])
    fitting = len(found) * most_bytes // size_bytes if size_bytes else most
    return max(1, min(most, 2 * asked, fitting))


def streams_in(reply: object) -> Sequence[tuple[str, Sequence[tuple[bytes, Sequence[bytes] | None]]]]:
    """Return what an XREAD has found: names of streams, and entries, of which each has at least one."""
    if reply is None:
        return []
    is_map = isinstance(reply, dict)  # of RESP3, or a list of pairs
    pairs = cast("Mapping[Any, Any]", reply).items() if is_map else map(_list_of, _list_of(reply))
    found: list[tuple[str, Sequence[tuple[bytes, Sequence[bytes] | None]]]] = []
    for pair in pairs:
        if len(pair) != 2 or type(pair[0]) is not bytes or not pair[1]:
            raise _no_redis("a stream without a name, or entries")
        found.append((pair[0].decode("utf-8", "replace"), entries_in(pair[1])))
    return found


def parse_id(data: bytes) -> StreamId:
    """Return the parts of an entry's id, which are compared as numbers."""
    milliseconds, _, number = data.partition(b"-")
    if len(data) > _MAX_ID_BYTES or not (milliseconds.isdigit() and number.isdigit()):
        raise _no_redis("an entry without an id")
    return int(milliseconds), int(number)


def fields_of(values: Sequence[bytes] | None) -> dict[str, bytes]:
    """Return the fields of an entry; one that was deleted while it was read has none."""
    parts = iter(values or [])
    return {key.decode("utf-8", "replace"): value for key, value in zip(parts, parts, strict=False)}


def id_text(stream_id: StreamId) -> str:
    """Return an id as a Redis writes it."""
    return f"{stream_id[0]}-{stream_id[1]}"


def _list_of(reply: object) -> Sequence[Any]:
    if not isinstance(reply, list):
        raise _no_redis("no list where one should be")
    return cast("Sequence[Any]", reply)


def _no_redis(why: str) -> Malformed:
    return Malformed(f"this is no Redis: {why}")
