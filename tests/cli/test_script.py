"""`connect` in scripts: lines of JSON on standard output, one line on standard error, an exit status."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from socketio_core.cli.values import json_value
from tests.adapters.tls import server_context
from tests.cli.programs import COMMAND, DEADLINE_S, ROOT, ServerProgram, run, run_in_vain

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
        (["--wait", "never"], "no 'never' within {} s"),
        (["--call", "silent"], "no acknowledgement of 'silent' within {} s"),
    ],
)
def test_what_does_not_come_about_is_status_1(url: str, words: list[str], complaint: str) -> None:
    status, out, err, patience_s = run_in_vain("connect", url, *words)
    assert (status, err) == (1, f"socketio_core: {complaint.format(patience_s)}\n")
    assert lines_of(out) == [HELLO]


def test_what_cannot_come_any_more_is_not_waited_for(url: str) -> None:
    status, out, err = run("connect", url, "--emit", "kick", "--wait", "never")
    assert (status, err) == (1, "socketio_core: disconnected before all was done: io server disconnect\n")
    assert lines_of(out) == [HELLO]


def test_refusals_are_told_with_namespace_and_data(url: str) -> None:
    status, out, err = run("connect", f"{url}/refused", "--wait", "x")
    assert (status, out, err) == (1, "", 'socketio_core: /refused refused: not you {"code": 42}\n')


def test_who_takes_the_path_for_a_part_of_the_address_learns_what_it_is(url: str) -> None:
    status, out, err = run("connect", f"{url}/socket.io/", "--wait", "x")
    hint = "(a URL's path is a namespace; where the server listens says --path)"
    assert (status, out, err) == (1, "", f"socketio_core: /socket.io/ refused: Invalid namespace {hint}\n")


def test_who_cannot_trust_a_certificate_learns_which_options_help(certificate: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        refused = Thread(target=_shake_hands_in_vain, args=(listener, certificate))
        refused.start()
        status, _, err = run("connect", f"https://127.0.0.1:{listener.getsockname()[1]}", "--wait", "x")
        refused.join()
    assert status == 1
    assert re.search(r"TLS: the certificate is not trusted: .* \(--cafile or --insecure\)\n$", err)


def _shake_hands_in_vain(listener: socket.socket, certificate: Path) -> None:
    connection, _ = listener.accept()
    with connection, suppress(OSError):
        server_context(certificate).wrap_socket(connection, server_side=True)


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
    command = [*COMMAND, "connect", url, "-v", "-t", "--wait", "never"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["event"] == "hello"
        lines: list[str] = []
        while not {"open", "upgraded", "ping,"} <= {line.split()[2] for line in lines}:
            lines.append(process.stderr.readline())
        process.send_signal(signal.SIGTERM)
        out, rest = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, out) == (128 + signal.SIGTERM, "")
    told = (
        r"\d\d:\d\d:\d\d\.\d{3} \* (open over polling, .*|upgraded to websocket|ping, answered|connection closed: .*)\n"
    )
    lines += rest.splitlines(keepends=True)
    assert [line for line in lines if not re.fullmatch(told, line)] == []
    assert "connection closed: " in lines[-1]


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
    assert "Not found: Socket.IO is at /socket.io/" in err


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
    typed = 'emit chat "hi" {"a":1}\ncall chat 1\nof /admin\nof /\nquit\nnonsense\n'
    status, out, err = run("connect", url, typed=typed)
    assert (status, err) == (0, "")
    assert '< chat "hi" {"a": 1}\n' in out
    assert "= chat 1\n" in out
    assert "* connected to /admin as" in out
    assert ">" not in out.replace("<3 bytes: 00 01 02>", "")  # a prompt is for people


@pytest.mark.parametrize(
    "typed",
    [
        b'call\tchat\t"a"\ncall \t chat\t"b"\t\n',
        b'\n# comment\n  \n\t\n   call chat "a"\n  # one more\ncall chat "b"',
        b"\xef\xbb\xbf# comment\r\n\r\ncall\tchat a\r\ncall chat\tb",
    ],
)
def test_scripts_of_all_editors_are_read(url: str, typed: bytes) -> None:
    status, out, err = run("connect", url, typed=typed)
    assert (status, err) == (0, "")
    assert [line for line in out.splitlines() if line.startswith("< chat")] == ['< chat "a"', '< chat "b"']
    assert out.count("= chat 1\n") == 2


@pytest.mark.parametrize(
    ("line", "sent", "complaint"),
    [
        (b'emit chat "caf\xe9"', 1, "not UTF-8: byte 0xe9 in column 15"),
        (b"emit ch\0at", 1, "character U+0000 in column 8, which no text has in it"),
        (b'emit chat "\\ud800"', 1, "there is a lone surrogate, or what is no UTF-8, in what is to be sent"),
        (b"emit connect", 1, "event name is reserved: 'connect'"),
        (b"of /refused", 1, '/refused refused: not you {"code": 42}'),
        (b"leave\nemit chat 1", 1, "/ is not connected"),
        (b"call silent", 2, "no acknowledgement of 'silent' in time"),
        (b"emit deep " + b"[" * 20_000 + b"]" * 20_000, 1, "nested too deeply: [[["),
    ],
)
def test_script_ends_with_the_line_that_cannot_be_obeyed(url: str, line: bytes, sent: int, complaint: str) -> None:
    typed = b"emit chat first\n\n" + line + b"\nemit chat last\ncall chat end\n"
    run_it = run_in_vain if line == b"call silent" else run
    status, out, err, *_ = run_it("connect", url, typed=typed)
    number = 3 + line.count(b"\n")
    assert status == 1
    assert err.startswith(f"socketio_core: line {number}: {complaint}")
    assert err.endswith(f" (events sent before: {sent})\n")
    assert err.count("\n") == 1
    assert len(err) < 600
    assert '"last"' not in out


def test_what_was_sent_before_a_bad_line_has_arrived(url: str) -> None:
    """It is counted in what is said, so it had better."""
    status, out, err = run("connect", url, typed="call chat first\nbad\n")
    assert (status, "= chat 1\n" in out) == (1, True)
    assert err == "socketio_core: line 2: unknown command 'bad'; help shows the commands (events sent before: 1)\n"


def test_long_lines_are_sent_whole(url: str) -> None:
    text = "x" * 500_000
    status, out, err = run("connect", url, typed=f"call chat {text}\n")
    assert (status, err) == (0, "")
    assert f'< chat "{text}"\n' in out  # and are not shortened where nobody looks at them


def test_numbers_beyond_json_are_null_in_lines_of_json() -> None:
    assert json.dumps(json_value({"a": [float("inf"), -float("inf"), float("nan"), 1.5]})) == (
        '{"a": [null, null, null, 1.5]}'
    )


def test_every_line_is_json_whatever_the_server_sends(url: str) -> None:
    text = "\\u0000\\u001b[2J\\u0085\\u202e\\u2028\\ufeff"
    status, out, err = run("connect", url, "--call", "say", "evil", f'["{text}"]', "--wait", "evil", "--call", "chat")
    assert (status, err) == (0, "")
    assert out.isascii()
    assert {"event": "evil", "args": [[json.loads(f'"{text}"')]]} in lines_of(out)
