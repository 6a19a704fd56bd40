"""Streams are read in order and each entry once, whatever happens to the connection, the stream, or the reader."""

from __future__ import annotations

import random
from typing import Any, Final

import pytest

from socketio_core.cluster.address import parse_redis_url
from socketio_core.cluster.events import State
from socketio_core.cluster.link import LAST_RETRY_S, Link
from socketio_core.cluster.messages import Audience, Broadcast
from socketio_core.cluster.modern import to_entry
from socketio_core.cluster.stream_reader import BLOCK_S, READ_COUNT, TURN_BYTES, Echoed, Entry, StreamReader
from socketio_core.cluster.transports import Streams
from tests.cluster.bus import NOW, Bus, Server, World, said, settle
from tests.cluster.redis import commands_in
from tests.cluster.streams import GREETED, array_of, bulk
from tests.effort import examples

STREAM = b"socket.io"
ALL: Final = Audience([], [], {})


class Home:
    """One server that reads, and what others add to its stream."""

    def __init__(self, *, already: int = 0, max_length: int = 1_000) -> None:
        self.bus = Bus()
        self.now = NOW
        self.count = 0
        self.max_length = max_length
        self.add(already)
        self.server = Server(self.bus, 1, "streams", random.Random(1), max_length)
        self.server.machine.open_namespace("/")
        self.settle()

    def add(self, count: int = 1, stream: bytes = STREAM, size_bytes: int = 0) -> None:
        """Let somebody else say something."""
        for _ in range(count):
            self.count += 1
            entry = to_entry(Broadcast("other", "/", ["a", self.count, *["x" * size_bytes] * bool(size_bytes)], ALL))
            self.bus.add(stream, entry, self.now, self.max_length)

    def settle(self, after_s: float = 0.0) -> None:
        self.now += after_s
        settle([self.server], self.now)

    def cut_off(self) -> None:
        """Let the connection by which it reads break, and no other come."""
        self.bus.is_up = False
        self.bus.drop(self.server.machine.links[2], self.now)
        self.settle()

    def come_back(self) -> None:
        """Let it connect again."""
        self.bus.is_up = True
        for _ in range(4):
            self.settle(1.0)

    @property
    def heard(self) -> list[Any]:
        return said(self.server.told)

    @property
    def gaps(self) -> list[bool]:
        """Return whether something was missed, at each time when all was well again."""
        return [each.gap for each in self.server.states if each.state is State.UP]


def test_what_was_said_before_it_came_is_not_read() -> None:
    home = Home(already=3)
    home.add(2)
    home.settle()
    assert home.heard == [4, 5]
    assert [home.server.machine.state, *home.gaps] == [State.UP, False]


@pytest.mark.parametrize("already", [0, 2])
def test_an_outage_loses_nothing_that_the_stream_still_has(already: int) -> None:
    home = Home(already=already)
    home.add(already)  # so that it has read something, or never anything
    home.settle()
    home.cut_off()
    assert home.server.machine.state is State.DOWN
    before = home.count
    home.add(3)
    home.come_back()
    home.add()
    home.settle()
    assert home.heard[-4:] == [before + 1, before + 2, before + 3, before + 4]
    assert len(home.heard) == len(set(home.heard))
    assert home.gaps == [False, False]


@pytest.mark.parametrize("has_read", [True, False])
def test_what_was_cut_off_meanwhile_is_told(*, has_read: bool) -> None:
    home = Home(max_length=5)
    home.add(1 if has_read else 0)
    home.settle()
    home.cut_off()
    home.add(10)
    home.come_back()
    assert home.heard[-5:] == list(range(home.count - 4, home.count + 1))
    assert home.gaps == [False, True]


@pytest.mark.parametrize("count", [5, READ_COUNT + 5])
def test_much_that_comes_at_once_has_turns(count: int) -> None:
    home = Home()
    home.add(count, size_bytes=TURN_BYTES - 1000)
    machine, heard, most = home.server.machine, 0, 0
    for _ in range(200):
        home.server.turn(home.now)
        most = max(most, len(home.heard) - heard)
        heard = len(home.heard)
        if 0 < heard < READ_COUNT and heard < count:
            assert machine.next_deadline == home.now
    assert home.heard == list(range(1, count + 1))
    assert most <= 2
    assert machine.next_deadline is None
    home.add()
    home.settle()
    assert home.heard[-1] == count + 1
    assert home.gaps == [False]


def test_an_outage_between_two_turns_costs_nothing_and_nothing_comes_twice() -> None:
    home = Home()
    home.add(7, size_bytes=TURN_BYTES)
    while not home.heard:
        home.server.turn(home.now)
    assert len(home.heard) < 7
    home.cut_off()
    home.come_back()
    assert home.heard == [1, 2, 3, 4, 5, 6, 7]
    assert home.gaps == [False, False]


def test_an_id_that_is_none_is_found_between_two_turns_too() -> None:
    link = Link(parse_redis_url("redis://bus"), random.Random(1).random)
    reader = StreamReader(link, ["s"], 1000, "me")
    link.dialing(NOW)
    link.connected(NOW)
    link.receive(GREETED, NOW)
    link.data_to_send()
    feed(reader, NOW)
    link.receive(b"*0\r\n:0\r\n*0\r\n", NOW)
    feed(reader, NOW)
    entries = [
        array_of([bulk(name), array_of([bulk(b"data"), bulk(b"x" * TURN_BYTES)])]) for name in (b"1-1", b"?", b"3-1")
    ]
    link.receive(array_of([array_of([bulk(b"s"), array_of(entries)])]), NOW)
    feed(reader, NOW)
    assert [reader.has_more, *(entry.id for entry in reader.take_found() if isinstance(entry, Entry))] == [True, "1-1"]
    reader.proceed(NOW)
    assert "an entry without an id" in link.reason
    feed(reader, NOW)
    assert (reader.has_more, reader.last_id("s")) == (False, (1, 1))


def test_an_empty_redis_is_read_from_its_beginning() -> None:
    home = Home()
    home.add(2)
    home.settle()
    home.cut_off()
    home.bus.keys.forget_all()
    home.now += 1
    home.add(2)
    home.come_back()
    assert home.heard == [1, 2, 3, 4]
    assert home.gaps == [False, True]


def test_a_redis_that_has_forgotten_the_last_does_not_say_the_rest_again() -> None:
    home = Home()
    home.add(5)
    home.settle()
    home.cut_off()
    del home.bus.keys.streams[STREAM][3:]
    home.come_back()
    assert home.heard == [1, 2, 3, 4, 5]
    home.add(2)
    home.settle()
    assert home.heard == [1, 2, 3, 4, 5, 6, 7]
    assert home.gaps == [False, True]


def test_much_at_once_is_read_part_by_part() -> None:
    home = Home()
    home.add(1)  # which ends a command that waits
    home.add(2 * READ_COUNT + 50)
    home.settle()
    assert home.heard == list(range(1, 2 * READ_COUNT + 52))
    assert home.gaps == [False]


@pytest.mark.parametrize("is_cut", [True, False])
def test_one_that_was_held_up_looks_whether_something_was_cut(*, is_cut: bool) -> None:
    home = Home(max_length=5)
    home.add()
    home.server.turn(home.now)
    home.now += 2 * BLOCK_S + 1
    home.server.turn(home.now)  # it reads now what came long ago
    home.add(10 if is_cut else 2)
    home.settle()
    assert home.heard == ([1, 7, 8, 9, 10, 11] if is_cut else [1, 2, 3])
    assert [each.reason for each in home.server.states if each.gap] == ["stream socket.io was cut"] * is_cut


def test_silence_is_not_taken_for_the_end() -> None:
    home = Home()
    for _ in range(10):
        home.settle(1.0)
    home.add()
    home.settle()
    assert (home.heard, home.gaps) == ([1], [False])


def test_entries_that_nobody_understands_are_counted() -> None:
    home = Home()
    home.bus.keys.do("XADD", [STREAM, b"MAXLEN", b"~", b"9", b"*", b"key"], home.now)
    home.add()
    home.settle()
    assert (home.heard, home.server.machine.malformed_count) == ([1], 1)


def test_all_streams_are_read_each_from_its_own_place() -> None:
    link = Link(parse_redis_url("redis://h"), lambda: 1.0)
    transport = Streams("me", Link(parse_redis_url("redis://h"), lambda: 1.0, listens=True), count=2, reading=link)
    reader = transport.reader
    assert reader is not None
    link.dialing(NOW)
    link.connected(NOW)
    link.receive(GREETED, NOW)
    link.data_to_send()
    feed(reader, NOW)
    names = ["socket.io--1", "socket.io-0", "socket.io-1"]
    assert commands_in(link.data_to_send()) == [
        command
        for name in names
        for command in (f"XRANGE {name} - + COUNT 1", f"XLEN {name}", f"XREVRANGE {name} + - COUNT 1")
    ]
    some = b"*1\r\n*2\r\n$3\r\n7-1\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n"
    link.receive(b"*0\r\n:0\r\n*0\r\n" + some + b":1\r\n" + some + b"*0\r\n:0\r\n*0\r\n", NOW)
    feed(reader, NOW)
    assert reader.is_current
    ids = "0-0 7-1 0-0"
    assert commands_in(link.data_to_send()) == [f"XREAD COUNT 100 BLOCK 2000 STREAMS {' '.join(names)} {ids}"]
    link.receive(b"*1\r\n*2\r\n$11\r\nsocket.io-0\r\n*1\r\n*2\r\n$3\r\n7-2\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n", NOW)
    feed(reader, NOW)
    assert reader.take_found() == [Entry("socket.io-0", "7-2", {"a": b"b"})]
    assert commands_in(link.data_to_send())[0].endswith("0-0 7-2 0-0")
    link.receive(b"*1\r\n*2\r\n$11\r\nsocket.io-0\r\n*1\r\n*2\r\n$3\r\n8-0\r\n*-1\r\n", NOW)  # deleted meanwhile
    feed(reader, NOW)
    assert reader.take_found() == [Entry("socket.io-0", "8-0", {})]
    assert repr(reader) == "<StreamReader socket.io--1 0-0, socket.io-0 8-0, socket.io-1 0-0>"


def new_reader(count: int = 1) -> StreamReader:
    """Return one of so many streams that is about to be told that its link is up."""
    link = Link(parse_redis_url("redis://h"), lambda: 1.0)
    listener = Link(parse_redis_url("redis://h"), lambda: 1.0, listens=True)
    reader = Streams("me", listener, count=count, reading=link).reader
    assert reader is not None
    return reader


def come_up(reader: StreamReader) -> str:
    """Let its link come up. Returns by which command it reads."""
    link = reader.link
    link.dialing(NOW)
    link.connected(NOW)
    link.receive(GREETED, NOW)
    feed(reader, NOW)
    return tell_lengths(reader, commands_in(link.data_to_send()))


def reply(reader: StreamReader, data: bytes) -> str:
    """Let a Redis reply, and tell how far its stream goes when it is asked. Returns by which command it is read on."""
    reader.link.receive(data, NOW)
    feed(reader, NOW)
    while reader.has_more:
        reader.proceed(NOW)
    commands = commands_in(reader.link.data_to_send())
    return tell_lengths(reader, commands) if len(commands) > 1 else commands[0]


def tell_lengths(reader: StreamReader, commands: list[str]) -> str:
    """Reply that there is nothing in the streams that are asked for. Returns by which command it is read on."""
    return reply(reader, b"*0\r\n:0\r\n*0\r\n" * sum(each.startswith("XLEN") for each in commands))


def entries(count: int, size_bytes: int, stream: bytes = STREAM, **fields: bytes) -> bytes:
    """Return entries of a stream, as the reply to what reads them."""
    parts = [
        bulk(part) for field in ({"data": bytes(size_bytes)} | fields).items() for part in (field[0].encode(), field[1])
    ]
    found = [array_of([bulk(b"7-%d" % number), array_of(parts)]) for number in range(count)]
    return array_of([array_of([bulk(stream), array_of(found)])])


def test_of_large_entries_fewer_are_read_at_once() -> None:
    """So that no reply is larger than what a link takes, which would be so again after each outage."""
    reader = new_reader()
    assert come_up(reader).startswith("XREAD COUNT 100 ")
    assert reply(reader, entries(3, 1_000_000)).startswith("XREAD COUNT 3 ")
    assert reply(reader, entries(3, 9_000_000)).startswith("XREAD COUNT 1 ")
    counts = [int(reply(reader, entries(1, 1)).split()[2]) for _ in range(8)]
    assert counts == [2, 4, 8, 16, 32, 64, 100, 100]


def test_of_several_streams_it_is_the_sum_that_counts() -> None:
    """Each may have as large ones, which come in one reply."""
    reader = new_reader(count=2)
    assert come_up(reader).startswith("XREAD COUNT 100 ")
    assert reply(reader, entries(3, 300_000, b"socket.io-1")).startswith("XREAD COUNT 4 ")


def test_after_an_outage_one_is_read_for_the_reply_may_have_been_too_large() -> None:
    reader = new_reader()
    come_up(reader)
    reader.link.receive(
        b"*1\r\n*2\r\n$9\r\nsocket.io\r\n*1\r\n*2\r\n$3\r\n7-1\r\n*1\r\n$99000000\r\n" + bytes(64_000_001), NOW
    )
    feed(reader, NOW)
    assert reader.link.reason == "a reply is larger than 64000000 bytes"
    assert come_up(reader).startswith("XREAD COUNT 1 ")
    assert reply(reader, b"*-1\r\n").startswith("XREAD COUNT 100 ")


def test_much_of_its_own_has_turns_too() -> None:
    reader = new_reader()
    come_up(reader)
    reader.link.receive(entries(3, TURN_BYTES, uid=b"me", number=b"5"), NOW)
    feed(reader, NOW)
    assert reader.take_found() == [Echoed(5, "socket.io", "7-0")]
    assert reader.has_more


def feed(reader: StreamReader, now: float) -> None:
    for event in reader.link.take_events():
        reader.take(event, now)


def test_what_is_no_stream_is_tried_again_but_not_all_the_time() -> None:
    home = Home()
    link = home.server.machine.links[2]
    link.data_to_send()
    link.receive(b"-WRONGTYPE no stream\r\n", home.now)
    home.settle()
    assert link.dial_at is not None
    assert link.dial_at >= home.now + LAST_RETRY_S / 2
    assert home.server.states[-1].reason.endswith("choose another name for the stream (WRONGTYPE no stream)")


def test_what_comes_of_an_older_connection_does_not_count() -> None:
    """A host may be slow to tell: the link has broken, and is up again, by the time when all of that is told."""
    home = Home()
    link = home.server.machine.links[2]
    home.add()
    connection = home.bus.connections[link]
    connection.receive(b"", home.now)
    link.receive(bytes(connection.out), home.now)
    home.bus.drop(link, home.now)
    link.dialing(home.now)
    link.connected(home.now)
    link.receive(GREETED, home.now)
    home.server.machine.work(home.now)
    assert [command.split()[0] for command in commands_in(link.data_to_send())] == [
        "HELLO", "CLIENT", "PING", "XREAD", "XRANGE", "XLEN", "XREVRANGE",
    ]  # fmt: skip
    link.receive(b"*-1\r\n*0\r\n", home.now)  # what the first XREAD brings does not count any more
    link.lost("gone", home.now)
    link.dialing(home.now)
    link.connected(home.now)
    link.receive(GREETED, home.now)
    link.lost("gone again, before anybody was told", home.now)
    home.server.machine.work(home.now)
    home.come_back()
    home.add()
    home.settle()
    assert home.heard == [1, 2]
    assert home.gaps[-1] is False


def test_whatever_happens_what_was_not_told_of_as_missed_is_read_once_and_in_order() -> None:
    for seed in range(examples(100)):
        walk(random.Random(seed))


def walk(chance: random.Random) -> None:
    """Add, break and cut; see what was read."""
    home = Home(already=chance.randrange(3), max_length=chance.choice([3, 20, 1_000]))
    start = home.count
    for _ in range(40):
        what = chance.random()
        if what < 0.5:
            home.add(chance.choice([1, 1, 1, 2, 30]))
        elif what < 0.6:
            home.bus.drop(home.server.machine.links[2], home.now)
        elif what < 0.65:
            home.bus.is_up = not home.bus.is_up
        else:
            home.now += chance.choice([0.1, 1.0])
        if chance.random() < 0.7:
            home.server.turn(home.now, chance=0.7)
    home.come_back()
    home.add()
    home.settle()
    heard = home.heard
    assert heard == sorted(set(heard))
    assert heard[-1] == home.count
    if not any(home.gaps):
        assert heard == list(range(start + 1, home.count + 1))


def test_servers_of_one_machine_read_alike() -> None:
    world = World("streams")
    for number in range(20):
        world.tell(world.servers[number % 3], number)
    world.settle()
    for index, server in enumerate(world.servers):
        assert sorted(said(server.told)) == [number for number in range(20) if number % 3 != index]
