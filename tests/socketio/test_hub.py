"""Namespaces, rooms, and who a broadcast goes to. Spec: PROTOCOL 4.2, 4.6."""

from __future__ import annotations

import gc
import re
from typing import Any, Final
from weakref import ref

import pytest

from socketio_core.engineio.message import WireMessage
from socketio_core.settings import EngineSettings, SocketSettings
from socketio_core.socketio import Hub, JsonParser, Left, Member, Packet, Selection
from socketio_core.socketio.packet import event_packet
from tests.socketio.rig import TRANSPORTS, Rig


def message(rig: Rig, name: str = "x") -> WireMessage:
    return rig.server.parser.encode(event_packet("/", name, []))


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def members(rig: Rig) -> list[Member]:
    """Return five members: 0 in a, 1 in a and b, 2 in b, 3 in none, 4 in the room of 3."""
    members = [rig.joined()[1] for _ in range(5)]
    for number, rooms in enumerate(["a", "ab", "b", "", ""]):
        for room in rooms:
            members[number].join(room)
    members[4].join(members[3].sid)
    return members


def test_who_watches_rooms_is_told_who_joins_and_leaves_them(rig: Rig) -> None:
    told: list[tuple[str, str, bool]] = []
    hub = rig.server.hub
    hub.allow(re.compile("/d.*").fullmatch)  # type: ignore[arg-type] # what it returns is as good as a bool
    client, before = rig.joined(nsp="/dynamic")
    before.join("unseen")
    hub.watch_rooms(lambda member, room, is_in: told.append((member.namespace.name, room, is_in)))
    pending = rig.request(client)
    pending.join("a")
    assert told == [], "it may never be in"
    assert pending.accept(rig.now)
    pending.join("a")
    pending.join(pending.sid)
    pending.leave("b")
    before.join("b")
    before.leave("b")
    own = ("/", pending.sid)
    assert told == [(*own, True), ("/", "a", True), ("/dynamic", "b", True), ("/dynamic", "b", False)]
    told.clear()
    others: list[str] = []
    hub.watch_rooms(lambda _, room, __: others.append(room))
    client.send("1")
    gone = [("/", "a", False), ("/dynamic", "unseen", False), (*own, False), ("/dynamic", before.sid, False)]
    assert sorted(told) == sorted(gone)
    assert sorted(others) == sorted(room for _, room, _ in gone)


def test_who_watches_namespaces_is_told_which_there_are(rig: Rig) -> None:
    hub = rig.server.hub
    hub.allow(lambda name: name.startswith("/d"))
    hub.of("/before")
    told: list[tuple[str, bool]] = []
    hub.watch_namespaces(lambda name, is_there: told.append((name, is_there)))
    assert told == [("/", True), ("/before", True)]
    hub.of("/after")
    client, _ = rig.joined(nsp="/dynamic")
    client.send("1")
    assert told[2:] == [("/after", True), ("/dynamic", True), ("/dynamic", False)]


# `0` to `4` stand for the rooms that are named by the members' ids.
CHOICES: Final[list[tuple[set[str] | None, set[str], list[int]]]] = [
    (None, set(), [0, 1, 2, 3, 4]),
    (None, {"a"}, [2, 3, 4]),
    (None, {"a", "b"}, [3, 4]),
    (None, {"0", "4"}, [1, 2, 3]),
    (None, {"nobody"}, [0, 1, 2, 3, 4]),
    (set(), set(), []),
    (set(), {"a"}, []),
    ({"a"}, set(), [0, 1]),
    ({"a"}, {"a"}, []),
    ({"a"}, {"b"}, [0]),
    ({"a"}, {"1"}, [0]),
    ({"a", "b"}, set(), [0, 1, 2]),
    ({"b", "a"}, {"0"}, [1, 2]),
    ({"a", "0"}, set(), [0, 1]),
    ({"0"}, set(), [0]),
    ({"0"}, {"0"}, []),
    ({"0", "2"}, set(), [0, 2]),
    ({"3"}, set(), [3, 4]),
    ({"3"}, {"4"}, [3]),
    ({"nobody"}, set(), []),
    ({"nobody", "a"}, set(), [0, 1]),
]


@pytest.mark.parametrize(("rooms", "without", "expected"), CHOICES)
def test_a_broadcast_reaches_each_once(
    rig: Rig, members: list[Member], rooms: set[str] | None, without: set[str], expected: list[int]
) -> None:
    names = {str(number): member.sid for number, member in enumerate(members)}
    to = None if rooms is None else frozenset(names.get(room, room) for room in rooms)
    except_rooms = frozenset(names.get(room, room) for room in without)
    selection = Selection(to, except_rooms)
    namespace = rig.server.hub.of("/")
    assert [members.index(found) for found in namespace.recipients(selection)] == expected
    before = [member.connection.session.buffered_bytes for member in members]
    assert namespace.broadcast(message(rig), selection) == len(expected)
    got = [member.connection.session.buffered_bytes > size for member, size in zip(members, before, strict=True)]
    assert [number for number, did in enumerate(got) if did] == sorted(expected)


def test_the_message_itself_is_shared_by_all() -> None:
    rig = Rig()
    clients = [rig.joined(transport) for transport in TRANSPORTS * 2]
    for client, _ in clients:
        client.fetch()
    sent = message(rig)
    assert rig.server.hub.of("/").broadcast(sent) == 4
    assert [client.take_messages() for client, _ in clients] == [['2["x"]']] * 4
    assert rig.server.hub.of("/").broadcast(sent) == 4
    outboxes = [client.websocket.carrier.take() for client, _ in clients if client.websocket]
    assert all(found is sent for outbox in outboxes for found in outbox)


def test_messages_arrive_in_the_order_of_sending(rig: Rig) -> None:
    client, member = rig.joined()
    namespace = rig.server.hub.of("/")
    namespace.broadcast(message(rig, "1"))
    member.emit("2", [])
    namespace.broadcast(message(rig, "3"), Selection(frozenset({member.sid})))
    assert client.take_messages() == ['2["1"]', '2["2"]', '2["3"]']


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_volatile_broadcast_skips_who_must_wait(rig: Rig, transport: str) -> None:
    (ready, _), (behind, busy) = rig.joined(transport), rig.joined(transport)
    ready.fetch()
    behind.fetch()
    busy.emit("first", [])
    assert rig.server.hub.of("/").broadcast(message(rig), Selection(volatile=True)) == 1
    assert ready.take_messages() == ['2["x"]']
    assert behind.take_messages() == ['2["first"]']


@pytest.mark.parametrize("rooms", [None, frozenset({"a"}), frozenset({"a", "b"})])
def test_recipients_may_leave_one_after_the_other(rooms: frozenset[str] | None) -> None:
    rig = Rig()
    members = [rig.joined()[1] for _ in range(3)]
    for member in members:
        member.join("a")
    left: list[Member] = []
    for member in rig.server.hub.of("/").recipients(Selection(rooms)):
        member.disconnect(rig.now)
        left.append(member)
    assert (left, rig.server.hub.of("/").members) == (members, {})


def test_a_slow_client_is_closed_and_the_others_notice_nothing() -> None:
    rig = Rig(EngineSettings(path="/socket.io/", high_water_bytes=200, max_buffered_bytes=200))
    (slow, first), (reading, second) = rig.joined(), rig.joined()
    assert slow.websocket is not None
    slow.websocket.is_reading = False
    counts: list[int] = []
    for _ in range(10):
        counts.append(rig.server.hub.of("/").broadcast(message(rig, "x" * 44)))  # 50 bytes
        reading.take()
    assert counts == [2] * 4 + [1] * 6
    assert [event.member for event in rig.events() if isinstance(event, Left)] == [first]
    assert list(rig.server.hub.of("/").members.values()) == [second]


class CountingDict(dict[Any, Any]):
    """Counts how often it is looked at."""

    looks = 0

    def get(self, key: Any, default: Any = None) -> Any:
        CountingDict.looks += 1
        return super().get(key, default)

    def __iter__(self) -> Any:
        raise AssertionError("leaving must not look at all rooms or members")

    def items(self) -> Any:
        raise AssertionError("leaving must not look at all rooms or members")

    def values(self) -> Any:
        raise AssertionError("leaving must not look at all rooms or members")


@pytest.mark.parametrize("others", [1, 50])
def test_leaving_costs_as_much_as_the_member_has_rooms(others: int) -> None:
    rig = Rig()
    for number in range(others):
        rig.joined()[1].join(f"room {number}")
    client, member = rig.joined()
    for room in ("room 0", "mine", "too"):
        member.join(room)
    namespace = rig.server.hub.of("/")
    namespace.rooms = CountingDict(namespace.rooms)
    namespace.members = CountingDict(namespace.members)
    CountingDict.looks = 0
    client.send("41")
    assert CountingDict.looks == 3
    assert member.sid not in namespace.members


# -- namespaces --------------------------------------------------------------------------------------------------------


def test_the_root_namespace_is_always_there() -> None:
    assert list(Rig().server.hub.namespaces) == ["/"]


def test_a_namespace_is_made_once() -> None:
    hub = Hub()
    assert hub.of("/a") is hub.of("/a")
    assert hub.find("/a") is hub.of("/a")
    assert hub.find("/b") is None
    assert repr(hub.of("/a")) == "<NamespaceCore /a, 0 members>"


def dynamic_rig() -> Rig:
    rig = Rig()
    rig.server.hub.allow(re.compile("/room-[0-9]+").fullmatch)  # type: ignore[arg-type] # a match is as good as True
    return rig


def test_a_pattern_lets_clients_make_namespaces() -> None:
    rig = dynamic_rig()
    client = rig.open()
    member = rig.join(client, "/room-1")
    assert member.namespace.is_dynamic
    assert rig.server.hub.namespaces["/room-1"] is member.namespace
    assert rig.join(rig.open(), "/room-1").namespace is member.namespace
    client.send("40/room-x,")
    assert client.take_messages() == ['4/room-x,{"message":"Invalid namespace"}']


def test_the_first_pattern_that_matches_counts() -> None:
    hub = Hub()
    asked: list[str] = []

    def first(name: str) -> bool:
        asked.append(f"first {name}")
        return name == "/a"

    def second(name: str) -> bool:
        asked.append(f"second {name}")
        return True

    hub.allow(first)
    hub.allow(second)
    found, other = hub.find("/a"), hub.find("/b")
    assert found is not None
    assert other is not None
    assert (found.pattern, other.pattern) == (first, second)
    assert asked == ["first /a", "first /b", "second /b"]


@pytest.mark.parametrize("end", ["41/room-1,", "1", "49", "refuse", "disconnect", "close", "timeout"])
def test_a_dynamic_namespace_goes_with_its_last_member(end: str) -> None:
    """However that one leaves, and if it never got in: the names that clients make are bounded."""
    rig = dynamic_rig()
    client = rig.open()
    member = rig.request(client, "/room-1")
    if end not in {"refuse", "timeout"}:
        assert member.accept(rig.now)
        other = rig.join(rig.open(), "/room-1")
        other.disconnect(rig.now)
    assert "/room-1" in rig.server.hub.namespaces
    match end:
        case "refuse":
            assert member.refuse("no")
        case "disconnect":
            member.disconnect(rig.now)
        case "close":
            rig.server.close(rig.now)
        case "timeout":
            rig.advance(45.0)
        case _:
            client.send(end)
    assert list(rig.server.hub.namespaces) == ["/"]


def test_a_dynamic_namespace_stays_while_somebody_waits_for_it() -> None:
    rig = dynamic_rig()
    member = rig.join(rig.open(), "/room-1")
    waiting = rig.request(rig.open(), "/room-1")
    member.disconnect(rig.now)
    assert rig.server.hub.namespaces["/room-1"] is waiting.namespace
    rig.events()
    assert waiting.accept(rig.now)


@pytest.mark.parametrize("limit", ["max_namespaces", "max_pending_connects"])
def test_a_namespace_that_nobody_could_join_is_not_kept(limit: str) -> None:
    limits: dict[str, Any] = {limit: 1}
    rig = Rig(None, **limits)
    rig.server.hub.allow(lambda name: name.startswith("/room-"))
    client = rig.open()
    rig.request(client, "/room-1")
    for number in range(2, 20):
        client.send(f"40/room-{number},")
    assert list(rig.server.hub.namespaces) == ["/", "/room-1"]


def test_a_namespace_that_was_asked_for_by_name_knows_its_pattern_and_goes_like_any_other() -> None:
    rig = dynamic_rig()
    early = rig.server.hub.of("/room-1")
    assert list(rig.server.hub.namespaces) == ["/"]
    client = rig.open()
    late = rig.join(client, "/room-2").namespace
    assert rig.server.hub.of("/room-2") is late
    assert early.pattern == late.pattern is not None
    assert rig.join(client, "/room-1").namespace is early
    client.send("1")
    assert list(rig.server.hub.namespaces) == ["/"]
    assert rig.server.hub.of("/elsewhere").pattern is None
    assert list(rig.server.hub.namespaces) == ["/", "/elsewhere"]


def test_a_namespace_that_is_held_is_the_same_when_it_comes_back() -> None:
    rig = dynamic_rig()
    held = rig.join(client := rig.open(), "/room-1").namespace
    assert held.take_ack_id() == 0
    client.send("1")
    rig.events()
    assert rig.server.hub.of("/room-1") is held
    assert rig.join(rig.open(), "/room-1").namespace is held
    assert held.take_ack_id() == 1  # no late answer is taken for that of another event


def test_names_that_are_asked_for_leave_nothing_behind() -> None:
    rig = dynamic_rig()
    made = [ref(rig.server.hub.of(f"/room-{number}")) for number in range(100)]
    gc.collect()
    assert [namespace() for namespace in made] == [None] * 100
    assert list(rig.server.hub.namespaces) == ["/"]


def test_a_namespace_that_was_made_before_its_pattern_stays() -> None:
    rig = Rig()
    early = rig.server.hub.of("/room-1")
    rig.server.hub.allow(lambda name: name.startswith("/room-"))
    client = rig.open()
    assert rig.join(client, "/room-1").namespace is early
    client.send("1")
    assert rig.server.hub.namespaces["/room-1"] is early


# -- encoding ----------------------------------------------------------------------------------------------------------


class CountingParser(JsonParser):
    """Counts packets encoded."""

    count = 0

    def encode(self, packet: Packet) -> WireMessage:
        CountingParser.count += 1
        return super().encode(packet)


def test_a_broadcast_is_encoded_once_however_many_get_it() -> None:
    rig = Rig()
    server = rig.server
    server.parser = CountingParser(SocketSettings())
    clients = [rig.joined(transport)[0] for transport in TRANSPORTS * 10]
    CountingParser.count = 0
    sent = message(rig)
    assert server.hub.of("/").broadcast(sent) == 20
    assert [client.fetch() for client in clients] == [['2["x"]']] * 20
    assert CountingParser.count == 1


@pytest.mark.parametrize("pattern", ["/a", 5])
def test_pattern_must_be_a_plain_function(pattern: Any) -> None:
    async def accepts(name: str) -> bool:
        return True

    patterns: list[Any] = [pattern, accepts]
    for each in patterns:
        with pytest.raises(TypeError, match="pattern must be a"):
            Hub().allow(each)


# -- undecided namespaces ----------------------------------------------------------------------------------------------


def test_whose_a_name_is_may_be_settled_later() -> None:
    rig = Rig()
    hub = rig.server.hub

    def pattern(_: str) -> bool:
        raise AssertionError("it is not asked about a name alone")

    hub.allow(lambda name: name == "/sync")
    hub.allow(pattern, asks_each=True)
    first, second = hub.find("/sync"), hub.find("/a")
    assert first is not None
    assert second is not None
    assert (first.is_undecided, second.is_undecided, second.asks_each, second.pattern) == (False, True, True, None)
    assert hub.of("/a") is hub.find("/a") is second
    assert set(hub.namespaces) == {"/", "/sync"}
    hub.settle(second, pattern)
    assert (second.is_undecided, second.pattern, second.asks_each) == (False, pattern, True)
    assert set(hub.namespaces) == {"/", "/sync"}, "nobody is there"
    assert hub.find("/a") is hub.namespaces["/a"] is second
    third = hub.of("/b")
    hub.settle(third, None)
    assert (third.is_dynamic, third.asks_each, hub.namespaces["/b"]) == (False, False, third)
