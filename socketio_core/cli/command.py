"""What all commands share: exit statuses, how they fail, what must be installed. Imports the standard library alone."""

from __future__ import annotations

import argparse
import importlib
import signal
from typing import Final, NoReturn

EXIT_FAILURE: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 128 + signal.SIGINT  # what a shell says of a command that Ctrl-C ended

_NEEDED_MODULES = ("trio", "h11", "wsproto")


class CommandFailed(Exception):  # noqa: N818 - read as an outcome
    """The command cannot go on; the text is one line that says what to do about it."""


class OneLineParser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"socketio_core: {message} (--help shows the options)\n")


def require_modules(who: str) -> None:
    """Check that the packages which a command stands on can be imported.

    Args:
        who: needs them, e.g. "the server".
    Raises:
        CommandFailed: some are missing.
    """
    missing: list[str] = []
    for name in _NEEDED_MODULES:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            missing.append(name)
    if missing:
        raise CommandFailed(
            f"{who} needs {', '.join(missing)}, which cannot be found: pip install 'socketio_core[trio]'"
        )
