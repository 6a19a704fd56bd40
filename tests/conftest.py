"""What all tests share: tools that may be missing, the promise that CI skips nothing, and how tests are dealt out."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Generator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import hypothesis
import pytest

from tests.counting import WALKS, Counting, is_of_core
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
    """Let Ctrl-C be heard, and bound what random tests do.

    No deadline per example, and no complaint that inputs come slowly: the machine's mood is not a property. A failure
    prints the blob that repeats it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # So it is behind a shell's `&`, here and in each program that a test starts; tests press Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.getoption("--long"):
        os.environ.setdefault(FUZZ, str(LONG))
        config.option.timeout = 0  # one test may take an hour
    hypothesis.settings.register_profile(
        "default",
        deadline=None,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
        print_blob=True,
        max_examples=examples(50),
    )
    hypothesis.settings.load_profile("default")
    if (coverage := config.pluginmanager.get_plugin("_cov")) is not None:
        config.pluginmanager.register(Counting(coverage))


# -- collection ------------------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector away from what lives until the end: thousands of tests and all that they import.

    It would look at all of it again and again, and so would each test that calls it.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no process has that last."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: is_of_core(item.path) and item.path.name not in WALKS)


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
