"""Tests use the names that everybody may use: what they say of private ones would hold the code back, and not users."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).resolve().parent
FOREIGN: Final = {
    "_asyncio_future_blocking",  # by which a task of asyncio's is told to wait
    "_split_scope",  # of pytest-xdist, which has no other way to say what belongs together
}


def is_own(owner: ast.expr) -> bool:
    """Whether a class uses what is its own."""
    return ast.unparse(owner) in ("self", "cls", "super()")


def private_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield where a private attribute of something else is used, and which; of the file's own classes all may be."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr.startswith("_")]
    given = {node.attr for node in found if isinstance(node.ctx, ast.Store) and is_own(node.value)}
    given |= {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    for node in found:
        if not (node.attr.startswith("__") or is_own(node.value) or node.attr in given | FOREIGN):
            yield node.lineno, node.attr


def test_no_test_reaches_into_private_names() -> None:
    found: list[str] = []
    for path in sorted(TESTS.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "._" in text:
            names = private_names(ast.parse(text))
            found += [f"{path.relative_to(TESTS)}:{line} {name}" for line, name in names]
    assert found == []


def test_such_a_reach_is_found() -> None:
    tree = ast.parse(
        "class A:\n def f(self, other):\n  self._a = super()._b + other._a + other._c + other.__d__\nother._e = 1"
    )
    assert sorted(private_names(tree)) == [(3, "_c"), (4, "_e")]
