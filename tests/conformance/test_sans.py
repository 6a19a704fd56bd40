"""Every case against the engine without network, under a virtual clock: this is where a fault shows first."""

from __future__ import annotations

import re
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.case import Case, all_cases
from conformance.hosts.sans import Host
from conformance.run import Result, run_in_memory
from conformance.times import QUICK

CASES = all_cases()
ENTROPY: Final = re.compile(
    r'(?<=sid=)[\w-]+|(?<![\w-])[\w-]{20}(?![\w-])|(?<=ws raw )\(.*?(?=   \()|(?<=")[\w-]{6}(?=\.[0-9]+")'
)
"""Session ids, also where a line ends in the middle of one, and frames that are masked with random keys."""


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case_passes(case: Case) -> None:
    [result] = run_in_memory([case], Host)
    assert result.status == "passed", explain(result)
    assert case.waits or result.seconds < min(QUICK.upgrade_timeout_s, QUICK.connect_timeout_s)


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
    """To the letter, but for ids and masks: nothing in it depends on a clock, or on chance other than trio's.

    Trio runs the tasks that are ready at once in random order, on purpose; hypothesis makes it the same in each run.
    """
    runs: list[list[tuple[str, float, list[str]]]] = []

    @settings(max_examples=1, database=None)
    @given(st.none())
    def run(_: None) -> None:
        results = run_in_memory(CASES[::7], Host)
        runs.append([(r.status, r.seconds, [ENTROPY.sub("*", line) for line in r.transcript]) for r in results])

    run()
    run()
    assert runs[0] == runs[-1]
    assert len(runs) > 1
