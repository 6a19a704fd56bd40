"""The command line of the chat: what it accepts, and the one line that it says when it cannot go on."""

from __future__ import annotations

import importlib
import socket
import sys
from pathlib import Path

import pytest

from socketio_core.cli.serve import ChatOptions, main, parse
from tests.cli.usage import complaint_of


def test_defaults() -> None:
    assert parse([]) == ChatOptions(host="127.0.0.1", port=3000, client_dir=None, verbose=False)


def test_everything_given(tmp_path: Path) -> None:
    (tmp_path / "socket.io.js").touch()
    found = parse(["--host", "::1", "--port", "0", "--client-dir", str(tmp_path), "--verbose"])
    assert found == ChatOptions(host="::1", port=0, client_dir=tmp_path, verbose=True)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--port", "abc"], "a port is a number from 0 to 65535, not 'abc'"),
        (["--port", "65536"], "a port is a number from 0 to 65535"),
        (["--port", "-1"], "a port is a number from 0 to 65535"),
        (["--port", "٣"], "a port is a number from 0 to 65535"),
        (["--port", "9" * 10_000], "a port is a number from 0 to 65535"),
        (["--port"], "expected one argument"),
        (["--host", " "], "the host is empty"),
        (["--client-dir", "/no/such/folder"], "there is no folder '/no/such/folder'"),
        (["--client-dir", str(Path(__file__).parent)], "there is no socket.io.js in"),
        (["serve"], "unrecognized arguments: serve"),
    ],
)
def test_bad_arguments_get_one_line(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint in complaint_of(parse, arguments, capsys)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    importlib.import_module("wsproto")  # needs it too
    monkeypatch.setitem(sys.modules, "h11", None)  # how Python marks a module that cannot be imported
    assert main([]) == 1
    assert capsys.readouterr().err == (
        "socketio_core: the server needs h11, which cannot be found: pip install 'socketio_core[trio]'\n"
    )


def test_taken_port_gets_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["--port", str(port)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"socketio_core: port {port} on 127.0.0.1 is taken: ")
    assert printed.err.count("\n") == 1
