"""What all tests share: tools that may be missing, the promise that CI skips nothing, and how tests are dealt out."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Generator
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import hypothesis
import pytest

from tests.effort import FUZZ, LONG, examples

ROOT: Final = Path(__file__).resolve().parents[1]
IN_CI: Final = bool(os.environ.get("CI"))

SINGLY: Final = (
    "tests/benchmarks/test_benchmarks.py",
    "tests/conformance/test_clients.py",
    "tests/conformance/test_hosts.py",
    "tests/test_readme.py",
)
"""Files whose tests are few and long, and share nothing."""


@pytest.fixture(scope="session")
def require_tool() -> Callable[[str], str]:
    """Return a function that finds a program, or skips the test with the reason (which fails it in CI)."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"{name} is not installed")
        return path

    return find


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory, require_tool: Callable[[str], str]) -> Path:
    """A self-signed certificate for localhost and its key, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *(require_tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(folder / "key"), "-out", str(folder / "certificate")),
        ],
        check=True,
        capture_output=True,
    )
    both = folder / "both"
    both.write_text((folder / "key").read_text() + (folder / "certificate").read_text())
    return both


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let random tests run for longer."""
    parser.addoption("--long", action="store_true", help=f"let random tests try {LONG} times as many examples")


def pytest_configure(config: pytest.Config) -> None:
    """Bound what random tests do.

    No deadline per example, and no complaint that inputs come slowly: the machine's mood is not a property. A failure
    prints the blob that repeats it.
    """
    if config.getoption("--long"):
        os.environ.setdefault(FUZZ, str(LONG))
        config.option.timeout = 0  # one test may take an hour
    hypothesis.settings.register_profile(
        "default",
        deadline=None,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
        print_blob=True,
        max_examples=examples(100),
    )
    hypothesis.settings.load_profile("default")


# -- coverage --------------------------------------------------------------------------------------------------------


def _adapters() -> list[str]:
    """Return what coverage leaves out of the package, as patterns of paths."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]["run"]
    return list(table["omit"])


UNCOUNTED: Final = (
    "tests/conformance/test_cli.py",
    "tests/conformance/test_mutants.py",
    "tests/engineio/test_conservation.py",
    "tests/engineio/test_leaks.py",
    "tests/socketio/client/test_machine.py",
    "tests/socketio/client/test_upgrade_orders.py",
)
"""Long walks, which take half the time when nobody counts; what they reach has tests of its own."""


def _tests_core(path: Path, adapters: list[str]) -> bool:
    """Whether a file of tests has its like in the core, as `tests/app/…` in `app/`, or goes through all of the core.

    Only such tests count for coverage, and those of the conformance suite that run in memory. A line of the core that
    nothing but a real socket reaches has no test; and tests with other programs would be slower for nothing.
    """
    parts = path.relative_to(ROOT / "tests").parts
    if path.relative_to(ROOT).as_posix() in UNCOUNTED:
        return False
    if parts[0] == "conformance":
        return parts[1] not in ("test_client_mutants.py", "test_clients.py", "test_hosts.py")
    if len(parts) == 1:
        return parts[0] not in ("test_packaging.py", "test_readme.py")
    like = Path("socketio_core", parts[0])
    return (ROOT / like).exists() and not any(fnmatch(str(like / "x"), adapter) for adapter in adapters)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Count coverage where it is asked for; begin with what takes long, so that no process has that last."""
    adapters = _adapters()
    of_core = {path: _tests_core(path, adapters) for path in {item.path for item in items}}
    if config.pluginmanager.has_plugin("_cov"):
        for item in items:
            if not of_core[item.path]:
                item.add_marker("no_cover")
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: of_core[item.path])


# -- several processes -----------------------------------------------------------------------------------------------


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """With `-n`: deal out whole files, whose tests share servers, but those of a few one by one."""
    config.option.loadscopereorder = False  # they have an order, see above
    scheduler: Any = import_module("xdist.scheduler").LoadScopeScheduling(config, log)
    scheduler._split_scope = _dealt_out_with
    return scheduler


def _dealt_out_with(test: str) -> str:
    path = test.partition("::")[0]
    return test if path in SINGLY else path


# -- nothing is skipped in CI ----------------------------------------------------------------------------------------


def _fail_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which is a failure in CI: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI, fail a test that would be skipped: there everything that a test needs is installed."""
    report = yield
    _fail_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that would be skipped as a whole."""
    report = yield
    _fail_skip(report)
    return report
