"""Runs `connect` on trio."""

from __future__ import annotations

import trio

from socketio_core.cli.chat import run_chat_client
from socketio_core.cli.command import CommandFailed
from socketio_core.cli.console import run_console
from socketio_core.cli.options import ConnectOptions
from socketio_core.cli.script import run_script


def run(options: ConnectOptions) -> int:
    """Do what was asked for and return the exit status.

    Raises:
        CommandFailed: in one line.
    """
    interactive = run_console if options.nickname is None else run_chat_client
    way = run_script if options.is_script else interactive
    try:
        return trio.run(way, options)
    except ValueError as error:
        raise CommandFailed(str(error)) from None
