"""How messages get to the other servers: which channel or stream each goes to, and what is to be heard.

Three ways, as Node has them. All servers of a cluster use the same one, with the same names.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Final

from socketio_core.cluster import classic, modern
from socketio_core.cluster.link import Argument, Command, Link
from socketio_core.cluster.messages import (
    Broadcast,
    ClientAck,
    ClientCount,
    Message,
    RoomsJoin,
    RoomsLeave,
    RoomsListed,
    ServerAnswer,
    SocketsDisconnect,
    SocketsFetched,
)
from socketio_core.cluster.replies import Kind
from socketio_core.cluster.stream_reader import NUMBER_FIELD, StreamReader
from socketio_core.cluster.values import MAX_VALUES, Malformed, Overheard

Answer = SocketsFetched | ServerAnswer | ClientCount | ClientAck | RoomsListed

_GLOB: Final = re.compile(r"([\\*?\[\]])")
_TAIL_BYTES: Final = 8192  # at the end of a message, in which there are a uid and a namespace
MAX_LENGTH: Final = 10_000  # entries of a stream, about; as with Node's
_SID_CHARS: Final = 20  # a room with a name as long as an id is taken for a socket's own, as Node does


class Transport(ABC):
    """One way.

    Attributes:
        uid: of this server.
        listener: hears.
        reader: reads what is kept, where something is.
        lists_rooms: there is a question for rooms alone.
        max_values: of one message; more are not read.
    """

    reader: StreamReader | None = None
    lists_rooms = False

    def __init__(self, uid: str, listener: Link) -> None:
        self.uid = uid
        self.listener = listener
        self.max_values = MAX_VALUES

    @abstractmethod
    def open(self, nsp: str) -> None:
        """Hear what is said in a namespace."""

    @abstractmethod
    def close(self, nsp: str) -> None:
        """Hear it no more."""

    @abstractmethod
    def hears(self, nsp: str) -> bool:
        """Whether that is so already, and an answer would be heard."""

    @abstractmethod
    def tell(self, message: Message) -> Command:
        """Return the command that tells all servers. Its reply to a request is how many got it, this one included."""

    @abstractmethod
    def answer(self, to_uid: str | None, message: Answer) -> Command:
        """Return the command that answers a server."""

    @abstractmethod
    def decode(self, channel: str, data: bytes, pattern: bytes = b"") -> Message:
        """Return what was heard on a channel, by a pattern or not.

        Raises:
            Malformed: nobody knows what it means.
            Overheard: it is heard by another pattern, too, if anybody here wants to hear it.
        """

    @abstractmethod
    def is_own(self, data: bytes) -> bool:
        """Whether it is plain to see that this server has said it, which need not be decoded: most of it is."""

    def room_created(self, nsp: str, room: str) -> None:  # noqa: B027 - nothing to do, for most
        """Somebody is in a room now."""

    def room_deleted(self, nsp: str, room: str) -> None:  # noqa: B027 - as above
        """Nobody is."""


class Classic(Transport):
    """`createAdapter` of Node's redis-adapter: plain channels, three for each namespace, and one for each room."""

    lists_rooms = True

    def __init__(self, uid: str, listener: Link, prefix: str = "socket.io") -> None:
        super().__init__(uid, listener)
        self._prefix = prefix
        self._own_head = classic.event_head(uid)
        self._channels: dict[str, tuple[classic.Channel, str]] = {}
        self._patterns: dict[bytes, str] = {}  # of which namespace each is

    def _names(self, nsp: str) -> Mapping[str, classic.Channel]:
        requests, responses = f"{self._prefix}-request#{nsp}#", f"{self._prefix}-response#{nsp}#"
        return {
            requests: classic.Channel.REQUESTS,
            responses: classic.Channel.RESPONSES,
            f"{responses}{self.uid}#": classic.Channel.RESPONSES,
        }

    def open(self, nsp: str) -> None:
        """See `Transport`."""
        names = self._names(nsp)
        self._channels.update({name: (kind, nsp) for name, kind in names.items()})
        self.listener.subscribe(Kind.PLAIN, names)
        pattern = self._pattern(nsp)
        self._patterns[pattern.encode("utf-8", "replace")] = nsp
        self.listener.subscribe(Kind.PATTERN, [pattern])

    def close(self, nsp: str) -> None:
        """See `Transport`."""
        names = self._names(nsp)
        for name in names:
            self._channels.pop(name, None)
        self.listener.unsubscribe(Kind.PLAIN, names)
        pattern = self._pattern(nsp)
        self._patterns.pop(pattern.encode("utf-8", "replace"), None)
        self.listener.unsubscribe(Kind.PATTERN, [pattern])

    def hears(self, nsp: str) -> bool:
        """See `Transport`."""
        return self.listener.hears(Kind.PLAIN, self._names(nsp))

    def _pattern(self, nsp: str) -> str:
        return _GLOB.sub(r"\\\1", f"{self._prefix}#{nsp}#") + "*"

    def tell(self, message: Message) -> Command:
        """See `Transport`."""
        if not isinstance(message, Broadcast) or message.request_id is not None:
            return ("PUBLISH", f"{self._prefix}-request#{message.nsp}#", classic.encode(message))
        rooms = message.audience.rooms
        channel = f"{self._prefix}#{message.nsp}#" + (f"{rooms[0]}#" if len(rooms) == 1 else "")
        return ("PUBLISH", _printable(channel), classic.encode(message))

    def answer(self, to_uid: str | None, message: Answer) -> Command:
        """See `Transport`."""
        return ("PUBLISH", f"{self._prefix}-response#{message.nsp}#", classic.encode(message))

    def is_own(self, data: bytes) -> bool:
        """See `Transport`."""
        return data.startswith(self._own_head)

    def decode(self, channel: str, data: bytes, pattern: bytes = b"") -> Message:
        """See `Transport`."""
        known = self._channels.get(channel)
        if known is not None:
            return classic.decode(*known, data, self.max_values)
        head = f"{self._prefix}#"
        if not channel.startswith(head):
            raise Malformed(f"on an unknown channel: {channel!r:.200}")
        nsp = self._patterns.get(pattern)  # of two namespaces, `/a` and `/a#b`, the one's may match the other's channel
        if nsp is None:
            nsp, _, _ = channel[len(head) :].partition("#")
        try:
            return classic.decode(classic.Channel.EVENTS, nsp, data, self.max_values)
        except classic.Astray as error:
            if channel.startswith(f"{head}{error.said}#"):
                raise Overheard from None
            raise


class _Modern(Transport):
    """What those have in common that speak the newer dialect: for each namespace a channel of all, and one of each."""

    def __init__(self, uid: str, listener: Link, prefix: str, kind: Kind) -> None:
        super().__init__(uid, listener)
        self._prefix = prefix
        self._kind = kind
        self._tail_head = modern.json_tail(uid, "").removesuffix(b'"}')
        self._last_tail = self._tail_head  # with which none ends, before the first
        self._own_tails: set[bytes] = set()  # of namespaces, of which clients may open and close thousands

    def _main(self, nsp: str) -> str:
        return f"{self._prefix}#{nsp}#"

    def _own(self, nsp: str) -> Sequence[str]:
        return [self._main(nsp), f"{self._main(nsp)}{self.uid}#"]

    def open(self, nsp: str) -> None:
        """See `Transport`."""
        self._own_tails.add(modern.json_tail(self.uid, nsp))
        self.listener.subscribe(self._kind, self._own(nsp))

    def close(self, nsp: str) -> None:
        """See `Transport`."""
        self._own_tails.discard(modern.json_tail(self.uid, nsp))
        self._last_tail = self._tail_head
        self.listener.unsubscribe(self._kind, self._own(nsp))

    def is_own(self, data: bytes) -> bool:
        """See `Transport`. With bytes in it, it is none that ends in text."""
        if data.endswith(self._last_tail):  # fast path; benchmarks: cluster
            return True
        at = data.rfind(self._tail_head, -_TAIL_BYTES)
        if at < 0 or data[at:] not in self._own_tails:
            return False
        self._last_tail = data[at:]
        return True

    def hears(self, nsp: str) -> bool:
        """See `Transport`."""
        return self.listener.hears(self._kind, self._own(nsp))

    def decode(self, channel: str, data: bytes, pattern: bytes = b"") -> Message:
        """See `Transport`."""
        return modern.decode(data, self.max_values)


class Sharded(_Modern):
    """`createShardedAdapter` of Node's redis-adapter: sharded channels, in dynamic mode one for each public room.

    Args:
        mode: `"static"`, `"dynamic"` or `"dynamic-private"`; the same at all servers.
    """

    def __init__(self, uid: str, listener: Link, prefix: str = "socket.io", mode: str = "dynamic") -> None:
        super().__init__(uid, listener, prefix, Kind.SHARD)
        if mode not in ("static", "dynamic", "dynamic-private"):
            raise ValueError(f"mode must be 'static', 'dynamic' or 'dynamic-private', not: {mode!r}")
        self._mode = mode

    def _has_channel(self, room: str) -> bool:
        if self._mode == "static" or not isinstance(room, str):  # pyright: ignore[reportUnnecessaryIsInstance] # numbers
            return False
        return self._mode == "dynamic-private" or len(room) != _SID_CHARS

    def room_created(self, nsp: str, room: str) -> None:
        """See `Transport`."""
        if self._has_channel(room):
            self.listener.subscribe(Kind.SHARD, [_printable(f"{self._main(nsp)}{room}#")])

    def room_deleted(self, nsp: str, room: str) -> None:
        """See `Transport`."""
        if self._has_channel(room):
            self.listener.unsubscribe(Kind.SHARD, [_printable(f"{self._main(nsp)}{room}#")])

    def tell(self, message: Message) -> Command:
        """See `Transport`."""
        channel = self._main(message.nsp)
        if isinstance(message, Broadcast) and message.request_id is None:
            rooms = message.audience.rooms
            if len(rooms) == 1 and self._has_channel(rooms[0]):
                channel = _printable(f"{channel}{rooms[0]}#")
        return ("SPUBLISH", channel, modern.encode(message))

    def answer(self, to_uid: str | None, message: Answer) -> Command:
        """See `Transport`."""
        return ("SPUBLISH", f"{self._main(message.nsp)}{to_uid}#", modern.encode(message))


_IN_STREAM: Final = (RoomsJoin, RoomsLeave, SocketsDisconnect)


class Streams(_Modern):
    """Node's redis-streams-adapter: what changes something goes through streams, and is kept; questions by channels.

    Args:
        stream: its name; with a `count` of several, what they begin with.
        max_length: entries that a stream keeps, about.
        sharded: channels are sharded ones.
        reading: the link by which streams are read; who only writes has none.

    Attributes:
        max_length: see above.
    """

    def __init__(
        self,
        uid: str,
        listener: Link,
        *,
        prefix: str = "socket.io",
        stream: str = "socket.io",
        count: int = 1,
        max_length: int = MAX_LENGTH,
        sharded: bool = False,
        reading: Link | None = None,
    ) -> None:
        super().__init__(uid, listener, prefix, Kind.SHARD if sharded else Kind.PLAIN)
        self._stream = stream
        self._count = count
        self.max_length = max_length
        self._publish = "SPUBLISH" if sharded else "PUBLISH"
        if reading is not None:
            self.reader = StreamReader(reading, self.streams, max_length, uid)

    @property
    def streams(self) -> Sequence[str]:
        """All streams that are to be read: those with a minus too, to which Node writes by mistake."""
        if self._count == 1:
            return [self._stream]
        return [f"{self._stream}-{number}" for number in range(1 - self._count, self._count)]

    @property
    def trial(self) -> Command:
        """See `Link`: no entry has this id, and whether any could be added is looked at first."""
        return ("XADD", self.streams[0], "0-0", "", "")

    def stream_of(self, nsp: str) -> str:
        """Return the stream of a namespace."""
        return self._stream if self._count == 1 else f"{self._stream}-{abs(_hash(nsp)) % self._count}"

    def is_in_stream(self, message: Message) -> bool:
        """Whether a message is kept for who reads later."""
        return isinstance(message, _IN_STREAM) or (isinstance(message, Broadcast) and message.request_id is None)

    def tell(self, message: Message) -> Command:
        """See `Transport`."""
        if not self.is_in_stream(message):
            return (self._publish, self._main(message.nsp), modern.encode(message, always_msgpack=True))
        return self.add(message)

    def add(self, message: Message, number: int | None = None) -> Command:
        """Return the command that adds a message to its stream, with a number by which its place will be known."""
        fields: list[Argument] = [part for each in modern.to_entry(message).items() for part in each]
        if number is not None:
            fields += [NUMBER_FIELD, number]
        return ("XADD", self.stream_of(message.nsp), "MAXLEN", "~", self.max_length, "*", *fields)

    def answer(self, to_uid: str | None, message: Answer) -> Command:
        """See `Transport`."""
        channel = f"{self._main(message.nsp)}{to_uid}#"
        return (self._publish, channel, modern.encode(message, always_msgpack=True))


def _printable(channel: str) -> str:
    return channel.encode("utf-8", "replace").decode()


def _hash(text: str) -> int:
    """Return Node's hash of a namespace: 32 bits with a sign, over units of UTF-16."""
    value = 0
    units = text.encode("utf-16-le", "surrogatepass")
    for at in range(0, len(units), 2):
        value = (value * 31 + int.from_bytes(units[at : at + 2], "little")) & 0xFFFFFFFF
    return value - (1 << 32) if value & 0x80000000 else value
