"""What people and programs see of the results."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from conformance.case import LEVELS, Case, Level
from conformance.choice import counts
from conformance.run import Result

MARKS = {"passed": "ok", "failed": "FAILED", "skipped": "-"}


class Progress:
    """Shows how far a run is: a line that changes on a terminal, a line now and then elsewhere."""

    def __init__(self, label: str, total: int, stream: TextIO | None = None) -> None:
        self._label = label
        self._total = total
        self._stream = stream or sys.stderr
        self._done = 0
        self._failed = 0
        self._is_terminal = self._stream.isatty()

    def __call__(self, result: Result) -> None:
        """Count a result."""
        self._done += 1
        self._failed += result.status == "failed"
        text = f"{self._label}: {self._done}/{self._total} cases, {self._failed} failed"
        if self._is_terminal:
            end = "\n" if self._done == self._total else ""
            self._stream.write(f"\r\x1b[K{text}{end or f'   {result.case.name}'}{end}")
            self._stream.flush()
        elif self._done % 50 == 0 or self._done == self._total:
            self._stream.write(f"{text}\n")
            self._stream.flush()


def failures(results: Sequence[Result], must: Level) -> list[Result]:
    """Return those that failed, up to this level."""
    return [result for result in results if result.status == "failed" and counts(result.case, must)]


def table(results: Sequence[Result]) -> str:
    """Return one line for each case, what went wrong in detail, and the totals."""
    width = max((len(result.case.name) for result in results), default=0)
    lines = [
        f"{MARKS[result.status]:<7} {result.case.level:<10} {result.case.name:<{width}} {result.seconds:6.2f} s"
        + (f"  {result.detail}" if result.status == "skipped" else "")
        for result in results
    ]
    for result in results:
        if result.status == "failed":
            lines += ["", f"FAILED  {result.case.name}", f"  {result.case.title}"]
            lines += [f"  level: {result.case.level}; source: {result.case.source}", ""]
            lines += [f"  {line}" for line in result.detail.splitlines()]
            lines += ["", "  on the wire ('>' was sent by the suite):", *(f"    {line}" for line in result.transcript)]
    return "\n".join([*lines, "", totals(results)])


def totals(results: Sequence[Result]) -> str:
    """Return passed, failed and skipped by level."""
    lines = [f"{'':<10} {'passed':>7} {'failed':>7} {'skipped':>7}"]
    for level in LEVELS:
        of_level = [result.status for result in results if result.case.level == level]
        by_status = [of_level.count(status) for status in ("passed", "failed", "skipped")]
        lines.append(f"{level:<10} {by_status[0]:>7} {by_status[1]:>7} {by_status[2]:>7}")
    return "\n".join(lines)


def score(results: Sequence[Result], level: Level) -> str:
    """Return e.g. `"121/121"`: how many of the cases of a level passed."""
    of_level = [result.status for result in results if result.case.level == level]
    return f"{of_level.count('passed')}/{len(of_level)}"


def as_json(target: str, made_of: str, results: Sequence[Result]) -> str:
    """Return the results as JSON."""
    cases: list[dict[str, Any]] = [
        {
            "name": result.case.name,
            "level": result.case.level,
            "title": result.case.title,
            "source": result.case.source,
            "status": result.status,
            "seconds": round(result.seconds, 3),
            **({"detail": result.detail, "transcript": list(result.transcript)} if result.status != "passed" else {}),
        }
        for result in results
    ]
    return json.dumps({"target": target, "versions": made_of, "cases": cases}, indent=2, ensure_ascii=False)


def as_markdown(results: Sequence[Result]) -> str:
    """Return the results as a Markdown table."""
    lines = ["| case | level | result |", "|---|---|---|"]
    lines += [
        f"| `{r.case.name}` | {r.case.level} | {r.status}{': ' + r.detail.splitlines()[0] if r.detail else ''} |"
        for r in results
    ]
    return "\n".join(lines)


def listing(cases: Sequence[Case]) -> str:
    """Return what the cases ask for."""
    lines: list[str] = []
    for case in cases:
        lines += [f"{case.name}  ({case.level})", f"    {case.title}", f"    {case.source}"]
    by_level = ", ".join(f"{sum(case.level == level for case in cases)} {level}" for level in LEVELS)
    return "\n".join([*lines, "", f"{len(cases)} cases: {by_level}"])


def matrix(by_host: Mapping[str, Sequence[Result]], columns: Sequence[str]) -> str:
    """Return the table of cases by hosts, for the hosts in `columns`."""
    cases = [result.case for result in by_host[columns[0]]]
    width = max((len(case.name) for case in cases), default=0)
    lines = [f"{'':<{width}} {'level':<10} " + " ".join(f"{host:>7}" for host in columns)]
    for index, case in enumerate(cases):
        marks = " ".join(f"{MARKS[by_host[host][index].status]:>7}" for host in columns)
        lines.append(f"{case.name:<{width}} {case.level:<10} {marks}")
    return "\n".join(lines)


def summary(by_host: Mapping[str, Sequence[Result]], made_of: Mapping[str, str]) -> str:
    """Return the totals of several hosts as a Markdown table, as the README of the project shows it."""
    lines = ["| | required | reference | better | made of |", "|---|---:|---:|---:|---|"]
    for host, results in by_host.items():
        scores = " | ".join(score(results, level) for level in LEVELS)
        lines.append(f"| `{host}` | {scores} | {made_of[host]} |")
    return "\n".join(lines)
