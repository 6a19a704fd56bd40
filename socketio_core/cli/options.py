"""The arguments of `connect`."""

from __future__ import annotations

import argparse
import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from socketio_core.cli.command import OneLineParser
from socketio_core.cli.values import read_value
from socketio_core.settings import ClientSettings
from socketio_core.url import parse_url

_EMIT_HELP = "send an event: NAME, then JSON, bytes as 0x00ff, bare words"
_CALL_HELP = "the same, and wait for the acknowledgement"

EPILOG = """\
Interactive (type help), unless there is an --emit, --call or --wait: then events are lines of JSON
on standard output, with "ack": true if the server asks for an acknowledgement (it gets none);
errors are on standard error, and the exit status is 0 done, 1 failed, 2 wrong usage.

  socketio-core connect http://localhost:3000 --emit chat '"hi"' --wait chat
  socketio-core connect https://example.org/admin --auth '{"token": "…"}' -v
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectOptions:
    """What the command line asked for."""

    url: str
    auth: dict[str, Any] | None = None
    path: str = "/socket.io/"
    query: dict[str, str] = field(default_factory=dict[str, str])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    transports: Sequence[str] = ("polling", "websocket")
    proxy: str | None = None
    ssl_context: ssl.SSLContext | None = None
    verbose: bool = False
    timestamps: bool = False
    emits: Sequence[tuple[bool, str, Sequence[Any]]] = ()  # (whether the acknowledgement is wanted, name, arguments)
    waits: Sequence[str] = ()
    timeout_s: float = 10.0
    nickname: str | None = None

    @property
    def is_script(self) -> bool:
        """Whether it is not interactive."""
        return bool(self.emits or self.waits)

    def connect_arguments(self) -> dict[str, Any]:
        """Return the arguments of `socketio_core.trio.connect` behind the URL."""
        return {
            "auth": self.auth,
            "path": self.path,
            "query": self.query,
            "headers": self.headers,
            "transports": self.transports,
            "proxy": self.proxy,
            "ssl_context": self.ssl_context,
            "connect_timeout_s": self.timeout_s,
            "settings": ClientSettings(namespace_timeout_s=self.timeout_s),
        }


def parse(arguments: Sequence[str]) -> ConnectOptions:
    """Read the command line; what is wrong with it ends the process with one line and status 2."""
    parser = _parser()
    found = parser.parse_args(arguments)
    if found.chat is not None and (found.emits or found.wait):
        parser.error("--chat is interactive, and does not go with --emit, --call or --wait")
    return ConnectOptions(
        url=found.url,
        auth=found.auth,
        path=found.path,
        query=dict(found.query),
        headers=dict(found.header),
        transports=found.transport,
        proxy=found.proxy,
        ssl_context=_ssl_context(parser, found.cafile, insecure=found.insecure),
        verbose=found.verbose,
        timestamps=found.timestamps,
        emits=tuple((is_call, words[0], _values(parser, words[1:])) for is_call, words in found.emits),
        waits=tuple(found.wait),
        timeout_s=found.timeout,
        nickname=found.chat,
    )


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="python -m socketio_core connect",
        description="Talk to a Socket.IO server from the terminal.",
        epilog=EPILOG,
        formatter_class=_Wide,
        usage="%(prog)s URL [options]",
        allow_abbrev=False,
    )
    parser.add_argument(
        "url", metavar="URL", type=_url, help="http://host:port (https, ws, wss); a path is a namespace"
    )
    parser.add_argument("--auth", metavar="JSON", type=_auth, help="sent when connecting")
    parser.add_argument("--path", default="/socket.io/", type=_path, help="where the server listens (%(default)s)")
    parser.add_argument(
        "--query", metavar="NAME=VALUE", type=_pair("="), action="append", default=[], help="in every URL"
    )
    parser.add_argument(
        "-H", "--header", metavar="NAME:VALUE", type=_pair(":"), action="append", default=[], help="in every request"
    )
    parser.add_argument(
        "--transport", metavar="NAMES", type=_transports, default=("polling", "websocket"), help="polling,websocket"
    )
    parser.add_argument("--proxy", metavar="URL", type=_proxy, help="an HTTP proxy")
    parser.add_argument("--cafile", metavar="FILE", help="trust the certificates in this file")
    parser.add_argument("-k", "--insecure", action="store_true", help="do not check certificates")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show the connection too: pings, upgrades, attempts"
    )
    parser.add_argument("-t", "--timestamps", action="store_true", help="put the time in front of each line")
    parser.add_argument("--emit", dest="emits", metavar="WORD", nargs="+", action=_Say, default=[], help=_EMIT_HELP)
    parser.add_argument("--call", dest="emits", metavar="WORD", nargs="+", action=_Say, default=[], help=_CALL_HELP)
    parser.add_argument("--wait", metavar="EVENT", action="append", default=[], help="end when it has come")
    parser.add_argument(
        "--timeout", metavar="S", type=_seconds, default=10.0, help="to connect, for each --call, for all --wait (10)"
    )
    parser.add_argument("--chat", metavar="NICK", help="join the demo's chat under this name")
    return parser


class _Wide(argparse.RawDescriptionHelpFormatter):
    """One line for each option, or the help is longer than a screen."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=38, width=100)


class _Say(argparse.Action):
    """`--emit` and `--call` go into one list, for their order counts."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        namespace.emits = [*namespace.emits, (option_string == "--call", values)]


def _url(text: str) -> str:
    try:
        parse_url(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _proxy(text: str) -> str:
    from socketio_core.trio.dial import parse_proxy

    try:
        parse_proxy(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _auth(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f'auth must be a JSON object, as in \'{{"token": "…"}}\', not {text!r}')
    return value  # pyright: ignore[reportUnknownVariableType] # JSON has str keys only


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise argparse.ArgumentTypeError(f"a path begins with '/', as in /socket.io/, not {text!r}")
    return text


def _values(parser: argparse.ArgumentParser, words: Sequence[str]) -> list[Any]:
    try:
        return [read_value(word) for word in words]
    except ValueError as error:
        parser.error(str(error))


def _pair(separator: str) -> Any:
    def read(text: str) -> tuple[str, str]:
        name, found, value = text.partition(separator)
        if not found or not name.strip():
            raise argparse.ArgumentTypeError(f"NAME{separator}VALUE is wanted, not {text!r}")
        return name.strip(), value.strip()

    return read


def _transports(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if set(names) - {"polling", "websocket"} or len(set(names)) != len(names):
        raise argparse.ArgumentTypeError(f"transports are polling, websocket, or both with a comma, not {text!r}")
    return names


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise argparse.ArgumentTypeError(f"seconds are a number above 0, not {text!r}")
    return seconds


def _ssl_context(parser: argparse.ArgumentParser, cafile: str | None, *, insecure: bool) -> ssl.SSLContext | None:
    if cafile is None and not insecure:
        return None
    try:
        context = ssl.create_default_context(cafile=cafile)
    except (OSError, ssl.SSLError) as error:
        parser.error(f"--cafile cannot be used: {error}")
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
