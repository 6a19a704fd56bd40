"""What `python -m socketio_core` and the installed script `socketio-core` do."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence

from socketio_core.cli import emit, serve, service
from socketio_core.cli.command import EXIT_FAILURE, CommandFailed, decode_arguments, require_modules
from socketio_core.cli.streams import (
    leave_quietly_on_interrupt,
    output_is_closed,
    prepare_streams,
    write_error,
    write_out,
)
from socketio_core.cli.text import safe, shorten, show_log


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: `connect …`, `emit …`, `serve …`, or else the demo's chat.

    Args:
        arguments: without the name of the program; `None` means those of this process, which is then this command's.
    """
    prepare_streams()
    if arguments is None:
        leave_quietly_on_interrupt()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["connect"]:
        return _finished(run_connect, words[1:])
    if words[:1] == ["emit"]:
        return _finished(emit.main, words[1:])
    if words[:1] == ["serve"]:
        return _finished(service.main, words[1:])
    return _finished(serve.main, words)


def _finished(command: Callable[[Sequence[str]], int], words: Sequence[str]) -> int:
    """Run a command to its end, and what it has written to where that goes."""
    try:
        return command(decode_arguments(words))
    except CommandFailed as failure:
        write_error(f"socketio_core: {safe(shorten(str(failure)))}")
        return EXIT_FAILURE


def run_connect(arguments: Sequence[str]) -> int:
    """Run `connect` and return its exit status.

    Raises:
        CommandFailed: in one line.
    """
    require_modules("the client")
    from socketio_core.cli.connect import run  # needs what was just checked
    from socketio_core.cli.options import parse

    options = parse(arguments)
    if output_is_closed():
        write_out("")
    show_log(logging.ERROR, "socketio_core: %(message)s")
    return run(options)
