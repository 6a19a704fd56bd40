"""What a server of a cluster says, hears and waits for, on a Redis in memory."""

from __future__ import annotations

import random
from typing import Any

import pytest

from socketio_core.cluster import classic
from socketio_core.cluster.events import Asked, State
from socketio_core.cluster.link import ClusterUnavailable
from socketio_core.cluster.machine import ClusterTimeout
from socketio_core.cluster.messages import (
    Audience,
    Broadcast,
    ClientAck,
    ClientCount,
    Message,
    Presence,
    RoomsJoin,
    RoomsList,
    RoomsListed,
    ServerAnswer,
    ServerEmit,
    SocketsFetch,
    SocketsFetched,
)
from socketio_core.cluster.outbox import AHEAD_BYTES, MAX_AGE_S, MAX_BYTES, MAX_MESSAGES, Query
from socketio_core.cluster.request import Request
from socketio_core.cluster.values import to_json
from tests.cluster.bus import ALL, KINDS, NOW, Server, World, event, said
from tests.effort import examples


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(kind: str) -> World:
    return World(kind)


# -- telling -----------------------------------------------------------------------------------------------------------


def test_all_others_are_told_in_order(world: World) -> None:
    first, *others = world.servers
    for number in range(5):
        world.tell(first, number)
    world.settle()
    assert [said(server.told) for server in others] == [[0, 1, 2, 3, 4]] * 2
    assert first.told == []
    assert [event.state for event in first.states] == [State.UP]
    assert not first.states[0].gap


def test_what_is_of_other_namespaces_is_not_heard(world: World) -> None:
    first, second, third = world.servers
    for server in (first, second):
        server.machine.open_namespace("/b")
        server.machine.open_namespace("/b")
    world.settle()
    first.machine.tell(event(first.uid, 1, nsp="/b"), NOW)
    world.settle()
    assert (said(second.told), third.told) == ([1], [])
    second.machine.close_namespace("/b")
    second.machine.close_namespace("/b")
    world.settle()
    first.machine.tell(event(first.uid, 2, nsp="/b"), NOW)
    world.settle()
    assert said(second.told) == [1]


def test_namespaces_and_rooms_with_channels_alike_are_heard_once_each(world: World) -> None:
    """A pattern for all rooms of `/b` matches what is for `/b#c`, whose channel is that of a room of `/b`."""
    names = ("/b", "/b#c", "/b#c#", "/#", "/[b]", "/b*", "/")
    first, second, third = world.servers
    for nsp in names:
        first.machine.open_namespace(nsp)
        second.machine.open_namespace(nsp)
    third.machine.open_namespace("/b")
    world.settle()
    for number, nsp in enumerate(names):
        first.machine.tell(event(first.uid, number, nsp=nsp), NOW)
        for server in world.servers:
            server.machine.room_created(nsp, "c")
        world.settle()
        first.machine.tell(Broadcast(first.uid, nsp, ["a", -number], Audience(["c"], [], {})), NOW)
        world.settle()
    assert said(second.told) == [number for each in range(len(names)) for number in (each, -each)]
    assert said(third.told) == [number for each in (0, len(names) - 1) for number in (each, -each)]
    assert [server.machine.malformed_count for server in world.servers] == [0, 0, 0]


def test_what_is_of_another_namespace_than_its_channel_is_nonsense() -> None:
    world = World("classic", 2)
    first, second = world.servers
    said_in = classic.encode(event(first.uid, 1))  # of `/`
    second.machine.open_namespace("/b")
    world.settle()
    world.bus.publish("PUBLISH", b"socket.io#/#", said_in)
    world.bus.publish("PUBLISH", b"socket.io#/b#", said_in)
    world.settle()
    assert (said(second.told), second.machine.malformed_count) == ([1], 1)


def test_rooms_are_told_of() -> None:
    world = World("sharded", 2)
    first, second = world.servers
    first.machine.room_created("/", "r")
    world.settle()
    second.machine.tell(Broadcast(second.uid, "/", ["a", 1], Audience(["r"], [], {})), NOW)
    world.settle()
    assert said(first.told) == [1]
    first.machine.room_deleted("/", "r")
    world.settle()
    second.machine.tell(Broadcast(second.uid, "/", ["a", 2], Audience(["r"], [], {})), NOW)
    world.settle()
    assert said(first.told) == [1]


def test_what_is_no_business_of_others_is_left(world: World) -> None:
    first, second, _ = world.servers
    second.machine.take(Presence(first.uid, "/", 1))
    second.machine.take(Broadcast(first.uid, "/", ["a", 1], ALL, None, 5))
    second.machine.take(event(second.uid, 1))
    second.machine.take(ClientAck(first.uid, "/", "nobody's", 1))
    world.settle()
    assert second.told == []


def test_nonsense_is_counted_and_told_once(world: World) -> None:
    first, second, _ = world.servers
    for _ in range(3):
        world.bus.publish("PUBLISH", b"socket.io-request#/#", b"{")
        world.bus.publish("SPUBLISH", b"socket.io#/#", b"{")
        world.bus.keys.do("XADD", [b"socket.io", b"MAXLEN", b"~", b"9", b"*", b"uid", b"x"], NOW)
    world.settle()
    world.tell(second, 1)
    world.settle()
    assert first.machine.statistics()["malformed"] == 3
    (report,) = first.reports
    assert report.startswith("a message of another server could not be understood")
    assert said(first.told) == [1]


# -- without a Redis ---------------------------------------------------------------------------------------------------


def test_what_is_said_meanwhile_is_told_later_but_not_what_is_volatile(world: World, kind: str) -> None:
    first, second, _ = world.servers
    world.bus.is_up = False
    for server in world.servers:
        for link in server.machine.links:
            world.bus.drop(link, NOW)
    world.settle()
    assert [first.machine.state] == [State.DOWN]
    assert [event.reason for event in first.states[1:]] == ["redis://bus:6379: the connection was lost: dropped"]
    world.tell(first, 1)
    world.tell(first, 2, volatile=True)
    world.bus.is_up = True
    for tenth in range(40):
        world.settle(NOW + tenth / 10)
    assert [first.machine.state] == [State.UP]
    assert first.states[-1].gap is (kind != "streams")
    world.tell(first, 3, volatile=True, now=NOW + 4)
    world.settle(NOW + 4)
    assert set(said(second.told)) <= {1, 3}
    assert said(second.told)[-1] == 3


def test_what_a_redis_does_not_take_is_told_once_it_does_in_order_and_by_links_to_one_redis() -> None:
    world = World("streams")
    first, second, _ = world.servers
    others = first.machine.links[1:]
    before = [world.bus.connections[link] for link in others]
    world.bus.keys.refusal = b"READONLY no"
    for number in range(3):
        world.tell(first, number)
    world.settle()
    assert first.machine.state is State.DOWN
    assert "this is a replica" in first.states[-1].reason
    assert first.machine.statistics()["waiting"] == 3
    world.tell(first, 3)
    for second_ in range(1, 4):
        world.settle(NOW + second_)
    assert [event.state for event in first.states] == [State.UP, State.DOWN]
    world.bus.keys.refusal = b""
    for tenth in range(40):
        world.settle(NOW + 4 + tenth / 10)
    assert [(event.state, event.gap) for event in first.states[2:]] == [(State.UP, False)]
    assert said(second.told) == [0, 1, 2, 3]
    assert first.reports == []
    after = [world.bus.connections[link] for link in others]
    assert all(old is not new for old, new in zip(before, after, strict=True))


def test_what_was_dropped_is_counted_and_told_once_when_the_rest_has_left() -> None:
    world = World("streams", 2)
    first, second = world.servers
    world.bus.keys.refusal = b"OOM no"
    world.tell(first, 0)
    world.settle()
    for number in range(1, 20):
        world.tell(first, number, "x" * (MAX_BYTES // 10), now=NOW + 1)
    assert first.reports == []
    world.bus.keys.refusal = b""
    for tenth in range(40):
        world.settle(NOW + 1 + tenth / 10)
    assert said(second.told) == list(range(11, 20))
    assert first.reports == [
        "the other servers were not told 11 messages, which had to wait for too long, or among too many"
    ]


class Noting(Query):
    """Notes what it is replied."""

    def __init__(self) -> None:
        self.replies: list[tuple[Any, str | None]] = []

    def replied(self, value: Any, error: str | None) -> None:
        """See `Query`."""
        self.replies.append((value, error))


def test_what_somebody_waits_for_is_not_kept_for_later(world: World) -> None:
    first = world.servers[0]
    query = Noting()
    world.tell(first, "x" * AHEAD_BYTES)  # so that the rest has to wait
    first.machine.command(("GET", "k"), NOW, query)
    world.tell(first, "y")
    world.bus.drop(first.machine.links[0], NOW)
    first.machine.work(NOW)
    assert query.replies == [(None, "the connection was lost: dropped")]
    assert first.machine.statistics()["waiting"] == 1


def test_what_is_too_old_is_dropped() -> None:
    world = World("classic", 2, is_up=False)
    first, second = world.servers
    world.tell(first, "old")
    world.tell(first, "new", now=NOW + MAX_AGE_S + 1)
    world.bus.is_up = True
    for tenth in range(40):
        world.settle(NOW + MAX_AGE_S + 1 + tenth / 10)
    assert said(second.told) in ([], ["new"])  # it may have come before the other one listened
    assert first.machine.statistics()["dropped"] == 1


@pytest.mark.parametrize(("count", "size", "kept"), [(MAX_MESSAGES + 5, 1, MAX_MESSAGES), (20, MAX_BYTES // 10, 9)])
def test_what_waits_is_bounded_and_the_oldest_goes_first(count: int, size: int, kept: int) -> None:
    world = World("classic", 1, is_up=False)
    (server,) = world.servers
    for _ in range(count):
        server.machine.tell(event(server.uid, "x" * size), NOW)
    found = server.machine.statistics()
    assert (found["waiting"], found["dropped"]) == (kept, count - kept)
    assert found["waiting_bytes"] <= MAX_BYTES


def test_what_the_link_does_not_take_waits_too(world: World) -> None:
    first, second, _ = world.servers
    for _ in range(100):
        first.machine.tell(event(first.uid, "x" * 10_000), NOW)
    assert first.machine.statistics()["waiting"] > 50
    world.settle()
    assert len(second.told) == 100
    assert first.machine.statistics()["waiting"] == 0


# -- asking ------------------------------------------------------------------------------------------------------------


def fetch(server: Server, now: float = NOW) -> Request:
    return server.machine.ask(lambda id_: SocketsFetch(server.uid, "/", ALL, id_), "/", now)


def answering(server: Server) -> Any:
    """Return what answers whatever a server is asked."""

    def answer(asked: Asked, now: float) -> None:
        message = asked.message
        assert message.request_id is not None
        given = (server.uid, "/", message.request_id)
        answers: dict[type, Any] = {
            SocketsFetch: SocketsFetched(*given, [{"id": server.uid}]),
            RoomsList: RoomsListed(*given, [f"room of {server.uid}"]),
            ServerEmit: ServerAnswer(*given, server.uid),
            Broadcast: ClientCount(*given, 2),
        }
        server.machine.answer(message.uid, answers[type(message)], now)
        if isinstance(message, Broadcast):
            for number in range(2):
                server.machine.answer(message.uid, ClientAck(*given, f"{server.uid}, {number}"), now)

    return answer


def question_about(what: str, uid: str, id_: str) -> Message:
    """Return a question."""
    questions: dict[str, Message] = {
        "sockets": SocketsFetch(uid, "/", ALL, id_),
        "servers": ServerEmit(uid, "/", ["a"], id_),
        "clients": event(uid, request_id=id_),
        "rooms": RoomsList(uid, "/", id_),
    }
    return questions[what]


ANSWERS: dict[str, list[Any]] = {
    "sockets": [{"id": "server1"}, {"id": "server2"}],
    "servers": ["server1", "server2"],
    "clients": ["server1, 0", "server1, 1", "server2, 0", "server2, 1"],
    "rooms": ["room of server1", "room of server2"],
}


@pytest.mark.parametrize(
    ("kind", "what"),
    [(kind, what) for kind in KINDS for what in ANSWERS if kind == "classic" or what != "rooms"],
)
def test_all_others_answer(kind: str, what: str) -> None:
    world = World(kind)
    first = world.servers[0]
    for server in world.servers:
        server.answer = answering(server)
    asked = first.machine.ask(lambda id_: question_about(what, first.uid, id_), "/", NOW, context="mine")
    world.settle()
    (settled,) = first.settled
    assert (settled.request, settled.error, asked.context) == (asked, None, "mine")
    assert sorted(asked.values, key=str) == ANSWERS[what]
    assert first.machine.next_deadline is None


def test_who_is_alone_is_answered_at_once() -> None:
    world = World("classic", 1)
    (server,) = world.servers
    fetch(server)
    world.settle()
    assert [settled.error for settled in server.settled] == [None]


def test_who_does_not_answer_is_waited_for_so_long(world: World) -> None:
    first, second, _ = world.servers
    second.answer = answering(second)
    asked = fetch(first)
    world.settle()
    assert first.settled == []
    first.turn(NOW + 4.9)
    assert first.settled == []
    first.turn(NOW + 5)
    (settled,) = first.settled
    error = settled.error
    assert isinstance(error, ClusterTimeout)
    assert str(error) == "1 of 2 other servers have answered in time"
    assert (error.expected, error.got, error.partial) == (2, 1, [{"id": "server1"}])
    first.machine.take(SocketsFetched("server2", "/", asked.request_id, []))
    assert asked.values == [{"id": "server1"}]


def test_a_question_before_its_time_is_over_can_be_forgotten(world: World) -> None:
    first = world.servers[0]
    first.machine.forget(fetch(first))
    world.settle()
    first.turn(NOW + 6)
    assert first.settled == []


def test_nobody_can_be_asked_without_a_redis(world: World) -> None:
    first = world.servers[0]
    asked = fetch(first)
    world.bus.drop(first.machine.links[0], NOW)
    first.turn(NOW, chance=0.0)
    (settled,) = first.settled
    assert settled.request is asked
    assert str(settled.error).startswith("the other servers are gone: the connection was lost: dropped")
    with pytest.raises(
        ClusterUnavailable, match=r"cannot be asked: redis://bus:6379: the connection was lost: dropped"
    ):
        fetch(first)


def test_what_the_redis_refuses_is_told(world: World) -> None:
    first = world.servers[0]
    asked = fetch(first)
    commands = first.machine.links[0]
    commands.data_to_send()
    commands.receive(b"-ERR no\r\n", NOW)
    first.machine.work(NOW)
    first.turn(NOW, chance=0.0)
    assert [str(settled.error) for settled in first.settled] == ["the other servers cannot be asked: ERR no"]
    assert asked.is_settled


def test_a_message_that_the_redis_refuses_is_told_once_for_each_reason(world: World) -> None:
    first = world.servers[0]
    commands = first.machine.links[0]
    for error in ("MOVED 1 h:1", "MOVED 2 h:1", "NOPERM no", "NOPERM no", "MOVED 3 h:1"):
        world.tell(first, 1)
        commands.data_to_send()
        commands.receive(f"-{error}\r\n".encode(), NOW)
        first.machine.work(NOW)
    assert [report.rpartition(" (")[2] for report in first.reports] == ["MOVED 1 h:1)", "NOPERM no)", "MOVED 3 h:1)"]
    assert first.reports[1].startswith("the other servers are not told what they should be, for the Redis refuses it: ")
    assert first.machine.statistics()["refused"] == 5


def test_questions_end_when_the_server_does(world: World) -> None:
    first = world.servers[0]
    fetch(first)
    first.machine.close()
    first.turn(NOW)
    assert [str(settled.error) for settled in first.settled] == ["this server is shutting down"]


# -- all of it, with faults --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_breaks_every_question_ends_and_nothing_is_heard_twice(kind: str) -> None:
    for seed in range(examples(50)):
        walk(kind, random.Random(seed))


def walk(kind: str, chance: random.Random) -> None:
    """Let some servers tell and ask while connections break; see that all comes right in the end."""
    world = World(kind, chance.randint(1, 4))
    now, asked, number = NOW, 0, 0
    for server in world.servers:
        server.answer = answering(server)
    for _ in range(60):
        server = chance.choice(world.servers)
        what = chance.random()
        if what < 0.5:
            number += 1
            world.tell(server, number, now=now)
        elif what < 0.6:
            try:
                fetch(server, now)
                asked += 1
            except ClusterUnavailable:
                assert server.machine.state is State.DOWN
        elif what < 0.65:
            world.bus.drop(chance.choice(server.machine.links), now)
        elif what < 0.7:
            world.bus.is_up = not world.bus.is_up
        else:
            now += chance.random()
        server.turn(now, chance=0.7)
    world.bus.is_up = True
    for _ in range(20):
        now += 1
        world.settle(now)
    assert [server.machine.state for server in world.servers] == [State.UP] * len(world.servers)
    assert sum(len(server.settled) for server in world.servers) == asked
    for server in world.servers:
        heard = said(server.told)
        assert len(set(heard)) == len(heard)
        assert bool(server.reports) is (server.machine.statistics()["dropped"] > 0)
        assert server.machine.next_deadline is None
    for server in world.servers:
        world.tell(server, f"last of {server.uid}", now=now)
    world.settle(now)
    for server in world.servers:
        others = {f"last of {other.uid}" for other in world.servers if other is not server}
        assert others <= set(said(server.told))


def test_emitters_are_obeyed_though_they_have_no_name() -> None:
    world = World("classic")
    world.bus.publish("PUBLISH", b"socket.io-request#/#", to_json({"type": 2, "opts": {"rooms": []}, "rooms": ["q"]}))
    world.settle()
    assert [server.told for server in world.servers] == [[RoomsJoin(None, "/", ALL, ["q"])]] * 3
