"""Every case for clients can fail: for each there is a broken client that it catches."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pytest
import trio

from conformance.clients.case import ClientCase, all_client_cases
from conformance.clients.peer import ClientPeer
from conformance.clients.run import ClientResult, check
from conformance.hosting import ROOT
from conformance.mutants.clients import ClientMutant, all_client_mutants
from tests.conformance import forks

CASES = {case.name: case for case in all_client_cases()}
MUTANTS = {mutant.name: mutant for mutant in all_client_mutants()}
CONTROLS = ("events/events_carry_every_value[polling]", "handshake/own_query_and_headers_are_sent[websocket]")
"""A mutant passes the first of these that it does not name: it has one defect, and does not fail at everything."""

AT_ONCE = 2
"""How many mutants begin at once: that is work, while afterwards they wait most of the time."""

Problems = Mapping[str, str | None]

pytestmark = pytest.mark.timeout(900)  # the first test waits for a hundred processes, and the machine may be busy


def named_by(mutant: ClientMutant) -> list[ClientCase]:
    found: list[ClientCase] = []
    for name in mutant.catches:
        matching = [case for case in CASES.values() if name in (case.name, case.name.partition("[")[0])]
        assert matching, f"{mutant.name} names no case: {name}"
        found += matching
    return found


def control_of(mutant: ClientMutant) -> ClientCase:
    named = named_by(mutant)
    return next(CASES[name] for name in CONTROLS if CASES[name] not in named)


def ringing(case: ClientCase, bell: trio.Event) -> ClientCase:
    """Return a case that says when it is through."""

    async def run(peer: ClientPeer) -> None:
        try:
            await case.run(peer)
        finally:
            bell.set()

    return replace(case, run=run)


async def run_all(path: str, mutants: Sequence[ClientMutant]) -> dict[str, list[ClientResult]]:
    """Run mutants side by side."""
    found: dict[str, list[ClientResult]] = {}
    beginning = trio.CapacityLimiter(AT_ONCE)

    async def run(mutant: ClientMutant, is_up: trio.Event) -> None:
        cases = [ringing(control_of(mutant), is_up), *named_by(mutant)]
        found[mutant.name] = await check(forks.command(path, mutant.name), cases)

    async def begin(mutant: ClientMutant) -> None:
        is_up = trio.Event()
        async with beginning:
            nursery.start_soon(run, mutant, is_up)
            await is_up.wait()

    async with trio.open_nursery() as nursery:
        for mutant in mutants:
            nursery.start_soon(begin, mutant)
    return found


def is_as_told(results: Sequence[ClientResult]) -> bool:
    control, *others = results
    return control.problem is None and all(result.problem is not None for result in others)


@pytest.fixture(scope="module")
def forking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a server of mutants listens."""
    path = str(tmp_path_factory.mktemp("forks") / "socket")
    words = [sys.executable, "-m", "tests.conformance.forks", path]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"listening\n"
        yield path
        os.killpg(server.pid, signal.SIGKILL)  # and whoever of the mutants does not end


@pytest.fixture(scope="module")
def problems(forking: str) -> dict[str, Problems]:
    """What went wrong with each mutant; a busy machine may be too slow for a defect to show, so there are two tries."""
    found = trio.run(run_all, forking, list(MUTANTS.values()))
    odd = [MUTANTS[name] for name, results in found.items() if not is_as_told(results)]
    found |= trio.run(run_all, forking, odd)
    return {name: {result.case.name: result.problem for result in results} for name, results in found.items()}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_caught(name: str, problems: dict[str, Problems]) -> None:
    mutant, of_mutant = MUTANTS[name], problems[name]
    named = [case.name for case in named_by(mutant)]
    assert named, "a mutant that no case catches is no proof of anything"
    assert [case for case in named if of_mutant[case] is None] == []
    assert [case for case in named if "process has ended" in str(of_mutant[case])] == []  # no proof either
    assert of_mutant[control_of(mutant).name] is None
    assert mutant.defect.endswith(".")


def test_every_case_can_fail() -> None:
    named = {case.name for mutant in MUTANTS.values() for case in named_by(mutant)}
    assert [name for name in CASES if name not in named] == []


def test_names_of_mutants_are_unique() -> None:
    assert len(all_client_mutants()) == len(MUTANTS)


def test_a_mutant_can_be_had_from_the_command_line() -> None:
    """As conformance/README.md says."""
    mutant = next(iter(MUTANTS.values()))
    command = [sys.executable, "-m", "conformance.mutants.clients", mutant.name]
    control, *others = trio.run(check, command, [control_of(mutant), named_by(mutant)[0]])
    assert control.problem is None
    assert [other for other in others if other.problem is None] == []
