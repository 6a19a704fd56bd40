"""What `python -m socketio_core` and the installed script `socketio-core` do."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from socketio_core.cli import serve
from socketio_core.cli.command import EXIT_FAILURE, EXIT_INTERRUPTED, CommandFailed, require_modules


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: `connect …`, or else the demo's chat.

    Args:
        arguments: without the name of the program; `None` means those of this process.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    return run_connect(words[1:]) if words[:1] == ["connect"] else serve.main(words)


def run_connect(arguments: Sequence[str]) -> int:
    """Run `connect` and return its exit status."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)  # what replaces it in a process may have none
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")  # an encoding that cannot say what a server sent must not end it all
    try:
        require_modules("the client")
        from socketio_core.cli.connect import run  # needs what was just checked
        from socketio_core.cli.options import parse

        options = parse(arguments)
        logging.basicConfig(level=logging.ERROR, format="socketio_core: %(message)s")
        return run(options)
    except CommandFailed as failure:
        print(f"socketio_core: {failure}", file=sys.stderr)
        return EXIT_FAILURE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
