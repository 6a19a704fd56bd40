"""Runs `connect` on trio."""

from __future__ import annotations

import os
import sys

import trio

from socketio_core.cli.chat import run_chat_client
from socketio_core.cli.command import CommandFailed
from socketio_core.cli.console import run_console
from socketio_core.cli.options import ConnectOptions
from socketio_core.cli.script import run_script
from socketio_core.cli.terminal import safe


def run(options: ConnectOptions) -> int:
    """Do what was asked for and return the exit status.

    Raises:
        CommandFailed: in one line.
    """
    interactive = run_console if options.nickname is None else run_chat_client
    way = run_script if options.is_script else interactive
    try:
        return trio.run(way, options)
    except (CommandFailed, ValueError) as error:
        raise CommandFailed(safe(str(error))) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains at its end
        raise CommandFailed("nobody reads the output any more") from None
