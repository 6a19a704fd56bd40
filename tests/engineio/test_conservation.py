"""Whatever clients do, in whatever order: nothing raises, nothing is lost or doubled, and the books are in order.

What happens, and what must hold, is told in `world.py`; here are two ways to choose: hypothesis, which finds the
shortest script of a failure, and walks by seed, which come further in the same time.
"""

from __future__ import annotations

from random import Random
from typing import Any, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from socketio_core.engineio.packet import Frame
from tests.effort import examples
from tests.engineio.world import BAD_FRAMES, COMMON, GOOD_FRAMES, RARE, World

LIMITS, MESSAGES, GRACES = [None, 2, 3], [4, 1000], [0.0, 2.0]
ANY_FRAMES: st.SearchStrategy[list[Frame]] = st.lists(
    st.sampled_from(GOOD_FRAMES * 3 + BAD_FRAMES) | st.text(max_size=3), min_size=1, max_size=7
)


class Conservation(RuleBasedStateMachine):
    """One rule only: hypothesis switches rules off at random, and what matters here is how they mix."""

    @initialize(limit=st.sampled_from(LIMITS), messages=st.sampled_from(MESSAGES), grace=st.sampled_from(GRACES))
    def begin(self, limit: int | None, messages: int, grace: float) -> None:
        self.world = World(limit, messages, grace)

    @rule(what=st.sampled_from(COMMON * 9 + RARE), who=st.integers(0, 2), number=st.integers(1, 5), frames=ANY_FRAMES)
    def something_happens(self, what: str, who: int, number: int, frames: list[Frame]) -> None:
        self.world.step(what, who, number, frames)

    @invariant()
    def books_are_in_order(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.finish()


TestNothingIsLostOrDoubled: Any = cast("Any", Conservation).TestCase  # its type is not declared
TestNothingIsLostOrDoubled.settings = settings(
    max_examples=examples(12), stateful_step_count=50, suppress_health_check=[HealthCheck.too_slow]
)


@given(st.integers(0, 2**32))
@settings(max_examples=examples(20))
def test_nothing_is_lost_or_doubled_on_a_long_walk(seed: int) -> None:
    dice = Random(seed)
    world = World(dice.choice(LIMITS), dice.choice(MESSAGES), dice.choice(GRACES))
    for _ in range(300):
        frames = dice.choices(GOOD_FRAMES * 3 + BAD_FRAMES, k=dice.randint(1, 7))
        world.step(dice.choice(COMMON * 9 + RARE), dice.randrange(3), dice.randint(1, 5), frames)
        world.check()
    world.finish()
