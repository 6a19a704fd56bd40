"""Hours on a bad network: at most once without retries, at least once with them, always in order."""

from __future__ import annotations

from random import Random

import pytest

from tests.effort import examples
from tests.socketio.client.world import World

HOURS = examples(2)


@pytest.mark.parametrize("retries", [0, 1_000_000])
@pytest.mark.parametrize("transports", [["polling", "websocket"], ["polling"], ["websocket"]])
@pytest.mark.parametrize("seed", [1, 2])
def test_hours_of_losses(seed: int, transports: list[str], retries: int) -> None:
    random = Random(seed)
    world = World(random.randrange, transports=transports, retries=retries, random=random.random)
    end = world.clock.now + HOURS * 3600
    while world.clock.now < end:
        for _ in range(random.randrange(6)):
            random.choice([world.client_sends, world.server_sends])()
            for _ in range(random.randrange(12)):
                world.step()
        if random.random() < 0.05:
            world.leave()
            for _ in range(random.randrange(6)):
                world.step()
            world.join()
        trouble = random.random()
        if trouble < 0.05:
            world.network.cut(server_knows=random.random() < 0.5)
        elif trouble < 0.07:
            world.network.is_up = False
            world.network.cut(server_knows=random.random() < 0.5)
            world.wait(random.uniform(0, 90))
            world.network.is_up = True
        world.wait(random.uniform(0, 20))
        world.check()
    world.wait(200)
    assert world.socket.is_connected
    world.client_sends()
    world.server_sends()
    world.wait(200)
    world.check()
    assert (world.at_server[-1], world.at_client[-1]) == (world.to_server[-1], world.to_client[-1])
    assert world.losses > 10
    if retries:
        assert set(world.at_server) == set(world.to_server)
    assert len(world.server.connections) == 1
    assert len(world.to_server) > 500


def test_quiet_network_loses_nothing() -> None:
    random = Random(3)
    world = World(random.randrange)
    for _ in range(2000):
        random.choice([world.client_sends, world.server_sends])()
        for _ in range(random.randrange(6)):
            world.step()
    world.wait(100)
    world.check()
    world.check_complete()
    assert (world.losses, world.client.session is not None and world.client.session.transport) == (0, "websocket")


@pytest.mark.parametrize("transports", [["polling", "websocket"], ["polling"], ["websocket"]])
def test_leaving_and_coming_back_harms_no_other_namespace(transports: list[str]) -> None:
    random = Random(4)
    world = World(random.randrange, transports=transports)
    world.wait(5)
    for _ in range(300):
        random.choice([world.leave, world.join, world.client_sends])()
        for _ in range(random.randrange(6)):
            world.step()
    world.join()
    world.wait(60)
    world.check()
    assert (world.breaks, world.socket.is_connected, world.side.is_connected) == (0, True, True)


def test_closing_leaves_nothing_behind() -> None:
    for steps in range(60):
        world = World(lambda count: count - 1)
        for _ in range(steps):
            world.step()
        world.client_sends()
        world.client.close(world.clock.now)
        world.wait(120)  # a server that was told nothing waits for a pong
        assert world.client.is_done, steps
        assert world.client.next_deadline is None
        assert world.network.links == []
        assert world.server.connections == []
