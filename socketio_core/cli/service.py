"""`serve app:io`: an application's server, by one process or several. Imports the standard library alone at first."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from socketio_core.cli.command import require_modules
from socketio_core.cli.parser import OneLineParser
from socketio_core.cli.serve import MAX_PORT, host_argument, port_argument
from socketio_core.cli.streams import output_is_closed, write_out

LOOPS = {"trio": ("trio", "h11", "wsproto"), "asyncio": ("h11", "wsproto")}
"""Event loops, and what each needs."""

_MAX_WORKERS = 1000
_EPILOG = """\
APP is MODULE:NAME of a Server, or of a function that returns one; the module is
looked for here. SIGTERM and Ctrl-C end it in order: clients are told. With
several workers

  * one that dies is started anew;
  * each has clients of its own: what one emits, those of the others hear with
    --redis, or with an adapter of the Server;
  * all share one port, and a client by polling is refused when it comes to
    another worker: use WebSockets alone, transports=["websocket"], or
    --own-ports behind a proxy with sticky sessions.

  socketio-core serve app:io --workers 4 --redis redis://localhost:6379
  socketio-core serve app:io --workers 2 --own-ports --unix /run/app
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOptions:
    """What the command line asked for."""

    app: str
    workers: int = 1
    host: str = "127.0.0.1"
    port: int = 3000
    unix: str | None = None
    own_ports: bool = False
    redis: str | None = None
    loop: str | None = None
    verbose: bool = False


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit status.

    Raises:
        CommandFailed: in one line.
    """
    options = parse(arguments)
    require_modules("the server", LOOPS[options.loop or "asyncio"], options.loop or "trio")
    if options.workers > 1:
        from socketio_core.cli.supervisor import Supervisor  # needs what was just checked

        return Supervisor(options, tell).run()
    from socketio_core.cli.worker import run_alone

    return run_alone(options, tell)


def tell(line: str) -> None:
    """Tell the person at the terminal, if there is one."""
    if not output_is_closed():  # as services often are started
        write_out(f"{line}\n")


def parse(arguments: Sequence[str]) -> ServiceOptions:
    """Read the command line; what is wrong with it ends the process with one line and status 2."""
    parser = OneLineParser(
        prog="python -m socketio_core serve",
        usage="%(prog)s APP [options]",
        description="Serve a Socket.IO server of yours.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("app", metavar="APP", help=argparse.SUPPRESS)
    add("--workers", metavar="N", type=_workers, default=1, help="processes (%(default)s)")
    add("--host", type=host_argument, help="address to listen on (127.0.0.1; all: 0.0.0.0)")
    add("--port", type=port_argument, help="port to listen on (3000; any free one: 0)")
    add("--unix", metavar="PATH", help="listen on a Unix socket in place of host and port")
    add("--own-ports", action="store_true", help="a port for each worker: PORT, PORT + 1, ...")
    add("--redis", metavar="URL", help="make the workers, and other servers, one cluster by a Redis")
    add("--loop", choices=[*LOOPS], help="event loop (that of the Server's class; else trio)")
    add("--verbose", action="store_true", help="log what happens")
    found = parser.parse_args(arguments)
    try:
        _check(found)
    except ValueError as error:
        parser.error(str(error))
    given = {name: value for name, value in vars(found).items() if value is not None}
    return ServiceOptions(**given)


def _check(found: argparse.Namespace) -> None:
    from socketio_core.cluster.address import parse_redis_url

    module, _, name = found.app.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
        raise ValueError(f"what to serve is called MODULE:NAME, as in app:io, not {found.app!r}")
    if found.unix is not None and (found.host is not None or found.port is not None):
        raise ValueError("--unix is in place of --host and --port")
    if found.unix is not None and not Path(found.unix).parent.is_dir():
        raise ValueError(f"there is no folder for {found.unix!r}")
    if found.own_ports and found.port and found.port + found.workers - 1 > MAX_PORT:
        raise ValueError(f"there are not {found.workers} ports from {found.port} on")
    if found.redis is not None:
        parse_redis_url(found.redis)


def _workers(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= _MAX_WORKERS):
        raise argparse.ArgumentTypeError(f"workers are a number from 1 to {_MAX_WORKERS}, not {text!r}")
    return int(text)
