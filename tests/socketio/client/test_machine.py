"""Every interleaving that hypothesis can think of, of both roles, the network and time."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.socketio.client.world import World


class ClientMachine(RuleBasedStateMachine):
    """Client and server, step by step."""

    world: World

    @initialize(
        transports=st.sampled_from([["polling", "websocket"], ["polling"], ["websocket"]]),
        retries=st.sampled_from([0, 1_000_000]),
    )
    def begin(self, transports: list[str], retries: int) -> None:
        self.turn = 0
        self.world = World(self.choose, transports=transports, retries=retries)

    def choose(self, count: int) -> int:
        self.turn += 1  # or one connection could keep all others waiting for ever: a poll is answered at once while a
        return self.turn % count  # probe's answer is under way

    @rule(turns=st.lists(st.integers(0, 5), min_size=1, max_size=8))
    def step(self, turns: list[int]) -> None:
        for self.turn in turns:
            self.world.step()

    @rule(count=st.integers(1, 3))
    def client_sends(self, count: int) -> None:
        for _ in range(count):
            self.world.client_sends()

    @rule(count=st.integers(1, 3))
    def server_sends(self, count: int) -> None:
        for _ in range(count):
            self.world.server_sends()

    @rule(server_knows=st.booleans())
    def cut(self, server_knows: bool) -> None:  # noqa: FBT001 - drawn
        self.world.network.cut(server_knows=server_knows)
        self.world.collect()

    @rule()
    def network_goes_and_comes(self) -> None:
        self.world.network.is_up = not self.world.network.is_up

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 12.0, 30.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.wait(seconds)

    @rule(seconds=st.sampled_from([1.0, 12.0, 60.0]))
    def hosts_wake_late(self, seconds: float) -> None:
        now = self.world.clock.advance(seconds)
        self.world.client.handle_timeout(now)
        self.world.server.handle_timeout(now)
        self.world.collect()

    @rule()
    def leave(self) -> None:
        self.world.leave()

    @rule()
    def join(self) -> None:
        self.world.join()

    @rule()
    def leave_and_come_back(self) -> None:
        self.world.leave()
        self.world.join()

    @rule(is_pausing=st.booleans())
    def reader_pauses(self, is_pausing: bool) -> None:  # noqa: FBT001 - drawn
        now = self.world.clock.now
        self.world.client.pause_reading(now)
        if not is_pausing:
            self.world.client.resume_reading(now)
        else:
            self.world.wait(1.0)
            self.world.client.resume_reading(now)

    @invariant()
    def nothing_is_lost_in_between_twice_or_out_of_order(self) -> None:
        if hasattr(self, "world"):
            self.world.check()

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


TestClientMachine = ClientMachine.TestCase
TestClientMachine.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
