"""Figures: several measurements of the same thing, in rows and columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Final

from benchmarks.processes import Sample

SERVED: Final = 0.95  # of a rate; a busy machine may hold up the rest until the measurement is over


@dataclass
class Cell:
    """Measurements of one thing; smaller is better.

    Attributes:
        values: one of each round, in the unit of the row.
        rates: per second, where something was counted.
    """

    values: list[float] = field(default_factory=list[float])
    rates: list[float] = field(default_factory=list[float])

    def add(self, sample: Sample, value: float | None = None) -> None:
        """Add what the load generator has measured: the server's CPU time, if it is not another figure of it."""
        self.values.append(sample.server_us if value is None else value)
        self.rates.append(sample.per_second)

    @property
    def median(self) -> float:
        """The figure to quote."""
        return median(self.values)

    @property
    def counts(self) -> bool:
        """Whether there is a figure that can be compared."""
        return bool(self.values)

    @property
    def quoted(self) -> str:
        """The figure as it stands in tables and in the picture."""
        return number(self.median) if self.counts else "–"

    def __str__(self) -> str:
        return f"{self.quoted} · {median(self.rates):,.0f}/s" if self.rates else self.quoted


@dataclass
class AtRate(Cell):
    """Measurements at a rate that was given, whatever came back.

    Attributes:
        offered: events a second.
    """

    offered: float = 0.0

    @property
    def counts(self) -> bool:
        """Whether the rate was served; else the time says nothing but how long that was tried."""
        return bool(self.values) and median(self.rates) >= SERVED * self.offered

    @property
    def quoted(self) -> str:
        """The figure, or what was served of the rate."""
        return super().quoted if self.counts or not self.rates else f"only {median(self.rates):,.0f}/s"

    def __str__(self) -> str:
        return self.quoted


@dataclass(eq=False)
class Row:
    """One thing, measured on several peers or at several sizes."""

    label: str
    unit: str
    cells: dict[str, Cell] = field(default_factory=dict[str, Cell])

    def cell(self, column: str) -> Cell:
        """Return a cell, made if need be."""
        return self.cells.setdefault(column, Cell())


@dataclass
class Table:
    """What one benchmark has found.

    Attributes:
        note: what the figures are.
    """

    name: str
    title: str
    note: str
    rows: list[Row] = field(default_factory=list[Row])

    def row(self, label: str, unit: str = "µs") -> Row:
        """Add a row."""
        self.rows.append(Row(label, unit))
        return self.rows[-1]

    @property
    def columns(self) -> list[str]:
        """All columns, in the order of appearance."""
        return list(dict.fromkeys(column for row in self.rows for column in row.cells))

    def as_json(self) -> dict[str, Any]:
        """Return it for a JSON file."""
        return asdict(self)

    def lines(self) -> Iterable[str]:
        """Return it as a table of Markdown, which can be read as it is."""
        columns = self.columns
        texts = [["", *columns]]
        for row in self.rows:
            cells = [str(row.cells[column]) if column in row.cells else "–" for column in columns]
            texts.append([f"{row.label}, {row.unit}", *cells])
        widths = [max(len(line[index]) for line in texts) for index in range(len(columns) + 1)]
        texts.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
        yield f"{self.title}: {self.note}"
        yield ""
        for line in texts:
            first, *rest = line
            padded = [
                first.ljust(widths[0]),
                *(text.rjust(width) for text, width in zip(rest, widths[1:], strict=True)),
            ]
            yield f"| {' | '.join(padded)} |"


def number(value: float) -> str:
    """Return a figure with three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
