"""What a Redis in memory keeps: streams, and texts that expire; and RESP, as far as its replies need it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

StreamId = tuple[int, int]
Stream = list[tuple[StreamId, Sequence[bytes]]]

NIL: Final = b"$-1\r\n"

NAMED: Final = b"%1\r\n$5\r\nproto\r\n:3\r\n+OK\r\n"
"""What a Redis says to a HELLO and a name."""

GREETED: Final = NAMED + b"+PONG\r\n"
"""And to the PING of a link that wants to hear nothing."""


def bulk(data: bytes) -> bytes:
    """Return a text."""
    return b"$%d\r\n%s\r\n" % (len(data), data)


def array_of(parts: Iterable[bytes]) -> bytes:
    """Return a list of what is RESP already."""
    found = list(parts)
    return b"*%d\r\n%s" % (len(found), b"".join(found))


def _id(text: bytes, *, lacking: int = 0) -> StreamId:
    milliseconds, _, number = text.partition(b"-")
    return int(milliseconds), int(number or lacking)


def _text(stream_id: StreamId) -> bytes:
    return b"%d-%d" % stream_id


def _entries(stream: Stream) -> bytes:
    return array_of(array_of([bulk(_text(each)), array_of(map(bulk, fields))]) for each, fields in stream)


class Keys:
    """All keys.

    Attributes:
        streams: by name.
        texts: with the time until when they are kept.
        change_count: how often streams were changed.
        refusal: the error by which whatever would change something is answered, if it is.
    """

    def __init__(self) -> None:
        self.streams: dict[bytes, Stream] = {}
        self.texts: dict[bytes, tuple[bytes, float]] = {}
        self.refusal = b""
        self.change_count = 0

    def forget_all(self) -> None:
        """Be as after a restart."""
        self.change_count += 1
        self.streams.clear()
        self.texts.clear()

    def do(self, name: str, args: list[bytes], now: float) -> bytes | None:
        """Return the reply to a command; `None` if this is not about keys."""
        if self.refusal and name in ("XADD", "SET", "DEL", "GETDEL"):
            return b"-%s\r\n" % self.refusal
        if name == "XADD":
            return self._add(args, now) if args[1] != b"0-0" else b"-ERR The ID specified must be greater than 0-0\r\n"
        if name == "XLEN":
            return b":%d\r\n" % len(self.streams.get(args[0], []))
        if name in ("XRANGE", "XREVRANGE"):
            return self._range(args, is_reversed=name == "XREVRANGE")
        if name == "SET":
            if b"NX" in args and args[0] in self.texts:
                return NIL
            self.texts[args[0]] = (args[1], now + int(args[3]) / 1000)
            return None
        if name in ("GETDEL", "GET"):
            text, until = self.texts.get(args[0], (b"", now))
            if name == "GETDEL":
                self.texts.pop(args[0], None)
            return bulk(text) if until > now else NIL
        if name == "DEL":
            return b":%d\r\n" % (self.texts.pop(args[0], None) is not None)
        return None

    def _add(self, args: list[bytes], now: float) -> bytes:
        self.change_count += 1
        name, max_length = args[0], int(args[3])
        stream = self.streams.setdefault(name, [])
        last = stream[-1][0] if stream else (0, 0)
        milliseconds = max(int(now * 1000), last[0])
        new = (milliseconds, last[1] + 1 if milliseconds == last[0] else 0)
        stream.append((new, args[5:]))
        self.trim(name, max_length)
        return bulk(_text(new))

    def trim(self, name: bytes, length: int) -> None:
        """Cut a stream."""
        stream = self.streams.get(name, [])
        del stream[: max(0, len(stream) - length)]

    def _range(self, args: list[bytes], *, is_reversed: bool) -> bytes:
        name, first, last = args[:3]
        low, high = (last, first) if is_reversed else (first, last)
        least = (0, 0) if low == b"-" else _id(low.lstrip(b"("))
        found = [
            each
            for each in self.streams.get(name, [])
            if (least < each[0] if low[:1] == b"(" else least <= each[0])
            and (high == b"+" or each[0] <= _id(high, lacking=1 << 62))
        ]
        count = int(args[4]) if len(args) > 3 else len(found)
        return _entries((found[::-1] if is_reversed else found)[:count])

    def read(self, args: list[bytes], *, is_resp3: bool) -> bytes:
        """Return the reply to an XREAD; nothing if there is nothing to read."""
        count, names_and_ids = int(args[1]), args[5:]
        half = len(names_and_ids) // 2
        found: list[bytes] = []
        for name, last in zip(names_and_ids[:half], names_and_ids[half:], strict=True):
            new = [each for each in self.streams.get(name, []) if each[0] > _id(last)][:count]
            if new:
                found.append(bulk(name) + _entries(new))
        if not found:
            return b""
        if is_resp3:
            return b"%%%d\r\n%s" % (len(found), b"".join(found))
        return array_of(b"*2\r\n" + each for each in found)
