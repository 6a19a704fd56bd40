"""Clients that were lost come back to any server of a cluster, by streams; on a Redis in memory."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from socketio_core.cluster.stream_log import MAX_WAITING
from socketio_core.engineio.message import WireMessage
from socketio_core.settings import SocketSettings
from socketio_core.socketio import Claim, JsonParser, Member, Packet, Selection
from tests.cluster.cores import Cores, come_back, lose, with_a_client
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
    first, second, client = with_a_client(world)
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
    first, second, client = with_a_client(world)
    lose(client, world)
    assert len(world.bus.keys.texts) == 1
    first.members[client.sid or next(iter(first.members))].disconnect(world.clock.now)
    world.settle()
    assert not world.bus.keys.texts
    assert not come_back(client, second, world)


def test_a_server_that_ends_leaves_its_clients_to_the_others() -> None:
    world = Cores("recovery")
    first, second, client = with_a_client(world)
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


def test_of_large_events_few_wait_for_the_redis() -> None:
    """Once it is not waited for any more, all that wait are encoded and sent at once."""
    world = Cores("recovery", 1)
    (server,) = world.servers
    client = world.client(server)
    for number in range(4):
        server.emit(number, "x" * 400_000)
    client.read()
    assert client.got == [0, 1]
    server.emit(4, "x" * 2_000_000)
    client.read()
    assert client.got == [0, 1, 2, 3]
    world.settle()
    client.read()
    assert client.got == [0, 1, 2, 3, 4]
    server.emit(5)
    world.settle()
    client.read()
    assert (client.got[-1], server.given_up) == (5, {0, 1, 2, 3})


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
