"""What a person sees of what was written to a terminal that is wide enough."""

from __future__ import annotations

import re
from typing import Final

_TOKEN: Final = re.compile(r"\x1b\[([0-9;?]*)([a-zA-Z])|\x1b[=>]|(.)", re.DOTALL)


def lines_seen(written: str) -> list[str]:
    """Return each line as it was whenever the cursor left its end, be it for the next line or to write it anew."""
    seen: list[str] = []
    line, column = "", 0
    for parameters, command, character in _TOKEN.findall(written):
        if command == "K" and parameters in ("", "0"):
            line = line[:column]
        elif character in ("\r", "\n"):
            seen.append(line)
            column = 0
            line = line if character == "\r" else ""
        elif character == "\b":
            column = max(0, column - 1)
        elif character and character != "\a":
            line = line[:column].ljust(column) + character + line[column + 1 :]
            column += 1
    return [*seen, line]
