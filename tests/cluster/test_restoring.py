"""What another server has kept of a client, Node's too, is taken over by the one to which that has come back."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from typing import Any

import msgpack  # type: ignore[import-untyped] # pyright: ignore[reportMissingTypeStubs] # it has none
import pytest

from socketio_core.cluster.messages import Audience, Broadcast, RoomsJoin
from socketio_core.cluster.modern import to_entry
from socketio_core.cluster.values import MAX_DEPTH, to_msgpack
from socketio_core.socketio import Member
from tests.cluster.bus import ALL, nested
from tests.cluster.cores import Cores, CoreServer, come_back, lose
from tests.socketio.recovery_world import Reference

library: Any = msgpack

STREAM = b"socket.io"


def add(world: Cores, message: Broadcast | RoomsJoin, **more: bytes) -> str:
    """Let somebody else add an entry, and return its id."""
    return world.bus.add(STREAM, to_entry(message) | more, world.clock.now)


def packed(args: list[Any]) -> bytes:
    """Return an event as no server of ours would write it."""
    return b64encode(library.packb({"packet": {"type": 2, "data": args}, "opts": {}}))


def event(*args: Any, nsp: str = "/", audience: Audience = ALL, ack_id: int | None = None) -> Broadcast:
    return Broadcast("node", nsp, ["n", *args], audience, None, ack_id)


def keep(world: Cores, **more: Any) -> None:
    """Keep a session as Node does."""
    fields = {"sid": "sid of Node", "pid": "secret", "rooms": ["sid of Node", "room", 5], "data": {"a": 1}} | more
    world.bus.keys.texts[b"sio:session:secret"] = (b64encode(to_msgpack(fields, is_checked=True)), world.clock.now + 60)


def restored(world: Cores, offset: str | None) -> tuple[Member | None, list[Any]]:
    """Return the member of a client that comes back to a server of ours, if it is what it was, and what it gets."""
    (server, *_) = world.servers
    client = Reference(server.core, world.clock)
    client.remember("secret", offset)
    client.connect()
    world.settle()
    client.read()
    return (server.members[client.sid] if client.recovered[-1] else None), client.got


def asking() -> tuple[Cores, CoreServer, Reference]:
    """Return a server that has just been asked by a client for what another one keeps, and has no answer yet."""
    world = Cores("recovery", 1)
    (server,) = world.servers
    offset = add(world, event(1))
    keep(world)
    world.settle()
    client = Reference(server.core, world.clock)
    client.remember("secret", offset)
    client.connect()
    server.collect()
    return world, server, client


def test_a_session_of_node_is_taken_over() -> None:
    world = Cores("recovery", 1)
    offset = add(world, event(1))
    keep(world)
    add(world, event(2))
    add(world, event(3, nsp="/other"))
    add(world, RoomsJoin("node", "/", ALL, ["x"]))
    add(world, event(4, ack_id=5))
    add(world, event(5, audience=Audience(["room"], [], {})))
    add(world, event(6, audience=Audience([5], [], {"compress": False})))  # type: ignore[list-item] # as Node may
    add(world, event(7, audience=Audience([], ["room"], {})))
    add(world, event(8, audience=Audience([], [], {"volatile": True})))
    add(world, event(9), data=b"{")
    add(world, event(9), data=packed(["n", {b"key": 9}]))
    add(world, event(9), data=packed(["n", nested(MAX_DEPTH + 1)]))
    add(world, Broadcast("node", "/", ["disconnect", 10], ALL))
    world.settle()
    member, got = restored(world, offset)
    assert got == [2, 5, 6]
    assert member is not None
    assert (member.sid, member.rooms, member.data) == ("sid of Node", {"room", "5"}, {"a": 1})
    assert member.recoverable is not None
    assert not member.recoverable.is_proven, "Node does not say in which namespace it was"
    assert b"sio:session:secret" not in world.bus.keys.texts


def test_one_that_was_in_this_namespace_is_known_to_have_been() -> None:
    world = Cores("recovery", 1)
    offset = add(world, event(1))
    keep(world, nsp="/", data=None)
    world.settle()
    member, _ = restored(world, offset)
    assert member is not None
    assert member.recoverable is not None
    assert (member.data, member.recoverable.is_proven) == ({}, True)


@pytest.mark.parametrize(
    "fields",
    [
        *({"nsp": "/other"}, {"pid": "other"}, {"sid": None}, {"since": "1-0", "pid": None}),
        *({"rooms": 5}, {"rooms": [nested(500)]}, {"rooms": [None]}),
    ],
)
def test_what_is_no_session_for_it_is_none(fields: dict[str, Any]) -> None:
    world = Cores("recovery", 1)
    offset = add(world, event(1))
    keep(world, **fields)
    world.settle()
    assert restored(world, offset)[0] is None


@pytest.mark.parametrize("offset", [None, "", "x", "1", "-", "1-", "1-1", "٢-0", "9" * 40 + "-0", "9" * 50 + "-1"])
def test_an_offset_that_the_stream_does_not_have_restores_nothing(offset: str | None) -> None:
    world = Cores("recovery", 1)
    add(world, event(1))
    keep(world)
    world.settle()
    assert restored(world, offset) == (None, [])


@pytest.mark.parametrize(
    ("count", "max_missed", "is_restored"),
    [(600, 600, True), (600, 599, False), (601, 5_000, False)],
)
def test_what_is_missed_is_read_part_by_part_but_not_without_end(
    count: int, max_missed: int, *, is_restored: bool
) -> None:
    world = Cores("recovery", 1, max_length=300, max_missed=max_missed)
    offset = add(world, event(0))
    keep(world)
    for number in range(count):
        add(world, event(number))
    world.settle()
    member, got = restored(world, offset)
    assert (member is not None) is is_restored
    assert got == (list(range(count)) if is_restored else [])


@pytest.mark.parametrize(("count", "is_restored"), [(38, True), (400, False)])
def test_of_large_events_few_are_read_at_once_and_no_more_than_a_client_is_sent(
    count: int, *, is_restored: bool
) -> None:
    world = Cores("recovery", 1)
    do, read = world.bus.keys.do, list[int]()

    def noting(name: str, args: list[bytes], now: float) -> bytes | None:
        if name == "XRANGE" and args[1] != b"-" and args[1] != args[2]:
            read.append(int(args[-1]))
        return do(name, args, now)

    world.bus.keys.do = noting  # type: ignore[method-assign]
    offset = add(world, event(0))
    keep(world)
    for number in range(count):
        add(world, event(number, "x" * 100_000))
    world.settle()
    member, got = restored(world, offset)
    assert (member is not None) is is_restored
    assert got == (list(range(count)) if is_restored else [])
    assert read[:3] == [4, 2, 2]
    assert sum(read) <= 42


def test_one_that_was_told_more_than_this_server_knows_waits_a_moment() -> None:
    world = Cores("recovery", 1)
    (server,) = world.servers
    add(world, event(1))
    world.settle()
    offset = add(world, event(2))
    keep(world)
    client = Reference(server.core, world.clock)
    client.remember("secret", offset)
    client.connect()
    reading = server.machine.links[2]
    server.collect()
    for _ in range(30):
        server.turn_without(reading, world.clock.now)
    assert server.restored, "it waits"
    world.settle()
    client.read()
    assert (client.recovered, client.got) == ([True], [])
    server.emit(3)
    world.settle()
    client.read()
    assert client.got == [3]


def test_nobody_waits_for_long() -> None:
    world, server, client = asking()
    assert server.log is not None
    assert server.log.next_deadline == world.clock.now + 1
    world.clock.now += 1
    server.log.handle_timeout(world.clock.now)
    world.settle()
    client.read()
    assert client.recovered == [False]


def test_a_link_that_breaks_meanwhile_is_not_waited_for() -> None:
    world, server, client = asking()
    world.bus.drop(server.machine.links[0], world.clock.now)
    world.settle()
    client.read()
    assert client.recovered == [False]


def test_somebody_who_is_here_already_is_not_made_twice() -> None:
    world = Cores("recovery", 1)
    (server,) = world.servers
    offset = add(world, event(1))
    client = world.client(server)
    keep(world, sid=client.sid)
    world.settle()
    assert restored(world, offset)[0] is None


def test_a_stream_that_was_empty_and_is_full_now_may_have_been_cut() -> None:
    world = Cores("recovery", max_length=3)
    first, second = world.servers
    client = world.client(first)
    lose(client, world)
    for number in range(5):
        first.emit(number)
    world.settle()
    assert not come_back(client, second, world)


def lost(world: Cores, *, has_got: bool) -> Reference:
    """Return a client that was lost, perhaps behind event 0, before the others up to 2 were said; all by one server."""
    first = world.servers[0]
    client = world.client(first)
    if has_got:
        first.emit(0)
        world.settle()
        client.read()
    lose(client, world)
    say(world, range(has_got, 3))
    return client


def say(world: Cores, numbers: Iterable[int]) -> None:
    """Have the first server say something; the others have not read it yet."""
    first = world.servers[0]
    for number in numbers:
        first.emit(number)
    while first.turn(world.clock.now):
        pass


@pytest.mark.parametrize("turns", range(8))
@pytest.mark.parametrize("has_got", [False, True])
def test_what_is_cut_off_while_it_is_read_was_not_read(turns: int, *, has_got: bool) -> None:
    world = Cores("recovery", max_length=4)
    second = world.servers[1]
    client = lost(world, has_got=has_got)
    world.settle()
    client.move(second.core)
    client.connect()
    for _ in range(turns):
        second.turn(world.clock.now)
    say(world, range(3, 6))
    world.settle()
    client.read()
    assert client.got == list(range(6)) if client.recovered[-1] else client.got in ([], [3, 4, 5])


@pytest.mark.parametrize("has_got", [False, True])
def test_what_is_cut_off_before_the_server_reads_it_was_not_missed_by_who_comes_back_there(*, has_got: bool) -> None:
    """Which of its lines to the Redis the server sees first is random."""
    recovered = 0
    for seed in range(100):
        world = Cores("recovery", seed=seed, max_length=4)
        second = world.servers[1]
        client = lost(world, has_got=has_got)
        client.move(second.core)
        client.connect()
        for _ in range(8):
            second.turn(world.clock.now, chance=0.5)
        say(world, range(3, 7))
        world.settle()
        client.read()
        recovered += client.recovered[-1]
        assert not client.recovered[-1] or client.got == list(range(7)), f"seed {seed}"
    assert recovered
