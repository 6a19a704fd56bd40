"""Every required case can fail: for each there is a broken server that it catches."""

from __future__ import annotations

import pytest

from conformance.case import Case, all_cases
from conformance.mutants import Mutant, all_mutants
from conformance.run import run_in_memory

CASES = {case.name: case for case in all_cases()}
MUTANTS = all_mutants()


def named_by(mutant: Mutant) -> list[Case]:
    found: list[Case] = []
    for name in mutant.catches:
        matching = [case for case in CASES.values() if matches(case.name, name)]
        assert matching, f"{mutant.name} names no case: {name}"
        found += matching
    return found


def matches(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_mutant_is_caught(mutant: Mutant) -> None:
    cases = named_by(mutant)
    assert cases, "a mutant that no case catches is no proof of anything"
    results = run_in_memory(cases, mutant.new_host)
    assert [result.case.name for result in results if result.status != "failed"] == []
    assert [result.detail for result in results if "Error: " in result.detail] == []  # its own, which is no proof
    assert mutant.defect.endswith(".")


def test_every_required_case_can_fail() -> None:
    named = {case.name for mutant in MUTANTS for case in named_by(mutant)}
    assert [case.name for case in CASES.values() if case.level == "required" and case.name not in named] == []


def test_names_of_mutants_are_unique() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
