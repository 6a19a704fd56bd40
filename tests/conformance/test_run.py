"""Running cases: how many at once, and in which order their results come."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from conformance.case import Case
from conformance.client.memory import MemoryWire
from conformance.client.peer import Peer
from conformance.hosts.sans import Host
from conformance.run import Result, run_cases


async def one_second(peer: Peer) -> None:
    await trio.sleep(1)


PLAIN = Case("x/plain", "required", "It does.", "nowhere", one_second)
WAITING = Case("x/waiting", "required", "It does.", "nowhere", one_second, waits=True)


@pytest.mark.parametrize(("jobs", "seconds"), [(1, 3), (2, 2), (3, 1), (8, 1)])
def test_cases_that_wait_take_no_turn_of_the_others(jobs: int, seconds: int) -> None:
    cases = [replace(case, name=f"{case.name}{n}") for n in range(3) for case in (PLAIN, WAITING)]
    reported: list[Result] = []

    async def run() -> tuple[list[Result], float]:
        return await run_cases(cases, MemoryWire(Host()), reported.append, jobs=jobs), trio.current_time()

    results, seconds_in_all = trio.run(run, clock=MockClock(autojump_threshold=0))
    assert [result.case for result in results] == cases
    assert {result.case.name for result in reported} == {case.name for case in cases}
    assert {(result.status, result.seconds) for result in results} == {("passed", 1)}
    assert seconds_in_all == seconds
