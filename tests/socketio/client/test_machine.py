"""Every interleaving that hypothesis can think of, of both roles, the network and time."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.effort import examples
from tests.socketio.client.upgrading import begin_upgrade, cut_candidate, has_backlog, is_upgrading
from tests.socketio.client.world import World

UPGRADING = ["polling", "websocket", "a WebSocket is under way"]
BEGINNINGS = [UPGRADING, ["polling", "websocket"], UPGRADING, ["polling"], ["websocket"], UPGRADING]
DISTURBANCES = [
    "time passes",
    "cut",
    "cut, unnoticed",
    "network goes or comes",
    "hosts wake late",
    "leave",
    "join",
    "leave and come back",
    "reader pauses",
    "reader pauses for a while",
]
AT_LEAST = {
    "upgrades": 20,
    "upgrades with a backlog of the client": 1,
    "upgrades with a backlog of the server": 1,
    "c sends while upgrading": 50,
    "s sends while upgrading": 50,
    "candidates that break": 10,
}  # cuts of all connections during an upgrade come up now and then; `test_upgrade_orders` tries every moment of one
EXCUSES = {"cut", "cut, unnoticed", "network goes or comes", "hosts wake late"}


class ClientMachine(RuleBasedStateMachine):
    """Client and server, step by step. Half of the runs begin with an upgrade, which is over soon otherwise.

    Attributes:
        seen: what all runs together came across, and how often.
    """

    world: World
    seen: ClassVar[Counter[str]] = Counter()

    @initialize(
        transports=st.sampled_from(BEGINNINGS),
        retries=st.sampled_from([0, 1_000_000]),
    )
    def begin(self, transports: list[str], retries: int) -> None:
        self.turn = 0
        self.has_excuse = False  # to lose the connection
        self.world = World(self.choose, transports=transports[:2], retries=retries)
        if transports is UPGRADING:
            begin_upgrade(self.world)

    def choose(self, count: int) -> int:
        self.turn += 1  # or one connection could keep all others waiting for a long time
        return self.turn % count

    def step(self, turn: int) -> None:
        world = self.world
        was_upgrading, had_backlog, server_had_backlog = is_upgrading(world), has_backlog(world), owes_client(world)
        self.turn = turn
        world.step()
        if was_upgrading and is_upgraded(world):
            self.seen["upgrades"] += 1
            self.seen["upgrades with a backlog of the client"] += had_backlog
            self.seen["upgrades with a backlog of the server"] += server_had_backlog
        elif was_upgrading and not is_upgrading(world):
            self.seen["failed upgrades"] += 1

    # -- the usual ---------------------------------------------------------------------------------------------------

    @rule(turn=st.integers(0, 5))
    def one_step(self, turn: int) -> None:
        self.step(turn)

    @rule(seed=st.integers(0, 1_000_000), count=st.integers(2, 12))
    def much_happens(self, seed: int, count: int) -> None:
        """Steps and words, mixed more evenly than hypothesis would: it likes to do the same thing again and again."""
        random = Random(seed)
        for _ in range(count):
            what = random.choice("cs____")
            if what == "_":
                self.step(random.randrange(6))
            else:
                self.send(what)

    @rule(who=st.sampled_from(["c", "s", "ccc", "sss"]))
    def says(self, who: str) -> None:
        for each in who:
            self.send(each)

    def send(self, who: str) -> None:
        self.seen[f"{who} sends while upgrading"] += is_upgrading(self.world)
        (self.world.client_sends if who == "c" else self.world.server_sends)()

    # -- the unusual: most of it in one rule, or hardly a run would get anywhere --------------------------------------

    @rule(server_knows=st.booleans())
    def candidate_breaks(self, server_knows: bool) -> None:  # noqa: FBT001 - drawn
        if is_upgrading(self.world):
            self.seen["candidates that break"] += 1
            cut_candidate(self.world, server_knows=server_knows)

    @rule(what=st.sampled_from(DISTURBANCES), seconds=st.sampled_from([0.05, 0.1, 1.0, 5.0, 12.0, 30.0, 60.0]))
    def something_happens(self, what: str, seconds: float) -> None:
        world, now = self.world, self.world.clock.now
        self.has_excuse |= what in EXCUSES
        match what:
            case "cut" | "cut, unnoticed":
                self.seen["cuts while upgrading"] += is_upgrading(world)
                world.network.cut(server_knows=what == "cut")
                world.collect()
            case "network goes or comes":
                world.network.is_up = not world.network.is_up
            case "time passes":
                world.wait(seconds)
            case "hosts wake late":
                now = world.clock.advance(seconds)
                world.client.handle_timeout(now)
                world.server.handle_timeout(now)
                world.collect()
            case "leave":
                world.leave()
            case "join":
                world.join()
            case "leave and come back":
                world.leave()
                world.join()
            case "reader pauses":
                world.client.pause_reading(now)
                world.client.resume_reading(now)
            case _:
                world.client.pause_reading(now)
                world.wait(1.0)
                world.client.resume_reading(world.clock.now)

    # -- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_lost_in_between_twice_or_out_of_order(self) -> None:
        if hasattr(self, "world"):
            self.world.check()

    @invariant()
    def no_connection_is_lost_without_a_reason(self) -> None:
        if hasattr(self, "world") and not self.has_excuse:
            assert self.world.breaks == 0

    @invariant()
    def deadlines_lie_ahead(self) -> None:
        if hasattr(self, "world"):
            world = self.world
            world.client.handle_timeout(world.clock.now)
            world.collect()
            deadline = world.client.next_deadline
            assert deadline is None or deadline > world.clock.now

    def teardown(self) -> None:
        if hasattr(self, "world"):
            world = self.world
            world.network.is_up = True
            world.join()  # a late host may have given CONNECT up
            world.wait(300)
            assert world.socket.is_connected
            world.client_sends()
            world.server_sends()
            world.wait(100)
            world.check()
            world.check_complete()
            assert world.at_server[-1] == world.to_server[-1]
            assert world.at_client[-1] == world.to_client[-1]


def is_upgraded(world: World) -> bool:
    """Whether the session moved to a WebSocket, or began on one."""
    session = world.client.session
    return session is not None and session.transport == "websocket"


def owes_client(world: World) -> bool:
    """Whether something waits at the server for a poll."""
    return any(session.buffered_bytes for session in world.server.sessions)


def test_client_and_server_in_any_order_of_events() -> None:
    """In batches: two, or as many more as it takes to come across enough, for that differs much from run to run.

    One batch in three has nothing of some kind, so a few batches are not always enough; so many always are.
    """
    seen = ClientMachine.seen
    seen.clear()
    batch = settings(max_examples=examples(100), stateful_step_count=40)
    for number in range(50):
        run_state_machine_as_test(ClientMachine, settings=batch)
        if number > 0 and all(seen[what] >= count for what, count in AT_LEAST.items()):
            break
    for what, count in AT_LEAST.items():
        assert seen[what] >= count, (what, seen)
