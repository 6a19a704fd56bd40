"""A shortcut past wsproto for plain frames, which is what nearly all frames are.

Plain is a frame that is final, text or binary, masked if a client sent it, without extension bits, outside of a
fragmented message, and up to `MAX_PLAIN_BYTES` long, its length written in the shortest form; a ping or a pong; and a
close frame that has arrived whole, with a usual code. wsproto stays the authority: every other frame goes to it whole,
as its bytes arrive, and so does a text that is not UTF-8. `tests/wire/test_plain_frames.py` compares the two over any
bytes in any chunks. The one difference: wsproto sees a wrong text as soon as its first wrong byte arrives, this at the
end of its frame.

It triples how many events a server can echo (benchmarks: server). `Server(shortcuts=False)` does without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from struct import Struct
from typing import Final, final

from socketio_core.engineio.close_codes import NO_CODE
from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.packet import PONG
from socketio_core.wire.base import FOREIGN_PIECES

MESSAGE_PIECE_BYTES: Final = 128
"""Of a frame, that cost as much as one more: a kilobyte of small lists takes as long as ten events."""

ATTACHMENT_PIECE_BYTES: Final = 2048
"""The same of bytes that nobody reads: taking off their mask takes half as long as an event (benchmarks: server)."""

LIGHT_BYTES: Final = 2 * MESSAGE_PIECE_BYTES
"""A smaller frame costs one: what people write to each other is not worth more (benchmarks: 200 B events)."""

_NO_LIMIT: Final = 1 << 62

MAX_PLAIN_BYTES: Final = 16384
"""A longer frame goes to wsproto, which hands on what has come of it; here it would wait until it is whole, and be
joined anew with each read. In time that is no gain: for one that is whole wsproto takes twice as long."""

_TABLE_BYTES: Final = 512
"""From here on a table for each byte of the mask costs less than a large integer: 10 µs for 10 kB, not 20."""

_TEXT, _BINARY = 0x81, 0x82
_PLAIN = (_TEXT, _BINARY)
PONG_BYTES: Final = 7  # of the frame with Engine.IO's pong, from a client
_PING, _PONG = 0x89, 0x8A
_CONTROL = (_PING, _PONG)
_CLOSE: Final = 0x88
_USUAL_CODES: Final = (1000, 1001)  # and those of applications
_FINAL, _MASKED = 0x80, 0x80

_LETTER_HEAD: Final = bytes((_TEXT, _MASKED | 1))
_PONG_LETTER: Final = ord(PONG)

# A mask and the payload under it are read as one number, the mask in its lowest bits. By the size of a payload: what
# makes of a mask the same again and again, and what keeps so many bytes of that.
_MASK_BITS: Final = 0xFFFF_FFFF
_REPEATING: Final = [((1 << (size + 3) // 4 * 32) - 1) // _MASK_BITS for size in range(_TABLE_BYTES)]
_KEEPING: Final = [(1 << size * 8) - 1 for size in range(_TABLE_BYTES)]
_MASKED_WITH: Final = [bytes(byte ^ mask for byte in range(256)) for mask in range(256)]
_LANE_0, _LANE_1, _LANE_2, _LANE_3 = (slice(offset, None, 4) for offset in range(4))  # under each byte of a mask
# Of a frame that is whole and short: how long it is, by its first two bytes.
_SIZES_MASKED: Final = {bytes((first, _MASKED | size)): size + 6 for first in _PLAIN for size in range(126)}
_SIZES_OPEN: Final = {bytes((first, size)): size + 2 for first in _PLAIN for size in range(126)}
_HEAD_16: Final = Struct(">BBH").pack
_HEAD_64: Final = Struct(">BBQ").pack
_HEADS: Final = {first: [bytes((first, size)) for size in range(126)] for first in (_TEXT, _BINARY)}
_HEADS_OF_CLIENT: Final = {
    first: [bytes((first, _MASKED | size)) for size in range(126)] for first in (_TEXT, _BINARY, _PONG, _CLOSE)
}


class Foreign:
    """Bytes for wsproto: of a frame that is not plain."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


@final
class Close(Foreign):
    """A plain close frame; wsproto is only needed for it if it knows the connection already (benchmarks: connect).

    Attributes:
        code: `NO_CODE` if it has none.
    """

    __slots__ = ("code", "reason")

    def __init__(self, data: bytes, code: int, reason: str) -> None:
        super().__init__(data)
        self.code = code
        self.reason = reason


@final
class Control:
    """A ping or pong: a peer may send very many, and wsproto takes ten times as long for one."""

    __slots__ = ("is_ping", "payload")

    def __init__(self, payload: bytes, *, is_ping: bool) -> None:
        self.payload = payload
        self.is_ping = is_ping


class PlainFrames:
    """Cuts what a peer sends into messages and what is left to wsproto; in order.

    Args:
        max_payload_bytes: the limit on a message. A longer frame is for wsproto, which hands it on as it arrives, so
            that it is refused before it is whole.
        of_client: they are a client's, which masks them; otherwise a server's, which does not.
        reads_bytes: what is in binary frames may be read, as text is; otherwise they are attachments.

    Attributes:
        has_more: `feed` stopped at its limit; `feed(b"", limit)` goes on.
        has_foreign: what `feed` has returned last is not all messages.
        spent: what it cost, in small frames.
        tail: what waits: the beginning of a frame, at most of a whole plain one, or what is behind the limit.
    """

    __slots__ = (
        "_handed_on",
        "_head_bytes",
        "_is_fragmented",
        "_is_masked",
        "_left",
        "_max_bytes",
        "_piece_bytes",
        "_sizes",
        "has_foreign",
        "has_more",
        "spent",
        "tail",
    )

    def __init__(
        self, max_payload_bytes: int = MAX_PLAIN_BYTES, *, of_client: bool = True, reads_bytes: bool = True
    ) -> None:
        self._is_masked = of_client
        self._head_bytes = 6 if of_client else 2
        self._sizes = _SIZES_MASKED if of_client else _SIZES_OPEN
        self._max_bytes = min(max_payload_bytes, MAX_PLAIN_BYTES)
        self._piece_bytes = MESSAGE_PIECE_BYTES if reads_bytes else ATTACHMENT_PIECE_BYTES  # of binary frames
        self.tail: bytes = b""
        self._handed_on = 0  # how much of that wsproto has
        self._left = 0  # of a foreign frame that has begun
        self._is_fragmented = False  # the last data frame was not final
        self.has_foreign = False
        self.has_more = False
        self.spent = 0

    def is_pong(self, data: bytes) -> bool:
        """Whether `PONG_BYTES` that were read are a pong of a client of Engine.IO's: all that `feed` would return."""
        return (
            data[:2] == _LETTER_HEAD
            and data[2] ^ data[6] == _PONG_LETTER
            and self._is_masked
            and not (self.tail or self._left or self._is_fragmented)
        )

    def single(self, data: bytes) -> str | bytes | None:
        """Return the message of a small frame that was read alone, as most are; `None`: it is to be fed.

        A fast path; benchmarks: server.
        """
        if self._sizes.get(data[:2]) != len(data) or self.tail or self._left or self._is_fragmented:
            return None
        if self._is_masked:  # what `_xored` does
            masked, size = int.from_bytes(data, "little") >> 16, len(data) - 6
            key = (masked & _MASK_BITS) * _REPEATING[size] & _KEEPING[size]
            message = (masked >> 32 ^ key).to_bytes(size, "little")
        else:
            message = data[2:]
        try:
            return message.decode() if data[0] == _TEXT else message
        except UnicodeDecodeError:
            return None  # wsproto is to say so

    def feed(self, data: bytes, limit: int = _NO_LIMIT) -> list[str | bytes | Control | Foreign]:
        """Take what was read. Returns the messages of plain frames, and pieces of others; as many as cost `limit`."""
        self.has_more = self.has_foreign = False
        found: list[str | bytes | Control | Foreign] = []
        given = limit
        if self._left:
            self.has_foreign = True
            found.append(Foreign(data[: self._left]))
            rest = data[self._left :]
            self._left = max(0, self._left - len(data))
            data = rest
        if self.tail:
            data = self.tail + data
            self.tail = b""
        at, size = 0, len(data)
        is_masked, head_bytes = self._is_masked, self._head_bytes
        mask_bit = _MASKED if is_masked else 0
        while size - at >= 2:
            if len(found) >= limit:
                self.has_more = True
                break
            first, length = data[at], data[at + 1] ^ mask_bit  # it is over 127 if that bit is not as it must be
            if first in _PLAIN and length <= 126 and not self._is_fragmented:
                start = at + head_bytes
                end = start + length
                if length == 126 and size - at >= 4:
                    length = data[at + 2] << 8 | data[at + 3]
                    start += 2
                    end = start + length if 126 <= length <= self._max_bytes else 0
                if end:
                    if size < end:
                        break
                    if not is_masked:
                        message = data[start:end]
                    elif length >= _TABLE_BYTES:
                        message = _translated(data[start:end], data[start - 4 : start])
                    else:
                        masked = int.from_bytes(data[start - 4 : end], "little")  # fast path: what `_xored` does
                        key = (masked & _MASK_BITS) * _REPEATING[length] & _KEEPING[length]
                        message = (masked >> 32 ^ key).to_bytes(length, "little")
                    try:
                        found.append(message.decode() if first == _TEXT else message)
                    except UnicodeDecodeError:
                        self.has_foreign = True
                        found.append(Foreign(data[at:end]))
                    at = end
                    if length >= LIGHT_BYTES:
                        limit -= length // (MESSAGE_PIECE_BYTES if first == _TEXT else self._piece_bytes)
                    continue
            second = data[at + 1]
            self.has_foreign = True
            if first in _CONTROL and second & 0x7F < 126 and (second >= _MASKED) is is_masked:
                start = at + head_bytes
                end = start + (second & 0x7F)
                if size < end:
                    break
                said = _xored(data[start:end], data[start - 4 : start]) if is_masked else data[start:end]
                found.append(Control(said, is_ping=first == _PING))
                at = end
                continue
            close = None if first != _CLOSE or self._handed_on else _close_at(data, at, head_bytes, is_masked=is_masked)
            if close is not None:
                found.append(close)
                at += len(close.data)
                continue
            handed_on, self._handed_on = self._handed_on, 0
            end = _end_of_frame(data, at)
            if not end:  # its header is incomplete
                found.append(Foreign(data[at + handed_on :]))
                self._handed_on = size - at
                break
            if first & 0x0F < 8:  # a data frame; control frames may stand between two of them
                self._is_fragmented = first < _FINAL
            found.append(Foreign(data[at + handed_on : end]))
            limit -= FOREIGN_PIECES - 1
            self._left = max(0, end - size)
            at = min(end, size)
        self.tail = data[at:]
        self.spent = given - limit + len(found)
        return found


def _xored(payload: bytes, mask: bytes) -> bytes:
    """Return a short payload under its mask, or without it."""
    length = len(payload)
    key = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")).to_bytes(length, "little")


def _translated(payload: bytes, mask: bytes) -> bytes:
    """Do the same for a long one."""
    left = bytearray(payload)
    key_0, key_1, key_2, key_3 = mask
    left[_LANE_0] = left[_LANE_0].translate(_MASKED_WITH[key_0])
    left[_LANE_1] = left[_LANE_1].translate(_MASKED_WITH[key_1])
    left[_LANE_2] = left[_LANE_2].translate(_MASKED_WITH[key_2])
    left[_LANE_3] = left[_LANE_3].translate(_MASKED_WITH[key_3])
    return bytes(left)


def _close_at(data: bytes, at: int, head_bytes: int, *, is_masked: bool) -> Close | None:
    """Return the close frame at `at`; `None` if it is not plain, or not all of it is there."""
    second = data[at + 1]
    start = at + head_bytes
    end = start + (second & 0x7F)
    if (second >= _MASKED) is not is_masked or second & 0x7F >= 126 or len(data) < end:
        return None
    said = _xored(data[start:end], data[start - 4 : start]) if is_masked else data[start:end]
    if not said:
        return Close(data[at:end], NO_CODE, "")
    code = int.from_bytes(said[:2], "big")
    if len(said) < 2 or not (code in _USUAL_CODES or 3000 <= code < 5000):
        return None
    try:
        return Close(data[at:end], code, said[2:].decode())
    except UnicodeDecodeError:
        return None  # wsproto is to say so


def _end_of_frame(data: bytes, at: int) -> int:
    """Return where the frame at `at` ends, perhaps behind what is there; 0 while that cannot be known."""
    second = data[at + 1]
    length = second & 0x7F
    start = at + 2
    if length >= 126:
        start += 2 if length == 126 else 8
        length = int.from_bytes(data[at + 2 : start], "big")
    if second >= _MASKED:
        start += 4
    return 0 if len(data) < start else start + length


def plain_frame(message: str | bytes) -> bytes:
    """Return the frame in which a server sends a message: not masked, not compressed."""
    data, first = (message.encode(), _TEXT) if isinstance(message, str) else (message, _BINARY)
    size = len(data)
    return (_HEADS[first][size] if size < 126 else _long_head(first, 0, size)) + data


def _long_head(first: int, mask_bit: int, size: int) -> bytes:
    """Return the head of a frame whose length is not in its second byte; a mask goes behind it."""
    return _HEAD_16(first, mask_bit | 126, size) if size < 1 << 16 else _HEAD_64(first, mask_bit | 127, size)


def wire_bytes(message: WireMessage) -> bytes:
    """Return the frames of a message, from a server; made once for all its recipients."""
    data = message.host_cache
    if type(data) is not bytes:
        frames = message.frames
        data = plain_frame(frames[0]) if len(frames) == 1 else _joined_frames(frames)
        message.host_cache = data
    return data


def _joined_frames(messages: Sequence[str | bytes]) -> bytes:
    """Return frames one behind another, as `plain_frame` makes each; no attachment is copied twice."""
    parts: list[bytes] = []
    for message in messages:
        data, first = (message.encode(), _TEXT) if isinstance(message, str) else (message, _BINARY)
        size = len(data)
        parts += (_HEADS[first][size] if size < 126 else _long_head(first, 0, size), data)
    return b"".join(parts)


def masked_frames(messages: Sequence[str | bytes], masks: Iterator[bytes]) -> bytes:
    """Return the frames in which a client sends messages: masked, not compressed."""
    if len(messages) == 1:  # most often; benchmarks: client
        return _masked_frame(messages[0], masks)
    return b"".join([_masked_frame(message, masks) for message in messages])


def _masked_frame(message: str | bytes, masks: Iterator[bytes]) -> bytes:
    data, first = (message.encode(), _TEXT) if isinstance(message, str) else (message, _BINARY)
    size, mask = len(data), next(masks)
    if size >= 126:
        return _masked(first, data, mask)
    # fast path: what `_masked` does, without the calls; benchmarks: client
    key = int.from_bytes(mask, "little") * _REPEATING[size] & _KEEPING[size]
    return _HEADS_OF_CLIENT[first][size] + mask + (int.from_bytes(data, "little") ^ key).to_bytes(size, "little")


def _masked(first: int, data: bytes, mask: bytes) -> bytes:
    size = len(data)
    if size < 126:
        return _HEADS_OF_CLIENT[first][size] + mask + _xored(data, mask)
    body = _xored(data, mask) if size < _TABLE_BYTES else _translated(data, mask)
    return _long_head(first, _MASKED, size) + mask + body


def masks(new_bytes: Callable[[], bytes]) -> Iterator[bytes]:
    """Return masks, 4 random bytes each; `new_bytes` returns some of them at once."""
    while True:
        pool = new_bytes()
        for at in range(0, len(pool), 4):
            yield pool[at : at + 4]


def close_frame(code: int, text: str, masks: Iterator[bytes] | None) -> bytes:
    """Return a close frame, of a client if there are masks; of `NO_CODE` it has none, and no text."""
    said = b"" if code == NO_CODE else code.to_bytes(2, "big") + text.encode()
    return _control_frame(_CLOSE, said, masks)


def pong_frame(payload: bytes, masks: Iterator[bytes] | None) -> bytes:
    """Return the frame in which a ping is answered, by a client if there are masks."""
    return _control_frame(_PONG, payload, masks)


def _control_frame(first: int, payload: bytes, masks: Iterator[bytes] | None) -> bytes:
    return bytes((first, len(payload))) + payload if masks is None else _masked(first, payload, next(masks))
