"""Standard streams that are closed, full, nobody's, or in a small encoding; and Ctrl-C, as often as one likes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.programs import COMMAND, DEADLINE_S, ROOT, run, run_in_shell

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no such shell")

FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk is full here")
INTERRUPTED = (130, -signal.SIGINT)  # the system ends it itself when Python has put everything away
CLOSED = "socketio_core: standard output is closed; > /dev/null throws away what is written\n"
NO_SPACE = "socketio_core: cannot write the output: No space left on device\n"
NOBODY = "socketio_core: nobody reads the output any more\n"


def ways(url: str) -> list[list[str]]:
    """Return arguments of every way that the command can be used in, and that writes."""
    return [["--help"], ["connect", "--help"], ["connect", url], ["connect", url, "--wait", "hello"]]


@pytest.mark.parametrize("way", range(4))
def test_closed_output_is_one_line(url: str, way: int) -> None:
    assert run_in_shell(">&-", *ways(url)[way]) == (1, "", CLOSED)


def test_nothing_at_all_is_open(url: str) -> None:
    assert run_in_shell("<&- >&- 2>&-", "connect", url) == (1, "", "")


@FULL
@pytest.mark.parametrize("way", range(4))
def test_output_that_cannot_be_written_is_one_line(url: str, way: int) -> None:
    assert run_in_shell(">/dev/full", *ways(url)[way]) == (1, "", NO_SPACE)


@FULL
def test_nothing_can_be_written(url: str) -> None:
    assert run_in_shell(">/dev/full 2>/dev/full", "connect", url) == (1, "", "")


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_errors_that_nobody_can_be_told_end_nothing(url: str, redirection: str) -> None:
    if "full" in redirection and not Path("/dev/full").exists():
        pytest.skip("no disk is full here")
    status, out, _ = run_in_shell(redirection, "connect", url, "-v", "--call", "chat", "1")
    assert status == 0
    assert {"ack": "chat", "args": [1]} in map(json.loads, out.splitlines())
    assert run_in_shell(redirection, "connect", url, "--wait", "never", "--timeout", "0.1")[0] == 1
    assert run_in_shell(redirection, "connect")[0] == 2


def test_closed_input_is_an_empty_one(url: str) -> None:
    status, out, err = run_in_shell("<&-", "connect", url)
    assert (status, err) == (0, "")
    assert out.endswith("* disconnected from /: io client disconnect\n")


def test_input_that_cannot_be_read_is_one_line(url: str, tmp_path: Path) -> None:
    status, _, err = run_in_shell(f"0>{tmp_path}/file", "connect", url)
    assert (status, err) == (1, "socketio_core: cannot read the input: Bad file descriptor\n")


@pytest.mark.parametrize("arguments", [[], ["--wait", "never"]])
def test_reader_that_went_away_ends_it(url: str, arguments: list[str]) -> None:
    process = subprocess.Popen(
        [*COMMAND, "connect", f"{url}/busy", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    assert b"tick" in process.stdout.readline() + process.stdout.readline()
    process.stdout.close()
    error = process.stderr.read()  # and the input stays open
    process.stderr.close()
    process.stdin.close()
    assert process.wait(DEADLINE_S) == 1
    assert error.decode() == NOBODY


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        ([], signal.SIGTERM),
        (["-v"], signal.SIGHUP),
        (["--wait", "never"], signal.SIGINT),
        (["--wait", "x"], signal.SIGTERM),
    ],
)
def test_signals_end_it_in_order(url: str, arguments: list[str], number: signal.Signals) -> None:
    process = started(url, *arguments)
    process.send_signal(number)
    assert process.wait(DEADLINE_S) == 128 + number
    out, err = process.communicate()
    assert "Traceback" not in out + err
    assert err == "" or "-v" in arguments


@pytest.mark.parametrize("arguments", [[], ["--wait", "never"]])
def test_any_number_of_interrupts_is_one(url: str, arguments: list[str]) -> None:
    """Until the very end of the process, whatever it is doing."""
    process = started(url, *arguments)
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode in INTERRUPTED
    assert err == ""
    assert "Traceback" not in out


def started(url: str, *arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*COMMAND, "connect", url, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while "hello" not in process.stdout.readline():
        pass
    return process


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "cp1252:strict"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "C", "PYTHONUTF8": "1"},
    ],
    ids=str,
)
def test_environment_changes_how_it_looks_and_not_what_is_sent(url: str, environment: dict[str, str]) -> None:
    typed = 'call chat "é" 你\n'.encode()
    status, out, err = run("connect", url, typed=typed, **environment)
    assert (status, err) == (0, "")
    assert is_shown(out, '< chat "é" "你"')
    status, out, err = run("connect", url, "--call", "chat", "é", '"你"', "--wait", "chat", **environment)
    assert (status, err) == (0, "")
    assert {"event": "chat", "args": ["é", "你"]} in map(json.loads, out.splitlines())


def test_help_is_for_every_encoding() -> None:
    for words in (["--help"], ["connect", "--help"]):
        status, out, err = run(*words, PYTHONIOENCODING="ascii")
        assert (status, err) == (0, "")
        assert "..." in out
        assert "\\" not in out


def is_shown(out: str, line: str) -> bool:
    shown = (line, line.encode("ascii", "backslashreplace").decode(), line.replace("你", r"\u4f60"))
    return any(one in out for one in shown)


@FULL
def test_chat_that_cannot_say_where_it_is_ends() -> None:
    assert run_in_shell(">/dev/full", "--port", "0") == (1, "", NO_SPACE)


def test_chat_is_served_without_any_stream() -> None:
    """As a service may be started; so there is nobody to tell the port, and it is looked for in the system."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *COMMAND, "--port", "0"],
        cwd=ROOT,
    )
    try:
        listening = listening_port(process)
        status, _, err = run("connect", f"http://127.0.0.1:{listening}", "--wait", "x")
        assert status == 1
        assert "/ refused: the nickname is missing" in err
    finally:
        process.terminate()
    assert process.wait(DEADLINE_S) == 143


def listening_port(process: subprocess.Popen[bytes]) -> int:
    """Wait until a process listens, and return its port."""
    if not Path("/proc/net/tcp").exists():
        pytest.skip("the system does not tell who listens")
    while process.poll() is None:
        sockets: set[str] = set()
        for entry in Path(f"/proc/{process.pid}/fd").iterdir():
            try:
                sockets.add(str(entry.readlink()))
            except OSError:  # closed meanwhile
                continue
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                return int(fields[1].rpartition(":")[2], 16)
    raise AssertionError(f"it ended with status {process.returncode}")


def test_client_folder_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    if not Path("/proc/self/mem").exists():
        pytest.skip("every file can be read here")
    (tmp_path / "socket.io.js").symlink_to("/proc/self/mem")
    status, out, err = run("--port", "0", "--client-dir", str(tmp_path))
    assert (status, out) == (1, "")
    assert err.startswith("socketio_core: cannot read ")
    assert err.count("\n") == 1


def test_chat_ends_quietly_whatever_the_number_of_interrupts() -> None:
    program = subprocess.Popen(
        [*COMMAND, "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    assert "chat is at" in program.stdout.readline()
    while program.poll() is None:
        program.send_signal(signal.SIGINT)
    out, err = program.communicate()
    assert program.returncode in INTERRUPTED
    assert err == ""
    assert out.splitlines() in ([], ["stopped"])
