"""The hosts on the network: ours pass all of theirs, the reference what it defines, others are only counted."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from conformance.hosting import HOSTS, NOT_ITS_OWN, OPTIONAL, OURS, ROOT, module_of, started
from conformance.times import VARIABLE, Times, as_text

BY_HAND = ("uvicorn-websockets", "granian")  # what they miss is theirs, and takes long; see the suite's README
NETWORK_HOSTS = [host for host in HOSTS if host not in ("sans", *BY_HAND)]
MUST = {"node": "reference", "python-socketio": None}
ONE_LOOP = ("trio", "asyncio-server", "asyncio", "selectors", "asgi", "uvicorn", "uvicorn-uvloop")
MAX_LINES = 120
LEVELS = {"reference": ("required", "reference"), "better": ("required", "reference", "better")}
MORE_RUNS = 2
PROMPT_S = 0.5
"""A case that has failed within this time did not do so because the machine was busy. Others have to pass alone, each
of so many times."""

Case = dict[str, Any]


@pytest.mark.parametrize("host", NETWORK_HOSTS)
def test_host_passes(host: str, require_tool: Callable[[str], str]) -> None:
    if host == "node":
        require_tool("node")
        require_tool("npm")
    must = MUST.get(host, "better")
    if must is None:  # the cases are proven by the others; here it is the host that has to run
        run(host, "required", "-k", "handshake/", "-k", "events/")
        return
    failed = failures(host, must)
    if failed and min(case["seconds"] for case in failed) >= PROMPT_S:
        alone = "--jobs", "1", *(word for case in failed for word in ("-k", case["name"]))
        failed = [case for _ in range(MORE_RUNS) for case in failures(host, must, *alone)]
    assert [case["name"] for case in failed] == [], json.dumps(failed, indent=1)


def run(host: str, must: str, *options: str) -> tuple[list[Case], int]:
    """Run cases against a host. Returns what became of them, and the exit status."""
    command = [sys.executable, "-m", "conformance", host, "--json", "--must", must, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["versions"]
    return report["cases"], done.returncode


def failures(host: str, must: str, *options: str) -> list[Case]:
    """Return the cases that a host itself has failed."""
    cases, status = run(host, must, *options)
    asked = [case for case in cases if case["level"] in LEVELS[must] and not is_left_out(case)]
    failed = [case for case in asked if case["status"] != "passed"]
    assert status == bool(failed)
    return [case for case in failed if not case["name"].startswith(NOT_ITS_OWN.get(host, ()))]


def is_left_out(case: Case) -> bool:
    return case["status"] == "skipped" and str(case["name"]).startswith(OPTIONAL)


@pytest.mark.parametrize("host", OURS)
def test_host_is_short_enough_to_be_read(host: str) -> None:
    lines = (ROOT / "conformance" / "hosts" / f"{host.replace('-', '_')}.py").read_text().splitlines()
    assert len(lines) <= MAX_LINES


@pytest.mark.parametrize("host", [host for host in OURS if host != "sans"])
def test_serve_listens_on_both_loopback_addresses_until_interrupted(host: str) -> None:
    command = [sys.executable, "-m", "conformance", "serve", host, "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(f"serving {host} at http://127.0.0.1:")
        port = int(line.split()[3].rpartition(":")[2])
        addresses = ["127.0.0.1", "::1"] if "[::1]" in line else ["127.0.0.1"]
        for address in addresses:
            assert handshake(address, port).startswith(b"HTTP/1.1 200")
    finally:
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, output, "Traceback" in errors) == (130, "", False), errors


def handshake(address: str, port: int) -> bytes:
    with socket.create_connection((address, port), timeout=20) as connection:
        connection.sendall(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n")
        return connection.recv(4096)


@pytest.mark.parametrize("host", ONE_LOOP)
def test_poll_that_was_cut_off_takes_nothing_along_though_all_is_heard_of_at_once(host: str) -> None:
    command = [sys.executable, "-m", "conformance", "serve", host, "--port", "0"]
    target = "/engine.io/?EIO=4&transport=polling"
    unhurried = {**os.environ, VARIABLE: as_text(Times(60, 60, 60, 60))}  # so no ping is in the answer
    with subprocess.Popen(command, cwd=ROOT, env=unhurried, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline().split()[3].rpartition(":")[2])
            client, poll = (HTTPConnection("127.0.0.1", port, timeout=20) for _ in range(2))
            with closing(client):
                packet = answer(client, "GET", target)
                session = f"{target}&sid={json.loads(packet[1:])['sid']}"
                with closing(poll):
                    answer(poll, "GET", target)  # so it is accepted
                    poll.request("GET", session)
                    answer(client, "GET", target)  # so what was sent before was heard of
                    process.send_signal(signal.SIGSTOP)
                client.request("POST", session, "4still here")
                process.send_signal(signal.SIGCONT)
                assert client.getresponse().read() == b"ok"
                assert answer(client, "GET", session) == b"4still here"
        finally:
            process.send_signal(signal.SIGINT)


def answer(client: HTTPConnection, method: str, target: str) -> bytes:
    client.request(method, target)
    return client.getresponse().read()


def test_started_stops_what_it_started() -> None:
    with started("trio") as url:
        port = int(url.rpartition(":")[2])
        assert handshake("127.0.0.1", port)
    with pytest.raises(OSError, match=os.strerror(111)):
        handshake("127.0.0.1", port)


def test_hosts_are_those_of_the_folder() -> None:
    files = {path.stem for path in Path(ROOT, "conformance", "hosts").glob("*.py")}
    modules = {module_of(host).rpartition(".")[2] for host in HOSTS}
    assert modules == files - {"__init__", "application", "contract"}
