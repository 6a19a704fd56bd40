"""The suite shares no code with what it tests; only the hosts, and the mutants made of one, may import it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from conformance.hosting import ROOT

SUITE = ROOT / "conformance"
FILES = [
    path
    for path in SUITE.rglob("*.py")
    if not {"hosts", "mutants", "node_modules"} & set(path.relative_to(SUITE).parts)
]


def imported(path: Path, *, everywhere: bool) -> set[str]:
    tree = ast.parse(path.read_text())
    names: set[str] = set()
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(SUITE)) for path in FILES])
def test_suite_imports_nothing_of_socketio_core(path: Path) -> None:
    assert not [name for name in imported(path, everywhere=True) if name.partition(".")[0] == "socketio_core"]
    hosts = [
        name for name in imported(path, everywhere=False) if name.startswith(("conformance.hosts.", "conformance.m"))
    ]
    assert hosts == [], "a host is imported when it is asked for, so that the suite runs without what hosts need"
