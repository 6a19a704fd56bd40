"""The arguments of `connect`."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest

from socketio_core.cli.options import ConnectOptions, parse
from tests.cli.usage import complaint_of

URL = "http://localhost:3000"


def test_defaults() -> None:
    assert parse([URL]) == ConnectOptions(url=URL)
    assert not parse([URL]).is_script


def test_everything_given() -> None:
    words = [
        *(
            "--auth",
            '{"token": "x"}',
            "--path",
            "/io/",
            "--query",
            "a=1=2",
            "-H",
            "X-A: b:c",
            "--transport",
            "websocket",
        ),
        *("--proxy", "http://proxy:3128", "-v", "-t", "--emit", "chat", '"hi"', "0x00", "--call", "add", "1", "-2"),
        *("--emit", "bye", "--wait", "done", "--wait", "over", "--timeout", "0.5", URL),
    ]
    # The URL comes first or behind another option, or it would be one more value of --emit.
    found = parse(words)
    assert found == ConnectOptions(
        url=URL,
        auth={"token": "x"},
        path="/io/",
        query={"a": "1=2"},
        headers={"X-A": "b:c"},
        transports=("websocket",),
        proxy="http://proxy:3128",
        verbose=True,
        timestamps=True,
        emits=((False, "chat", ["hi", b"\x00"]), (True, "add", [1, -2]), (False, "bye", [])),
        waits=("done", "over"),
        timeout_s=0.5,
    )
    assert found.is_script


def test_certificates_are_checked_unless_told_otherwise() -> None:
    assert parse([URL]).ssl_context is None  # the default of the library, which checks
    context = parse([URL, "--insecure"]).ssl_context
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "the following arguments are required: URL"),
        (["localhost:3000"], "URL must look like 'http://localhost:3000'"),
        ([URL, "--auth", "token"], "auth must be a JSON object"),
        ([URL, "--auth", "[1]"], "auth must be a JSON object"),
        ([URL, "--path", "x"], "a path begins with '/'"),
        ([URL, "--query", "a"], "NAME=VALUE is wanted, not 'a'"),
        ([URL, "-H", ":b"], "NAME:VALUE is wanted, not ':b'"),
        ([URL, "--transport", "carrier-pigeon"], "transports are polling, websocket, or both"),
        ([URL, "--transport", "polling,polling"], "transports are polling, websocket, or both"),
        ([URL, "--proxy", "socks://x"], "proxy must look like"),
        ([URL, "--timeout", "0"], "seconds are a number above 0"),
        ([URL, "--timeout", "nan"], "seconds are a number above 0"),
        ([URL, "--timeout", "soon"], "seconds are a number above 0"),
        ([URL, "--emit"], "expected at least one argument"),
        ([URL, "--wait"], "expected one argument"),
        ([URL, "--chat", "anna", "--wait", "x"], "--chat is interactive"),
        ([URL, "--cafile", "/no/such/file"], "--cafile cannot be used"),
        ([URL, "more"], "unrecognized arguments: more"),
        ([URL, "\x1b[2J"], r"unrecognized arguments: \x1b[2J"),
        ([URL, "--auth", '{"a": NaN}'], "NaN is not JSON"),
        ([URL, "--auth", '{"a": 1e999}'], "the number is too large: 1e999"),
        ([URL, "--auth", '{"a":' * 501 + "1" + "}" * 501], "nested too deeply"),
        ([URL, "--path", "/a?b"], "path must begin with '/' and "),
        ([URL, "--path", "/ä"], "path must begin with '/'"),
        ([URL, "--query", "EIO=3"], "the protocol has this field for itself: 'EIO'"),
        ([URL, "--query", "a=1", "--query", "a=2"], "--query has two values for 'a'"),
        ([URL, "-H", "X-A:1", "-H", "x-a:2"], "--header has two values for 'x-a'"),
        ([URL, "-H", "X-A:€"], "HTTP headers have no such characters"),
        ([URL, "-H", "X-A:b\r\nX-B:c"], "headers must be pairs of a token and a value without control characters"),
        ([URL, "-H", "a b:c"], "headers must be pairs of a token"),
        ([URL, "-H", "Connection:close"], "headers must leave this one to the protocol"),
        ([URL, "--chat", " "], "the nickname is empty"),
        ([URL, "--emit", "chat", "1e999"], "the number is too large: 1e999"),
        ([URL, "--emit", "chat", "9" * 5000], "the number is too large: 999"),
        ([URL, "--emit", "chat", '"\\ud800"'], "there is a lone surrogate"),
        ([URL, "--call", "chat", '{"\\udc00": 1}'], "there is a lone surrogate"),
        *(
            ([URL, way, name], f"event name is reserved: {name!r}")
            for way in ("--emit", "--call", "--wait")
            for name in ("connect", "disconnect", "connect_error", "disconnecting", "newListener")
        ),
        *(
            ([URL, *map(os.fsdecode, words)], complaint)
            for words, complaint in (
                ([b"--emit", b"ch\xe9"], "event name is not UTF-8"),
                ([b"--emit", b"chat", b"\xe9"], "there is a lone surrogate, or what is no UTF-8"),
                ([b"--call", b"chat", b'{"a": "\xe9"}'], "there is a lone surrogate, or what is no UTF-8"),
                ([b"--wait", b"\xe9"], "event name is not UTF-8"),
                ([b"--auth", b'{"token": "\xe9"}'], "there is a lone surrogate, or what is no UTF-8"),
                ([b"--query", b"a=\xe9"], "not UTF-8"),
                ([b"--query", b"\xe9=a"], "not UTF-8"),
                ([b"--header", b"X-A:\xe9"], "not UTF-8"),
                ([b"--path", b"/\xe9"], "not UTF-8"),
                ([b"--proxy", b"http://\xe9"], "not UTF-8"),
                ([b"--chat", b"\xe9"], "not UTF-8"),
                ([b"--timeout", b"\xe9"], "seconds are a number above 0"),
                ([b"--transport", b"\xe9"], "transports are polling, websocket"),
                ([b"--cafile", b"\xe9"], "--cafile cannot be used"),
                ([b"--\xe9"], "unrecognized arguments: "),
            )
        ),
        ([os.fsdecode(b"http://localhost/\xe9")], "not UTF-8"),
    ],
)
def test_bad_arguments_get_one_line(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint in complaint_of(parse, arguments, capsys)


def test_spaces_of_a_query_are_kept_and_those_around_a_header_not() -> None:
    found = parse([URL, "--query", "a= b ", "-H", "X-A:  b "])
    assert (found.query, found.headers) == ({"a": " b "}, {"X-A": "b"})


def test_cafile_that_holds_no_certificate_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    with pytest.raises(SystemExit):
        parse([URL, "--cafile", str(empty)])
    assert "--cafile cannot be used" in capsys.readouterr().err


@pytest.mark.parametrize("columns", ["40", "100", "200"])
def test_help_fits_on_a_screen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(SystemExit) as stopped:
        parse(["--help"])
    assert stopped.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    assert '"ack": true' in "\n".join(lines)
