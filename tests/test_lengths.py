"""A module that has grown too long has more than one responsibility: find the seam, and cut there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
MAX_LINES: Final = {"socketio_core": 450, "conformance": 450, "benchmarks": 450, "tests": 600}
"""By folder; tests of one module stay together as long as they can."""


@pytest.mark.parametrize("folder", MAX_LINES)
def test_no_module_is_too_long(folder: str) -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / folder).rglob("*.py")
        if "node_modules" not in path.parts
    }
    assert lengths
    assert {path: length for path, length in lengths.items() if length > MAX_LINES[folder]} == {}
