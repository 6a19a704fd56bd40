"""`python -m conformance client`: check a client."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import trio

from conformance.case import LEVELS, Failure, Late
from conformance.choice import EXIT_STATUS, add_options, chosen, counts
from conformance.clients.case import ClientCase, all_client_cases
from conformance.clients.peer import ClientPeer
from conformance.clients.process import ClientProcess, ProcessEnded, client_process
from conformance.clients.server import PATIENCE_S, patience, scripted_server
from conformance.hosting import HostError

CASE_PATIENCE: Final = 5
"""One case may take as long in all as so many of its steps."""

TRIES: Final = 5
"""How often a case is run that a busy machine is too slow for, each time with twice the time. With 32 times as much the
longest one could not be through in time."""

START_S: Final = 30.0
"""How long a process may take to start."""

KNOWN: Final = ("asyncio", "chromium", "node", "trio")


@dataclass(frozen=True, slots=True)
class ClientResult:
    """How a case went; `problem` is `None` if it passed."""

    case: ClientCase
    problem: str | None


def main(words: Sequence[str]) -> int:
    """Run the command line behind `client`, and return the exit status."""
    options = _parser().parse_args(words)
    cases = chosen(all_client_cases(), options)
    if not cases:
        raise ValueError("no case matches; see client --list")
    if options.list:
        for case in cases:
            print(f"{case.level:9}  {case.name}\n           {case.title} ({case.source})")
        return 0
    if not options.command:
        raise ValueError("name the command of a client behind --, or one of: " + ", ".join(KNOWN))
    results = trio.run(check, command_of(options.command), cases, options.patience)
    if options.json:
        fields = [{"name": r.case.name, "level": r.case.level, "problem": r.problem} for r in results]
        print(json.dumps({"command": options.command, "results": fields}, indent=1))
    else:
        print(table(results))
    return 1 if any(result.problem is not None and counts(result.case, options.must) for result in results) else 0


def command_of(words: Sequence[str]) -> list[str]:
    """Return the command line of the process under test; a known name stands for one.

    Raises:
        HostError: Node or its packages cannot be had.
    """
    if list(words) in (["asyncio"], ["chromium"], ["trio"]):
        return [sys.executable, "-m", f"conformance.hosts.clients.{words[0]}"]
    if list(words) == ["node"]:
        from conformance.hosts import node

        return node.client_command()
    return list(words)


async def check(
    command: Sequence[str], cases: Sequence[ClientCase], patience_s: float = PATIENCE_S
) -> list[ClientResult]:
    """Run cases against a client, one after another; one that ends the process fails, and the next gets a new one.

    Args:
        patience_s: how long the client may take for anything.

    Raises:
        HostError: the process cannot be started, or ends before it has reported anything.
    """
    patience.set(patience_s)
    results: list[ClientResult] = []
    while len(results) < len(cases):
        fatal: str | None = None
        try:
            async with client_process(command) as process:
                await _wait_until_up(process)
                if not process.has_reported:
                    fatal = process.error_text
                for case in cases[len(results) :] if fatal is None else ():
                    try:
                        results.append(ClientResult(case, await _run(case, process)))
                    except ProcessEnded as error:
                        fatal = None if process.has_reported else str(error)
                        results.append(ClientResult(case, str(error)))
                        break
                    if sys.stderr.isatty():
                        print(f"\r{len(results)}/{len(cases)}", end="", file=sys.stderr, flush=True)
        except* OSError as group:
            raise HostError(f"{command[0]!r} cannot be started: {group.exceptions[0]}") from None
        if fatal is not None:
            raise HostError(fatal)
    if sys.stderr.isatty():
        print("\r", end="", file=sys.stderr)
    return results


async def _wait_until_up(process: ClientProcess) -> None:
    """Let a new process connect to something, or else how long it takes to start would count against the first case."""
    async with scripted_server() as server, trio.open_nursery() as nursery:
        peer = ClientPeer(process, server)
        nursery.start_soon(process.watch, nursery.cancel_scope)
        with suppress(Failure, ProcessEnded):  # then the cases say it
            await peer.open("polling")
            await server.next("handshake", START_S)
        nursery.cancel_scope.cancel()
    with suppress(Failure, ProcessEnded):
        await process.close(peer.name)


async def _run(case: ClientCase, process: ClientProcess) -> str | None:
    """Return what went wrong.

    Raises:
        ProcessEnded: the process is gone.
    """
    problem: str | None = None
    for attempt in range(TRIES):
        try:
            return await _run_once(case, process, 2.0**attempt)
        except Late as late:
            problem = str(late)
    return problem


async def _run_once(case: ClientCase, process: ClientProcess, slowness: float) -> str | None:
    """Return what went wrong.

    Raises:
        Late: the case has to be run again.
        ProcessEnded: the process is gone.
    """
    outcome: str | Late | ProcessEnded | None = None
    async with scripted_server() as server:
        peer = ClientPeer(process, server, slowness)
        with trio.move_on_after(CASE_PATIENCE * patience.get()) as scope:
            try:
                await case.run(peer)
            except (Late, ProcessEnded) as error:
                outcome = error
            except Failure as failure:
                outcome = str(failure)
            except (ValueError, LookupError) as error:
                outcome = f"not in the form that was expected: {error}"
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                outcome = "the client closed a connection while it was written to"
        if scope.cancelled_caught:
            outcome = f"not through after {CASE_PATIENCE * patience.get():g} s"
    if isinstance(outcome, ProcessEnded):
        raise outcome
    if peer.is_open:  # its server is gone, so this is quick
        try:
            await process.close(peer.name)
        except Failure as failure:
            outcome = outcome or str(failure)
    if isinstance(outcome, Late):
        raise outcome
    return outcome


def table(results: Sequence[ClientResult]) -> str:
    """Return what failed, and how many passed of each level."""
    lines = [
        f"FAILED {result.case.level} {result.case.name}: {result.case.title}\n  {result.problem}"
        for result in results
        if result.problem is not None
    ]
    for level in LEVELS:
        of_level = [result for result in results if result.case.level == level]
        passed = sum(result.problem is None for result in of_level)
        if of_level:
            lines.append(f"{level}: {passed} of {len(of_level)} passed")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance client",
        description="Check whether a client speaks Engine.IO 4 and Socket.IO 5.\n"
        "What its process must do to be checked is written in conformance/README.md.",
        epilog=EXIT_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "command", nargs="*", metavar="-- COMMAND", help="the client's command, or asyncio, chromium, node or trio"
    )
    add_options(parser)
    parser.add_argument(
        "--patience",
        type=float,
        default=PATIENCE_S,
        metavar="S",
        help="how long a step may take (default: %(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser
