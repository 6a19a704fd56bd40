"""Whole servers and their clients while connections break at random: what each is promised holds all the same."""

from __future__ import annotations

import random

import pytest

from socketio_core.app import Socket
from socketio_core.testing import WireClient
from tests.app.hand_runtime import Task
from tests.cluster.joined import KINDS, Joined, heard
from tests.effort import examples


class Person:
    """A client of one server, and what it has heard."""

    def __init__(self, joined: Joined, home: int) -> None:
        self.home = home
        self.client: WireClient
        self.socket: Socket
        self.client, self.socket = joined.rigs[home].connect()
        self.heard: list[str] = []

    def listen(self) -> None:
        """Read, and answer questions."""
        for packet in map(str, heard(self.client)):
            event, _, _ = packet.removeprefix("2").partition("[")
            if event:
                self.client.send(f"43{event}[{self.home}]")
            else:
                self.heard.append(packet)


class Walk:
    """Two servers, four people, and a Redis that comes and goes."""

    def __init__(self, kind: str, chance: random.Random) -> None:
        self.chance = chance
        self.joined = Joined(kind)
        self.people = [Person(self.joined, number % 2) for number in range(4)]
        self.joined.run()
        self.tasks: list[Task] = []
        self.number = 0

    def step(self) -> None:
        """Do something."""
        joined, chance = self.joined, self.chance
        io = chance.choice(joined.rigs).io
        what = chance.random()
        if what < 0.4:
            self.emit(chance.randrange(2))
        elif what < 0.5:
            self.tasks.append(joined.start(io.timeout(2).call("q")))
        elif what < 0.6:
            self.tasks.append(joined.start(io.fetch_sockets()))
        elif what < 0.7:
            joined.start(chance.choice([io.sockets_join, io.sockets_leave])(f"room {chance.randrange(2)}"))
        elif what < 0.8 and joined.bus.is_up:
            joined.go_down()
        elif what < 0.85:
            joined.bus.drop(chance.choice(joined.lines).link, joined.now)
            joined.run()
        elif not joined.bus.is_up:
            joined.come_back()
        else:
            joined.wait(chance.random())
        for person in self.people:
            person.listen()
        joined.run()

    def emit(self, at: int) -> None:
        """Emit something: all clients of that server hear it at once, whatever is with the others."""
        self.number += 1
        self.joined.result_of(self.joined.rigs[at].io.emit("x", self.number))
        for person in self.people:
            person.listen()
            if person.home == at:
                assert person.heard[-1] == f'2["x",{self.number}]'

    def end(self) -> None:
        """Let all be well again, and see that everything comes right."""
        joined = self.joined
        joined.come_back()
        joined.wait(6)
        joined.wait(6)
        assert all(task.is_done for task in self.tasks)
        assert [dict(rig.io.statistics().cluster or {})["state"] for rig in joined.rigs] == ["up"] * 2
        for person in self.people:
            person.listen()
            assert len(set(person.heard)) == len(person.heard), "something was heard twice"
            assert person.socket.connected
        joined.result_of(joined.io.sockets_join("last"))
        assert all("last" in person.socket.rooms for person in self.people)
        joined.result_of(joined.rigs[1].io.to("last").emit("end"))
        for person in self.people:
            person.listen()
            assert person.heard[-1] == '2["end"]'
        assert joined.logged() == []


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_local_is_missing_nothing_is_heard_twice_and_every_question_ends(kind: str) -> None:
    for seed in range(examples(15)):
        walk = Walk(kind, random.Random(seed))
        for _ in range(40):
            walk.step()
        walk.end()
