"""One upgrade in every order in which its messages can arrive, and with every single cut on the way.

A world is kept as bytes, so that each state it can reach is looked at once, however many orders lead there.
"""

from __future__ import annotations

import io
import pickle
from collections import Counter
from collections.abc import Iterator
from functools import cache
from types import FunctionType
from typing import Any, Final, NamedTuple

import pytest

from tests.socketio.client.upgrading import begin_upgrade, cut_candidate, has_backlog, is_upgrading
from tests.socketio.client.world import World


class Turn:
    """Chooses `next`, and counts how often it was asked."""

    def __init__(self) -> None:
        self.next = 0
        self.asked = 0

    def __call__(self, count: int) -> int:
        self.asked += 1
        return self.next % count


def half() -> float:
    return 0.5


_KEPT: Final[dict[int, object]] = {}
"""What has no state, and is shared by all worlds."""


def _kept(key: int) -> object:
    return _KEPT[key]


class _Pickler(pickle.Pickler):
    """Asks about instances and functions only; asking about each text and number would take most of the time."""

    def reducer_override(self, obj: Any) -> Any:
        if id(obj) not in _KEPT:
            if type(obj) is not FunctionType or obj is _kept:
                return NotImplemented
            _KEPT[id(obj)] = obj
        return _kept, (id(obj),)


def freeze(world: World) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, 5).dump(world)
    return buffer.getvalue()


def thaw(data: bytes) -> World:
    world: World = pickle.loads(data)
    return world


class State(NamedTuple):
    """A world as bytes.

    Attributes:
        places: how many links can take a step.
        sends: who is yet to send, e.g. `"cs"`.
    """

    frozen: bytes
    places: int
    sends: str

    @classmethod
    def of(cls, world: World, sends: str) -> State:
        return cls(freeze(world), sum(link.can_step for link in world.network.links), sends)


class Walk:
    """Every state that is reached from one world.

    Attributes:
        seen: what was come across, and how often.
    """

    def __init__(self, sends: str) -> None:
        world = World(Turn(), random=half)
        begin_upgrade(world)
        assert is_upgrading(world)
        client, server = world.client, world.server
        for each in (client.parser, client.settings, client.engine_settings, server.parser, server.settings):
            _KEPT[id(each)] = each
        _KEPT[id(server.engine_settings)] = server.engine_settings
        self._begin = State.of(world, sends)
        self.seen: Counter[str] = Counter()

    def states(self) -> Iterator[State]:
        """Yield each state."""
        todo = [self._begin]
        known = {self._begin}
        while todo:
            state = todo.pop()
            yield state
            for following in self._after(state):
                if following not in known:
                    known.add(following)
                    todo.append(following)

    def _after(self, state: State) -> Iterator[State]:
        for who in dict.fromkeys(state.sends):
            world = thaw(state.frozen)
            send_pair(world, who)
            self.seen["sends while upgrading"] += is_upgrading(world)
            yield State.of(world, state.sends.replace(who, "", 1))
        for place in range(state.places):
            for direction in (0, 1):
                world = thaw(state.frozen)
                turn = world.network.choose
                assert isinstance(turn, Turn)
                turn.next, turn.asked = direction, 0
                self._step(world, place)
                has_choice = turn.asked > 0
                turn.next = turn.asked = 0
                yield State.of(world, state.sends)
                if not has_choice:
                    break

    def _step(self, world: World, place: int) -> None:
        was_upgrading, had_backlog = is_upgrading(world), has_backlog(world)
        [link for link in world.network.links if link.can_step][place].step()
        world.network.collect()
        world.collect()
        world.check()
        assert world.socket.is_connected
        if was_upgrading and not is_upgrading(world):
            self.seen["upgrades"] += 1
            self.seen["upgrades with a backlog"] += had_backlog


@cache
def states() -> list[State]:
    """Return those where both sides say something once."""
    return list(Walk("cs").states())


def send_pair(world: World, who: str) -> None:
    """Let the client or the server say two things in a row."""
    for _ in range(2):
        (world.client_sends if who == "c" else world.server_sends)()
    world.network.collect()


def check_end(world: World) -> None:
    """What was said has arrived, all of it, and the session of the beginning lives on."""
    assert (world.at_server, world.at_client) == (world.to_server, world.to_client)
    assert world.losses == 0
    assert len(world.members) == 1
    world.check()


def transport_of(world: World) -> str:
    assert world.client.session is not None
    return world.client.session.transport


@pytest.mark.parametrize("sends", ["ccs", "css"])
def test_every_order_of_an_upgrade_loses_nothing(sends: str) -> None:
    walk = Walk(sends)
    ends = 0
    for state in walk.states():
        if not state.sends and not state.places:
            world = thaw(state.frozen)
            ends += 1
            world.wait(0.2)  # a poll may have to wait for its noop
            check_end(world)
            assert transport_of(world) == "websocket"
    assert ends
    assert walk.seen["upgrades with a backlog"] > 20
    assert walk.seen["upgrades"] > walk.seen["upgrades with a backlog"]
    assert walk.seen["sends while upgrading"] > 100


@pytest.mark.parametrize("server_knows", [True, False], ids=["noticed", "unnoticed"])
def test_candidate_that_breaks_at_any_time_leaves_polling_as_it_was(server_knows: bool) -> None:  # noqa: FBT001 - a row
    failed = backlogs = 0
    for state in states():
        world = thaw(state.frozen)
        if is_upgrading(world):
            failed += 1
            backlogs += has_backlog(world)
            cut_candidate(world, server_knows=server_knows)
            assert not is_upgrading(world)
            for who in state.sends + "cs":
                send_pair(world, who)
            world.wait(3)
            check_end(world)
            assert transport_of(world) == "polling"
    assert failed > 100
    assert backlogs > 10


@pytest.mark.parametrize("server_knows", [True, False], ids=["noticed", "unnoticed"])
def test_cut_at_any_time_of_an_upgrade_is_got_over(server_knows: bool) -> None:  # noqa: FBT001 - a row
    for state in states():
        world = thaw(state.frozen)
        world.network.cut(server_knows=server_knows)
        world.collect()
        assert world.losses == len(world.client.namespaces)
        world.wait(3)
        assert world.socket.is_connected
        for who in "cs":
            send_pair(world, who)
        world.wait(1)
        world.check()
        assert world.at_server[-1] == world.to_server[-1]
        assert world.at_client[-1] == world.to_client[-1]
