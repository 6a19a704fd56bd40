"""What is cited of `conformance/PROTOCOL.md` is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
FACTS: Final = ROOT / "conformance" / "PROTOCOL.md"
FOLDERS: Final = ("socketio_core", "tests", "conformance", "benchmarks")

_NUMBER = r"\d+(?:[.-]\d+)*"
_CITATION = re.compile(rf"PROTOCOL ({_NUMBER}(?:(?:, | and |,\n *)\b{_NUMBER})*)")
_POINT = re.compile(r"^(\d+)\. ", re.MULTILINE)


def sections() -> set[str]:
    """Return what can be cited: `"1"`, `"1.4"`, and the points of section 9 as `"9-20"`."""
    text = FACTS.read_text(encoding="utf-8")
    found = set(re.findall(r"^##? (\d+(?:\.\d+)?)\.? ", text, re.MULTILINE))
    traps = text[text.index("\n# 9. ") : text.index("\n# 10. ")]
    return found | {f"9-{number}" for number in _POINT.findall(traps)}


def citations(text: str) -> list[str]:
    """Return the sections that a text cites."""
    return [number for cited in _CITATION.findall(text) for number in re.findall(_NUMBER, cited)]


SOURCES: Final = sorted(
    path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".md", ".js", ".cjs") and "node_modules" not in path.parts and path != FACTS
)


def test_there_is_much_to_cite() -> None:
    assert {"1", "1.1", "1.13", "3.5", "5.2", "6.3", "9", "9-1", "9-65", "10"} <= sections()
    assert not {"7", "8", "9-66", "1.14"} & sections()


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("Spec: PROTOCOL 1.4.", ["1.4"]),
        ("PROTOCOL 1.7, 1.8 and 1.10; RFC 9110, 5.5", ["1.7", "1.8", "1.10"]),
        ("(PROTOCOL 1.4, 9-8)", ["1.4", "9-8"]),
        ("(PROTOCOL 9-5 and 10)", ["9-5", "10"]),
        ("as the protocol says in 1.4", []),
    ],
)
def test_citations_are_found(text: str, cited: list[str]) -> None:
    assert citations(text) == cited


def test_every_section_that_is_cited_exists() -> None:
    known = sections()
    wrong = [
        f"{path.relative_to(ROOT)}: PROTOCOL {number}"
        for path in [*SOURCES, ROOT / "README.md"]
        for number in citations(path.read_text(encoding="utf-8"))
        if number not in known
    ]
    assert wrong == []


def test_many_sections_are_cited() -> None:
    cited = {number for path in SOURCES for number in citations(path.read_text(encoding="utf-8"))}
    assert len(cited) > 60
