"""The suite for clients: ours, in Python and for browsers, and the reference's pass it; others are told so."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence

import pytest
import trio

from conformance.cli import main
from conformance.clients.case import all_client_cases
from conformance.clients.run import ClientResult, check, command_of

ECHO = "import sys\nfor line in sys.stdin: print('rubbish', flush=True)"
PATIENCE_S = 20.0  # for clients that pass: a busy machine costs none of them a case
DEAF = """
import json, sys
for line in sys.stdin:
    command = json.loads(line)
    if command["do"] == "close":
        print(json.dumps({"event": "closed", "id": command["id"]}), flush=True)
"""


@pytest.fixture
def _no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait long for a client that will never connect."""
    monkeypatch.setattr("conformance.clients.run.START_S", 0.2)


def run(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    status = main(["client", *words])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_our_clients_pass_everything() -> None:
    """Both at once, for nearly all of the time something is waited for."""
    results: dict[str, list[ClientResult]] = {}

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for name in ("asyncio", "trio"):
                nursery.start_soon(check_one, name)

    async def check_one(name: str) -> None:
        results[name] = await check(command_of([name]), all_client_cases(), PATIENCE_S)

    trio.run(main)
    for name, found in results.items():
        assert len(found) == len(all_client_cases())
        assert [(name, result) for result in found if result.problem is not None] == []


def test_our_client_for_browsers_passes_what_a_browser_can(require_tool: Callable[[str], str]) -> None:
    """All but one: no browser lets a page say the headers of a WebSocket's handshake."""
    require_tool("chromium")
    results = trio.run(check, command_of(["chromium"]), all_client_cases(), PATIENCE_S)
    failed = [result.case.name for result in results if result.problem is not None]
    assert failed == ["handshake/own_query_and_headers_are_sent[websocket]"]


def test_the_reference_passes_what_it_defines(
    capsys: pytest.CaptureFixture[str], require_tool: Callable[[str], str]
) -> None:
    require_tool("node")
    require_tool("npm")
    for level in ("required", "reference"):
        status, out, _ = run(["--level", level, "--must", level, "--patience", str(PATIENCE_S), "node"], capsys)
        assert status == 0, out
    status, out, _ = run(["--level", "better", "--must", "better", "node"], capsys)
    assert (status, "FAILED better" in out) == (1, True)  # or these cases could not fail


def test_cases_are_many_and_have_names_and_titles() -> None:
    cases = all_client_cases()
    names = [case.name for case in cases]
    assert len(set(names)) == len(names) >= 90
    assert all(case.title.endswith(".") and case.source for case in cases)


@pytest.mark.usefixtures("_no_start")
@pytest.mark.parametrize("name", ["handshake_names", "connect_carries_auth[polling]", "heartbeats_are_answered"])
def test_a_process_that_does_nothing_fails(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(["-k", name, "--", sys.executable, "-c", DEAF], capsys)
    assert status == 1
    assert "FAILED required" in out
    assert "request" in out


@pytest.mark.usefixtures("_no_start")
@pytest.mark.parametrize(
    ("program", "words"),
    [("import sys; sys.exit('boom')", "boom"), ("print('x')", "not a report: x"), (ECHO, "rubbish")],
)
def test_a_process_that_is_no_client_cannot_be_checked(
    program: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(["-k", "another_pid", "--", sys.executable, "-c", program], capsys)
    assert (status, out) == (2, "")
    assert ("has reported nothing" if program == ECHO else "has ended") in err
    assert words in err


def test_a_command_that_does_not_exist_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(["-k", "another_pid", "--", "/no/such/program"], capsys)
    assert status == 2
    assert "'/no/such/program' cannot be started" in err


def test_cases_are_listed_and_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(["--list", "-k", "upgrade", "--level", "required"], capsys)
    assert status == 0
    assert "upgrade_waits_for_the_poll" in out
    assert "wrong_probe" not in out
    assert run(["-k", "nothing has this name", "trio"], capsys)[0] == 2
    assert run([], capsys)[0] == 2


def test_results_can_be_had_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(["-k", "another_pid", "--json", "trio"], capsys)
    found = json.loads(out)
    assert status == 0
    assert found["results"] == [
        {"name": "reconnection/another_pid_is_no_recovery", "level": "required", "problem": None}
    ]
