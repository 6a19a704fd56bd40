"""What is in the distribution and in the repository, and what an import costs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

import socketio_core

ROOT: Final = Path(__file__).resolve().parents[1]
TOP_LEVEL: Final = {
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "benchmarks",
    "conformance",
    "pyproject.toml",
    "socketio_core",
    "tests",
}
IMPORT_LIMIT: Final = 80  # modules, of the standard library nearly all
IMPURE: Final = {
    "asyncio",
    "h11",
    "logging",
    "selectors",
    "socket",
    "ssl",
    "threading",
    "trio",
    "wsproto",
}


def run_python(source: str) -> str:
    """Run a program in an interpreter that has imported nothing but itself; return what it prints."""
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", start + source],
        check=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_import_needs_only_the_standard_library() -> None:
    printed = run_python("before = set(sys.modules)\nimport socketio_core\nprint(*set(sys.modules) - before)")
    packages = {name.partition(".")[0] for name in printed.split()}
    assert packages - set(sys.stdlib_module_names) == {"socketio_core"}
    assert packages & IMPURE == set()


def test_import_is_fast() -> None:
    """It brings little: how long that takes is the machine's."""
    printed = run_python("before = set(sys.modules)\nimport socketio_core\nprint(*set(sys.modules) - before)")
    assert len(printed.split()) < IMPORT_LIMIT


def test_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile, project: dict[str, Any]) -> None:
    package = ROOT / "socketio_core"
    files = {
        path.relative_to(ROOT).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    info = f"socketio_core-{project['version']}.dist-info/"
    assert {name for name in wheel.namelist() if not name.startswith(info)} == files
    assert "socketio_core/py.typed" in files
    assert {"socketio_core/app/browser/client.js", "socketio_core/app/browser/client.d.ts"} < files
    assert "socketio_core/demo/static/index.html" in files
    assert f"{info}licenses/LICENSE" in wheel.namelist()


def test_core_has_no_dependency(wheel: zipfile.ZipFile, project: dict[str, Any]) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = wheel.read(name).decode()
    needs = re.findall(r"^Requires-Dist: (.*)$", metadata, re.MULTILINE)
    assert needs
    assert [need for need in needs if "extra ==" not in need] == []
    assert f"Requires-Python: {project['requires-python']}" in metadata


def test_version_is_the_same_everywhere(project: dict[str, Any]) -> None:
    assert socketio_core.__version__ == project["version"]


def test_oldest_versions_in_ci_are_the_promised_lower_bounds(project: dict[str, Any]) -> None:
    promised = {need.replace(">=", "==") for need in project["optional-dependencies"]["trio"]}
    lines = (ROOT / ".ci" / "oldest.txt").read_text().splitlines()
    assert promised == {re.sub(r"(\.0)*$", "", line) for line in lines if line and not line.startswith("#")}


def names_of(needs: list[str]) -> set[str]:
    """Return the names of distributions, without versions."""
    return {re.split(r"[<>=\[; ]", need)[0] for need in needs}


def test_bytes_in_bytes_out_need_no_event_loop(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    assert set(extras["wire"]) < set(extras["trio"])
    assert extras["asyncio"] == ["socketio_core[wire]"]
    program = (
        "import sys; sys.modules.update(trio=None, asyncio=None)\n"
        "before = set(sys.modules)\nimport socketio_core.wire\nprint(*set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    packages = {name.partition(".")[0] for name in done.stdout.split()} - set(sys.stdlib_module_names)
    assert packages == {"socketio_core"} | names_of(extras["wire"])


def test_top_level_holds_only_what_belongs_there(require_tool: Callable[[str], str]) -> None:
    git = require_tool("git")
    listing = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    files = subprocess.run([git, *listing], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    names = {name.partition("/")[0] for name in files if name}
    assert {name for name in names if not name.startswith(".")} - TOP_LEVEL == set()
