"""What HTTP means to Engine.IO: requests, their query, responses and their coding. No bytes on any wire.

A host hands over method, target and headers as its HTTP library parsed them, and writes the `Response` it is given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal
from urllib.parse import parse_qsl

Headers = Sequence[tuple[bytes, bytes]]
"""Header names (lower case) and values as raw bytes, e.g. `[(b"host", b"example.org")]`."""

HTTP_OF = {"ws": "http", "wss": "https"}  # as Swift's WebSocket library writes an Origin, and proxies a scheme
MAX_PORT: Final = 65535
_HEADER_BYTES = 160  # what a header takes beside its bytes; CPython 3.11
_MAX_QUERY_FIELDS = 1000  # the same number as PHP's max_input_vars and qs's parameterLimit
_QVALUE = re.compile(r"[01]\.?[0-9]{0,3}")  # RFC 9110, 12.4.2
_COMMON_NAMES = {
    name: name
    for name in (
        b"accept", b"accept-encoding", b"accept-language", b"cache-control", b"connection", b"content-length",
        b"content-type", b"cookie", b"host", b"origin", b"pragma", b"referer", b"sec-ch-ua", b"sec-ch-ua-mobile",
        b"sec-ch-ua-platform", b"sec-fetch-dest", b"sec-fetch-mode", b"sec-fetch-site", b"sec-websocket-extensions",
        b"sec-websocket-key", b"sec-websocket-version", b"upgrade", b"user-agent", b"x-forwarded-for",
        b"x-forwarded-proto",
    )
}  # fmt: skip
"""A session keeps the request it came with, names and all (benchmarks: memory)."""


class Request:
    """One HTTP request without its body.

    Args:
        method: upper case, e.g. `"GET"`.
        target: the raw request target, e.g. `"/socket.io/?EIO=4&transport=polling"`.
        headers: names in any case.
        address: the peer's address as the host knows it (behind a proxy: the client's, if the host trusts the proxy).
        scheme: `"http"` or `"https"` as the *client* sees it: it decides which pages are the server's own.
        scope: what a web framework knows of it, under ASGI; nothing here looks into that.
    """

    __slots__ = (
        *("_fields", "_headers", "_host", "_is_kept", "_is_upgrade", "_packed", "_path", "_query"),
        *("address", "method", "scheme", "scope", "target"),
    )

    def __init__(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[bytes, bytes]] = (),
        *,
        address: str = "",
        scheme: str,
        scope: Mapping[str, Any] | None = None,
    ) -> None:
        self.scope = scope
        self.method = method
        self.target = target
        common = _COMMON_NAMES.get  # as `_share_name`, without the calls; benchmarks: connect
        self._headers: list[tuple[bytes, bytes]] = [(common(name) or name.lower(), value) for name, value in headers]
        self._fields: dict[bytes, bytes] | None = None  # once one was asked for; the same headers, by their names
        self._packed: bytes | None = None
        self._is_kept = False
        self.address = address
        self.scheme = scheme
        self._host: str | None = None  # by a proxy
        self._path: str | None = None
        self._query: dict[str, str] | None = None
        self._is_upgrade: bool | None = None  # once that was asked

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>"

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Names in lower case, and values, in the order in which they came."""
        if self._packed is None:
            return self._headers
        fields = self._packed.split(b"\n")
        return [(_share_name(name), value) for name, value in zip(fields[::2], fields[1::2], strict=True)]

    @headers.setter
    def headers(self, headers: list[tuple[bytes, bytes]]) -> None:
        self._headers, self._packed, self._fields, self._is_upgrade = headers, None, None, None

    def pack(self) -> None:
        """Make it small, for it is kept as long as a session: what is asked of it is read anew each time.

        A client can have a hundred headers and a thousand fields in its query, an object each.
        """
        self._path = self._query = self._fields = None
        self._is_kept = True
        parts = [part for field in self._headers for part in field]
        packed = b"\n".join(parts)
        if parts and packed.count(b"\n") == len(parts) - 1:  # no host lets a line end into a header
            self._packed, self._headers = packed, []

    @property
    def size_bytes(self) -> int:
        """How much memory it takes, about."""
        if self._packed is not None:
            return len(self.target) + len(self._packed)
        return len(self.target) + sum(len(name) + len(value) + _HEADER_BYTES for name, value in self._headers)

    @property
    def path(self) -> str:
        """The path of the target, not decoded, without the query: `"/socket.io/"`."""
        if self._path is None:
            path = _path_of(self.target)
            if self._is_kept:
                return path
            self._path = path
        return self._path

    @property
    def host(self) -> str | None:
        """The host as the client knows it: the `Host` header, or what stands for it (see `forwarded`)."""
        return self._host or self.header("host")

    @host.setter
    def host(self, host: str) -> None:
        self._host = host

    @property
    def query(self) -> dict[str, str]:
        """The query's fields, decoded; of a repeated name the last value counts, as in the reference."""
        if self._query is None:
            query = _fields_of(self.target.partition("?")[2].partition("#")[0])
            if self._is_kept:
                return query
            self._query = query
        return self._query

    def raw_header(self, name: bytes) -> bytes | None:
        """Return the value of a header, whose name is given in lower case; see `header`."""
        fields = self._fields
        if fields is None:
            headers = self.headers
            fields = dict(headers)
            if len(fields) != len(headers):
                fields = _joined(headers)
            if not self._is_kept:
                self._fields = fields
        return fields.get(name)

    def header(self, name: str) -> str | None:
        """Return the value of a header, decoded as Latin-1; repeated ones are joined by `", "`; `None` if absent."""
        found = self.raw_header(name.lower().encode("latin-1"))
        return None if found is None else found.decode("latin-1").strip()

    @property
    def is_websocket_upgrade(self) -> bool:
        """Whether the client asks for a WebSocket (RFC 6455, 4.2.1; version and key are the host's to check)."""
        if self._is_upgrade is None:
            asked = self.raw_header(b"upgrade")
            is_meant = asked is not None and self.method == "GET" and asked.strip().lower() == b"websocket"
            self._is_upgrade = is_meant and "upgrade" in _tokens(self.header("connection"))
        return self._is_upgrade


def _path_of(target: str) -> str:
    if not target.startswith("/"):  # absolute form, which a server must accept (RFC 9112, 3.2.2)
        _, found, rest = target.partition("://")
        if found:
            slash = rest.find("/")
            target = rest[slash:] if slash >= 0 else "/"
    return target.partition("?")[0]


def _joined(headers: Headers) -> dict[bytes, bytes]:
    """Return the headers by their names; those of one name as one."""
    fields: dict[bytes, bytes] = {}
    for name, value in headers:
        fields[name] = value if name not in fields else b"%b, %b" % (fields[name], value)
    return fields


def _fields_of(query: str) -> dict[str, str]:
    if "%" not in query and "+" not in query and query.count("&") < _MAX_QUERY_FIELDS:
        # fast path: nothing is encoded, as in all that clients ask for by themselves (benchmarks: connect, polling)
        parts = [field.partition("=") for field in query.split("&") if field]
        return {name: value for name, _, value in parts}
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_QUERY_FIELDS))
    except ValueError:  # more fields than that: nobody's query, treated as none
        return {}


class Response:
    """One complete HTTP response; `headers` may be added to before it is written."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Iterable[tuple[bytes, bytes]] = (), body: bytes = b"") -> None:
        self.status = status
        self.headers: list[tuple[bytes, bytes]] = list(headers)
        self.body = body

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"


def preferred_encoding(accept_encoding: str | None) -> Literal["gzip", "deflate"] | None:
    """Choose the content coding of a response: the better q-value, gzip on a tie. Spec: RFC 9110, 12.5.3."""
    if not accept_encoding:
        return None
    weights: dict[str, float] = {}
    for item in accept_encoding.lower().split(","):
        name, _, parameters = item.partition(";")
        weights[name.strip()] = _quality(parameters)
    rest = weights.get("*", 0.0)
    gzip, deflate = weights.get("gzip", rest), weights.get("deflate", rest)
    if gzip <= 0 and deflate <= 0:
        return None
    return "gzip" if gzip >= deflate else "deflate"


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    return float(value) if _QVALUE.fullmatch(value.strip()) else 0.0


def _share_name(name: bytes) -> bytes:
    """Return a header's name in lower case; those that browsers send are the same objects for all clients."""
    return _COMMON_NAMES.get(name) or name.lower()


def _tokens(value: str | None) -> list[str]:
    return [token.strip().lower() for token in (value or "").split(",")]
