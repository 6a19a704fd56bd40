"""The command line: `python -m conformance --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from textwrap import fill

import trio

from conformance import hosting, report
from conformance.case import Case, Level, all_cases
from conformance.choice import EXIT_STATUS, add_options, chosen
from conformance.client.wire import NetworkWire
from conformance.clients.run import main as client_main
from conformance.contract import ADVICE, breaches
from conformance.run import JOBS, Result, run_cases, run_in_memory
from conformance.times import PATIENT, QUICK, Times

HOSTS_HELP = fill("hosts that come with the suite: " + ", ".join(hosting.HOSTS), 80, break_on_hyphens=False)
EPILOG = f"""\
{HOSTS_HELP}

  python -m conformance serve HOST --port N   start a host, until Ctrl-C
  python -m conformance client -- COMMAND…    check a client (client --help)

{EXIT_STATUS}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words[:1] == ["client"]:
            return client_main(words[1:])
        return _serve(words[1:]) if words[:1] == ["serve"] else _check(words)
    except (hosting.HostError, ValueError) as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _serve(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m conformance serve",
        description="Start a host, on 127.0.0.1 and ::1, until Ctrl-C.",
        epilog=HOSTS_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("host", choices=hosting.HOSTS, metavar="HOST", help="one of those below")
    parser.add_argument("--port", type=int, default=3000, help="0 lets the system choose (default: 3000)")
    options = parser.parse_args(words)
    hosting.serve(options.host, options.port)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance",
        description="Check whether a server speaks Engine.IO 4 and Socket.IO 5.\n"
        "What it must do to be checked is written in conformance/README.md.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target", nargs="?", metavar="URL|HOST", help="a server's URL, or a host, which is started")
    parser.add_argument("--all", action="store_true", help="run all hosts, and print the table of cases by hosts")
    add_options(parser)
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help=f"cases at once (default: {JOBS})")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print JSON, transcripts included")
    output.add_argument("--markdown", action="store_true", help="print Markdown")
    return parser


def _check(words: Sequence[str]) -> int:
    parser = _parser()
    options = parser.parse_args(words)
    if options.jobs < 1:
        parser.error(f"--jobs must be at least 1: {options.jobs}")
    cases = chosen(all_cases(), options)
    if not cases:
        parser.error("no case matches; see --list")
    if options.list:
        print(report.listing(cases))
        return 0
    if options.all:
        return _check_all(cases, options)
    if options.target is None:
        parser.error("name a server's URL, or a host, or --all")
    results = check(options.target, cases, options.jobs)
    if options.json:
        print(report.as_json(options.target, _made_of(options.target), results))
    else:
        print(report.as_markdown(results) if options.markdown else report.table(results))
    return 1 if report.failures(results, options.must) else 0


def check(target: str, cases: Sequence[Case], jobs: int) -> list[Result]:
    """Run cases against a URL or a host.

    Raises:
        HostError: the host could not be started.
        ValueError: the target is neither.
    """
    progress = report.Progress(target, len(cases))
    if target == hosting.IN_MEMORY:
        from conformance.hosts.sans import Host

        return run_in_memory(cases, Host, progress)
    if hosting.is_host(target):
        with hosting.started(target, PATIENT) as url:
            return _over_network(cases, url, progress, jobs, PATIENT)
    if "://" not in target:
        raise ValueError(
            f"neither a URL, as http://127.0.0.1:3000, nor one of the hosts {', '.join(hosting.HOSTS)}: {target!r}"
        )
    return _over_network(cases, target, progress, jobs, QUICK)


def _over_network(cases: Sequence[Case], url: str, progress: report.Progress, jobs: int, times: Times) -> list[Result]:
    wire = NetworkWire.to(url)

    async def run() -> list[Result]:
        try:
            await trio.aclose_forcefully(await wire.connect())
        except (OSError, trio.TooSlowError) as error:
            raise hosting.HostError(f"no server at {url}: {str(error) or 'timeout'}") from None
        if found := await breaches(wire, times):
            print("\n  ".join([f"conformance: {ADVICE}:", *found]), file=sys.stderr)
        return await run_cases(cases, wire, progress, jobs=jobs, times=times)

    return trio.run(run)


def _made_of(target: str) -> str:
    return hosting.versions(target) if hosting.is_host(target) else ""


def _check_all(cases: Sequence[Case], options: argparse.Namespace) -> int:
    """Run all hosts. Ours must pass all that is theirs, the reference what defines it; others are only counted."""
    by_host = {host: check(host, cases, options.jobs) for host in hosting.HOSTS}
    made_of = {host: hosting.versions(host) for host in hosting.HOSTS}
    if options.json:
        texts = [report.as_json(host, made_of[host], by_host[host]) for host in (*hosting.OURS, hosting.REFERENCE)]
        print("[" + ",\n".join(texts) + "]")
    else:
        if not options.markdown:
            print(report.matrix(by_host, (*hosting.OURS, hosting.REFERENCE)) + "\n")
        print(report.summary(by_host, made_of))
    is_right = True
    for host in (*hosting.OURS, hosting.REFERENCE):
        must: Level = "reference" if host == hosting.REFERENCE else "better"
        failed = [
            result
            for result in report.failures(by_host[host], must)
            if not result.case.name.startswith(hosting.NOT_ITS_OWN.get(host, ()))
        ]
        if failed:
            is_right = False
            print(f"\n{host}\n{report.table(failed)}", file=sys.stderr)
    return 0 if is_right else 1
