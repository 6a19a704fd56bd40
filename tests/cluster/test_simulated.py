"""Clusters with clients on a Redis in memory, where everything that can break does, in any order that a seed makes.

what is done here        is never missing here, whatever is with the Redis
what others say          comes once at the most; by streams, all of it that the Redis has kept, and in its order
rooms                    are the same in the end
questions                end, with an answer or without
who comes back           as the same socket has got all that it should have, once
"""

from __future__ import annotations

import random
from typing import Any, Final

import pytest

from socketio_core.cluster.events import Asked, State
from socketio_core.cluster.link import ClusterUnavailable
from socketio_core.cluster.messages import RoomsJoin, RoomsLeave, SocketsFetch, SocketsFetched
from socketio_core.cluster.modern import from_entry
from socketio_core.cluster.selecting import audience_of
from socketio_core.socketio import Selection
from socketio_core.socketio.selection import EVERYONE
from tests.cluster.bus import ALL
from tests.cluster.cores import Cores, CoreServer
from tests.effort import examples
from tests.socketio.recovery_world import Reference

STREAM = b"socket.io"
IN_ROOM = Selection(frozenset({"room"}))


class Client:
    """A client of any server.

    Attributes:
        due: what it must have got, since its socket began: what its own server said while it was there.
        has_moved: it has been at another server since then.
        not_for_it: what its own server had said before; who is new then does not get what waits for its place.
    """

    def __init__(self, world: Walk, server: CoreServer) -> None:
        self._world = world
        self.server = server
        self.wire = Reference(server.core, world.cores.clock)
        self.due: list[int] = []
        self.has_moved = False
        self.not_for_it: set[int] = set()
        self.wire.connect()

    @property
    def is_in(self) -> bool:
        """Whether its server has it among those to whom it sends."""
        return self.wire.is_up and any(
            member.sid == self.wire.sid for member in self.server.core.hub.of("/").members.values()
        )

    def read(self) -> None:
        """Read what there is."""
        if self.wire.is_up:
            before = len(self.wire.recovered)
            self.wire.read()
            if len(self.wire.recovered) > before and not self.wire.recovered[-1]:
                self.due = []
                self.has_moved = False
                said_by = self._world.said_by
                self.not_for_it = {number for number, server in said_by.items() if server is self.server}

    def lose(self) -> None:
        """Lose the connection, and with it what was not read."""
        self.wire.cut(server_knows=True)

    def come_back(self, server: CoreServer) -> None:
        """Connect to some server."""
        self.has_moved |= server is not self.server
        self.server = server
        self.wire.move(server.core)
        self.wire.connect()


class Walk:
    """One scenario.

    Attributes:
        given_up: what was sent without its place in a stream: who comes back may get that twice.
    """

    def __init__(self, kind: str, chance: random.Random) -> None:
        self.kind = kind
        self.chance = chance
        self.max_length = chance.choice([4, 10_000, 10_000])
        self.trouble = chance.choice([0.0, 0.3, 1.0])
        self.cores = Cores(
            kind,
            chance.randint(1, 3),
            seed=chance.randrange(1 << 30),
            max_length=self.max_length,
            knows_resp3=chance.random() < 0.5,
        )
        for server in self.cores.servers:
            server.answer = answering(server)
        self.clients = [Client(self, chance.choice(self.cores.servers)) for _ in range(chance.randint(1, 3))]
        self.number = 0
        self.said_by: dict[int, CoreServer] = {}
        self.asked = 0
        self.is_whole = self.max_length > 4  # nothing was cut off, or forgotten
        self.settle()

    def settle(self, after_s: float = 0.0) -> None:
        """Let everything come to rest, and be read."""
        self.cores.settle(after_s)
        for client in self.clients:
            client.read()

    def step(self) -> None:
        """Do something."""
        chance, cores = self.chance, self.cores
        server = chance.choice(cores.servers)
        what = chance.random()
        if what < 0.45:
            self.emit(server)
        elif what < 0.52:
            self.ask(server)
        elif what < 0.65:
            self.move_client()
        elif chance.random() > self.trouble:
            cores.clock.now += 0.01
        elif what < 0.74:
            cores.bus.drop(chance.choice(server.machine.links), cores.clock.now)
        elif what < 0.82:
            self.toggle(server)
        elif what < 0.85:
            self.restart()
        else:
            cores.clock.now += chance.choice([0.01, 0.2, 1.0])
        for each in cores.servers:
            if chance.random() < 0.6:
                each.turn(cores.clock.now, chance=0.8)
        if chance.random() < 0.4:
            for client in self.clients:
                client.read()

    def emit(self, server: CoreServer) -> None:
        """Let a server tell everybody something."""
        self.number += 1
        self.said_by[self.number] = server
        for client in self.clients:
            if client.server is server and client.is_in:
                client.due.append(self.number)
        server.emit(self.number)

    def ask(self, server: CoreServer) -> None:
        """Let a server ask the others."""
        try:
            server.machine.ask(lambda id_: SocketsFetch(server.uid, "/", ALL, id_), "/", self.cores.clock.now)
            self.asked += 1
        except ClusterUnavailable:
            assert server.machine.state is State.DOWN

    def toggle(self, server: CoreServer) -> None:
        """Cut a server off, or all; or let them back."""
        bus = self.cores.bus
        if self.chance.random() < 0.3:
            bus.is_up = not bus.is_up
        else:
            bus.cut_off ^= {server.uid}
        for each in self.cores.servers:
            if not bus.is_up or each.uid in bus.cut_off:
                for link in each.machine.links:
                    bus.drop(link, self.cores.clock.now)

    def restart(self) -> None:
        """Let the Redis begin anew, with nothing."""
        self.is_whole = False
        self.cores.bus.knows_resp3 = self.chance.random() < 0.5  # it may be another version then
        self.cores.bus.keys.forget_all()
        for server in self.cores.servers:
            for link in server.machine.links:
                self.cores.bus.drop(link, self.cores.clock.now)

    def move_client(self) -> None:
        """Let a client be lost, or come back to some server."""
        client = self.chance.choice(self.clients)
        if client.wire.is_up:
            client.lose()
        else:
            client.come_back(self.chance.choice(self.cores.servers))

    def heal(self) -> None:
        """Let all be well."""
        bus = self.cores.bus
        bus.is_up = True
        bus.cut_off.clear()
        for _ in range(5):  # longer than anybody waits before it tries again
            self.settle(1.0)
        for client in self.clients:
            if not client.wire.is_up:
                client.come_back(self.chance.choice(self.cores.servers))
        self.settle()

    # -- what must hold ----------------------------------------------------------------------------------------------

    def check(self) -> None:
        """See that it is as it should be."""
        assert [server.machine.state for server in self.cores.servers] == [State.UP] * len(self.cores.servers)
        assert sum(len(server.settled) for server in self.cores.servers) == self.asked
        late = self.given_up()
        for client in self.clients:
            got = client.wire.got
            once = [number for number in got if number not in late]
            assert len(set(once)) == len(once), "twice"
            # What never came to the others is lost with the connection, for who goes to one of them.
            due = {number for number in client.due if number not in late or not client.has_moved}
            assert due <= set(got), "missing"
            if self.is_whole and self.kind in ("streams", "recovery"):
                self.check_order(got, late | client.not_for_it.difference(got))

    def check_order(self, got: list[int], late: set[int]) -> None:
        """See that a client got what the stream has, from the first on that it got."""
        kept = [number for number in self.in_stream() if number not in late]
        once = [number for number in got if number in kept]
        if not once:
            return
        if self.kind == "recovery":
            assert once == kept[kept.index(once[0]) :]

    def in_stream(self) -> list[int]:
        """Return what was said, in the order of the stream."""
        found: list[int] = []
        for _, fields in self.cores.bus.keys.streams.get(STREAM, []):
            entry = {fields[at].decode(): fields[at + 1] for at in range(0, len(fields), 2)}
            message = from_entry(entry)
            args: Any = getattr(message, "args", None)
            if args is not None:
                found.append(args[1])
        return found

    def given_up(self) -> set[int]:
        """Return what was sent without its place."""
        late: set[int] = set()
        for server in self.cores.servers:
            late |= server.given_up
        return late

    def check_rooms(self) -> None:
        """Let one server say who is to be where, and another whom it is for."""
        first, *_, last = [self.cores.servers[0], *self.cores.servers]
        everyone = audience_of(EVERYONE)
        self.cores.settle()
        first.move(EVERYONE, {"room", "left"}, is_in=True)
        first.machine.tell(RoomsJoin(first.uid, "/", everyone, ["room", "left"]), self.cores.clock.now)
        first.move(EVERYONE, {"left"}, is_in=False)
        first.machine.tell(RoomsLeave(first.uid, "/", everyone, ["left"]), self.cores.clock.now)
        self.settle()
        last.emit(-1, selection=IN_ROOM)
        last.emit(-2, selection=Selection(frozenset({"left"})))
        self.settle()
        for client in self.clients:
            assert [number for number in client.wire.got if number < 0] == [-1]


def answering(server: CoreServer) -> Any:
    """Return what answers the others."""

    def answer(asked: Asked, now: float) -> None:
        message = asked.message
        assert message.request_id is not None
        server.machine.answer(message.uid, SocketsFetched(server.uid, "/", message.request_id, []), now)

    return answer


PARTS: Final = 4  # so that several processors have some of it


def scenario(kind: str, seed: int) -> None:
    walk = Walk(kind, random.Random(f"{kind} {seed}"))
    for _ in range(walk.chance.randint(5, 30)):
        walk.step()
    walk.heal()
    walk.check()
    walk.check_rooms()


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", ["classic", "sharded", "streams", "recovery"])
def test_whatever_breaks(kind: str, part: int) -> None:
    for seed in range(part, examples(2500), PARTS):
        try:
            scenario(kind, seed)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
