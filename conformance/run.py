"""Running cases: against a server on the network, several at once; against one in memory, with a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import trio
from trio.testing import MockClock

from conformance.case import Case, Failure, Skipped
from conformance.client.memory import MemoryHost, MemoryWire
from conformance.client.peer import Peer
from conformance.client.wire import Wire
from conformance.times import QUICK, Times

CASE_S = 30.0  # one case may take this long
JOBS = 8

Status = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one case.

    Attributes:
        detail: why it failed or was skipped.
        transcript: what went over the wire.
    """

    case: Case
    status: Status
    seconds: float
    detail: str = ""
    transcript: Sequence[str] = ()


Report = Callable[[Result], None]


async def run_case(case: Case, wire: Wire, times: Times = QUICK) -> Result:
    """Run one case. Whatever the server does, there is a result."""
    peer = Peer(wire, times)
    began = trio.current_time()
    status: Status = "passed"
    detail = ""
    try:
        with trio.fail_after(CASE_S):
            await case.run(peer)
    except Exception as error:  # noqa: BLE001 - any of them is the case's result
        status, detail = _outcome(error)
    finally:
        with trio.CancelScope(shield=True):
            await peer.aclose()
    return Result(case, status, trio.current_time() - began, detail, peer.transcript.lines)


def _outcome(error: BaseException) -> tuple[Status, str]:
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    if isinstance(error, Skipped):
        return "skipped", str(error)
    if isinstance(error, Failure):
        return "failed", str(error)
    if isinstance(error, trio.TooSlowError):
        return "failed", f"case was not through after {CASE_S:g} s"
    return "failed", f"{type(error).__name__}: {error}"


async def run_cases(
    cases: Sequence[Case], wire: Wire, report: Report, *, jobs: int = JOBS, times: Times = QUICK
) -> list[Result]:
    """Run cases against a server on the network, and return their results in the order of the cases.

    Args:
        jobs: how many at once. Those that wait run beside all others: the longest of them takes as long as most cases
            together, and none of them more than a moment of a processor.
    """
    results: dict[str, Result] = {}
    limit = trio.CapacityLimiter(jobs)

    async def run(case: Case) -> None:
        results[case.name] = result = await run_case(case, wire, times)
        report(result)

    async def run_in_turn(case: Case) -> None:
        try:
            await run(case)
        finally:
            limit.release_on_behalf_of(case)

    async with trio.open_nursery() as nursery:
        for case in cases:
            if case.waits:
                nursery.start_soon(run, case)
        for case in cases:
            if not case.waits:
                await limit.acquire_on_behalf_of(case)
                nursery.start_soon(run_in_turn, case)
    return [results[case.name] for case in cases]


def run_in_memory(
    cases: Sequence[Case], new_host: Callable[[], MemoryHost], report: Report | None = None
) -> list[Result]:
    """Run each case against a new server in memory; time is virtual and stands still while anything can be done."""
    results: list[Result] = []
    for case in cases:
        result = trio.run(_run_one, case, new_host, clock=MockClock(autojump_threshold=0))
        results.append(result)
        if report is not None:
            report(result)
    return results


async def _run_one(case: Case, new_host: Callable[[], MemoryHost]) -> Result:
    wire = MemoryWire(new_host())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wire.keep_time)
        result = await run_case(case, wire)
        nursery.cancel_scope.cancel()
    return result
