"""How things end: the table in `wire/README.md` has every verb, and no class has another."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).resolve().parents[1] / "socketio_core"
LAYERS: Final = ("engineio", "socketio", "wire", "app", "network")

OTHERS: Final = {
    *("abandon", "cut", "destroy", "die", "discard", "dispose", "exit", "hang_up", "kill", "leave_with", "lose"),
    *("quit", "retire", "shutdown", "stop", "terminate"),
}
"""Verbs that would mean what one of the table means."""


def verbs() -> set[str]:
    text = (PACKAGE / "wire" / "README.md").read_text(encoding="utf-8")
    table = text.partition("## How things end")[2].partition("\n\n## ")[0]
    return {line.split("`")[1] for line in table.splitlines() if line.startswith("| `")}


def methods() -> set[str]:
    """Return the names of all methods of the layers that do not wait."""
    paths = [path for layer in LAYERS for path in (PACKAGE / layer).rglob("*.py")]
    classes = [
        node for path in paths for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.ClassDef)
    ]
    return {
        node.name for each in classes for node in each.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }


def test_each_verb_of_the_table_is_one_of_ours() -> None:
    assert len(verbs()) > 10
    assert verbs() <= methods()


def test_nothing_ends_in_other_words() -> None:
    found = methods()
    assert not found & OTHERS
    assert not {name for name in found if name.lstrip("_").split("_")[0] in ("lose", "kill", "destroy", "abandon")}
