"""What no Redis would reply, no server say and no client be given: it raises nowhere, and ends one connection."""

from __future__ import annotations

import random
from typing import Any, Final

import pytest

from socketio_core.cluster.entries import count_in, entries_in, fields_of, parse_id, streams_in
from socketio_core.cluster.events import State
from socketio_core.cluster.link import ClusterUnavailable
from socketio_core.cluster.modern import to_entry
from socketio_core.cluster.outbox import MAX_BYTES, MAX_MESSAGES
from socketio_core.cluster.stream_reader import NUMBER_FIELD
from socketio_core.cluster.values import Malformed
from socketio_core.settings import RecoverySettings
from socketio_core.socketio import Claim
from tests.cluster.bus import KINDS, NOW, Bus, Server, World, event, said, settle
from tests.cluster.cores import Cores, come_back, lose
from tests.cluster.joined import Joined, heard
from tests.cluster.links import Rig as LinkRig
from tests.cluster.links import array, pushed
from tests.cluster.streams import array_of, bulk
from tests.cluster.test_calling import Rig as CallRig
from tests.effort import examples

GREETING: Final = ("HELLO", "CLIENT", "PING", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE")
TEXTS: Final = (b"", b"a", b"7-2", b"socket.io", b"9" * 30 + b"-1", b"9" * 5000, b"\xff", b"PONG", b"1-x", b"number")


def some_reply(chance: random.Random, depth: int = 0) -> bytes:
    """Return a reply of any kind that there is."""
    kind = chance.randrange(13 if depth < 3 else 8)
    if kind < 3:
        return bulk(chance.choice(TEXTS))
    if kind < 5:
        return chance.choice([b":%d\r\n" % chance.randrange(-3, 3), b"+OK\r\n", b"-WRONG\r\n"])
    if kind < 8:
        return chance.choice([b"$-1\r\n", b"_\r\n", b"#t\r\n", b",1.5\r\n", b",inf\r\n", b"(%s\r\n" % (b"9" * 5000)])
    parts = [some_reply(chance, depth + 1) for _ in range(chance.randrange(4))]
    if kind < 10:
        return b"%%%d\r\n%s" % (len(parts), b"".join(bulk(chance.choice(TEXTS)) + each for each in parts))
    return array_of(parts)


def liar(bus: Bus, chance: random.Random, share: float) -> None:
    """Have a Redis that greets reply to some other commands with whatever there is."""
    bus.lie = lambda name: some_reply(chance) if name not in GREETING and chance.random() < share else None


@pytest.mark.parametrize("kind", KINDS)
def test_a_redis_that_replies_what_it_likes_ends_no_server(kind: str) -> None:
    for seed in range(examples(30)):
        chance = random.Random(seed)
        world, now = World(kind, 2), NOW
        liar(world.bus, chance, chance.choice([0.1, 0.5, 1.0]))
        for number in range(5):
            now += chance.choice([0.0, 3.0])
            world.tell(world.servers[0], number, now=now)
            if world.servers[1].machine.state is State.UP:
                world.servers[1].machine.ask(lambda request_id: event("server1", request_id=request_id), "/", now)
            world.settle(now)
        world.bus.lie = lambda _: None
        for _ in range(4):
            now += 3
            world.settle(now)
        world.tell(world.servers[0], "well", now=now)
        world.settle(now)
        assert said(world.servers[1].told)[-1] == "well", seed


def test_nor_who_comes_back_to_one() -> None:
    for seed in range(examples(30)):
        chance = random.Random(seed)
        world = Cores("recovery", 2)
        client = world.client(world.servers[0])
        for _ in range(3):
            world.servers[0].emit(1)
            world.settle()
            lose(client, world)
            world.servers[1].emit(2)
            liar(world.bus, chance, 0.3)
            come_back(client, world.servers[1], world)
            world.bus.lie = lambda _: None
            world.start_redis()
            client.cut(server_knows=True)
            client.connect()
            world.settle()
            client.read()
        assert client.is_up, seed


@pytest.mark.parametrize(
    ("command", "reply", "complaint"),
    [
        ("XRANGE", b":1\r\n", "no list where one should be"),
        ("XRANGE", b"*1\r\n*1\r\n$3\r\n1-1\r\n", "an entry without an id"),
        ("XRANGE", b"*1\r\n*2\r\n:1\r\n*0\r\n", "an entry without an id"),
        ("XRANGE", b"*1\r\n*2\r\n$3\r\n1-1\r\n*1\r\n:1\r\n", "an entry whose fields are no text"),
        ("XREVRANGE", b"*1\r\n*2\r\n$3\r\n1+1\r\n*0\r\n", "an entry without an id"),
        ("XLEN", b"$-1\r\n", "no number where one should be"),
        ("XREAD", b":1\r\n", "no list where one should be"),
        ("XREAD", b"*1\r\n:1\r\n", "no list where one should be"),
        ("XREAD", b"*1\r\n*1\r\n:1\r\n", "a stream without a name, or entries"),
        ("XREAD", b"%1\r\n:1\r\n*0\r\n", "a stream without a name, or entries"),
        ("XREAD", b"%1\r\n$9\r\nsocket.io\r\n*0\r\n", "a stream without a name, or entries"),
        (
            "XREAD",
            b"%1\r\n$1\r\nx\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*0\r\n",
            "entries of 'x', which nobody has asked for",
        ),
    ],
)
def test_a_reader_says_what_no_redis_would_reply(command: str, reply: bytes, complaint: str) -> None:
    bus = Bus()
    bus.lie = lambda name: reply if name == command else None
    server = Server(bus, 1, "streams", random.Random(1))
    settle([server], NOW)
    link = server.machine.links[2]
    assert (link.is_up, link.reason) == (False, f"this is no Redis: {complaint}")
    bus.lie = lambda _: None
    settle([server], NOW + 5)
    assert server.machine.state is State.UP


def test_what_came_behind_nonsense_is_left_with_the_connection() -> None:
    """Replies of one look: without that to the first, those behind it say nothing."""
    bus = Bus()
    bus.lie = {"XRANGE": b"-WRONGTYPE no stream\r\n", "XLEN": b":0\r\n", "XREVRANGE": b"*0\r\n"}.get
    server = Server(bus, 1, "streams", random.Random(1))
    link = server.machine.links[2]
    for _ in range(3):
        settle([server], NOW)
    assert "WRONGTYPE" in link.reason


@pytest.mark.parametrize("reply", [b"$-1\r\n", b"+OK\r\n", b"*0\r\n", b",inf\r\n"])
def test_who_asks_learns_that_nobody_knows_how_many_were_asked(reply: bytes) -> None:
    world = World("classic", 2)
    world.bus.lie = lambda name: reply if name == "PUBLISH" else None
    (asking, _) = world.servers
    asking.machine.ask(lambda request_id: event(asking.uid, request_id=request_id), "/", NOW)
    world.settle()
    (settled,) = asking.settled
    assert isinstance(settled.error, ClusterUnavailable)
    assert str(settled.error) == ("the other servers cannot be asked: this is no Redis: no number where one should be")


@pytest.mark.parametrize("raw", [b":1\r\n", b"*0\r\n", b"%0\r\n"])
def test_what_is_no_text_is_no_session(raw: bytes) -> None:
    world = Cores("recovery", 2)
    client = world.client(world.servers[0])
    lose(client, world)
    world.bus.lie = lambda name: raw if name == "GET" else None
    assert not come_back(client, world.servers[1], world)


def test_entries_are_what_a_redis_replies() -> None:
    entry: Any = [b"1-2", [b"a", b"b", b"\xff", b"\xff", b"odd"]]
    assert count_in(3) == 3
    assert entries_in([entry, [b"1-3", None]]) == [entry, [b"1-3", None]]
    assert streams_in(None) == []
    assert list(streams_in({b"s": [entry]})) == list(streams_in([[b"s", [entry]]])) == [("s", [entry])]
    assert fields_of([b"a", b"b", b"\xff", b"\xff", b"odd"]) == {"a": b"b", "�": b"\xff"}
    assert (fields_of(None), parse_id(b"1-2")) == ({}, (1, 2))


@pytest.mark.parametrize("id_", [b"", b"1", b"-1", b"1-", b"1-2-3", b"-1-2", b" 1-2", b"1_0-2", b"9" * 5000 + b"-1"])
def test_what_is_no_id_is_none(id_: bytes) -> None:
    with pytest.raises(Malformed, match=r"^this is no Redis: an entry without an id$"):
        parse_id(id_)


# -- what other servers say --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [b"1", b"9" * 20, b"9" * 5000])
@pytest.mark.parametrize("settings", [{}, {"recovery": RecoverySettings()}])
def test_what_is_said_in_the_name_of_a_server_ends_it_not(settings: dict[str, Any], number: bytes) -> None:
    """A number marks an event as its own, though it may number none, and as the one that it has."""
    joined = Joined("streams", 1, settings=settings)
    client = joined.rigs[0].open("websocket")
    joined.rigs[0].send(client, "40")
    joined.result_of(joined.io.emit("a"))
    stream = joined.bus.keys.streams[b"socket.io"]
    ((_, fields),) = stream
    uid = fields[fields.index(b"uid") + 1]
    joined.bus.add(b"socket.io", {"uid": uid, NUMBER_FIELD: number}, joined.now)
    joined.run()
    joined.result_of(joined.io.emit("b"))
    joined.bus.add(b"socket.io", to_entry(event("other")), joined.now)
    joined.run()
    assert [text.partition(",")[0].strip('2[]"') for text in heard(client)] == ["a", "b", "a"]


def test_half_a_character_in_a_name_breaks_no_link() -> None:
    """A client may claim such a session, and a server call itself so; what waited for its turn raised when it came."""
    rig = LinkRig().up()
    rig.link.send("GET", "sio:session:\ud800", b"\xff", 5)
    assert rig.link.data_to_send() == array(b"GET", b"sio:session:?", b"\xff", b"5")


def test_what_is_pushed_to_who_calls_is_for_nobody() -> None:
    rig = CallRig()
    call = rig.call("A")
    rig.up()
    rig.line.receive(pushed(array(b"message", b"a", b"b")) + pushed(array(b"message")) + b":1\r\n", rig.now)
    assert (call.is_over, call.error) == (True, None)


# -- what clients claim ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pid", ["secret", "x" * 16_000])
@pytest.mark.parametrize("is_up", [True, False])
def test_claims_drive_out_nothing_that_waits(pid: str, *, is_up: bool) -> None:
    """There is a Redis, which takes nothing just now, or there is none; and anybody may claim anything."""
    world = Cores("recovery", 2)
    first, second = world.servers
    if not is_up:
        world.end_redis()
        world.settle()
    log, link = first.log, first.machine.links[0]
    assert log is not None
    if is_up:
        link.send("PING", b"x" * (1 << 18))  # nothing goes before that has left
    for number in range(10):
        first.machine.tell(event(first.uid, number), world.clock.now)
    ended: list[int] = []
    for number in range(MAX_MESSAGES):
        log.restore("/", Claim(f"{pid}{number}"), lambda: ended.append(1))
    statistics = first.machine.statistics()
    assert statistics["dropped"] == 0
    assert (statistics["waiting"] < 0.6 * MAX_MESSAGES, statistics["waiting_bytes"] < 0.6 * MAX_BYTES) == (True, True)
    assert (len(ended) == MAX_MESSAGES) == (not is_up)
    world.start_redis()
    assert said(second.told) == list(range(10))


@pytest.mark.parametrize(("clients", "rooms"), [(1, 1_000), (30, 100)])
def test_nor_do_sessions_that_are_lost(clients: int, rooms: int) -> None:
    """They may come back to this server alone, then; what was in many rooms with long names took all the place."""
    world = Cores("recovery", 2)
    first, second = world.servers
    found = [world.client(first) for _ in range(clients)]
    for number, client in enumerate(found):
        for room in range(rooms):
            first.members[client.sid].join(f"{number} {room}" + "x" * 10_000)
    first.machine.links[0].send("PING", b"x" * (1 << 18))  # nothing goes before that has left
    for number in range(10):
        first.machine.tell(event(first.uid, number), world.clock.now)
    for client in found:
        client.cut(server_knows=True)
    assert first.machine.statistics()["dropped"] == 0
    world.settle()
    assert said(second.told) == list(range(10))
    assert come_back(found[-1], first, world)
