"""Where a client is to connect: `"https://example.org/admin?token=1"`, and by which proxy. Spec: PROTOCOL 5."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from socketio_core.checks import check_kind
from socketio_core.records import record

MAX_URL_CHARS: Final = 8000  # as the reference's (PROTOCOL 1.13)

_UNIX: Final = "unix:"
_SECURE_OF: Final = {"http": False, "ws": False, "https": True, "wss": True}


@record
class ServerAddress:
    """What a URL says."""

    host: str  # a name, or an IP address without brackets
    port: int
    is_secure: bool
    namespace: str  # the URL's path, `"/"` when there is none
    query: tuple[tuple[str, str], ...]
    unix_path: str | None = None  # of a Unix socket that is to be dialed and not the host; begins with a NUL: abstract

    @property
    def authority(self) -> str:
        """The Host header: the port is left out where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_secure else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The server, for messages: `"https://example.org"`."""
        if self.unix_path is not None:
            return _UNIX + self.unix_path.replace("\0", "@", 1)
        return f"{'https' if self.is_secure else 'http'}://{self.authority}"


def parse_url(url: str) -> ServerAddress:
    """Read the URL of a server: scheme `http`, `https`, `ws` or `wss`; its path is the namespace.

    Or `"unix:/run/app.sock"`, the name of a Unix socket as `serve` tells it, in Linux's abstract namespace
    `"unix:@name"`; the namespace is `"/"` then.

    Raises:
        ValueError: it is no such URL; the message says what would be one.
    """
    if not isinstance(url, str):  # pyright: ignore[reportUnnecessaryIsInstance] - by the unwary
        raise TypeError(f"URL must be a string, as in 'http://localhost:3000', not: {url!r}")
    if len(url) > MAX_URL_CHARS:
        raise ValueError(f"URL is longer than {MAX_URL_CHARS} characters")
    if url.startswith(_UNIX):
        return _unix_address(url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"not a URL ({error}): {url!r}") from None
    is_secure = _SECURE_OF.get(parts.scheme)
    if is_secure is None or not parts.hostname:
        raise ValueError(f"URL must look like 'http://localhost:3000' (or https, ws, wss): {url!r}")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"URL must not hold a user name or password, send a header instead: {parts.hostname!r}")
    if port == 0:
        raise ValueError(f"URL must not have port 0: {url!r}")
    host = host_of(parts.hostname)
    namespace = parts.path or "/"
    if "," in namespace:
        raise ValueError(f"namespace must not hold a comma: {namespace!r}")
    query = tuple(parse_qsl(parts.query, keep_blank_values=True))
    return ServerAddress(host, port or (443 if is_secure else 80), is_secure, namespace, query)


def _unix_address(url: str) -> ServerAddress:
    name = url.removeprefix(_UNIX)
    path = "\0" + name[1:] if name.startswith("@") else name
    if len(path) < 2 or path[0] not in "/\0" or "\0" in name:
        raise ValueError(f"a Unix socket must look like 'unix:/run/app.sock' or 'unix:@name': {url!r}")
    return ServerAddress("localhost", 80, is_secure=False, namespace="/", query=(), unix_path=path)


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy.

    Attributes:
        authorization: the value of `Proxy-Authorization`, if the URL had a name and password.
    """

    host: str
    port: int
    authorization: bytes | None


def parse_proxy(url: str) -> Proxy:
    """Read `"http://user:password@proxy.example:3128"`.

    Raises:
        ValueError: it is no such URL.
    """
    check_kind("proxy", url, str, "a URL, as in 'http://proxy.example:3128'")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"proxy is not a URL: {error}") from None  # which may hold a password
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("proxy must look like 'http://proxy.example:3128'")
    if port == 0:
        raise ValueError("proxy must not have port 0")
    host = host_of(parts.hostname)
    authorization: bytes | None = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = b"Basic " + b64encode(pair.encode("utf-8"))
    return Proxy(host, port or 80, authorization)


def host_of(name: str) -> str:
    """Return the name of a host, or an IP address, in ASCII.

    Raises:
        ValueError: it is neither.
    """
    try:
        host = name if ":" in name else name.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError(f"not the name of a host: {name!r}") from None
    if not host.isprintable() or " " in host:
        raise ValueError(f"not the name of a host: {name!r}")
    return host
