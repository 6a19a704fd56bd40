"""Hours of broken connections: within the window nothing is lost, nothing comes twice, and the order is kept."""

from __future__ import annotations

from random import Random

import pytest

from tests.effort import examples
from tests.socketio.recovery_world import WINDOW_S, RecoveryWorld

HOURS = examples(24)


@pytest.mark.parametrize("seed", [1, 2])
def test_hours_of_cuts(seed: int) -> None:
    random = Random(seed)
    world = RecoveryWorld(random)
    end = world.clock.now + HOURS * 3600
    while world.clock.now < end:
        for _ in range(random.randrange(8)):
            world.act()
        if random.random() < 0.3:
            world.cut()
        for _ in range(random.randrange(8)):
            world.act()
        away = random.random()
        if away < 0.1:
            world.network.is_up = False
            world.network.cut(server_knows=random.random() < 0.5)
            world.wait(random.uniform(0, 2 * WINDOW_S))
            world.network.is_up = True
        world.wait(random.choice([0.0, random.uniform(0, 30), random.uniform(0, 2 * WINDOW_S)]))
        world.come_back()
        world.wait(random.choice([0.0, 20.0]))
        world.check()
    world.wait(400)
    world.check()
    recovered = [*world.theirs.recovered, *world.ours_recovered]
    assert recovered.count(True) > HOURS
    assert recovered.count(False) > HOURS / 4
    assert world.early < recovered.count(True) / 20, "only who is cut again and again before its heartbeat is heard"
    assert world.recovery.lost_count == len(world.recovery.log) == 0
