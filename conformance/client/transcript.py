"""What went over the wire in a case, line by line."""

from __future__ import annotations

from collections.abc import Callable

MAX_LINES = 400
MAX_TEXT = 160


class Transcript:
    """Lines like `+0.312 s  < ws 2`; `>` is what the suite sent."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._began = now()
        self._lines: list[str] = []
        self._left_out = 0

    def add(self, direction: str, text: str) -> None:
        """Add a line; beyond `MAX_LINES` they are only counted."""
        if len(self._lines) >= MAX_LINES:
            self._left_out += 1
            return
        if len(text) > MAX_TEXT:
            text = f"{text[:MAX_TEXT]}... ({len(text)} characters)"
        self._lines.append(f"+{self._now() - self._began:.3f} s  {direction} {text}")

    @property
    def lines(self) -> list[str]:
        """All of it."""
        if self._left_out:
            return [*self._lines, f"... and {self._left_out} lines more"]
        return list(self._lines)


def shown(data: str | bytes) -> str:
    """Return data as it stands in a transcript: text as it is with control characters escaped, bytes in hex."""
    if isinstance(data, str):
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in data[:2000])
    return f"({len(data)} bytes) {data[:32].hex(' ')}{' ...' if len(data) > 32 else ''}"
