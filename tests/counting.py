"""Which tests count for branch coverage; the tracer runs in them and nowhere else, for it doubles what Python costs."""

from __future__ import annotations

import tomllib
from collections.abc import Generator
from fnmatch import fnmatch
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGE: Final = "socketio_core"

IN_MEMORY: Final = ("test_client.py", "test_sans.py")
"""Tests of the conformance suite that go through the core without a network."""

ALSO: Final = ("hostile",)
"""Folders that go through the core in memory."""

THROUGH_ALL: Final = ("blocking", "hostile")
"""Folders of tests that go through all of the core by hand."""

WALKS: Final = (
    *("test_conservation.py", "test_fuzz.py", "test_leaks.py", "test_lossy_network.py", "test_machine.py"),
    "test_upgrade_orders.py",
)
"""Files that go far, as tests of hypothesis do: a branch that only they or chance come to has no test of its own."""


@cache
def adapters() -> tuple[str, ...]:
    """Return what coverage leaves out of the package, as patterns of paths."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]["run"]
    return tuple(table["omit"])


def is_core(path: str) -> bool:
    """Whether coverage looks at this file of the package, or at a file in this folder."""
    return not any(fnmatch(path, adapter) for adapter in adapters())


@cache
def is_of_core(path: Path) -> bool:
    """Whether a file of tests has its like in the core, as `tests/app/…` in `app/`, or goes through all of the core.

    A line of the core that nothing but a real socket reaches has no test.
    """
    parts = path.relative_to(ROOT / "tests").parts
    if len(parts) == 1:
        return parts[0] not in ("test_packaging.py", "test_readme.py")
    if parts[0] == "conformance":
        return parts[1] in IN_MEMORY
    if parts[0] in ALSO:
        return True
    if parts[0] in THROUGH_ALL:
        return True
    return (ROOT / PACKAGE / parts[0]).exists() and is_core(f"{PACKAGE}/{parts[0]}/x")


def counts(item: pytest.Item) -> bool:
    """Whether what a test executes is counted."""
    is_random = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
    is_random |= "start" in getattr(getattr(item, "callspec", None), "params", ())  # of a range of seeds
    return is_of_core(item.path) and item.path.name not in WALKS and not is_random


class Counting:
    """A plugin beside that of coverage: has the tracer run when it must, and stops it otherwise."""

    def __init__(self, coverage: Any) -> None:
        self._coverage = coverage
        self._counts = True

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        """Count what imports of the core execute, before tests import it; not the reading of all the tests."""
        for path in sorted((ROOT / PACKAGE).rglob("*.py")):
            name = path.relative_to(ROOT)
            if is_core(name.as_posix()):
                import_module(".".join(name.with_suffix("").parts).removesuffix(".__init__"))
        self._turn(counts=False)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Count in the tests that do. Those are many in a row, for files are run one after another."""
        self._turn(counts=counts(item))
        return (yield)

    def _turn(self, *, counts: bool) -> None:
        controller = self._coverage.cov_controller
        if counts and not self._counts:
            controller.resume()
        elif self._counts and not counts:
            controller.pause()
        self._counts = counts
