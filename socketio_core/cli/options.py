"""The arguments of `connect`."""

from __future__ import annotations

import argparse
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from socketio_core.cli.parser import OneLineParser
from socketio_core.cli.text import shorten
from socketio_core.cli.values import MAX_QUOTED_CHARS, check_text, read_object, read_value
from socketio_core.settings import ClientSettings, EngineClientSettings
from socketio_core.socketio.packet import RESERVED_EVENTS
from socketio_core.url import parse_url

_EMIT_HELP = "an event: NAME, then JSON, bytes as 0x00ff, words"
_CALL_HELP = "the same, and wait for the acknowledgement"

EPILOG = """\
Interactive (type help), unless there is an --emit, --call or --wait: then
events are lines of JSON on standard output, with "ack": true if the server asks
for an acknowledgement (it gets none); errors are on standard error, and the
exit status is 0 done, 1 failed, 2 wrong usage.

  socketio-core connect http://localhost:3000 --emit chat '"hi"' --wait chat
  socketio-core connect https://example.org/admin --auth '{"token": "..."}' -v
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

    def check(self) -> None:
        """Check what only all of it together tells, as `connect` would later.

        Raises:
            ValueError: something cannot be.
        """
        address = parse_url(self.url)
        EngineClientSettings(
            authority=address.authority,
            path=self.path if self.path.endswith("/") else self.path + "/",
            query=[*address.query, *self.query.items()],
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()],
            transports=tuple(self.transports),
            open_timeout_s=self.timeout_s,
        )


def parse(arguments: Sequence[str]) -> ConnectOptions:
    """Read the command line; what is wrong with it ends the process with one line and status 2."""
    parser = _parser()
    found = parser.parse_args(arguments)
    if found.chat is not None and (found.emits or found.wait):
        parser.error("--chat is interactive, and does not go with --emit, --call or --wait")
    options = ConnectOptions(
        url=found.url,
        auth=found.auth,
        path=found.path,
        query=_each_once(parser, "--query", found.query),
        headers=_each_once(parser, "--header", found.header, str.lower),
        transports=found.transport,
        proxy=found.proxy,
        ssl_context=_ssl_context(parser, found.cafile, insecure=found.insecure),
        verbose=found.verbose,
        timestamps=found.timestamps,
        emits=tuple((is_call, _name(parser, words[0]), _values(parser, words[1:])) for is_call, words in found.emits),
        waits=tuple(_name(parser, name) for name in found.wait),
        timeout_s=found.timeout,
        nickname=found.chat,
    )
    try:
        options.check()
    except ValueError as error:
        parser.error(str(error))
    return options


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="python -m socketio_core connect",
        description="Talk to a Socket.IO server from the terminal.",
        epilog=EPILOG,
        formatter_class=_Wide,
        usage="%(prog)s URL [options]",
        allow_abbrev=False,
    )
    parser.add_argument("url", metavar="URL", type=_url, help="http://host:port (or https); a path is a namespace")
    parser.add_argument("--auth", metavar="JSON", type=_auth, help="sent when connecting")
    parser.add_argument("--path", default="/socket.io/", type=_path, help="where the server listens (%(default)s)")
    parser.add_argument("--query", metavar="NAME=VALUE", type=_field, action="append", default=[], help="in every URL")
    parser.add_argument(
        "-H", "--header", metavar="NAME:VALUE", type=_header, action="append", default=[], help="in every request"
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
    parser.add_argument("--chat", metavar="NICK", type=_nickname, help="join the demo's chat under this name")
    return parser


class _Wide(argparse.RawDescriptionHelpFormatter):
    """One line for nearly each option, or the help is longer than a screen."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=82)


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


def _text(text: str) -> str:
    try:
        check_text(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not UTF-8: {text!r}") from None
    return text


def _nickname(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("the nickname is empty")
    return _text(text)


def _url(text: str) -> str:
    try:
        parse_url(_text(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _proxy(text: str) -> str:
    from socketio_core.url import parse_proxy

    try:
        parse_proxy(_text(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _auth(text: str) -> dict[str, Any]:
    try:
        return read_object(text)
    except ValueError as error:
        shown = f'\'{{"token": "…"}}\', not {shorten(text, MAX_QUOTED_CHARS)!r} ({error})'
        raise argparse.ArgumentTypeError(f"auth must be a JSON object, as in {shown}") from None


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise argparse.ArgumentTypeError(f"a path begins with '/', as in /socket.io/, not {text!r}")
    return _text(text)


def _name(parser: argparse.ArgumentParser, name: str) -> str:
    """Check the name of an event that is to be sent, or waited for."""
    if name in RESERVED_EVENTS:
        parser.error(f"event name is reserved: {name!r}")
    try:
        check_text(name)
    except ValueError:
        parser.error(f"event name is not UTF-8: {name!r}")
    return name


def _values(parser: argparse.ArgumentParser, words: Sequence[str]) -> list[Any]:
    try:
        return [read_value(word) for word in words]
    except ValueError as error:
        parser.error(str(error))


def _pair(separator: str) -> Callable[[str], tuple[str, str]]:
    def read(text: str) -> tuple[str, str]:
        name, found, value = text.partition(separator)
        if not found or not name.strip():
            raise argparse.ArgumentTypeError(f"NAME{separator}VALUE is wanted, not {text!r}")
        return _text(name.strip()), _text(value)

    return read


def _header(text: str) -> tuple[str, str]:
    name, value = _pair(":")(text)
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"HTTP headers have no such characters: {text!r}") from None
    return name, value.strip(" \t")


def _field(text: str) -> tuple[str, str]:
    name, value = _pair("=")(text)
    if name in ("EIO", "transport", "sid"):
        raise argparse.ArgumentTypeError(f"the protocol has this field for itself: {name!r}")
    return name, value


def _each_once(
    parser: argparse.ArgumentParser, option: str, pairs: list[tuple[str, str]], key: Callable[[str], str] = str
) -> dict[str, str]:
    names = [key(name) for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            parser.error(f"{option} has two values for {name!r}")
    return dict(pairs)


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
