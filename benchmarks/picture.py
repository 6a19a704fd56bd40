"""The figures as a picture: bars with their spread, in SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from benchmarks.tables import Cell, Row, Table

_COLORS = ("#1a7f5a", "#7fc8a9", "#e07b39", "#5b6f95", "#a9b4c9", "#444444", "#9a9a9a")
_LABEL_WIDTH, _BARS_WIDTH, _VALUE_WIDTH = 320, 560, 90
_BAR, _GAP, _TITLE = 11, 12, 40


def picture(tables: Sequence[Table], caption: str) -> str:
    """Return an SVG of all tables: a group of bars for each row, on a scale of powers of ten.

    Args:
        caption: what was measured on what, for the foot of the picture.
    """
    columns = list(dict.fromkeys(column for table in tables for column in table.columns))
    colors = {column: _COLORS[index % len(_COLORS)] for index, column in enumerate(columns)}
    cells = [cell for table in tables for row in table.rows for cell in row.cells.values()]
    values = [value for cell in cells if cell.counts for value in cell.values if value > 0]
    scale = _Scale(min(values, default=1), max(values, default=10))
    parts = list(_legend(colors))
    y = 64.0
    for table in tables:
        parts.append(_text(16, y + 16, f"{table.title}: {table.note.partition(',')[0]}", weight="bold"))
        y += _TITLE - 12
        bottom = y + sum(len(row.cells) * _BAR + _GAP for row in table.rows)
        parts.extend(_grid(scale, y, bottom))
        for row in table.rows:
            parts.extend(_group(row, colors, scale, y))
            y += len(row.cells) * _BAR + _GAP
        y += _TITLE - 8
    parts.append(_text(16, y + 8, caption, color="#666"))
    width = _LABEL_WIDTH + _BARS_WIDTH + _VALUE_WIDTH
    style = 'font-family="Helvetica, Arial, sans-serif" font-size="12"'
    size = f'width="{width}" height="{y + 24:.0f}" viewBox="0 0 {width} {y + 24:.0f}"'
    background = '<rect width="100%" height="100%" fill="#fff"/>'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>', background, *parts, "</svg>\n"])


class _Scale:
    """Where a value stands: powers of ten, from the one below the smallest to the one above the largest."""

    def __init__(self, low: float, high: float) -> None:
        self.first = math.floor(math.log10(low))
        self.last = max(math.ceil(math.log10(high)), self.first + 1)

    def x(self, value: float) -> float:
        share = (math.log10(max(value, 10.0**self.first)) - self.first) / (self.last - self.first)
        return _LABEL_WIDTH + share * _BARS_WIDTH


def _legend(colors: dict[str, str]) -> Iterator[str]:
    x = 16.0
    for column, color in colors.items():
        yield f'<rect x="{x:.0f}" y="14" width="12" height="12" fill="{color}"/>'
        yield _text(x + 18, 24, column)
        x += 36 + 7 * len(column)
    yield _text(
        16,
        46,
        "shorter is better; each line of the grid is ten times the one before; whiskers: lowest, highest",
        color="#666",
    )


def _grid(scale: _Scale, top: float, bottom: float) -> Iterator[str]:
    for power in range(scale.first, scale.last + 1):
        x = scale.x(10.0**power)
        yield f'<line x1="{x:.1f}" y1="{top:.0f}" x2="{x:.1f}" y2="{bottom:.0f}" stroke="#ddd"/>'
        yield _text(x, bottom + 8, f"{10.0**power:,g}", color="#888", anchor="middle")


def _group(row: Row, colors: dict[str, str], scale: _Scale, top: float) -> Iterator[str]:
    middle = top + len(row.cells) * _BAR / 2 + 4
    yield _text(_LABEL_WIDTH - 10, middle, f"{row.label}, {row.unit}", anchor="end")
    for index, (column, cell) in enumerate(row.cells.items()):
        yield from _bar(cell, colors[column], scale, top + index * _BAR)


def _bar(cell: Cell, color: str, scale: _Scale, y: float) -> Iterator[str]:
    if not cell.counts:
        yield _text(_LABEL_WIDTH + 6, y + _BAR - 2.5, cell.quoted, size=10)
        return
    end, low, high = (scale.x(value) for value in (cell.median, min(cell.values), max(cell.values)))
    yield f'<rect x="{_LABEL_WIDTH}" y="{y:.1f}" width="{end - _LABEL_WIDTH:.1f}" height="{_BAR - 2}" fill="{color}"/>'
    middle = y + (_BAR - 2) / 2
    yield f'<line x1="{low:.1f}" y1="{middle:.1f}" x2="{high:.1f}" y2="{middle:.1f}" stroke="#000" stroke-width="1.5"/>'
    yield _text(max(end, high) + 6, y + _BAR - 2.5, cell.quoted, size=10)


def _text(
    x: float, y: float, text: str, *, color: str = "#222", anchor: str = "start", weight: str = "normal", size: int = 12
) -> str:
    look = f'fill="{color}" text-anchor="{anchor}" font-weight="{weight}" font-size="{size}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {look}>{escape(text)}</text>'
