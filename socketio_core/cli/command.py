"""What all commands share: exit statuses, how they fail, what must be installed. Imports the standard library alone."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Sequence
from typing import Final

EXIT_FAILURE: Final = 1
EXIT_USAGE: Final = 2
EXIT_SIGNAL: Final = 128  # and the number of the signal that ended a command, as shells say it
EXIT_INTERRUPTED: Final = EXIT_SIGNAL + signal.SIGINT

_NEEDED_MODULES = ("trio", "h11", "wsproto")


class CommandFailed(Exception):  # noqa: N818 - read as an outcome
    """The command cannot go on; the text is one line that says what to do about it."""


def decode_arguments(words: Sequence[str]) -> list[str]:
    """Return arguments that are UTF-8 as the text they are, be the environment's encoding what it may.

    Python leaves lone surrogates where an argument is not in that encoding, as in `LC_ALL=C`. What is no UTF-8 either
    stays so: it can be the name of a file.
    """
    return [_decoded(word) for word in words]


def _decoded(word: str) -> str:
    try:
        return word if word.isascii() else os.fsencode(word).decode("utf-8")
    except UnicodeError:
        return word


def require_modules(who: str, names: Sequence[str] = _NEEDED_MODULES, extra: str = "trio") -> None:
    """Check that the packages which a command stands on can be imported.

    Args:
        who: needs them, e.g. "the server".
        names: of the packages.
        extra: of ours, that names them.

    Raises:
        CommandFailed: some are missing.
    """
    missing: list[str] = []
    for name in names:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            missing.append(name)
    if missing:
        raise CommandFailed(
            f"{who} needs {', '.join(missing)}, which cannot be found: pip install 'socketio_core[{extra}]'"
        )
