"""The command line of the demo's chat. Imports nothing outside the standard library before it has to."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from socketio_core.cli.command import EXIT_FAILURE, CommandFailed, require_modules
from socketio_core.cli.parser import OneLineParser
from socketio_core.cli.streams import output_is_closed, write_error, write_out
from socketio_core.cli.text import safe, show_log_of_service

_BUNDLE = "socket.io.js"
MAX_PORT = 65535
_USAGE = """\
python -m socketio_core [--host HOST] [--port PORT] [--redis URL] ...
       python -m socketio_core connect URL [--emit NAME ...] [--wait EVENT] ...
       python -m socketio_core emit [--redis URL] EVENT [VALUE ...]
       python -m socketio_core serve APP [--workers N] ..."""
_EPILOG = """\
Open the address that it prints in two tabs. Ctrl-C stops it.

connect URL talks to any Socket.IO server: interactive, or in scripts with
  --emit NAME VALUE..., --call NAME VALUE... (and wait for the answer),
  --wait EVENT, --timeout S; -v shows what the connection does, -t the time.
  --chat NICK joins this chat. All of it: connect --help
emit sends an event to the clients of a cluster that a Redis joins: emit --help
serve app:io serves a server of yours, by one process or several: serve --help
"""
_WIDTH = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOptions:
    """What the command line asked for."""

    host: str
    port: int
    client_dir: Path | None
    verbose: bool
    redis: str | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    Args:
        arguments: without the name of the program; `None` means those of this process.
    """
    options = parse(arguments)
    try:
        require_modules("the server")
        from socketio_core.demo.running import CannotServe, run_chat  # needs what was just checked

        show_log_of_service(verbose=options.verbose)
        try:
            return run_chat(options.host, options.port, options.client_dir, _tell, redis=options.redis)
        except CannotServe as error:
            raise CommandFailed(str(error)) from error
    except CommandFailed as failure:
        write_error(f"socketio_core: {safe(str(failure))}")
        return EXIT_FAILURE


def _tell(line: str) -> None:
    if not output_is_closed():  # as services often are started; a full disk is another matter
        write_out(f"{line}\n")


def parse(arguments: Sequence[str] | None) -> ChatOptions:
    """Read the command line; what is wrong with it ends the process with one line and status 2."""
    parser = OneLineParser(
        prog="python -m socketio_core",
        description="Serve a chat for the browser: rooms, nicknames, who is online, who is typing.",
        epilog=_EPILOG,
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, width=_WIDTH),
        usage=_USAGE,
    )
    add_chat_options(parser)
    found = parser.parse_args(arguments)
    return ChatOptions(
        host=found.host, port=found.port, client_dir=found.client_dir, verbose=found.verbose, redis=found.redis
    )


def add_chat_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the chat server to `parser`."""
    parser.add_argument(
        "--host",
        type=host_argument,
        default="127.0.0.1",
        help="address to listen on (default: %(default)s; all: 0.0.0.0)",
    )
    parser.add_argument(
        "--port", type=port_argument, default=3000, help="port to listen on (default: %(default)s; any free one: 0)"
    )
    parser.add_argument(
        "--client-dir",
        type=_client_dir,
        metavar="DIR",
        help="npm's client: node_modules/socket.io-client/dist (default: a small one of our own)",
    )
    parser.add_argument("--redis", metavar="URL", help="join chats on other ports: redis://localhost:6379")
    parser.add_argument("--verbose", action="store_true", help="log what happens")


def host_argument(text: str) -> str:
    """Read a host to listen on."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the host is empty, use for example 127.0.0.1")
    return text.strip()


def port_argument(text: str) -> int:
    """Read a port to listen on."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_PORT)) and int(text) <= MAX_PORT):
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to {MAX_PORT}, not {text!r}")
    return int(text)


def _client_dir(text: str) -> Path:
    folder = Path(text)
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text!r}")
    if not (folder / _BUNDLE).is_file():
        raise argparse.ArgumentTypeError(
            f"there is no {_BUNDLE} in {text!r}, give the folder node_modules/socket.io-client/dist"
        )
    return folder
