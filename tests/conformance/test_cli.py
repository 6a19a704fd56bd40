"""The command line of the suite, run as people and programs run it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import urlopen

import pytest

from conformance.case import LEVELS, Case, Level, all_cases
from conformance.cli import main
from conformance.hosting import HOSTS, ROOT, started
from conformance.mutants import all_mutants
from conformance.report import failures, table
from conformance.run import Result, run_in_memory


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "conformance", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with started("trio") as url:
        yield url


def test_help_fits_one_screen_and_names_the_hosts() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) <= 40
    assert all(host in done.stdout for host in HOSTS)
    assert "serve" in done.stdout


@pytest.mark.parametrize("words", [[], ["serve"], ["client"]])
def test_help_is_no_wider_than_a_terminal(words: list[str]) -> None:
    assert max(map(len, run(*words, "--help").stdout.splitlines())) <= 80


@pytest.mark.parametrize(("name", "status"), [("conformance", 2), ("benchmarks", 1)])
def test_without_what_it_needs_it_says_what_to_install(name: str, status: int) -> None:
    program = f"import sys, runpy; sys.modules['trio'] = None; runpy.run_module({name!r}, run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", program, "server"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    told = f"{name}: no module 'trio', which comes with: pip install -e '.[{name}]'\n"
    assert (done.returncode, done.stderr) == (status, told)


def test_list_names_every_case_with_level_and_source() -> None:
    done = run("--list")
    assert done.returncode == 0
    for case in all_cases():
        assert f"{case.name}  ({case.level})\n    {case.title}\n    {case.source}" in done.stdout
    counts = ", ".join(f"{sum(case.level == level for case in all_cases())} {level}" for level in LEVELS)
    assert done.stdout.endswith(f"\n\n{len(all_cases())} cases: {counts}\n")


def test_what_passes_is_told_with_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = [case for case in all_cases() if "handshake/" in case.name]
    assert main(["sans", "--must", "better", "-k", "handshake/"]) == 0
    captured = capsys.readouterr()
    assert "FAILED" not in captured.out
    assert f"sans: {len(chosen)}/{len(chosen)} cases, 0 failed" in captured.err


def test_a_server_at_a_url(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([server, "-k", "handshake/open_packet"]) == 0
    assert capsys.readouterr().out.count("ok      required") == 2


class WithoutContract(BaseHTTPRequestHandler):
    """A Socket.IO server as it is by default, with no bare Engine.IO beside it."""

    def do_GET(self) -> None:
        body = b'0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":200,"maxPayload":100}'
        self.send_response(200 if self.path.startswith("/socket.io/") else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - what the base class calls it
        """Say nothing."""


def test_a_server_that_does_not_keep_the_contract_is_told_so_first(capsys: pytest.CaptureFixture[str]) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), WithoutContract) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            assert main([f"http://127.0.0.1:{server.server_port}", "-k", "handshake/open_packet"]) == 1
        finally:
            server.shutdown()
            thread.join()
    told = capsys.readouterr().err.splitlines()
    assert told[:3] == [
        "conformance: the server does not keep the contract in conformance/README.md, so many cases will fail:",
        "  GET /engine.io/?EIO=4&transport=polling: 404, not 200",
        "  /socket.io/: pingInterval is 25000, not 300; maxPayload is 100, not 1000000",
    ]


def test_a_failure_shows_what_was_asked_expected_and_received() -> None:
    [case] = [case for case in all_cases() if case.name == "handshake/open_packet_has_the_fields[polling]"]
    mutant = next(mutant for mutant in all_mutants() if mutant.name == "SaysNoMaxPayload")
    results = run_in_memory([case], mutant.new_host)
    lines = table(results).splitlines()
    assert lines[0].startswith("FAILED  required   handshake/open_packet_has_the_fields[polling]")
    assert f"  {case.title}" in lines
    assert f"  level: required; source: {case.source}" in lines
    assert "  wrong fields of the open packet" in lines
    assert "    expected: ['maxPayload', 'pingInterval', 'pingTimeout', 'sid', 'upgrades']" in lines
    assert "    received: ['pingInterval', 'pingTimeout', 'sid', 'upgrades']" in lines
    assert any("> GET /engine.io/?EIO=4&transport=polling" in line for line in lines)
    assert any('< 200 text/plain; charset=UTF-8 0{"sid":' in line for line in lines)
    assert failures(results, "required") == results


@pytest.mark.parametrize(
    ("level", "must", "fails"),
    [
        ("required", "required", True),
        ("required", "better", True),
        ("reference", "required", False),
        ("reference", "reference", True),
        ("better", "reference", False),
        ("better", "better", True),
    ],
)
def test_the_level_decides_what_must_pass(level: Level, must: Level, fails: bool) -> None:  # noqa: FBT001
    async def nothing(peer: object) -> None: ...

    result = Result(Case("x/y", level, "It does.", "nowhere", nothing), "failed", 0.0)
    assert failures([result], must) == ([result] if fails else [])
    assert failures([Result(result.case, "skipped", 0.0)], must) == []


def test_json_is_for_programs(server: str) -> None:
    done = run(server, "-k", "handshake/open_packet", "--json")
    report = json.loads(done.stdout)
    assert report["target"] == server
    assert [case["status"] for case in report["cases"]] == ["passed", "passed"]
    assert set(report["cases"][0]) == {"name", "level", "title", "source", "status", "seconds"}


def test_markdown(server: str) -> None:
    done = run(server, "-k", "handshake/open_packet", "--markdown")
    assert done.stdout.splitlines()[:2] == ["| case | level | result |", "|---|---|---|"]
    assert "| `handshake/open_packet_has_the_fields[polling]` | required | passed |" in done.stdout


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["nonsense"], "neither a URL, as http://127.0.0.1:3000, nor one of the hosts"),
        (["ftp://example.org"], "not a URL of a server"),
        (["http://127.0.0.1:1"], "no server at http://127.0.0.1:1"),
        (["serve", "sans"], "host 'sans' has no network to serve on"),
        (["sans", "-k", "no such case"], "no case matches; see --list"),
        ([], "name a server's URL, or a host, or --all"),
        (["sans", "--jobs", "0"], "--jobs must be at least 1"),
        (["serve", "nonsense"], "invalid choice: 'nonsense'"),
    ],
)
def test_what_cannot_be_run_is_said_with_status_2(words: list[str], text: str) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def is_asleep(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].startswith("S")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="nobody tells whether a process waits")
@pytest.mark.parametrize("name", ["trio", "asyncio"])
def test_a_host_that_is_told_to_end_leaves_nothing_behind(name: str) -> None:
    command = [sys.executable, "-X", "dev", "-m", "conformance", "serve", name, "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None  # asked for above
        url = host.stdout.readline().split()[3]
        with urlopen(f"{url}/socket.io/?EIO=4&transport=polling", timeout=20) as answer:
            assert answer.status == 200  # its loop runs
        assert any(is_asleep(host.pid) for _ in range(100_000))
        host.send_signal(signal.SIGTERM)
        _, errors = host.communicate(timeout=20)
    assert (host.returncode, errors) == (130, "")


def test_a_taken_port_is_said(server: str) -> None:
    port = server.rpartition(":")[2]
    done = run("serve", "trio", "--port", port)
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "choose another --port" in done.stderr
