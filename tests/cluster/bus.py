"""A Redis in memory, as far as the servers of a cluster use one: subscriptions, and who hears what; and faults."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

import hiredis

from socketio_core.cluster.address import parse_redis_url
from socketio_core.cluster.link import Link
from socketio_core.cluster.machine import Asked, ClusterMachine, Settled, StateChanged, Told
from socketio_core.cluster.transports import Classic, Sharded

ADDRESS: Final = parse_redis_url("redis://bus")
SUBSCRIBE: Final = ("SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE")
UNSUBSCRIBE: Final = ("UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE")
KINDS: Final[dict[str, Callable[[str, Link], Any]]] = {"classic": Classic, "sharded": Sharded}


def _bulk(data: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(data), data)


def _array(*parts: bytes) -> bytes:
    return b"*%d\r\n%s" % (len(parts), b"".join(map(_bulk, parts)))


class Connection:
    """The other end of a link."""

    def __init__(self, bus: Bus, link: Link) -> None:
        self._bus = bus
        self._reader = hiredis.Reader()
        self.link = link
        self.heard: set[tuple[str, str]] = set()
        self.out = bytearray()

    def receive(self, data: bytes) -> None:
        """Do what commands say."""
        self._reader.feed(data)
        while (command := self._reader.gets()) is not False:
            name, *args = command
            self._do(name.decode(), args)

    def _do(self, name: str, args: list[bytes]) -> None:
        if name == "PING":
            self.out += _array(b"pong", b"") if self.heard else b"+PONG\r\n"
        elif name in SUBSCRIBE:
            self.heard |= {(name, channel.decode()) for channel in args}
            self.out += b"".join(_array(name.lower().encode(), channel, b"1") for channel in args)
        elif name in UNSUBSCRIBE:
            self.heard -= {(name.replace("UNSUB", "SUB"), channel.decode()) for channel in args}
            self.out += b"".join(_array(name.lower().encode(), channel, b"1") for channel in args)
        elif name in ("PUBLISH", "SPUBLISH"):
            self.out += b":%d\r\n" % self._bus.publish(name, *args)
        else:
            self.out += b"+OK\r\n"

    def hear(self, command: str, channel: bytes, data: bytes) -> int:
        """Take what was published; return how often it was heard."""
        name, count = channel.decode(), 0
        if (("SUBSCRIBE" if command == "PUBLISH" else "SSUBSCRIBE"), name) in self.heard:
            self.out += _array(b"message" if command == "PUBLISH" else b"smessage", channel, data)
            count += 1
        for kind, pattern in self.heard:
            if command == "PUBLISH" and kind == "PSUBSCRIBE" and fnmatchcase(name, pattern.replace("\\", "")):
                self.out += _array(b"pmessage", pattern.encode(), channel, data)
                count += 1
        return count


class Bus:
    """The Redis.

    Attributes:
        is_up: whether anybody can connect.
    """

    def __init__(self) -> None:
        self.is_up = True
        self.connections: dict[Link, Connection] = {}

    def publish(self, command: str, channel: bytes, data: bytes) -> int:
        """Tell all who hear the channel; return how many they are."""
        return sum(each.hear(command, channel, data) for each in self.connections.values())

    def drop(self, link: Link, now: float) -> None:
        """End a connection."""
        if self.connections.pop(link, None) is not None:
            link.lost("dropped", now)


class Server:
    """One server of the cluster: its machine, and what it was told.

    Attributes:
        told: what others said, in the order in which it came.
    """

    def __init__(self, bus: Bus, number: int, kind: str, random_: random.Random) -> None:
        self._bus = bus
        self._random = random_
        self._ids = 0
        self.uid = f"server{number}"
        listener = Link(ADDRESS, random_.random, listens=True)
        self.machine = ClusterMachine(
            KINDS[kind](self.uid, listener),
            Link(ADDRESS, random_.random),
            new_id=self._new_id,
            report=self._report,
        )
        self.reports: list[str] = []
        self.told: list[Any] = []
        self.settled: list[Settled] = []
        self.states: list[StateChanged] = []
        self.answer: Callable[[Asked, float], None] = lambda asked, now: None  # noqa: ARG005 - whoever wants to

    def _new_id(self) -> str:
        self._ids += 1
        return f"{self.uid}-{self._ids}"

    def _report(self, what: str) -> None:
        self.reports.append(what)

    def turn(self, now: float, *, chance: float = 1.0) -> bool:
        """Do what a host does; with a chance below 1, perhaps not all of it now. Returns whether something was done."""
        is_busy = False
        for link in self.machine.links:
            if self._random.random() > chance:
                is_busy = True
                continue
            is_busy |= self._turn_of(link, now)
        self.machine.handle_timeout(now)
        self.machine.work(now)
        return self._take_events(now) or is_busy

    def _turn_of(self, link: Link, now: float) -> bool:
        if link.dial_at is not None and link.dial_at <= now:
            link.dialing()
            if not self._bus.is_up:
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
        connection.receive(said)
        at = len(connection.out)
        if at and self._random.random() < 0.2:
            at = self._random.randrange(1, at + 1)  # it comes in pieces
        data = bytes(connection.out[:at])
        del connection.out[:at]
        if data:
            link.receive(data, now)
        return bool(said or data)

    def _take_events(self, now: float) -> bool:
        events = self.machine.take_events()
        for event in events:
            if isinstance(event, Told):
                self.told.append(event.message)
            elif isinstance(event, Asked):
                self.answer(event, now)
            elif isinstance(event, Settled):
                self.settled.append(event)
            else:
                self.states.append(event)
        return bool(events)


def settle(servers: Sequence[Server], now: float) -> None:
    """Go on until nothing happens any more."""
    for _ in range(200):
        busy = [server.turn(now) for server in servers]
        if not any(busy):
            return
    raise AssertionError("it does not come to rest")
