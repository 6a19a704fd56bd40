"""`connect` on a terminal: what is typed, what is shown, and how the terminal is left behind."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.programs import COMMAND, DEADLINE_S, PATIENCES, ROOT, OnTerminal, ServerProgram, run
from tests.cli.screen import lines_seen

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")

Start = Callable[..., OnTerminal]


def test_events_come_and_go(url: str, start: Start) -> None:
    terminal = start("connect", url)
    terminal.wait_for(r"\* connected to / as \S{20} \(")
    terminal.wait_for(r'< hello \{"token": null\} <3 bytes: 00 01 02>')
    terminal.type('emit chat "hi" {"a":1} 0x00\n')
    terminal.wait_for(r'< chat "hi" \{"a": 1\} <1 bytes: 00>')
    terminal.type("call chat 1 2\n")
    terminal.wait_for(r"= chat 2")
    terminal.type("quit\n")
    assert terminal.wait_end() == 0
    assert terminal.modes_now == terminal.modes


def test_lines_are_edited_and_remembered(url: str, start: Start) -> None:
    terminal = start("connect", url)
    terminal.wait_for("< hello .*\n")
    terminal.type("emit chat 12\x1b[D\x1b[D3\n")  # twice to the left
    terminal.wait_for("< chat 312")
    terminal.type("\x1b[A4\n")  # the line before
    terminal.wait_for("< chat 3124")


def test_what_is_being_typed_survives_what_comes(url: str, start: Start) -> None:
    terminal = start("connect", url, "-v")
    terminal.wait_for("< hello .*\n")
    terminal.type("emit chat un")
    terminal.wait_for(r"\* ping, answered\s+> emit chat un")
    terminal.type("broken\n")
    terminal.wait_for('< chat "unbroken"')


@pytest.mark.parametrize("editor", ["readline", "none"])
def test_there_is_one_prompt_however_much_comes(url: str, start: Start, tmp_path: Path, editor: str) -> None:
    if editor == "none":
        (tmp_path / "readline.py").write_text("raise ImportError")
    terminal = start("connect", f"{url}/busy", PYTHONPATH=str(tmp_path))
    for _ in range(100):
        terminal.wait_for("tick")
        terminal.type("\n")
    line = re.compile(r"</busy tick \d+|\* connected to .*|> |")
    *seen, _ = lines_seen(terminal.written)  # of the last line there may be more to come
    assert [one for one in seen if not line.fullmatch(one)] == []


@pytest.mark.parametrize("editor", ["readline", "none"])
def test_keys_and_events_at_the_same_moment(url: str, start: Start, tmp_path: Path, editor: str) -> None:
    """Each line is sent as it was typed and edited, while hundreds of events come."""
    if editor == "none":
        (tmp_path / "readline.py").write_text("raise ImportError")
    terminal = start("connect", f"{url}/busy", PYTHONPATH=str(tmp_path))
    terminal.wait_for("tick")
    for number in range(30):
        for key in f'emit chat "x{number} ':
            terminal.type(key)
        if editor == "readline":
            terminal.type("b\x1b[Da\x1b[Cd\x02c\x05zz\x7f\x7f")  # with left, right, Ctrl-B, Ctrl-E, and backspaces
        else:
            terminal.type("abcde\x7f")
        for key in '"\n':
            terminal.type(key)
        if number % 10 == 9:
            terminal.wait_for("tick")
    terminal.wait_for('< ?/busy chat "x29 abcd"')
    # What was shown cannot tell: where there is no editor, the system echoes keys in the middle of lines.
    assert called(url, "said") == [[f"x{number} abcd"] for number in range(30)]
    terminal.type("quit\n")
    assert terminal.wait_end() == 0
    assert terminal.modes_now == terminal.modes


def called(url: str, *words: str) -> Any:
    """Call an event from another process, and return the first value of the answer."""
    status, out, err = run("connect", url, "--call", *words, "--timeout", str(DEADLINE_S))
    assert (status, err) == (0, "")
    return json.loads(out.splitlines()[-1])["args"][0]


def test_prompt_and_line_stay_whole_where_the_cursor_is_in_its_middle(url: str, start: Start) -> None:
    terminal = start("connect", url)
    terminal.wait_for("< hello .*\n")
    terminal.type("emit chat 1\nemit chat 45\x1b[D")
    terminal.wait_for(r"< chat 1\r\n> emit chat 45")
    terminal.type("6\n")
    terminal.wait_for("< chat 465")


def test_what_is_no_text_is_told_and_it_goes_on(url: str, start: Start) -> None:
    terminal = start("connect", url)
    terminal.wait_for("< hello .*\n")
    terminal.type('emit chat "\\udfff"\n')
    terminal.wait_for("! there is a lone surrogate")
    terminal.type("# a comment\nemit\tchat\t1\n")
    terminal.wait_for("< chat 1")


def test_dumb_terminals_get_no_controls(url: str, start: Start) -> None:
    terminal = start("connect", url, TERM="dumb")
    terminal.wait_for("< hello .*\n")
    terminal.type("emit chat 1\n")
    terminal.wait_for("< chat 1")
    terminal.type("quit\n")
    assert terminal.wait_end() == 0
    assert "\x1b" not in terminal.written


def test_any_number_of_interrupts_leaves_the_terminal_as_it_was(url: str, start: Start) -> None:
    terminal = start("connect", url)
    terminal.wait_for("< hello .*\n")
    terminal.type("emit unfin")
    terminal.wait_for("unfin")
    while not terminal.has_ended:
        terminal.interrupt()
    assert terminal.wait_end() in (130, -signal.SIGINT)
    assert terminal.modes_now == terminal.modes
    assert "Traceback" not in terminal.written


def test_namespaces_have_a_prompt(url: str, start: Start) -> None:
    terminal = start("connect", url, "-t")
    terminal.wait_for(r"\d\d:\d\d:\d\d\.\d{3} \* connected to /")
    terminal.type("of /admin\n")
    terminal.wait_for(r"\* connected to /admin as")
    terminal.type("status\n")
    terminal.wait_for(r"/admin> ")
    terminal.wait_for(r"\* /admin connected \S{20}")
    terminal.type("leave\n")
    terminal.wait_for(r"\* disconnected from /admin: io client disconnect")
    terminal.type("call echo\n")
    terminal.wait_for("! 'echo' was not sent, /admin is not connected; connect does it again\r?\n")
    terminal.type("connect\n")
    terminal.wait_for(r"\* connected to /admin as")
    terminal.type("of /refused\n")
    terminal.wait_for(r'! /refused refused: not you \{"code": 42\}')


def test_errors_are_shown_and_it_goes_on(url: str, start: Start) -> None:
    terminal = start("connect", url)
    terminal.wait_for("< hello .*\n")
    terminal.type("emit connect\n")
    terminal.wait_for("! event name is reserved: 'connect'")
    terminal.type('emit chat {"a"\n')
    terminal.wait_for("! not JSON")
    terminal.type("help\n")
    terminal.wait_for("quit .*Ctrl-D")
    terminal.type("kick\n")
    terminal.wait_for("! unknown command 'kick'")
    terminal.type("emit kick\n")
    terminal.wait_for(r"\* disconnected from /: io server disconnect")
    terminal.type("connect\n")
    terminal.wait_for(r"\* connected to /")


def test_an_answer_that_does_not_come_is_told(url: str, start: Start) -> None:
    for patience_s in PATIENCES:
        terminal = start("connect", url, "--timeout", patience_s)
        if "hello" in terminal.wait_for("< hello .*\n|no answer"):
            terminal.type("call silent\n")
            terminal.wait_for("! no acknowledgement of .silent. in time")
            return
    raise AssertionError("it does not connect")


def test_prompt_does_not_wait_for_an_answer(url: str, start: Start) -> None:
    terminal = start("connect", url)
    terminal.wait_for("< hello .*\n")
    terminal.type("call slow 1\n")
    terminal.type("call quick 2\n")  # without it the server does not answer the first one
    terminal.wait_for(r"= (quick 2|slow 1)(.|\n)*= (quick 2|slow 1)")
    terminal.type("call silent\nemit chat 3\n")
    terminal.wait_for("< chat 3")
    terminal.type("quit\n")  # and it waits no longer
    assert terminal.wait_end() == 0
    assert terminal.modes_now == terminal.modes


def test_events_that_ask_for_an_acknowledgement_are_marked_and_get_none(url: str, start: Start) -> None:
    terminal = start("connect", url)
    terminal.wait_for("< hello .*\n")
    terminal.type("emit ask\n")
    terminal.wait_for(r"<\? q 1\r\n")
    terminal.wait_for("< unanswered")


def test_terminal_does_not_obey_the_server(url: str, start: Start) -> None:
    terminal = start("connect", url)
    terminal.wait_for("< hello .*\n")
    terminal.type("emit rude\n")
    terminal.wait_for(re.escape(r'< evil "\u001b[2J\u0007"'))
    terminal.type(f"call hide {' '.join(map(str, HIDDEN))}\n")
    shown = "".join(f"\\u{code:04x}" for code in HIDDEN if code <= 0xFFFF) + r"\udb40\udc41"
    json_shown = shown.replace("\\u000a", r"\n").replace("\\u0009", r"\t")
    terminal.wait_for(re.escape(f'"{json_shown}" {{"{json_shown}": 1}}'))
    assert not set(map(chr, HIDDEN)) - set("\n\t\x1b") & set(terminal.written)


HIDDEN = (0x0A, 0x09, 0x1B, 0x85, 0x9B, 0xAD, 0x200B, 0x200D, 0x202E, 0x2028, 0x2029, 0x2066, 0xFEFF, 0xD800, 0xE0041)


def test_long_lines_are_shortened_for_people(url: str, start: Start) -> None:
    terminal = start("connect", url)
    terminal.wait_for("< hello .*\n")
    terminal.type("call hide 65 " + "66 " * 1000 + "\n")
    terminal.wait_for(r'"AB+" \{"AB+": 1\}')
    terminal.type('of /\nemit say long "' + "x" * 3000 + '" "' + '" "'.join(["y" * 3000] * 3) + '"\n')
    terminal.wait_for(r"< long .*y… \(\d+ characters\)")


def test_names_of_events_cannot_pass_for_values(url: str, start: Start) -> None:
    terminal = start("connect", url)
    terminal.wait_for("< hello .*\n")
    terminal.type('emit say "chat 1" 2\n')
    terminal.wait_for('< "chat 1" 2')
    terminal.type('emit say ""\n')
    terminal.wait_for('< ""\r')


CTRL_C, CTRL_D = "\x03", "\x04"


@pytest.mark.parametrize(("key", "status"), [(CTRL_C, 130), (CTRL_D, 0)])
def test_leaving_is_orderly_and_the_terminal_as_it_was(url: str, start: Start, key: str, status: int) -> None:
    terminal = start("connect", url)
    sid = terminal.wait_for(r"connected to / as \S+").split()[-1]
    terminal.type("help\n")
    terminal.wait_for(r"it gets none\.\s+> ")  # the prompt of the line editor, which has the terminal now
    if key == CTRL_C:
        terminal.type("emit unfin")
        terminal.wait_for("unfin")
    terminal.type(key)
    assert terminal.wait_end() == status
    assert terminal.modes_now == terminal.modes
    assert terminal.shown.lstrip(" ").startswith("\r\n")
    assert lines_seen(terminal.written)[-2:] == ["* disconnected from /: io client disconnect", ""]
    assert not re.search("Traceback|attempt|transport", terminal.shown)
    assert called(url, "farewell", sid) == "client namespace disconnect"


def test_ctrl_c_ends_the_wait_for_a_server_that_does_not_answer(url: str, start: Start) -> None:
    terminal = start("connect", f"{url}/undecided", "-v")
    terminal.wait_for(r"\* open over")
    terminal.type(CTRL_C)
    assert terminal.wait_end() == 130
    assert terminal.modes_now == terminal.modes
    assert "Traceback" not in terminal.shown


def test_interrupt_ends_it_while_a_pipe_is_being_read(url: str) -> None:
    process = subprocess.Popen(
        [*COMMAND, "connect", url], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert b"connected" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(DEADLINE_S) == 130
    out, err = process.communicate()
    assert (out.splitlines()[-1], err) == (b"* disconnected from /: io client disconnect", b"")


def test_no_server_is_one_line(start: Start) -> None:
    terminal = start("connect", "http://127.0.0.1:1")
    terminal.wait_for("socketio_core: cannot connect to 127.0.0.1:1/socket.io/: polling: Connection refused")
    assert terminal.wait_end() == 1


def test_chat_from_two_terminals(start: Start) -> None:
    server = ServerProgram("-u", "-m", "socketio_core", "--port", "0")
    try:
        anna, ben = start("connect", server.url, "--chat", "anna"), start("connect", server.url, "--chat", "ben")
        anna.wait_for("welcome, anna")
        ben.wait_for("welcome, ben")
        ben.wait_for("lobby> ")
        anna.wait_for("ben joined|lobby: .*ben")
        anna.type("hello ben\n")
        ben.wait_for("anna: hello ben")
        ben.type("/join kitchen\n")
        anna.wait_for("ben left")
        ben.wait_for("kitchen: ben")
        anna.type("/join kitchen\n")
        ben.wait_for("anna joined")
        ben.type("/who\n")
        ben.wait_for("kitchen: .*anna")
        anna.type("/quit\n")
        assert anna.wait_end() == 0
        ben.wait_for("anna left")
    finally:
        server.close()


def test_chat_takes_nothing_from_a_server_that_means_harm(url: str, start: Start) -> None:
    terminal = start("connect", f"{url}/evil", "--chat", "anna", "-v")
    terminal.wait_for(re.escape(r"* lobby\x1b[2J\u202e: "))
    terminal.type("hello\n")
    terminal.wait_for(re.escape(r"! no\x0a\x1b[31m"))
    terminal.type("/quit\n")
    assert terminal.wait_end() == 0
    assert not re.search("Traceback|Error|\x1b\\[2J|[\x9b\u202e\u2066\u2028\u200b]", terminal.written)


def test_script_of_the_chat_ends_with_the_line_that_cannot_be_obeyed() -> None:
    server = ServerProgram("-u", "-m", "socketio_core", "--port", "0")
    try:
        typed = b"\xef\xbb\xbfhello\r\n\r\n/join\tkitchen\r\nagain\r\n"
        status, out, err = run("connect", server.url, "--chat", "anna", typed=typed)
        assert (status, err) == (0, "")
        assert "* kitchen: anna" in out
        for line, complaint in (
            (b"/jion kitchen", "unknown command '/jion'"),
            (b"caf\xe9", "not UTF-8: byte 0xe9 in column 4"),
            (b"x" * 2001, "the text is too long"),
        ):
            status, out, err = run("connect", server.url, "--chat", "anna", typed=b"hello\n" + line + b"\nlast\n")
            assert status == 1
            assert err.startswith(f"socketio_core: line 2: {complaint}")
            assert err.count("\n") == 1
    finally:
        server.close()


@pytest.mark.parametrize("namespace", ["", "strange"])
def test_server_that_is_not_the_chat_is_one_line(url: str, namespace: str) -> None:
    command = [*COMMAND, "connect", f"{url}/{namespace}", "--chat", "anna", "--timeout"]
    pipe = subprocess.PIPE
    said = "no answer"
    for patience_s in PATIENCES:
        with subprocess.Popen([*command, patience_s], cwd=ROOT, stdin=pipe, stderr=pipe, text=True) as process:
            assert process.stderr is not None
            assert process.wait(DEADLINE_S) == 1
            said = process.stderr.read()
        if "no answer" not in said:
            break
    assert said.startswith("socketio_core: this server does not answer as the demo's chat does; ")
    assert said.count("\n") == 1


def test_output_that_cannot_say_everything_goes_on(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")  # as on a pipe of Windows
    status, out, err = run("connect", url, typed='call chat "\\u4f60"\ncall chat "then"\nquit\n')
    assert (status, err) == (0, "")
    assert r'< chat "\u4f60"' in out
    assert '< chat "then"' in out
