"""Clients that were lost come back, though the Redis is slow, was gone, or has forgotten all."""

from __future__ import annotations

import pytest

from socketio_core.cluster.stream_reader import Echoed
from tests.cluster.cores import Cores, CoreServer, come_back, lose, with_a_client


def test_nothing_waits_for_a_redis_that_is_gone() -> None:
    world = Cores("recovery")
    first, second = world.servers
    client, other = world.client(first), world.client(second)
    world.end_redis()
    first.emit(1)
    world.settle()
    first.emit(2)
    client.read()
    assert client.got == [1, 2]
    lose(client, world)
    first.emit(3)
    assert come_back(client, first, world)
    assert client.got == [1, 2, 3]
    world.start_redis()
    other.read()
    client.read()
    assert client.got == other.got == [1, 2, 3]
    lose(client, world)
    first.emit(4)
    world.settle()
    assert come_back(client, first, world), "the last that it got is known to this server alone"
    assert client.got == [1, 2, 3, 4]


def test_who_was_lost_without_a_redis_can_go_elsewhere_once_it_is_back() -> None:
    world = Cores("recovery")
    _, second, client = with_a_client(world)
    world.end_redis()
    world.settle()
    lose(client, world)
    assert not world.bus.keys.texts
    world.start_redis()
    second.emit(2)
    world.settle()
    assert come_back(client, second, world)
    assert client.got == [1, 2]


def test_without_a_redis_who_was_elsewhere_meanwhile_begins_anew() -> None:
    """Its own server knows it as it was, and not what it got since then."""
    world = Cores("recovery")
    first, second = world.servers
    client = world.client(first)
    lose(client, world)
    assert come_back(client, second, world)
    world.end_redis()
    world.settle()
    second.emit(1)
    client.read()
    assert client.got == [1]
    client.cut(server_knows=True)
    first.emit(2)
    assert not come_back(client, first, world)
    assert client.got == []


def test_who_is_back_before_an_event_has_its_place_gets_it_then() -> None:
    world = Cores("recovery", 1)
    (server,) = world.servers
    client, other = world.client(server), world.client(server)
    lose(client, world)
    server.emit(1)
    client.connect()
    server.collect()
    for _ in range(30):
        server.turn_without(server.machine.links[2], world.clock.now)
        server.collect()
    client.read()
    assert (client.recovered, client.got) == ([False, True], [])
    world.settle()
    client.read()
    assert client.got == [1]
    server.emit(2)
    world.settle()
    client.read()
    other.read()
    assert client.got == other.got == [1, 2]


def test_a_redis_that_is_slow_is_not_waited_for() -> None:
    world = Cores("recovery")
    first, second = world.servers
    client, other = world.client(first), world.client(second)
    first.emit(1)
    first.core.handle_timeout(world.clock.now)
    world.clock.now += 0.3
    assert first.log is not None
    assert first.log.next_deadline is not None
    assert first.log.next_deadline < world.clock.now
    first.log.handle_timeout(world.clock.now)
    client.read()
    assert client.got == [1]
    world.settle()
    first.emit(2)
    world.settle()
    client.read()
    other.read()
    assert client.got == other.got == [1, 2]


def late(server: CoreServer) -> None:
    """Let the patience of a server with its Redis come to an end."""
    server.clock.now += 0.3
    assert server.log is not None
    server.log.handle_timeout(server.clock.now)


@pytest.mark.parametrize("is_in_time", [False, True])
def test_what_is_slow_is_waited_for_again_once_it_keeps_up(*, is_in_time: bool) -> None:
    world = Cores("recovery", 1)
    (server,) = world.servers
    client = world.client(server)
    assert server.log is not None
    for number in range(3):
        server.emit(number)
        late(server)
        assert server.log.is_slow
        client.read()
        assert client.got.pop() == number  # but the first, at once
    server.emit(3)
    world.clock.now += 0.0 if is_in_time else 0.3
    server.turn(world.clock.now)
    if is_in_time:  # though there is one more
        server.emit(4)
    world.settle()
    assert not server.log.is_slow
    client.read()
    client.got.clear()
    server.emit(5)
    client.read()
    assert client.got == []
    world.settle()
    client.read()
    assert client.got == [5]


def test_one_that_owes_others_and_is_late_again_is_still_slow() -> None:
    world = Cores("recovery", 1)
    (server,) = world.servers
    log = server.log
    assert log is not None
    for number in range(4):
        server.emit(number)
        late(server)
    for number, is_slow in ((1, True), (2, True), (3, True), (4, False)):
        log.echoed(Echoed(number, "socket.io", f"{number}-0"))
        assert log.is_slow is is_slow


def test_a_redis_that_ends_is_not_slow_any_more() -> None:
    world = Cores("recovery", 1)
    (server,) = world.servers
    assert server.log is not None
    server.emit(1)
    late(server)
    world.end_redis()
    world.settle()
    assert not server.log.is_slow


def test_who_is_away_while_a_redis_forgets_all_comes_back_to_the_same_server() -> None:
    world = Cores("recovery")
    first, second = world.servers
    at_home, elsewhere = world.client(first), world.client(first)
    first.emit(1)
    world.settle()
    for client in (at_home, elsewhere):
        client.read()
        lose(client, world)
    world.end_redis()
    world.settle()
    world.start_redis()  # once with all it had
    world.end_redis()
    world.settle()
    world.bus.keys.forget_all()
    first.emit(2)
    world.start_redis()
    assert come_back(at_home, first, world)
    assert at_home.got == [1, 2]
    assert not come_back(elsewhere, second, world), "the stream has forgotten what it had got"


def test_what_was_missed_before_a_redis_has_forgotten_it_is_known_at_home_alone() -> None:
    world = Cores("recovery")
    first, second = world.servers
    at_home, elsewhere, late = (world.client(first) for _ in range(3))
    first.emit(1)
    world.settle()
    for client in (at_home, elsewhere):
        lose(client, world)
    world.end_redis()
    world.settle()
    world.bus.keys.forget_all()
    late.cut(server_knows=True)
    world.start_redis()
    second.emit(2)
    world.settle()
    assert come_back(at_home, first, world)
    assert at_home.got == [1, 2]
    for client in (elsewhere, late):
        assert not come_back(client, second, world)


def test_what_others_have_told_of_who_is_away_is_newer() -> None:
    world = Cores("recovery", max_length=3)
    first, second = world.servers
    client = world.client(first)
    first.emit(0)
    world.settle()
    client.read()
    lose(client, world)
    for link in first.machine.links:
        world.bus.drop(link, world.clock.now)
    world.bus.cut_off = {first.uid}
    assert come_back(client, second, world)
    for number in range(5):  # more than the stream keeps
        second.emit(number)
    world.settle()
    client.read()
    lose(client, world)
    (kept,) = world.bus.keys.texts.values()
    world.bus.cut_off = set()
    world.start_redis()
    assert first.states[-1].gap
    assert list(world.bus.keys.texts.values()) == [kept]


def test_who_was_lost_at_a_replica_can_go_elsewhere_once_it_is_none() -> None:
    world = Cores("recovery")
    _, second, client = with_a_client(world)
    world.bus.keys.refusal = b"READONLY no"
    lose(client, world)
    assert not world.bus.keys.texts
    world.bus.keys.refusal = b""
    world.start_redis()
    second.emit(2)
    world.settle()
    assert come_back(client, second, world)
    assert client.got == [1, 2]
