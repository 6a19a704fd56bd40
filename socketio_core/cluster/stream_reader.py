"""What is kept in streams, read in order and each entry once, over all outages.

A reader has a link of its own, since a command that blocks holds up what is behind it. When that comes up, the reader
*looks*: where each stream begins, and how far it goes. From there it reads on: at first from the end, and later from
the last entry that it has read; never from "$", by which what is added during an outage is lost. What was cut off
before it was read is gone, and that is told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from socketio_core.cluster.entries import (
    START,
    StreamId,
    count_in,
    count_of_next,
    entries_in,
    fields_of,
    id_text,
    parse_id,
    streams_in,
)
from socketio_core.cluster.link import Link, LinkDown, LinkEvent, LinkUp, Replied
from socketio_core.cluster.values import Malformed
from socketio_core.records import record

BLOCK_S: Final = 2.0  # for new entries; shorter than a link waits for a reply
READ_COUNT: Final = 100  # entries of each stream at once, as in Node's adapter; of large ones fewer
READ_BYTES: Final = 4_000_000  # of entries of all streams at once, about, but one of each at least
TURN_BYTES: Final = 262_144  # of entries that are handed on at once, but one at least; clients want their turn, too

NUMBER_FIELD: Final = "number"
"""Of entries of ours, beside those that Node has, which leaves it alone."""

_MAX_DIGITS: Final = 20  # of such a number

_RawEntry = tuple[bytes, Sequence[bytes] | None]


@record
class Entry:
    """An entry of a stream."""

    stream: str
    id: str
    fields: Mapping[str, bytes]


@record
class Echoed:
    """An entry that this server has added itself, with a number, has its place in the stream."""

    number: int
    stream: str
    entry_id: str


@record
class Cut:
    """Entries of a stream were cut off before they were read, or may have been.

    Attributes:
        was_forgotten: not because there were too many, but the Redis has lost what it had.
    """

    stream: str
    was_forgotten: bool = False


@record
class _Token:
    """What a reply is to: the connection, and what was asked about which stream; no stream is all of them."""

    connection: int
    stream: str
    what: str


class StreamReader:
    """Reads some streams.

    Args:
        link: for commands, and for nothing else.
        streams: their names.
        max_length: what they are cut to, about.
        uid: of this server.

    Attributes:
        is_current: it knows from where to read on, and does; what is added from now on will be read.
        has_more: `proceed` is to be called as soon as others had their turn.
    """

    def __init__(self, link: Link, streams: Sequence[str], max_length: int, uid: str) -> None:
        self.link = link
        self.is_current = False
        self._max_length = max_length
        self._uid = uid.encode()
        self._last: dict[str, StreamId | None] = dict.fromkeys(streams)  # that was read; at first, nobody knows
        self._found: list[Entry | Echoed | Cut] = []
        self._connection = 0
        self._is_linked = False
        self._looks = 0  # that are not answered
        self._count = READ_COUNT  # of entries to be read next
        self._first: dict[str, StreamId] = {}  # at the last look
        self._since: Mapping[str, StreamId | None] = {}
        self._unread: deque[tuple[str, deque[_RawEntry], StreamId]] = deque()  # that has come, and is not handed on yet

    def __repr__(self) -> str:
        last = ", ".join(f"{stream} {id_text(last or START)}" for stream, last in self._last.items())
        return f"<StreamReader {last}>"

    def last_id(self, stream: str) -> StreamId | None:
        """Return the last entry of a stream that was read; `None` before the first look."""
        return self._last[stream]

    def take(self, event: LinkEvent, now: float) -> None:
        """Take what the link says."""
        if isinstance(event, LinkUp):
            self._connection += 1
            self._is_linked = True
            self._look(self._known())
        elif isinstance(event, LinkDown):
            self._is_linked = self.is_current = False
            self._count = 1  # what comes at once may have been too much, and would be again
            self._unread.clear()  # it is read again: from the last entry that was handed on
        elif isinstance(event, Replied) and self._is_linked and event.token.connection == self._connection:
            self._replied(event, now)

    def take_found(self) -> Sequence[Entry | Echoed | Cut]:
        """Take what was read."""
        found, self._found = self._found, []
        return found

    @property
    def has_more(self) -> bool:
        """See above."""
        return bool(self._unread)

    def proceed(self, now: float) -> None:
        """Hand on some more of what has come, as `take_found` will tell."""
        if self._unread:
            try:
                self._hand_on()
            except Malformed as error:
                self._refuse(str(error), now)

    def _replied(self, event: Replied, now: float) -> None:
        token: _Token = event.token
        why = event.error
        if why is None:
            try:
                self._take_reply(token, event.value)
            except Malformed as error:
                why = str(error)
        if why is not None:
            self._refuse(why, now)

    def _refuse(self, why: str, now: float) -> None:
        self._is_linked = False  # whatever else it has replied already
        self.link.refuse(why, now)

    def _take_reply(self, token: _Token, value: Any) -> None:
        if token.what == "entries":
            self._have_read(value)
        else:
            self._have_looked(token, value)
            self._looks -= 1
            if not self._looks:
                self.is_current = True
                if not self._unread:
                    self._read()

    def _ask(self, what: str, stream: str, *command: str | int) -> None:
        if self.link.is_up:  # else it is gone again, which will be told next
            self.link.send(*command, token=_Token(self._connection, stream, what))

    # -- where to read on --------------------------------------------------------------------------------------------

    def _known(self) -> Mapping[str, StreamId | None]:
        """Return behind which id of each stream nothing is known to be gone."""
        return {
            stream: None if last is None else max(last, self._first.get(stream, START))
            for stream, last in self._last.items()
        }

    def _look(self, since: Mapping[str, StreamId | None]) -> None:
        """Look, and tell whose entries behind some ids may have been cut off."""
        self._since = since
        self._looks = 3 * len(self._last)
        for stream in self._last:
            self._ask("first", stream, "XRANGE", stream, "-", "+", "COUNT", 1)
            self._ask("length", stream, "XLEN", stream)
            self._ask("last", stream, "XREVRANGE", stream, "+", "-", "COUNT", 1)

    def _have_looked(self, token: _Token, value: Any) -> None:
        stream, since, last = token.stream, self._since[token.stream], self._last[token.stream]
        if token.what == "length":
            # What was read last may be gone, and perhaps what came behind it, too; if not many did, not by cutting.
            is_gone = since is not None and START < since < self._first[stream]
            is_full = count_in(value) >= self._max_length
            if is_gone or (since == START and is_full):
                self._found.append(Cut(stream, was_forgotten=not is_full))
            return
        entries = entries_in(value)
        found = parse_id(entries[0][0]) if entries else START
        if token.what == "last":
            if last is None:
                self._last[stream] = found
            elif found < last:
                # Its Redis has come back with less than it had: what is in it was read, or is older than what was.
                self._found.append(Cut(stream, was_forgotten=True))
                self._last[stream] = found
            return
        self._first[stream] = found

    # -- reading -----------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        names = list(self._last)
        ids = [id_text(last or START) for last in self._last.values()]
        block_ms = round(BLOCK_S * 1000)
        self._ask("entries", "", "XREAD", "COUNT", self._count, "BLOCK", block_ms, "STREAMS", *names, *ids)

    def _have_read(self, value: Any) -> None:
        since, is_behind = self._known(), False
        asked, self._count = self._count, READ_COUNT
        most_bytes = READ_BYTES // len(self._last)
        for stream, entries in streams_in(value):
            last = parse_id(entries[-1][0])
            if stream not in self._last:
                raise Malformed(f"this is no Redis: entries of {stream!r:.200}, which nobody has asked for")
            self._unread.append((stream, deque(entries), last))
            # With fewer than this, all there was has been read, and nothing that was there can have been cut off.
            is_behind |= len(entries) >= min(asked, self._max_length)
            self._count = min(self._count, count_of_next(asked, entries, most_bytes, READ_COUNT))
        if is_behind:
            self._look(since)
        self._hand_on()

    def _hand_on(self) -> None:
        """Hand on a turn of what has come; then read on."""
        left = TURN_BYTES
        while self._unread:
            stream, entries, last = self._unread[0]
            while entries:
                if left <= 0:
                    return
                entry_id, values = entries.popleft()
                left -= self._note(stream, entry_id.decode("ascii", "replace"), fields_of(values))
                if left <= 0 and entries:
                    self._last[stream] = parse_id(entry_id)
            self._last[stream] = last
            self._unread.popleft()
        if not self._looks:
            self._read()

    def _note(self, stream: str, entry_id: str, fields: Mapping[str, bytes]) -> int:
        """Note an entry. Returns its size in bytes, about."""
        size_bytes = len(fields.get("data", b""))
        if fields.get("uid") != self._uid:
            self._found.append(Entry(stream, entry_id, fields))
            return size_bytes
        number = fields.get(NUMBER_FIELD, b"")
        if not number.isdigit() or len(number) > _MAX_DIGITS:
            return 0  # nobody waits for it
        self._found.append(Echoed(int(number), stream, entry_id))
        return size_bytes  # it is encoded, and sent, only now
