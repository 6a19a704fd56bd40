"""A session of another server, on its way to the one that its client has come back to.

the session     is taken by who deletes its key, so that nobody else has it, too
its offset      is still in the stream, or nobody knows what was missed
what it missed  is read from there, up to what this server has read, which is all there was when the client came, for
                it may miss entries that are cut off before it reads them; the rest is in the server's own log
its offset      is still there when all was read, or the stream was cut in front of what was read
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from socketio_core.cluster import modern
from socketio_core.cluster.entries import (
    START,
    StreamId,
    count_in,
    count_of_next,
    entries_in,
    fields_of,
    id_text,
    parse_id,
)
from socketio_core.cluster.link import Command
from socketio_core.cluster.messages import Broadcast
from socketio_core.cluster.outbox import Query
from socketio_core.cluster.reading import items, mapping, room_names, text
from socketio_core.cluster.selecting import selection_of
from socketio_core.cluster.stream_reader import StreamReader
from socketio_core.cluster.values import Malformed, for_clients, from_msgpack
from socketio_core.engineio.message import WireMessage
from socketio_core.errors import LocalProtocolError
from socketio_core.records import record
from socketio_core.socketio.events import Claim
from socketio_core.socketio.recoverable import RecoverableSession
from socketio_core.socketio.recovery import Recovery
from socketio_core.socketio.shared_log import Missed

RESTORE_S: Final = 1.0  # at the most: a client waits
RANGE_COUNT: Final = 200  # entries at once, at most; of large ones fewer, for nobody is served while they are read
RANGE_BYTES: Final = 262_144  # of entries at once, about, but one at least
_FIRST_COUNT: Final = 4  # entries; nobody knows yet how large they are

_ID: Final = re.compile("[0-9]{1,20}-[0-9]{1,20}")  # two numbers of 64 bits


@record
class Place:
    """Where events are that a client has missed."""

    stream: str
    reader: StreamReader
    max_length: int
    max_values: int


class Restoring(Query):
    """Takes the session that a client claims.

    Attributes:
        until: when to give it up.
        session: what was found, for the client's new member.
        is_here: it was lost at this server, and may have it back.
    """

    def __init__(
        self,
        recovery: Recovery,
        nsp: str,
        claim: Claim,
        place: Place,
        command: Callable[[Command, Query], None],
        until: float,
        done: Callable[[], None],
    ) -> None:
        self.until = until
        self.session: RecoverableSession | None = None
        self.is_here = False
        self._recovery = recovery
        self._nsp = nsp
        self._claim = claim
        self._place = place
        self._command = command
        self._done: Callable[[], None] | None = done  # called when it is over
        self._next: deque[Callable[[Any], None]] = deque()
        self._raw: bytes | None = None
        self._fields: Mapping[str, Any] = {}
        self._rooms: frozenset[str] = frozenset()
        self._since: StreamId = START
        self._at: StreamId = START
        self._through: StreamId = START
        self._last: StreamId = START
        self._position = 0
        self._has_read = False
        self._looked_through = 0
        self._count = _FIRST_COUNT  # of entries to be read next
        self._missed_bytes = 0
        self._missed: list[tuple[str, WireMessage]] = []

    @property
    def is_over(self) -> bool:
        """Whether it is known what comes of it."""
        return self._done is None

    def begin(self, key: str) -> None:
        """Ask for what is kept by this key."""
        self._ask(self._have_last, "XREVRANGE", self._place.stream, "+", "-", "COUNT", 1)
        self._ask(self._have_raw, "GET", key)
        self._ask(self._have_deleted, "DEL", key)

    def give_up(self) -> None:
        """Nobody knows any more than this server does; one that got what is not known here was at another meanwhile."""
        self._end(is_here=self._is_known and self._recovery.lost_with(self._claim.pid, self._nsp) is not None)

    @property
    def _is_known(self) -> bool:
        """Whether it was told nothing last that this server does not know."""
        offset = self._claim.offset
        return offset is None or self._recovery.log.position_of(offset, self._nsp) > 0

    def replied(self, value: Any, error: str | None) -> None:
        """See `Query`."""
        step = self._next.popleft()
        if self._done is None:
            return
        if error is not None:
            self.give_up()
            return
        try:
            step(value)
        except (Malformed, ValueError):
            self._end()

    def _ask(self, step: Callable[[Any], None], *command: str | int) -> None:
        self._next.append(step)
        self._command(command, self)

    def _end(self, session: RecoverableSession | None = None, *, is_here: bool = False) -> None:
        done, self._done = self._done, None
        assert done is not None  # whatever comes later is left
        self.session, self.is_here = session, is_here
        done()

    def _have_last(self, reply: object) -> None:
        entries = entries_in(reply)
        if entries:
            self._last = parse_id(entries[0][0])

    # -- the session -------------------------------------------------------------------------------------------------

    def _have_raw(self, raw: object) -> None:
        if raw is not None and not isinstance(raw, bytes):
            raise Malformed("the session is no text")
        self._raw = raw

    def _have_deleted(self, reply: object) -> None:
        mine = self._recovery.lost_with(self._claim.pid, self._nsp)
        if mine is not None and mine.saved == self._raw and self._is_known:  # another server may have saved the same
            mine.saved = None
            self._end(is_here=True)
            return
        if mine is not None:
            mine.saved = None
            self._recovery.forget(mine)  # it was at another server meanwhile
        if self._raw is None or not count_in(reply):
            self._end()
            return
        fields = self._fields = mapping(
            from_msgpack(b64decode(self._raw, validate=True), self._place.max_values), "session"
        )
        if text(fields, "pid") != self._claim.pid or fields.get("nsp", self._nsp) != self._nsp:
            raise Malformed("the session is another one")
        self._rooms = frozenset(map(str, room_names(items(fields.get("rooms")))))
        offsets = [each for each in (self._claim.offset, fields.get("since")) if isinstance(each, str)]
        self._since = self._at = max(_id_of(offset) for offset in offsets)
        self._look()

    # -- what was missed ---------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """See that the stream still has the offset, and all that came behind it."""
        stream = self._place.stream
        if self._since == START:  # there was nothing at all
            self._ask(self._have_length, "XLEN", stream)
        else:
            self._ask(self._have_offset, "XRANGE", stream, id_text(self._since), id_text(self._since), "COUNT", 1)

    def _have_length(self, reply: object) -> None:
        self._have_looked(is_whole=count_in(reply) < self._place.max_length)

    def _have_offset(self, reply: object) -> None:
        self._have_looked(is_whole=bool(entries_in(reply)))

    def _have_looked(self, *, is_whole: bool) -> None:
        if not is_whole:
            self._end()
        elif self._has_read:
            self._restore()
        else:
            self._begin_to_read()

    def _begin_to_read(self) -> None:
        through = self._place.reader.last_id(self._place.stream)
        if through is None or through < max(self._since, self._last):
            self._look()  # other servers were ahead of this one, which will have caught up in a moment
            return
        self._through = through
        self._position = self._recovery.log.position
        self._read()

    def _read(self) -> None:
        if self._at >= self._through:
            self._have_all()
            return
        first = id_text((self._at[0], self._at[1] + 1))
        through = id_text(self._through)
        self._ask(self._have_read, "XRANGE", self._place.stream, first, through, "COUNT", self._count)

    def _have_read(self, reply: object) -> None:
        self._has_read = True
        entries = entries_in(reply)
        for entry_id, values in entries:
            self._at = parse_id(entry_id)
            self._take(entry_id.decode(), fields_of(values))
            if self._has_missed_too_much:
                self._end()
                return
        self._looked_through += len(entries)
        if self._looked_through > 2 * self._place.max_length:  # it grows faster than it is read
            self._end()
        elif len(entries) < self._count:
            self._have_all()
        else:
            self._count = count_of_next(self._count, entries, RANGE_BYTES, RANGE_COUNT)
            self._read()

    @property
    def _has_missed_too_much(self) -> bool:
        """Whether it could not be sent to the client anyway."""
        settings = self._recovery.settings
        return len(self._missed) > settings.max_missed_events or self._missed_bytes > settings.max_missed_bytes

    def _have_all(self) -> None:
        if self._has_read:
            self._look()  # once more: what was cut off before it was read is missing
        else:
            self._restore()

    def _take(self, offset: str, fields: Mapping[str, bytes]) -> None:
        if fields.get("nsp") != self._nsp.encode() or fields.get("type") != b"%d" % modern.BROADCAST:
            return
        try:
            message = modern.from_entry(fields, self._place.max_values)
        except Malformed:
            return
        if not isinstance(message, Broadcast) or message.request_id is not None or message.ack_id is not None:
            return
        selection = selection_of(message.audience)
        is_for_it = selection.rooms is None or selection.rooms & self._rooms
        if selection.volatile or not is_for_it or selection.except_rooms & self._rooms:
            return
        encode = self._recovery.sender.encode
        try:
            frames = encode(self._nsp, for_clients(message.args), offset, compress=selection.compress)
        except (LocalProtocolError, TypeError, ValueError):
            return  # it was not sent to anybody else here, either
        self._missed.append((offset, frames))
        self._missed_bytes += frames.size_bytes

    def _restore(self) -> None:
        fields = self._fields
        data = fields.get("data")
        missed = Missed(id_text(self._since), self._missed, self._position)
        session = self._recovery.adopt(
            self._nsp, self._claim.pid, text(fields, "sid"), self._rooms, {} if data is None else data, missed
        )
        if session is not None and "nsp" not in fields:
            session.is_proven = False
        self._end(session)


def _id_of(offset: str) -> StreamId:
    """Return an offset of a client, who may say anything."""
    if _ID.fullmatch(offset) is None:
        raise Malformed("no offset")
    return parse_id(offset.encode())
