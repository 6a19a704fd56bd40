"""`python -m benchmarks.page`: write what is on record into the pages: this folder's `README.md` and the project's.

A table stands between `<!-- figures NAME -->` and `<!-- end of figures -->`. NAME is that of a benchmark, perhaps
behind that of the record it is of, as in `loops server`. Each record is the `results.json` of a run, under one of the
names below; `python -m benchmarks --record NAME` writes it, and the pages. `summary` is the table with the few figures
of a record that say most.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.cluster import ALL, EVENT, HERE_ONLY
from benchmarks.hostile import Beside
from benchmarks.network import HALF, LATENCY_RATES, NEARLY_ALL
from benchmarks.processes import HERE, BenchmarkError
from benchmarks.tables import AtRate, Cell, Table, number

RECORDS: Final = ("results", "loops", "hostile", "tls", "asgi", "cluster")
PAGES: Final = (HERE / "README.md", HERE.parent / "README.md")

_BLOCK: Final = re.compile(
    rf"<!-- figures (?:({'|'.join(RECORDS)}) )?([a-z]+) -->\n.*?<!-- end of figures -->", re.DOTALL
)
_COMMIT: Final = re.compile(r"(\(((?:benchmarks/)?(\w+)\.json)\), )commit \w+, [-\d]+")

# Of cells, where they hold more.
_KINDS: Final[dict[str, type[Cell]]] = {"hostile": Beside, "tls": Beside, "asgi": Beside, "latency": AtRate}
_Summary = tuple[str, str, str, bool]
_SUMMARIES: Final[dict[str, list[_Summary]]] = {
    "results": [
        ("events echoed each second", "server", "50 connections, 16 in flight", True),
        ("memory of an idle socket, kB", "memory", "memory, 10,000 sockets", False),
        *(
            (f"at {rate:,} events/s {share} are back in, µs", "latency", label.format(rate), False)
            for rate in LATENCY_RATES[:2]
            for share, label in (("half", HALF), ("99 of 100", NEARLY_ALL))
        ),
    ],
    "cluster": [
        ("an event to 50 + 50 sockets of two servers", "cluster", f"{EVENT} to 50 + 50 sockets of two servers", False),
        ("an event to 100 sockets of one server, no adapter", "cluster", f"{ALL}, no adapter", False),
        ("the same with an adapter, which tells nobody", "cluster", f"{ALL}, an adapter", False),
        ("the same by `io.local`, no adapter", "cluster", f"{HERE_ONLY}, no adapter", False),
        ("the same by `io.local`, an adapter", "cluster", f"{HERE_ONLY}, an adapter", False),
    ],
}
"""Of each record: what it is called, the benchmark, the row, whether the rate is meant."""


def tables_of(record: dict[str, Any]) -> dict[str, Table]:
    """Return the tables that a run has written, by their names."""
    found: dict[str, Table] = {}
    for given in record["tables"]:
        table = found[given["name"]] = Table(given["name"], given["title"], given["note"])
        kind = _KINDS.get(table.name, Cell)
        for row in given["rows"]:
            table.row(row["label"], row["unit"]).cells.update(
                {name: kind(**cell) for name, cell in row["cells"].items()}
            )
    return found


def summary(of: str, tables: dict[str, Table]) -> Iterable[str]:
    """Return the few figures of a record that say most, as a table of Markdown."""
    columns = tables["latency" if of == "results" else of].columns
    yield f"| | {' | '.join(columns)} |"
    yield f"|---|{'---:|' * len(columns)}"
    for label, name, row_label, is_rate in _SUMMARIES[of]:
        (row,) = (row for row in tables[name].rows if row.label == row_label)
        cells = [row.cells.get(column) for column in columns]
        figures = ["–" if cell is None else number(median(cell.rates)) if is_rate else cell.quoted for cell in cells]
        yield f"| {label} | {' | '.join(figures)} |"


def written(page: str, records: dict[str, dict[str, Any]]) -> str:
    """Return a page with the figures of the records, and the commits that they are of."""
    tables = {name: tables_of(record) for name, record in records.items()}

    def block(match: re.Match[str]) -> str:
        of, name = match[1] or "results", match[2]
        lines = summary(of, tables[of]) if name == "summary" else list(tables[of][name].lines())[2:]
        return "\n".join([match[0].partition("\n")[0], "", *lines, "", "<!-- end of figures -->"])

    def commit(match: re.Match[str]) -> str:
        versions = records[match[3]]["versions"]
        return f"{match[1]}commit {versions['commit']}, {versions['date']}"

    return _COMMIT.sub(commit, _BLOCK.sub(block, page))


def records() -> dict[str, dict[str, Any]]:
    """Return what is on record."""
    return {name: json.loads((HERE / f"{name}.json").read_text(encoding="utf-8")) for name in RECORDS}


def record(name: str, result: dict[str, Any], folder: Path = HERE, pages: Iterable[Path] = PAGES) -> None:
    """Put a run on record, and write the pages.

    Raises:
        BenchmarkError: it has not all that the pages show; nothing was written.
    """
    try:
        texts = {page: written(page.read_text(encoding="utf-8"), {**records(), name: result}) for page in pages}
    except KeyError as error:
        raise BenchmarkError(f"{name} is to show what was not measured: {error}") from None
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
    for page, text in texts.items():
        page.write_text(text, encoding="utf-8")


def main(pages: Iterable[Path] = PAGES) -> None:
    """Write the pages."""
    for page in pages:
        page.write_text(written(page.read_text(encoding="utf-8"), records()), encoding="utf-8")


if __name__ == "__main__":
    main()
