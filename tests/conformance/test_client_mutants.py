"""Cases for clients can fail: broken clients are caught by the cases that they name, and the sound one is not."""

from __future__ import annotations

import sys

import pytest
import trio

from conformance.clients.case import ClientCase, all_client_cases
from conformance.clients.run import ClientResult, check, command_of
from conformance.mutants.clients import MUTANTS

AT_ONCE = 6  # processes


def named_by(name: str) -> list[ClientCase]:
    wanted = MUTANTS[name].catches
    found = [case for case in all_client_cases() if case.name.partition("[")[0] in wanted]
    assert {case.name.partition("[")[0] for case in found} == set(wanted)
    return found


@pytest.fixture(scope="module")
def results() -> dict[str, list[ClientResult]]:
    """Run all mutants side by side: most of the time they wait."""
    found: dict[str, list[ClientResult]] = {}
    sound = [case for case in all_client_cases() if any(case in named_by(name) for name in MUTANTS)]

    async def run(name: str, command: list[str], cases: list[ClientCase], limit: trio.CapacityLimiter) -> None:
        async with limit:
            found[name] = await check(command, cases)

    async def run_all() -> None:
        limit = trio.CapacityLimiter(AT_ONCE)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, "", command_of(["trio"]), sound, limit)
            for name in MUTANTS:
                command = [sys.executable, "-m", "conformance.mutants.clients", name]
                nursery.start_soon(run, name, command, named_by(name), limit)

    trio.run(run_all)
    return found


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_caught(name: str, results: dict[str, list[ClientResult]]) -> None:
    problems = {result.case.name: result.problem for result in results[name]}
    assert [case for case, problem in problems.items() if problem is None] == []
    assert [case for case, problem in problems.items() if "process has ended" in str(problem)] == []  # no proof
    assert (MUTANTS[name].broken.__doc__ or "").endswith(".")


def test_the_same_cases_pass_without_a_defect(results: dict[str, list[ClientResult]]) -> None:
    assert [(result.case.name, result.problem) for result in results[""] if result.problem is not None] == []
