"""`serve`: what it accepts, and the one line that it says when it cannot go on."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from socketio_core.cli.main import main
from socketio_core.cli.service import ServiceOptions, parse
from tests.cli.usage import check_help, complaint_of

APP = "tests.cli.service_app"


def test_defaults() -> None:
    assert parse(["app:io"]) == ServiceOptions(app="app:io")


def test_everything_given() -> None:
    words = "a.b:c.d --workers 4 --host ::1 --port 0 --own-ports --loop asyncio --verbose"
    assert parse(words.split()) == ServiceOptions(
        app="a.b:c.d", workers=4, host="::1", port=0, own_ports=True, loop="asyncio", verbose=True
    )
    assert parse(["app:io", "--unix", "s", "--redis", "redis://h"]) == ServiceOptions(
        app="app:io", unix="s", redis="redis://h"
    )


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("", "the following arguments are required: APP"),
        ("app", "what to serve is called MODULE:NAME, as in app:io, not 'app'"),
        ("app.py:io:x", "what to serve is called MODULE:NAME"),
        ("a:b --workers 0", "workers are a number from 1 to 1000, not '0'"),
        ("a:b --workers x", "workers are a number"),
        ("a:b --unix s --port 1", "--unix is in place of --host and --port"),
        ("a:b --unix /no/such/s", "there is no folder for '/no/such/s'"),
        ("a:b --port 65534 --workers 3 --own-ports", "there are not 3 ports from 65534 on"),
        ("a:b --port 65536", "a port is a number"),
        ("a:b --redis http://x", "must look like 'redis://localhost:6379'"),
        ("a:b --loop uvloop", "invalid choice: 'uvloop'"),
    ],
)
def test_wrong_usage_is_told_in_one_line(words: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint in complaint_of(main, ["serve", *words.split()], capsys)


def test_help_fits_on_a_screen(capsys: pytest.CaptureFixture[str]) -> None:
    check_help("serve", 32, capsys)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("no_such_app:io", f"there is no module 'no_such_app': neither installed nor in {Path.cwd()}"),
        ("app.py:io", f"there is no module 'app.py': neither installed nor in {Path.cwd()}; did you mean app:io?\n"),
        (f"{APP}.x:io", f"there is no module '{APP}.x'"),
        (f"{APP}:oi", f"'{APP}' has no 'oi'; what could be served is other, joined, io"),
        ("json:x", "'json' has no 'x'\n"),
        (f"{APP}:nothing", f"{APP}:nothing is no Server, nor a function that returns one, but of type <class 'str'>"),
        (f"{APP}:io --loop asyncio", "the server is one of socketio_core.trio: it does not run on asyncio"),
        (f"{APP}:other --loop trio", "the server is one of socketio_core.asyncio: it does not run on trio"),
        (f"{APP}:joined --redis redis://h", f"{APP}:joined has an adapter already: leave --redis out"),
        (f"{APP}:io --host no.such.host.invalid", "no.such.host.invalid is not an address of this machine"),
    ],
)
def test_what_cannot_be_served_is_told_in_one_line(
    words: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *words.split()]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"socketio_core: {complaint}")
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("app", "complaint", "line"),
    [
        ("tests.cli.broken_app:io", "module 'tests.cli.broken_app' cannot be imported: ValueError: broken", "broken"),
        (f"{APP}:fail", f"{APP}:fail cannot be called: ValueError: it fails", "it fails"),
    ],
)
def test_errors_of_the_application_are_shown_from_its_own_code_on(
    app: str, complaint: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", app]) == 1
    shown = capsys.readouterr().err.splitlines()
    assert shown[-1] == f"socketio_core: {complaint}"
    assert shown[-2] == f"ValueError: {line}"
    assert sum("File " in each for each in shown) == 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_taken_port_gets_one_line(workers: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        port = other.getsockname()[1]
        assert main(["serve", f"{APP}:make", "--port", str(port), "--workers", workers]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"socketio_core: port {port} on 127.0.0.1 is taken: ")
    assert told.count("\n") == 1


def test_a_taken_path_gets_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        assert main(["serve", f"{APP}:make", "--unix", str(path)]) == 1
    assert capsys.readouterr().err == f"socketio_core: cannot listen on {path}: Address already in use\n"
