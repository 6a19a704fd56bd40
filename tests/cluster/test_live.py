"""Servers of Node, and ours on trio and on asyncio, that a Redis makes one: each operation, from each of them.

In the end clients that were lost, npm's and ours, come back to another server than they were at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from tests.adapters.abstract import Loop
from tests.adapters.loops import LOOPS, loop
from tests.cluster.member import without_offset
from tests.cluster.members import MemberProcess
from tests.cluster.redis import RedisServer
from tests.interop.ours import Relay, connect
from tests.interop.processes import DEADLINE_S

RequireTool = Callable[[str], str]

NAMES: Final = ("node", "trio", "asyncio")


class Trio:
    """Three servers; each has a client of its own kind, and ours have official ones too, `ann` and `bob`."""

    def __init__(self, kind: str, package: str, redis: RedisServer) -> None:
        self.kind = kind
        self.redis = redis
        self.members = {name: MemberProcess(name, kind, redis, waits=False, package=package) for name in NAMES}
        for member in self.members.values():
            member.wait_ready()
        self.node = self.members["node"]
        self.sids = {name: member.sid for name, member in self.members.items()}
        for name, at in (("ann", "trio"), ("bob", "asyncio")):
            self.sids[name] = self.node.do("connect", url=self.members[at].url, name=name)
        self.wait_for_room("r")

    def wait_for_room(self, room: str, servers: int = 3) -> None:
        """Wait until each server listens to a room: with sharded channels, they subscribe when somebody has joined."""
        if self.kind == "sharded":
            while self.redis.run("PUBSUB", "SHARDNUMSUB", f"socket.io#/#{room}#").split()[-1] != str(servers):
                pass

    def heard(self, *said: object, by: str) -> None:
        """Wait until somebody has heard that."""
        if by in NAMES:
            self.members[by].heard(*said)
        else:
            self.node.heard(*said, client=by)

    def heard_by_all(self, *said: object, but: str = "") -> None:
        """Wait until all have, but for one."""
        for name in self.sids:
            if name != but:
                self.heard(*said, by=name)

    def close(self) -> None:
        """End all."""
        for member in self.members.values():
            member.close()


PACKAGES: Final = ("redis", "ioredis")  # clients of Redis, of Node's server
WAYS: Final = [f"{kind} {package}" for kind in ("classic", "sharded", "streams", "recovery") for package in PACKAGES]


@pytest.fixture(scope="module", params=WAYS)
def cluster(request: pytest.FixtureRequest, require_tool: RequireTool, node_modules: Path) -> Iterator[Trio]:
    assert node_modules.is_dir()
    with RedisServer(require_tool("redis-server")) as redis:
        kind, package = str(request.param).split()
        found = Trio(kind, package, redis)
        try:
            yield found
        finally:
            found.close()


@pytest.fixture(params=NAMES)
def by(request: pytest.FixtureRequest, cluster: Trio) -> MemberProcess:
    """Who does it."""
    return cluster.members[str(request.param)]


def test_all_hear_what_is_for_all(cluster: Trio, by: MemberProcess) -> None:
    args: list[Any] = [1, "é", None, {"a": [1.5, True]}, b"\x01\xff", {"deep": [b""]}]
    by.do("emit", args=["all", by.name, *args])
    cluster.heard_by_all("all", by.name, *args)


def test_those_in_a_room_hear_what_is_for_it_but_who_is_left_out(cluster: Trio, by: MemberProcess) -> None:
    by.do("emit", to=["nobody"], args=["never"])
    by.do("emit", to="r", **{"except": [cluster.sids["ann"]]}, args=["room", by.name, b"2"])
    cluster.heard_by_all("room", by.name, b"2", but="ann")
    for name, sid in cluster.sids.items():
        by.do("emit", to=[sid], volatile=True, args=["one", by.name, name])
        cluster.heard("one", by.name, name, by=name)
    assert not cluster.node.waiting(lambda message: "never" in message.get("heard", ()))


def test_all_are_asked_and_answer(cluster: Trio, by: MemberProcess) -> None:
    assert sorted(by.do("call", args=["q", b"?"])) == ["ann", "bob", "node", "ours", "ours"]
    assert by.do("call", to=[cluster.sids["bob"]], args=["q"]) == ["bob"]
    assert by.do("call", to=["nobody"], args=["q"]) == []
    assert sorted(by.do("each", args=["q"])) == ["ann", "bob", "node", "ours", "ours"]
    silent = by.ask("call", args=["nobody answers this"], timeout=0.3)
    assert silent["partial"] == []


def test_all_are_found_with_what_is_known_of_them(cluster: Trio, by: MemberProcess) -> None:
    found = {each["id"]: each for each in by.do("fetch")}
    assert set(found) == set(cluster.sids.values())
    ann = found[cluster.sids["ann"]]
    assert {ann["id"], "r"} <= set(ann["rooms"])
    assert (ann["data"], ann["auth"]) == ({"of": "ours"}, {"name": "ann"})
    assert "host" in ann["headers"]
    assert ann["issued"] > 1_700_000_000_000
    assert found[cluster.sids["node"]]["data"] == {"of": "node"}
    assert [each["id"] for each in by.do("fetch", to=[cluster.sids["bob"]])] == [cluster.sids["bob"]]
    assert len(by.do("fetch", **{"except": [cluster.sids["bob"]]})) == 4


def test_all_can_be_moved(cluster: Trio, by: MemberProcess) -> None:
    room = f"new of {by.name}"
    by.do("join", rooms=[room])
    while len(by.do("fetch", to=[room])) < 5:  # what Node's classic adapter does itself goes through the Redis, too
        pass
    cluster.wait_for_room(room)
    by.do("emit", to=room, args=["moved", by.name])
    cluster.heard_by_all("moved", by.name)
    by.do("leave", rooms=[room], **{"except": [cluster.sids["ann"]]})
    while len(by.do("fetch", to=[room])) > 1:
        pass
    by.do("leave", rooms=[room])


def test_servers_hear_and_answer_each_other(cluster: Trio, by: MemberProcess) -> None:
    others = [member for member in cluster.members.values() if member is not by]
    by.do("tell servers", args=["ping", by.name])
    for other in others:
        other.heard("server", "ping", by.name)
    answers = by.do("ask servers", args=["ping", 5])
    assert [each[0] if by.name != "node" else each for each in answers] == [["pong", 5]] * 2
    assert not by.waiting(lambda message: message.get("heard", [""])[0] == "server" and by.name in message["heard"])


def test_rooms_of_all_are_known(cluster: Trio) -> None:
    for name, member in cluster.members.items():
        if name != "node" or cluster.kind == "classic":  # the other adapters of Node have no such question
            assert {"r", *cluster.sids.values()} <= set(member.do("rooms"))


def test_our_servers_know_how_it_stands(cluster: Trio) -> None:
    for name in ("trio", "asyncio"):
        found = cluster.members[name].do("statistics")
        assert (found["state"], found["malformed"], found["dropped"], found["requests"]) == ("up", 0, 0, 0)


def test_clients_of_others_can_be_disconnected(cluster: Trio, by: MemberProcess) -> None:
    url = cluster.members["trio" if by.name != "trio" else "asyncio"].url
    sid = cluster.node.do("connect", url=url, name=f"cat of {by.name}")
    by.do("disconnect", to=[sid])
    cluster.node.heard("gone", "io server disconnect", client=f"cat of {by.name}")


RECOVERING: Final = [way for way in WAYS if way.startswith("recovery")]
MOVES: Final = (("trio", "node"), ("node", "trio"), ("asyncio", "trio"), ("trio", "asyncio"), ("node", "asyncio"))


@pytest.mark.parametrize("cluster", RECOVERING, indirect=True)
@pytest.mark.parametrize(("origin", "goal"), MOVES)
def test_a_client_that_was_lost_comes_back_to_another_server(cluster: Trio, origin: str, goal: str) -> None:
    node, name = cluster.node, f"{origin} to {goal}"
    sid = node.do("connect", url=cluster.members[origin].url, name=name)
    cluster.node.do("emit", to=[sid], args=["before", name])
    node.heard("before", name, client=name)
    node.do("lose", name=name)
    while not cluster.redis.run("KEYS", "sio:session:*"):
        pass
    for by in NAMES:
        cluster.members[by].do("emit", to="r", args=["missed", name, by, b"1"])
        cluster.members[by].do("emit", **{"except": ["r"]}, args=["not for it"])
    assert node.do("come back", name=name, url=cluster.members[goal].url) == {"recovered": True, "sid": sid}
    for by in NAMES:
        node.heard("missed", name, by, b"1", client=name)
    assert cluster.redis.run("KEYS", "sio:session:*") == ""
    for by in NAMES:
        cluster.members[by].do("emit", to=[sid], args=["now", name, by])
        node.heard("now", name, by, client=name)
    assert not node.waiting(lambda message: message.get("client") == name and message["heard"][0] != "gone")
    cluster.members[goal].do("disconnect", to=[sid])


class Turnout(Relay):
    """A way to one server, and then to another: in between to none."""

    def __init__(self, server: MemberProcess) -> None:
        super().__init__(_port_of(server))
        self._is_open = loop.new_event()
        self._is_open.set()

    async def on_head(self, head: bytes) -> None:
        await self._is_open.wait()

    def close(self) -> None:
        """Lead nowhere."""
        self._is_open = loop.new_event()
        self.cut()

    def lead_to(self, server: MemberProcess) -> None:
        """Lead there."""
        self.port = _port_of(server)
        self._is_open.set()


def _port_of(server: MemberProcess) -> int:
    port = urlsplit(server.url).port
    assert port is not None  # a server of a test has one of its own
    return port


@pytest.mark.parametrize("cluster", RECOVERING, indirect=True)
@pytest.mark.parametrize(("origin", "goal"), MOVES)
@pytest.mark.parametrize("on", LOOPS, ids=lambda each: each.name)
def test_our_client_that_was_lost_comes_back_to_another_server(cluster: Trio, origin: str, goal: str, on: Loop) -> None:
    """By itself, over a WebSocket, behind a proxy that has changed its mind."""

    def sessions() -> str:
        return cluster.redis.run("KEYS", "sio:session:*")

    async def main() -> None:
        way = Turnout(cluster.members[origin])
        async with loop.open_nursery() as nursery:
            url = await way.serve(nursery)
            async with (
                connect(url, transports=["websocket"], reconnection_delay_s=0.01) as client,
                client.events() as events,
            ):

                async def heard(*said: object) -> None:
                    assert without_offset(await anext(events)) == list(said)

                await heard("hello there")
                sid = client.id
                assert not client.recovered
                assert sessions() == ""
                way.close()
                while not await loop.in_thread(sessions):
                    pass
                for by in NAMES:
                    cluster.members[by].do("emit", to="r", args=["missed", by, b"1"])
                    cluster.members[by].do("emit", **{"except": ["r"]}, args=["not for it"])
                way.lead_to(cluster.members[goal])
                for by in NAMES:
                    await heard("missed", by, b"1")
                await heard("hello there")  # each connection is told so
                assert (client.id, client.recovered) == (sid, True)
                assert sessions() == ""
                for by in NAMES:
                    cluster.members[by].do("emit", to=[sid], args=["now", by])
                    await heard("now", by)
            nursery.cancel_scope.cancel()

    on.run_in_real_time(main, DEADLINE_S)
