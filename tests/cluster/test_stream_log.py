"""Clients that were lost come back to any server of a cluster, by streams; on a Redis in memory."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from socketio_core.cluster.stream_log import MAX_WAITING
from socketio_core.cluster.stream_reader import Echoed
from socketio_core.engineio.message import WireMessage
from socketio_core.settings import SocketSettings
from socketio_core.socketio import Claim, JsonParser, Member, Packet, Selection
from tests.cluster.cores import Cores, CoreServer, come_back, lose
from tests.socketio.recovery_world import Reference


def test_a_client_comes_back_to_another_server_and_gets_what_it_missed() -> None:
    world = Cores("recovery")
    first, second = world.servers
    client = world.client(first)
    sid = client.sid
    first.members[sid].data = {"name": "Ada"}
    first.members[sid].join("room")
    first.emit(1)
    world.settle()
    client.read()
    assert client.got == [1]
    lose(client, world)
    second.emit(2)
    world.settle()
    first.emit(3, selection=Selection(frozenset({"room"})))
    world.settle()
    second.emit(4, selection=Selection(frozenset({"other"})))
    second.emit(5, selection=Selection(except_rooms=frozenset({"room"})))
    second.emit(6, selection=Selection(frozenset({sid})))
    second.emit(7, selection=Selection(volatile=True))
    world.settle()
    assert come_back(client, second, world)
    assert client.got == [1, 2, 3, 6]
    assert client.sid == sid
    member = second.members[sid]
    assert (member.is_recovered, member.rooms, member.data) == (True, {"room"}, {"name": "Ada"})
    first.emit(8, selection=Selection(frozenset({"room"})))
    world.settle()
    client.read()
    assert client.got == [1, 2, 3, 6, 8]


def test_it_can_go_round() -> None:
    world = Cores("recovery", 3)
    client = world.client(world.servers[0])
    number = 0
    for index in (1, 2, 0, 0, 1, 0, 2, 1):
        for server in world.servers:
            number += 1
            server.emit(number)
        world.settle()
        client.read()
        lose(client, world)
        number += 1
        world.servers[index].emit(number)
        world.settle()
        assert come_back(client, world.servers[index], world)
        assert client.got == list(range(1, number + 1))


def test_who_got_what_it_had_missed_elsewhere_does_not_get_it_again() -> None:
    world = Cores("recovery")
    first, second = world.servers
    client = world.client(first)
    lose(client, world)
    for number in (1, 2):
        second.emit(number)
    second.emit(3, selection=Selection(frozenset({"other"})))  # after which nothing that it knows of was said
    world.settle()
    for _ in range(2):
        assert come_back(client, second, world)
        assert client.got == [1, 2]
        lose(client, world)


def test_one_that_got_nothing_yet_gets_all_since_it_came() -> None:
    world = Cores("recovery")
    first, second = world.servers
    second.emit(1)
    world.settle()
    client = world.client(first)
    lose(client, world)
    second.emit(2)
    world.settle()
    assert come_back(client, second, world)
    assert client.got == [2]


def test_events_wait_for_their_place_and_answers_stay_behind_them() -> None:
    world = Cores("recovery")
    first, _ = world.servers
    client = world.client(first)
    member = first.members[client.sid]
    assert member.emit("n", [1])
    assert first.emit(2) == 1
    member.emit_with_ack("n", [3], timeout_s=None, context=None, now=world.clock.now)
    assert client.frames() == []
    world.settle()
    assert [frame.partition('["n",')[2][0] for frame in client.frames()] == ["1", "2", "3"]


def test_who_is_made_to_leave_gets_what_it_was_sent() -> None:
    world = Cores("recovery")
    first, _ = world.servers
    for close in (False, True):
        client = world.client(first)
        member = first.members[client.sid]
        member.emit("n", [1])
        member.disconnect(world.clock.now, close=close)
        assert client.frames()[0].startswith('42["n",1,')
        world.settle()


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
    first, second = world.servers
    client = world.client(first)
    first.emit(1)
    world.settle()
    client.read()
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
    first, second = world.servers
    client = world.client(first)
    first.emit(1)
    world.settle()
    client.read()
    world.bus.keys.refusal = b"READONLY no"
    lose(client, world)
    assert not world.bus.keys.texts
    world.bus.keys.refusal = b""
    world.start_redis()
    second.emit(2)
    world.settle()
    assert come_back(client, second, world)
    assert client.got == [1, 2]


def test_one_session_is_for_one() -> None:
    world = Cores("recovery", 3)
    first, second, third = world.servers
    client = world.client(first)
    first.emit(1)
    world.settle()
    client.read()
    twin = Reference(second.core, world.clock)
    lose(client, world)
    twin.pretend(client)
    twin.connect()
    client.move(third.core)
    client.connect()
    world.settle()
    twin.read()
    client.read()
    assert sorted([twin.recovered[-1], client.recovered[-1]]) == [False, True]


def test_what_was_lost_here_and_taken_elsewhere_is_nobodys_here() -> None:
    world = Cores("recovery")
    first, second = world.servers
    client = world.client(first)
    first.emit(1)
    world.settle()
    client.read()
    claim = client.claim
    lose(client, world)
    assert come_back(client, second, world)
    thief = Reference(first.core, world.clock)
    thief.pretend(client)
    assert claim[0] is not None
    thief.connect()
    world.settle()
    thief.read()
    assert thief.recovered == [False]
    assert first.core.recovery is not None
    assert first.core.recovery.lost_count == 0


def test_what_the_stream_has_lost_cannot_be_made_good() -> None:
    world = Cores("recovery", max_length=5)
    first, second = world.servers
    client = world.client(first)
    first.emit(1)
    world.settle()
    client.read()
    lose(client, world)
    for number in range(10):
        first.emit(number)
    world.settle()
    assert not come_back(client, second, world)
    assert client.got == []


def test_a_session_that_is_over_is_gone() -> None:
    world = Cores("recovery")
    first, second = world.servers
    client = world.client(first)
    first.emit(1)
    world.settle()
    client.read()
    lose(client, world)
    assert len(world.bus.keys.texts) == 1
    first.members[client.sid or next(iter(first.members))].disconnect(world.clock.now)
    world.settle()
    assert not world.bus.keys.texts
    assert not come_back(client, second, world)


def test_a_server_that_ends_leaves_its_clients_to_the_others() -> None:
    world = Cores("recovery")
    first, second = world.servers
    client = world.client(first)
    first.emit(1)
    world.settle()
    client.read()
    client.cut(server_knows=False)
    first.core.close(world.clock.now)
    world.settle()
    second.emit(2)
    world.settle()
    assert come_back(client, second, world)
    assert client.got == [1, 2]


def test_data_that_is_no_data_stays_here() -> None:
    world = Cores("recovery")
    first, second = world.servers
    clients = [world.client(first) for _ in range(3)]
    data: Any = {"lock": object()}
    for client in clients:
        first.members[client.sid].data = data
    first.emit(1)
    world.settle()
    for client in clients:
        client.read()
        lose(client, world)
    assert not world.bus.keys.texts
    assert [report.partition(":")[0] for report in first.reports] == [
        "data of a socket cannot be told to other servers, so it comes back to this one"
    ]
    assert come_back(clients[0], first, world)
    assert first.members[clients[0].sid].data is data
    assert not come_back(clients[1], second, world)


# -- the edges ---------------------------------------------------------------------------------------------------------


class Lenient(JsonParser):
    """A parser that knows more than other servers do."""

    def encode(self, packet: Packet) -> WireMessage:
        """See `Parser`."""
        data: Any = packet.data
        if isinstance(data, list):
            data = ["?" if isinstance(each, Decimal) else each for each in data]  # pyright: ignore[reportUnknownVariableType]
        return super().encode(Packet(packet.type, packet.nsp, data, packet.id))


def test_what_others_cannot_be_told_is_said_here_and_nothing_waits_for_its_place() -> None:
    world = Cores("recovery", parser=Lenient(SocketSettings()))
    first, second = world.servers
    client, other = world.client(first), world.client(second)
    assert first.log is not None
    first.emit(1)
    assert repr(first.log) == "<StreamLog 1 events wait>"
    assert first.core.broadcast("/", "n", [2, Decimal(5)]) == 1
    assert first.reports == [
        "other servers cannot be told what this one was told: data for other servers: Decimal is not JSON"
    ]
    client.read()
    assert client.got == [1, 2]
    world.settle()
    other.read()
    assert other.got == [1]


def test_no_more_than_so_many_wait() -> None:
    world = Cores("recovery", 1)
    (server,) = world.servers
    client = world.client(server)
    for number in range(MAX_WAITING + 2):
        server.emit(number)
    client.read()
    assert client.got == [0, 1]
    world.settle()
    client.read()
    assert client.got == list(range(MAX_WAITING + 2))


def test_an_application_may_know_who_was_sent_what() -> None:
    world = Cores("recovery")
    (server, _) = world.servers
    client = world.client(server)
    takers: list[Member] = []
    assert server.core.broadcast("/", "n", [1], takers=takers) == 1
    assert [member.sid for member in takers] == [client.sid]
    assert server.core.broadcast("/", "n", [2], Selection(frozenset())) == 0
    assert server.core.broadcast("/nothing", "n", [2]) == 0
    world.settle()
    client.read()
    assert client.got == [1]
    assert server.core.take_session("/other", Claim("x"), world.clock.now) is None


def test_what_was_said_is_what_is_sent_though_it_changes_meanwhile() -> None:
    world = Cores("recovery")
    first, second = world.servers
    client, other = world.client(first), world.client(second)
    data: list[Any] = [1, {"b": bytearray(b"2")}, memoryview(b"3")]
    assert first.core.broadcast("/", "n", [data]) == 1
    data[1]["b"][0] = 0
    data.clear()
    world.settle()
    header = '452-["n",[1,{"b":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1}],"1000000-0"]'
    for each in (client, other):
        assert each.frames() == [header, "b'2'", "b'3'"]


def test_who_was_told_elsewhere_what_has_no_place_is_not_told_again_what_it_had_got_there() -> None:
    """The other server has saved the very same of it as this one had before."""
    world = Cores("recovery")
    first, second = world.servers
    client = world.client(first)
    lose(client, world)
    first.emit(1)
    assert come_back(client, second, world)
    world.bus.cut_off.add(second.uid)
    for link in second.machine.links:
        world.bus.drop(link, world.clock.now)
    second.emit(2)
    world.settle()
    client.read()
    assert client.got == [1, 2]
    lose(client, world)
    world.bus.cut_off.clear()
    for _ in range(4):
        world.settle(1.0)
    assert not come_back(client, first, world)
    assert client.got == []
