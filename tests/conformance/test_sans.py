"""Every case against the engine without network, under a virtual clock: this is where a fault shows first."""

from __future__ import annotations

import pytest

from conformance.case import Case, all_cases
from conformance.hosts.sans import Host
from conformance.run import Result, run_in_memory

CASES = all_cases()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case_passes(case: Case) -> None:
    [result] = run_in_memory([case], Host)
    assert result.status == "passed", explain(result)


def explain(result: Result) -> str:
    return "\n".join([result.case.title, result.detail, *result.transcript])


def test_there_are_enough_cases_of_every_level() -> None:
    assert len(CASES) >= 150
    assert {case.level for case in CASES} == {"required", "reference", "better"}


def test_names_are_unique_and_everything_is_said() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    for case in CASES:
        assert case.title.endswith("."), case.name
        assert case.source, case.name


def test_a_run_is_the_same_every_time() -> None:
    """But for the number of polls: trio runs the tasks that a case starts at once in random order, on purpose."""
    cases = CASES[::7]
    first = [(r.status, r.seconds) for r in run_in_memory(cases, Host)]
    assert first == [(r.status, r.seconds) for r in run_in_memory(cases, Host)]
