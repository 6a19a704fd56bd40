"""`connect` in scripts: lines of JSON on standard output, one line on standard error, an exit status."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from tests.cli.programs import COMMAND, ROOT, ServerProgram, run

HELLO = {"event": "hello", "args": [{"token": None}, {"$binary": "000102", "size": 3}]}


def lines_of(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("transport", ["polling", "websocket", "polling,websocket"])
def test_emits_in_order_and_waits(url: str, transport: str) -> None:
    words = ["--emit", "chat", '"hi"', '{"a":1}', "0x00ff", "--call", "chat", "1", "-2", *["--wait", "chat"] * 2]
    status, out, err = run("connect", url, "--transport", transport, *words)
    assert (status, err) == (0, "")
    lines = lines_of(out)
    lines.remove({"ack": "chat", "args": [2]})  # it may overtake the events before it
    assert lines == [
        HELLO,
        {"event": "chat", "args": ["hi", {"a": 1}, {"$binary": "00ff", "size": 2}]},
        {"event": "chat", "args": [1, -2]},
    ]


def test_emit_alone_is_sent_before_it_ends(url: str) -> None:
    assert run("connect", url, "--emit", "chat", "1")[0] == 0


def test_events_that_ask_for_an_acknowledgement_are_marked(url: str) -> None:
    status, out, _ = run("connect", url, "--emit", "ask", "--wait", "unanswered")
    assert status == 0
    assert lines_of(out) == [HELLO, {"event": "q", "args": [1], "ack": True}, {"event": "unanswered", "args": []}]


def test_auth_and_timestamps(url: str) -> None:
    status, out, _ = run("connect", url, "--auth", '{"token": "é"}', "-t", "--wait", "hello")
    line = lines_of(out)[0]
    assert (status, line["args"][0]) == (0, {"token": "é"})
    assert line["time"] > 1e9


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--wait", "never", "--timeout", "0.5"], "no 'never' within 0.5 s"),
        (["--call", "silent", "--timeout", "0.5"], "no acknowledgement of 'silent' within 0.5 s"),
        (["--emit", "kick", "--wait", "never"], "disconnected before all was done: io server disconnect"),
        (["--emit", "connect"], "'connect' was not sent: event name is reserved: 'connect'"),
    ],
)
def test_what_does_not_come_about_is_status_1(url: str, words: list[str], complaint: str) -> None:
    status, out, err = run("connect", url, *words)
    assert (status, err) == (1, f"socketio_core: {complaint}\n")
    assert lines_of(out) == [HELLO]


def test_refusals_are_told_with_namespace_and_data(url: str) -> None:
    status, out, err = run("connect", f"{url}/refused", "--wait", "x")
    assert (status, out, err) == (1, "", 'socketio_core: /refused refused: not you {"code": 42}\n')


def test_main_namespace_has_a_name_too() -> None:
    chat = ServerProgram("-u", "-m", "socketio_core", "--port", "0")
    try:
        for way in ([], ["--wait", "x"]):
            status, out, err = run("connect", chat.url, *way)
            assert (status, out) == (1, "")
            assert re.fullmatch("socketio_core: / refused: .*nickname.*\n", err)
    finally:
        chat.close()


def test_verbose_tells_of_the_connection_on_standard_error(url: str) -> None:
    status, out, err = run("connect", url, "-v", "-t", "--wait", "never", "--timeout", "1")
    assert status == 1
    assert [line["event"] for line in lines_of(out)] == ["hello"]
    lines = err.splitlines()
    told = (
        r"\d\d:\d\d:\d\d\.\d{3} \* (open over polling, .*|upgraded to websocket|ping, answered|connection closed: .*)"
    )
    assert {found[1].split()[0] for line in lines if (found := re.fullmatch(told, line))} == {
        *("open", "upgraded", "ping,", "connection"),
    }
    assert [line for line in lines if not re.fullmatch(told, line)] == ["socketio_core: no 'never' within 1 s"]


def test_what_is_not_json_is_wrong_usage(url: str) -> None:
    status, out, err = run("connect", url, "--emit", "chat", '{"a":')
    assert (status, out) == (2, "")
    assert 'not JSON: {"a":' in err


def test_call_whose_connection_is_lost_was_sent(url: str) -> None:
    _, _, err = run("connect", url, "--call", "kick")
    assert err.startswith("socketio_core: no acknowledgement of 'kick': the connection was lost")


def test_timeout_counts_for_a_namespace_that_does_not_answer(url: str) -> None:
    status, _, err = run("connect", f"{url}/undecided", "--wait", "x", "--timeout", "0.5")
    assert status == 1
    assert "0.5 s" in err


def test_no_server_is_one_line() -> None:
    status, out, err = run("connect", "http://127.0.0.1:1", "--wait", "x")
    wanted = "socketio_core: cannot connect to 127.0.0.1:1/socket.io/: polling: Connection refused\n"
    assert (status, out, err) == (1, "", wanted)


def test_wrong_path_is_one_line_that_helps(url: str) -> None:
    status, _, err = run("connect", url, "--path", "/nowhere/", "--wait", "x")
    assert status == 1
    assert "HTTP 404" in err
    assert "is the path right?" in err


def test_reader_that_went_away_is_one_line(url: str) -> None:
    process = subprocess.Popen(
        [*COMMAND, "connect", url, "--wait", "never"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 1
    assert error == "socketio_core: nobody reads the output any more\n"


def test_commands_from_a_pipe(url: str) -> None:
    typed = 'emit chat "hi" {"a":1}\ncall chat 1\nof /admin\nemit\nnonsense\nof /\nquit\n'
    status, out, err = run("connect", url, typed=typed)
    assert (status, err) == (0, "")
    assert '< chat "hi" {"a": 1}\n' in out
    assert "= chat 1\n" in out
    assert "! emit needs the name of an event" in out
    assert "! unknown command 'nonsense'" in out
    assert ">" not in out.replace("<3 bytes: 00 01 02>", "")  # a prompt is for people


def test_end_of_a_pipe_waits_for_answers(url: str) -> None:
    status, out, err = run("connect", url, "--timeout", "0.5", typed="call silent\ncall chat 1")
    assert (status, err) == (0, "")
    assert "! no acknowledgement of 'silent' in time\n" in out
    assert "= chat 1\n" in out
