"""How all commands read their options."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NoReturn

from socketio_core.cli.command import EXIT_USAGE
from socketio_core.cli.streams import write_out
from socketio_core.cli.text import safe

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


class OneLineParser(argparse.ArgumentParser):
    """A parser whose complaints are one line, and whose help is written or fails."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"socketio_core: {safe(message)} (--help shows the options)\n")

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        """Print the help.

        Raises:
            CommandFailed: it cannot be written, which argparse ignores; where there is no buffer nobody else learns it.
        """
        if file is None:
            write_out(self.format_help())
        else:
            super().print_help(file)
