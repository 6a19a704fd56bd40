"""Which command is run, and that the script is installed."""

from __future__ import annotations

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


def test_help_names_both_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    assert "Serve a chat" in out
    assert "connect URL" in out
    assert len(out.splitlines()) <= 24


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
