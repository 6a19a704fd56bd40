"""Which command is run, and that the script is installed."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from socketio_core.cli.main import main
from tests.cli.programs import ROOT


def test_connect_is_a_command_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["connect", "--help"])
    assert "Talk to a Socket.IO server" in capsys.readouterr().out


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_help_shows_both_commands_on_a_small_screen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("usage: python -m socketio_core [--host HOST]")
    assert lines[1].startswith("       python -m socketio_core connect URL ")
    for word in ("Serve", "chat", "--emit", "--call", "--wait", "-v", "-t", "--timeout", "--chat"):
        assert re.search(rf"(?<!\S){word}\b", "\n".join(lines)), word
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


def test_script_is_installed() -> None:
    (found,) = entry_points(group="console_scripts", name="socketio-core")
    assert found.load() is main


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "h11", None)  # how Python marks a module that cannot be imported
    assert main(["connect", "http://localhost"]) == 1
    assert "the client needs h11, which cannot be found: pip install 'socketio_core[trio]'" in capsys.readouterr().err


def test_client_knows_nothing_of_the_chat_and_needs_no_package_to_say_what_is_missing() -> None:
    program = """
import sys
sys.modules["trio"] = None  # how Python marks a module that cannot be imported
from socketio_core.cli import main, options, values
assert main.main(["connect", "http://localhost"]) == 1
print([name for name in sys.modules if name.startswith(("socketio_core.demo", "socketio_core.trio"))])
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "the client needs trio, which" in done.stderr
    assert done.stdout == "[]\n"
