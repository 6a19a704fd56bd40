"""What commands say of how they are used, and of how they are not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from socketio_core.cli.main import main


def complaint_of(
    run: Callable[[list[str]], object], arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> str:
    """Return the one line with which a command refuses its arguments."""
    with pytest.raises(SystemExit) as stopped:
        run([*arguments])
    printed = capsys.readouterr()
    assert stopped.value.code == 2
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err[:-1].isprintable()
    return printed.err


def check_help(command: str, most_lines: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Check that the help of a command fits on a screen."""
    with pytest.raises(SystemExit):
        main([command, "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= most_lines
    assert max(map(len, lines)) <= 80
