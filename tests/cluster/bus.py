"""A Redis in memory, as far as the servers of a cluster use one: subscriptions, and who hears what; and faults."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import hiredis

from socketio_core.cluster.address import parse_redis_url
from socketio_core.cluster.events import Asked, ClusterEvent, Settled, StateChanged, Told
from socketio_core.cluster.link import Link
from socketio_core.cluster.machine import ClusterMachine
from socketio_core.cluster.messages import Audience, Broadcast
from socketio_core.cluster.stream_reader import Echoed
from socketio_core.cluster.transports import Classic, Sharded, Streams, Transport
from tests.cluster.streams import Keys, array_of, bulk

ADDRESS: Final = parse_redis_url("redis://bus")
SUBSCRIBE: Final = ("SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE")
UNSUBSCRIBE: Final = ("UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE")
KINDS: Final = ("classic", "sharded", "streams")


def nested(depth: int) -> list[Any]:
    """Return a list in a list in a list: so many."""
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def transport_of(kind: str, uid: str, new_link: Callable[[bool], Link], max_length: int) -> Transport:
    """Return one way for messages to go."""
    listener = new_link(True)  # noqa: FBT003 - it listens
    if kind == "classic":
        return Classic(uid, listener)
    if kind == "sharded":
        return Sharded(uid, listener)
    return Streams(uid, listener, reading=new_link(False), max_length=max_length)  # noqa: FBT003 - it does not


class Connection:
    """The other end of a link."""

    def __init__(self, bus: Bus, link: Link) -> None:
        self._bus = bus
        self._reader = hiredis.Reader()
        self.link = link
        self.heard: set[tuple[str, str]] = set()
        self.out = bytearray()
        self._is_resp3 = False
        self._blocks: tuple[list[bytes], float] | None = None  # a command, and until when
        self._read_at = 0  # how often the streams had changed when that was looked at last

    def receive(self, data: bytes, now: float) -> None:
        """Do what commands say; one that blocks holds up what is behind it."""
        if data:
            self._reader.feed(data)
        if self._blocks is not None:
            args, until = self._blocks
            if now < until and self._read_at == self._bus.keys.change_count:
                return
            self._read(args, until, now)
        elif not data:
            return
        while self._blocks is None and (command := self._reader.gets()) is not False:
            name, *args = command
            self._do(name.decode(), args, now)

    def _read(self, args: list[bytes], until: float, now: float) -> None:
        self._read_at = self._bus.keys.change_count
        reply = self._bus.keys.read(args, is_resp3=self._is_resp3)
        self._blocks = None if reply or now >= until else (args, until)
        if self._blocks is None:
            self.out += reply or b"*-1\r\n"

    def _do(self, name: str, args: list[bytes], now: float) -> None:
        instead = self._bus.lie(name)
        if instead is not None:
            self.out += instead
        elif name == "HELLO" and self._bus.knows_resp3:
            self._is_resp3 = True
            self.out += b"%1\r\n$5\r\nproto\r\n:3\r\n"
        elif name == "HELLO":
            self.out += b"-ERR unknown command 'HELLO'\r\n"
        elif name == "PING":
            self.out += self._push(b"pong", b"") if self.heard and not self._is_resp3 else b"+PONG\r\n"
        elif name in SUBSCRIBE:
            self.heard |= {(name, channel.decode()) for channel in args}
            self.out += b"".join(self._push(name.lower().encode(), channel, b"1") for channel in args)
        elif name in UNSUBSCRIBE:
            self.heard -= {(name.replace("UNSUB", "SUB"), channel.decode()) for channel in args}
            self.out += b"".join(self._push(name.lower().encode(), channel, b"1") for channel in args)
        elif name in ("PUBLISH", "SPUBLISH"):
            self.out += b":%d\r\n" % self._bus.publish(name, *args)
        elif name == "XREAD":
            self._read(args, now + int(args[3]) / 1000, now)
        else:
            self.out += self._bus.keys.do(name, args, now) or b"+OK\r\n"

    def _push(self, *parts: bytes) -> bytes:
        said = array_of(map(bulk, parts))
        return b">" + said[1:] if self._is_resp3 else said

    def hear(self, command: str, channel: bytes, data: bytes) -> int:
        """Take what was published; return how often it was heard."""
        name, count = channel.decode(), 0  # each pattern ends in a `*`, and has no other that is not escaped
        if (("SUBSCRIBE" if command == "PUBLISH" else "SSUBSCRIBE"), name) in self.heard:
            self.out += self._push(b"message" if command == "PUBLISH" else b"smessage", channel, data)
            count += 1
        for kind, pattern in self.heard:
            if command == "PUBLISH" and kind == "PSUBSCRIBE" and name.startswith(pattern.replace("\\", "")[:-1]):
                self.out += self._push(b"pmessage", pattern.encode(), channel, data)
                count += 1
        return count


class Bus:
    """The Redis.

    Attributes:
        is_up: whether anybody can connect.
        cut_off: servers that cannot, by id.
        keys: what it keeps.
        knows_resp3: it is no older than 6.0.
        lie: told a command's name, what to reply instead of the truth, if anything.
    """

    def __init__(self, *, knows_resp3: bool = True) -> None:
        self.is_up = True
        self.knows_resp3 = knows_resp3
        self.cut_off: set[str] = set()
        self.keys = Keys()
        self.connections: dict[Link, Connection] = {}
        self.lie: Callable[[str], bytes | None] = lambda name: None  # noqa: ARG005 - it tells the truth

    def publish(self, command: str, channel: bytes, data: bytes) -> int:
        """Tell all who hear the channel; return how many they are."""
        return sum(each.hear(command, channel, data) for each in self.connections.values())

    def add(self, stream: bytes, entry: Mapping[str, bytes], now: float, max_length: int = 100_000) -> str:
        """Let somebody who is no server here add an entry to a stream; return its id."""
        fields = [part for name, value in entry.items() for part in (name.encode(), value)]
        self.keys.do("XADD", [stream, b"MAXLEN", b"~", b"%d" % max_length, b"*", *fields], now)
        milliseconds, number = self.keys.streams[stream][-1][0]
        return f"{milliseconds}-{number}"

    def drop(self, link: Link, now: float) -> None:
        """End a connection."""
        if self.connections.pop(link, None) is not None:
            link.lost("dropped", now)


class Server:
    """One server of the cluster: its machine, and what it was told.

    Attributes:
        told: what others said, in the order in which it came.
    """

    def __init__(self, bus: Bus, number: int, kind: str, random_: random.Random, max_length: int = 10_000) -> None:
        self._bus = bus
        self._random = random_
        self._ids = 0
        self.uid = f"server{number}"
        self.transport = transport_of(kind, self.uid, self._new_link, max_length)
        trial = self.transport.trial if isinstance(self.transport, Streams) else None
        self.machine = ClusterMachine(
            self.transport,
            Link(ADDRESS, random_.random, trial=trial),
            new_id=self._new_id,
            report=self._report,
        )
        self._links = self.machine.links
        self.reports: list[str] = []
        self.told: list[Any] = []
        self.settled: list[Settled] = []
        self.states: list[StateChanged] = []
        self.echoes: list[Echoed] = []
        self.answer: Callable[[Asked, float], None] = lambda asked, now: None  # noqa: ARG005 - whoever wants to

    def _new_link(self, listens: bool) -> Link:  # noqa: FBT001 - the only one
        return Link(ADDRESS, self._random.random, listens=listens)

    def _new_id(self) -> str:
        self._ids += 1
        return f"{self.uid}-{self._ids}"

    def _report(self, what: str) -> None:
        self.reports.append(what)

    def turn(self, now: float, *, chance: float = 1.0) -> bool:
        """Do what a host does; with a chance below 1, perhaps not all of it now. Returns whether something was done."""
        is_busy = False
        for link in self._links:
            if chance < 1.0 and self._random.random() > chance:
                is_busy = True
                continue
            is_busy |= self._turn_of(link, now)
        self.machine.handle_timeout(now)
        self.machine.work(now)
        return self._take_events(now) or is_busy

    def turn_without(self, held_up: Link, now: float) -> None:
        """Do what a host does, but for one link."""
        for link in self._links:
            if link is not held_up:
                self._turn_of(link, now)
        self.machine.work(now)
        self._take_events(now)

    def _turn_of(self, link: Link, now: float) -> bool:
        if link.dial_at is not None and link.dial_at <= now:
            link.dialing(now)
            if not self._bus.is_up or self.uid in self._bus.cut_off:
                link.refused("Connection refused", now)
                return False
            link.connected(now)
            self._bus.connections[link] = Connection(self._bus, link)
        connection = self._bus.connections.get(link)
        if connection is None:
            return False
        if not link.wants_connection:
            del self._bus.connections[link]
            return False
        link.handle_timeout(now)
        said = link.data_to_send()
        connection.receive(said, now)
        at = len(connection.out)
        if not at:
            return bool(said)
        if self._random.random() < 0.2:
            at = self._random.randrange(1, at + 1)  # it comes in pieces
        data = bytes(connection.out[:at])
        del connection.out[:at]
        link.receive(data, now)
        return True

    def _take_events(self, now: float) -> bool:
        events = self.machine.take_events()
        for event in events:
            self.take(event, now)
        return bool(events)

    def take(self, event: ClusterEvent, now: float) -> None:
        """Note what the machine tells."""
        if isinstance(event, Told):
            self.told.append(event.message)
        elif isinstance(event, Asked):
            self.answer(event, now)
        elif isinstance(event, Settled):
            self.settled.append(event)
        elif isinstance(event, StateChanged):
            self.states.append(event)
        else:
            self.echoes.append(event)


def settle(servers: Sequence[Server], now: float) -> None:
    """Go on until nothing happens any more."""
    for _ in range(200):
        busy = [server.turn(now) for server in servers]
        if not any(busy):
            return
    raise AssertionError("it does not come to rest")


ALL: Final = Audience([], [], {})
NOW: Final = 10.0


def event(uid: str, *args: Any, nsp: str = "/", request_id: str | None = None) -> Broadcast:
    """Return an event for everyone."""
    return Broadcast(uid, nsp, ["a", *args], ALL, request_id)


def said(messages: Sequence[Any]) -> list[Any]:
    """Return what events say, without who says it."""
    return [message.args[1] for message in messages if isinstance(message, Broadcast)]


class World:
    """Some servers that have found each other.

    Args:
        kind: how messages go.
        max_length: of streams.
    """

    def __init__(self, kind: str, size: int = 3, *, is_up: bool = True, max_length: int = 10_000) -> None:
        self.bus = Bus()
        self.bus.is_up = is_up
        self.random = random.Random(1)
        self.servers = [Server(self.bus, number, kind, self.random, max_length) for number in range(size)]
        for server in self.servers:
            server.machine.open_namespace("/")
        self.settle()

    def settle(self, now: float = NOW) -> None:
        """Go on until nothing happens any more."""
        settle(self.servers, now)

    def tell(self, server: Server, *args: Any, now: float = NOW, volatile: bool = False) -> None:
        """Let a server tell the others."""
        server.machine.tell(event(server.uid, *args), now, volatile=volatile)
