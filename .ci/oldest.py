"""Print the files of tests that the versions of trio, h11 and wsproto can change.

Those are the tests of a folder whose files use one of these packages themselves, as `tests/wire/` of
`socketio_core/wire/` and `tests/conformance/` of `conformance/`, and those of what adapters share: what is above speaks
to ours only. Of them a file counts that reaches one of the packages, or starts a program, by itself or through what it
imports of this repository. All other tests were run on the newest versions. So nothing has to be listed here when a
folder is added; what is left out, and why, is in `WITHOUT`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ALSO = ("adapters",)  # on trio's loop, of which `tests/trio/` does not say these things again
WITHOUT = (
    "tests/adapters/client/test_hostile_",  # about what peers may say, all of which our own code reads,
    "tests/adapters/test_hostile_",
    "tests/adapters/test_order.py",  # and thousands of messages
    "tests/adapters/test_parser_faults.py",
    "tests/adapters/test_published_suites.py",
    "tests/asyncio/",  # no trio; what it needs of h11 and wsproto, the tests of wire/ have seen
    "tests/benchmarks/",  # they run the same server
    "tests/cli/",  # about terminals, files and streams: the client below is that of tests/trio/client/
    "tests/conformance/test_cli.py",  # about the suite itself, as are those of its mutants
    "tests/conformance/test_client_mutants.py",
    "tests/conformance/test_imports.py",
    "tests/conformance/test_mutants.py",
    "tests/conformance/test_sans.py",  # the same cases as through the hosts
    "tests/demo/test_chat.py",  # about what the page shows
    "tests/adapters/test_fuzz.py",
    "tests/wire/client/test_fuzz.py",  # walks
    "tests/wire/test_fuzz.py",
    "tests/wire/test_plain_",
)
PACKAGES = {"trio", "h11", "wsproto"}
REACHED = PACKAGES | {"subprocess"}


def imports(path: Path) -> Iterator[str]:
    """Yield the names of modules that a file imports anywhere, those of `from a import b` as `a` and `a.b`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def file_of(module: str) -> Path | None:
    """Return the file of a module of this repository."""
    path = ROOT.joinpath(*module.split("."))
    return next((found for found in (path.with_suffix(".py"), path / "__init__.py") if found.is_file()), None)


def reaches(path: Path) -> bool:
    """Whether one of the packages is imported, sooner or later."""
    seen: set[Path] = set()
    # What pytest imports before the file: the fixtures of its folder. Those of all tests start only what is asked for.
    waiting = [path, *(p / "conftest.py" for p in path.parents if (p / "conftest.py").is_file() and p.name != "tests")]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        for module in imports(current):
            if module.partition(".")[0] in REACHED:
                return True
            if (found := file_of(module)) is not None:
                waiting.append(found)
    return False


@cache
def is_about_users(folder: str) -> bool:
    """Whether the files that the tests in `tests/FOLDER/` are about use one of the packages themselves."""
    if folder in ALSO:
        return True
    places = (ROOT / folder, ROOT / "socketio_core" / folder)
    files = (path for place in places for path in place.rglob("*.py"))
    return any(module.partition(".")[0] in PACKAGES for path in files for module in imports(path))


def main() -> None:
    """Print them, one in a line."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        name = path.relative_to(ROOT).as_posix()
        folder = name.split("/")[1]
        if is_about_users(folder) and not name.startswith(WITHOUT) and reaches(path):
            print(name)


if __name__ == "__main__":
    main()
