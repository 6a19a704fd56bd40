"""Which cases a command line is about: the same words for servers and for clients."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Final

from conformance.case import LEVELS, CaseOf, Level, PeerT

EXIT_STATUS: Final = """\
exit status: 0 everything that must pass passed, 1 not so, 2 the run was not
possible, 130 interrupted"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `chosen` looks at, and `--list` and `--must`."""
    levels = ", ".join(LEVELS)
    parser.add_argument("--list", action="store_true", help="print the cases, run nothing")
    parser.add_argument("-k", metavar="TEXT", action="append", default=[], help="only cases whose names contain TEXT")
    parser.add_argument("--level", choices=LEVELS, metavar="LEVEL", help=f"only cases of one: {levels}")
    parser.add_argument(
        "--must",
        choices=LEVELS,
        metavar="LEVEL",
        default="required",
        help="up to which all must pass (default: required)",
    )


def chosen(cases: Sequence[CaseOf[PeerT]], options: argparse.Namespace) -> list[CaseOf[PeerT]]:
    """Return those that the options ask for."""
    return [
        case
        for case in cases
        if (not options.k or any(text in case.name for text in options.k)) and options.level in (None, case.level)
    ]


def counts(case: CaseOf[PeerT], must: Level) -> bool:
    """Whether a case is of a level up to which all must pass."""
    return LEVELS.index(case.level) <= LEVELS.index(must)
