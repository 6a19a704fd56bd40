"""`emit`: an event into a cluster from a shell, a scheduled job or a deploy script."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from socketio_core.cli.command import CommandFailed, require_modules
from socketio_core.cli.parser import OneLineParser
from socketio_core.cli.streams import output_is_closed, write_out
from socketio_core.cli.values import check_text, read_value

_MODULES = ("hiredis", "msgpack")
_KINDS = ("classic", "sharded", "streams")
_EPILOG = """\
The servers of the cluster, ours and Node's, send it to their clients. VALUE is
JSON, bytes as 0x00ff, or bare words. Exit status: 0 the Redis has it, 1 it does
not, 2 wrong usage.

  socketio-core emit --to news headline '{"text": "It works"}'
  socketio-core emit --redis rediss://:secret@example.org -n /admin reload
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit status.

    Raises:
        CommandFailed: in one line.
    """
    options = parse(arguments)
    require_modules("the emitter", _MODULES, "cluster")
    from socketio_core.blocking.emitter import Emitter  # needs what was just checked
    from socketio_core.cluster.link import ClusterUnavailable
    from socketio_core.errors import LocalProtocolError

    if output_is_closed():
        write_out("")
    with Emitter(options.redis, kind=options.kind, prefix=options.prefix, stream=options.stream) as emitter:
        chosen = emitter.of(options.namespace).except_(options.but)
        if options.to:
            chosen = chosen.to(options.to)
        try:
            (chosen.volatile if options.volatile else chosen).emit(options.event, *options.values)
        except (ClusterUnavailable, LocalProtocolError) as error:
            raise CommandFailed(str(error)) from None
    return 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line; what is wrong with it ends the process with one line and status 2."""
    parser = OneLineParser(
        prog="python -m socketio_core emit",
        usage="%(prog)s [options] EVENT [VALUE ...]",
        description="Emit an event into a cluster of Socket.IO servers that a Redis joins.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("event", metavar="EVENT", help=argparse.SUPPRESS)
    parser.add_argument("values", metavar="VALUE", nargs="*", default=[], help=argparse.SUPPRESS)
    parser.add_argument("--redis", metavar="URL", default="redis://localhost:6379", help="%(default)s (rediss, unix)")
    parser.add_argument("--kind", choices=_KINDS, default="classic", help="the servers' adapter (%(default)s)")
    parser.add_argument("--prefix", metavar="TEXT", default="socket.io", help="of their channels (%(default)s)")
    parser.add_argument("--stream", metavar="NAME", default="socket.io", help="their stream (%(default)s)")
    parser.add_argument("-n", "--namespace", metavar="NAME", default="/", help="whose clients (%(default)s)")
    parser.add_argument("--to", metavar="ROOM", action="append", default=[], help="only those in this room; repeatable")
    parser.add_argument("--except", dest="but", metavar="ROOM", action="append", default=[], help="none of those in it")
    parser.add_argument("--volatile", action="store_true", help="only those who can be reached at once")
    options = parser.parse_args(arguments)
    try:
        check_text(options.event)
        options.values = [read_value(word) for word in options.values]
        _check(options)
    except ValueError as error:
        parser.error(str(error))
    return options


def _check(options: argparse.Namespace) -> None:
    from socketio_core.cluster.address import parse_redis_url
    from socketio_core.errors import LocalProtocolError
    from socketio_core.socketio.packet import event_packet

    parse_redis_url(options.redis)
    try:
        values: list[Any] = options.values
        event_packet("/", options.event, values)
    except LocalProtocolError as error:
        raise ValueError(str(error)) from None
