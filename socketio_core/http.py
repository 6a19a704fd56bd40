"""What HTTP means to Engine.IO: requests, responses, query, origin policy, CORS, cookies. No bytes on any wire.

A host hands over method, target and headers as its HTTP library parsed them, and writes the `Response` it is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import parse_qsl

from socketio_core.checks import TOKEN, check_count, check_function, check_switch, decide

Headers = Sequence[tuple[bytes, bytes]]
"""Header names (lower case) and values as raw bytes, e.g. `[(b"host", b"example.org")]`."""

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
HTTP_OF = {"ws": "http", "wss": "https"}  # as Swift's WebSocket library writes an Origin, and proxies a scheme
_ORIGIN = re.compile(  # as browsers send it; a slash at the end is often written, and does no harm
    r"[A-Za-z][A-Za-z0-9+.-]*://(\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]\\%]+)(:(?P<port>0|[1-9][0-9]{0,4}))?/?", re.ASCII
)
MAX_PORT: Final = 65535
_DOMAIN = re.compile(r"\.?[0-9A-Za-z_]([0-9A-Za-z_.-]*[0-9A-Za-z])?")
_HTTP_DATE = re.compile(  # RFC 9110, 5.6.7
    r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
)
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

_CONTROL_BYTES = bytes([*range(9), *range(10, 32), 127])  # what an Origin header may not hold (PROTOCOL 6.2)


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
        *("_fields", "_headers", "_host", "_is_kept", "_packed", "_query"),
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
        self._headers: list[tuple[bytes, bytes]] = [(_share_name(name), value) for name, value in headers]
        self._fields: dict[bytes, bytes] | None = None  # once one was asked for; the same headers, by their names
        self._packed: bytes | None = None
        self._is_kept = False
        self.address = address
        self.scheme = scheme
        self._host: str | None = None  # by a proxy
        self._query: dict[str, str] | None = None

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
        self._headers, self._packed, self._fields = headers, None, None

    def pack(self) -> None:
        """Make it small, for it is kept as long as a session: what is asked of it is read anew each time.

        A client can have a hundred headers and a thousand fields in its query, an object each.
        """
        self._query = self._fields = None
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
        target = self.target
        if not target.startswith("/"):  # absolute form, which a server must accept (RFC 9112, 3.2.2)
            _, found, rest = target.partition("://")
            if found:
                slash = rest.find("/")
                target = rest[slash:] if slash >= 0 else "/"
        return target.partition("?")[0]

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

    def header(self, name: str) -> str | None:
        """Return the value of a header, decoded as Latin-1; repeated ones are joined by `", "`; `None` if absent."""
        fields = self._fields
        if fields is None:
            fields = {}
            for key, value in self.headers:
                fields[key] = value if key not in fields else b"%b, %b" % (fields[key], value)
            if not self._is_kept:
                self._fields = fields
        found = fields.get(name.lower().encode("latin-1"))
        return None if found is None else found.decode("latin-1").strip()

    @property
    def is_websocket_upgrade(self) -> bool:
        """Whether the client asks for a WebSocket (RFC 6455, 4.2.1; version and key are the host's to check)."""
        if self.method != "GET" or (self.header("upgrade") or "").lower() != "websocket":
            return False
        return "upgrade" in _tokens(self.header("connection"))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """The session cookie; the defaults are those of the reference (PROTOCOL 1.5)."""

    name: str = "io"
    path: str | None = "/"
    domain: str | None = None
    max_age_s: int | None = None
    expires: str | None = None
    http_only: bool = True
    secure: bool = False
    same_site: Literal["lax", "strict", "none"] | None = "lax"

    def __post_init__(self) -> None:
        """Refuse attributes that would break out of the header, and cookies that no browser keeps or sends back."""
        for name in ("name", "path", "domain", "expires"):
            value: object = getattr(self, name)
            if value is None and name != "name":
                continue
            if not isinstance(value, str):
                raise TypeError(f"cookie {name} must be a string, not: {value!r}")
            if not (value.isascii() and value.isprintable()) or ";" in value:
                raise ValueError(f"illegal character in a cookie attribute: {value!r}")
        for name in ("http_only", "secure"):
            check_switch(f"cookie {name}", getattr(self, name))
        if self.max_age_s is not None:
            check_count("cookie max_age_s", self.max_age_s)  # with 0 it is gone at once
        self._check_texts()
        self._check_demands()

    def _check_texts(self) -> None:
        if not TOKEN.fullmatch(self.name):
            raise ValueError(f"cookie name must be a token without spaces and '=', as in 'io': {self.name!r}")
        if self.path is not None and not self.path.startswith("/"):
            raise ValueError(f"cookie path must begin with '/', as in '/': {self.path!r}")
        if self.domain is not None and not _DOMAIN.fullmatch(self.domain):
            raise ValueError(
                f"cookie domain must be a name without scheme and port, as in 'a.example': {self.domain!r}"
            )
        if self.expires is not None and not _HTTP_DATE.fullmatch(self.expires):
            example = "Thu, 01 Jan 2026 00:00:00 GMT"
            raise ValueError(f"cookie expires must be a date as in '{example}' (or use max_age_s): {self.expires!r}")

    def _check_demands(self) -> None:
        """Check what browsers demand of some cookies, and drop them silently otherwise (RFC 6265bis, 5.7)."""
        same_site: Any = self.same_site  # not everybody checks types
        if same_site is not None and not (
            isinstance(same_site, str) and same_site.lower() in ("lax", "strict", "none")
        ):
            raise ValueError(f"cookie same_site must be 'lax', 'strict', 'none' or None, not: {same_site!r}")
        if isinstance(same_site, str) and same_site.lower() == "none" and not self.secure:
            raise ValueError("cookie same_site='none' needs secure=True")
        prefix = self.name.lower()
        if prefix.startswith(("__secure-", "__host-")) and not self.secure:
            raise ValueError(f"cookie of this name needs secure=True: {self.name!r}")
        if prefix.startswith("__host-") and (self.path != "/" or self.domain is not None):
            raise ValueError(f"cookie of this name needs path='/' and no domain: {self.name!r}")

    def header_value(self, sid: str) -> bytes:
        """Return the value of `Set-Cookie`, e.g. `b"io=Xk3...; Path=/; HttpOnly; SameSite=Lax"`."""
        parts = [f"{self.name}={sid}"]
        if self.max_age_s is not None:
            parts.append(f"Max-Age={self.max_age_s}")
        if self.domain is not None:
            parts.append(f"Domain={self.domain}")
        if self.path is not None:
            parts.append(f"Path={self.path}")
        if self.expires is not None:
            parts.append(f"Expires={self.expires}")
        if self.http_only:
            parts.append("HttpOnly")
        if self.secure:
            parts.append("Secure")
        if self.same_site is not None:
            parts.append(f"SameSite={self.same_site.capitalize()}")
        return "; ".join(parts).encode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cors:
    """Which other origins may use the server from a browser.

    Pages of the server's own origin always may, and without a `Cors` only they. Unlike the reference, a refused origin
    is not served (PROTOCOL 9-53), and the policy covers WebSockets too, which browsers themselves do not restrict.

    Args:
        origins: `"*"` (everyone, without credentials), a collection of origins such as `"https://example.org"`,
            or a function that is asked with each origin that is not the server's own.
        credentials: whether cookies may be sent; not together with `"*"`.
    """

    origins: Literal["*"] | Collection[str] | Callable[[str], bool]
    credentials: bool = False
    methods: Sequence[str] = ("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE")  # as npm's cors
    allowed_headers: Sequence[str] | None = None  # None: whatever the preflight asks for
    exposed_headers: Sequence[str] = ()
    max_age_s: int | None = None

    def __post_init__(self) -> None:
        """Refuse what would open more, or less, than it says, and what can never match."""
        check_switch("cors credentials", self.credentials)
        if self.origins == "*":
            if self.credentials:
                raise ValueError("cors origins '*' cannot be combined with credentials: name the origins")
        elif isinstance(self.origins, str):
            raise ValueError(f"cors origins must be '*', a list or a function, not a single string: {self.origins!r}")
        elif callable(self.origins):
            check_function("cors origins", self.origins, may_wait=False)
        else:
            if not isinstance(self.origins, Collection):  # pyright: ignore[reportUnnecessaryIsInstance] - by the unwary
                raise TypeError(f"cors origins must be '*', a list or a function, not: {self.origins!r}")
            for origin in self.origins:
                _check_origin(origin)
        for name in ("methods", "allowed_headers", "exposed_headers"):
            tokens: object = getattr(self, name)
            is_open = tokens is None and name == "allowed_headers"
            if not is_open and not _are_tokens(tokens):
                raise ValueError(f"cors {name} must be a list of names, as in ['GET'], not: {tokens!r}")
        if self.max_age_s is not None and type(self.max_age_s) is not int:
            raise TypeError(f"cors max_age_s must be a whole number or None, not: {self.max_age_s!r}")


def _check_origin(origin: object) -> None:
    if not isinstance(origin, str):
        raise TypeError(f"cors origin must be a string, as in 'https://app.example': {origin!r}")
    if origin in ("null", "file://"):  # of sandboxed frames and files; the second in the web views of old phones
        return
    if origin == "*":
        raise ValueError("cors origins '*' must stand alone, not in a list")
    if "*" in origin:
        raise ValueError(f"cors origin must not hold a wildcard, use a function that decides: {origin!r}")
    if "://" not in origin:
        raise ValueError(f"cors origin must have a scheme, as in 'https://app.example': {origin!r}")
    if not origin.isascii():
        raise ValueError(f"cors origin must be in ASCII, as browsers send it ('https://xn--...'): {origin!r}")
    match = _ORIGIN.fullmatch(origin)
    if match is None or int(match["port"] or 0) > MAX_PORT:
        raise ValueError(f"cors origin must be scheme, host and port alone, as in 'https://app.example': {origin!r}")


def _are_tokens(values: object) -> bool:
    if isinstance(values, str) or not isinstance(values, Sequence):
        return False
    items: Sequence[object] = values  # pyright: ignore[reportUnknownVariableType] # anything at all, as far as we know
    return all(isinstance(item, str) and TOKEN.fullmatch(item) for item in items)


def refused_origin(request: Request, cors: Cors | None) -> str | None:
    """Say why the origin of `request` is refused, or return `None` when it may go on.

    A request without an `Origin` header does not come from a page of another site, and passes.
    The text is for the server's log: it names what was expected.
    """
    origin = request.header("origin")
    if origin is None or (cors is not None and cors.origins == "*"):
        return None
    host = request.host
    own = f"{request.scheme}://{host}" if host else "an origin equal to the Host header, which is missing"
    asked = _normalize(origin)
    if host and asked == _normalize(own):
        return None
    if cors is None:
        return f"origin {origin!r} is not the server's own; expected {own!r} (set `cors` to admit others)"
    if callable(cors.origins):
        is_welcome = decide("cors origins", cors.origins, origin)
        return None if is_welcome else f"origin {origin!r} was refused by the `cors` function"
    if asked in {_normalize(allowed) for allowed in cors.origins}:
        return None
    return f"origin {origin!r} is not allowed; expected {own!r} or one of {sorted(cors.origins)!r}"


def has_illegal_origin(request: Request) -> bool:
    """Whether the `Origin` header holds control characters (PROTOCOL 6.2)."""
    return any(name == b"origin" and value.translate(None, _CONTROL_BYTES) != value for name, value in request.headers)


def cors_headers(request: Request, cors: Cors | None) -> list[tuple[bytes, bytes]]:
    """Return the CORS headers of an ordinary response; none without a policy. Spec: PROTOCOL 4.10."""
    if cors is None:
        return []
    headers: list[tuple[bytes, bytes]] = []
    if cors.origins == "*":
        headers.append((b"access-control-allow-origin", b"*"))
    else:
        origin = request.header("origin")
        if origin is not None and refused_origin(request, cors) is None:
            headers.append((b"access-control-allow-origin", origin.encode("latin-1")))
            if cors.credentials:
                headers.append((b"access-control-allow-credentials", b"true"))
        headers.append((b"vary", b"Origin"))
    if cors.exposed_headers:
        headers.append((b"access-control-expose-headers", ",".join(cors.exposed_headers).encode("latin-1")))
    return headers


def preflight_response(request: Request, cors: Cors) -> Response:
    """Answer an OPTIONS request: 204, allowed or not, as the reference does. Spec: PROTOCOL 4.10."""
    headers = cors_headers(request, cors)
    headers.append((b"access-control-allow-methods", ",".join(cors.methods).encode("latin-1")))
    if cors.allowed_headers is not None:
        headers.append((b"access-control-allow-headers", ",".join(cors.allowed_headers).encode("latin-1")))
    else:
        asked = request.header("access-control-request-headers")
        if asked:
            headers.append((b"access-control-allow-headers", asked.encode("latin-1")))
        headers.append((b"vary", b"Access-Control-Request-Headers"))
    if cors.max_age_s is not None:
        headers.append((b"access-control-max-age", str(cors.max_age_s).encode("ascii")))
    headers.append((b"content-length", b"0"))
    return Response(204, headers)


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


def _normalize(origin: str) -> str:
    """Return an origin as it compares: lower case, no default port (RFC 6454, 4), and `ws` is `http` here."""
    scheme, found, rest = origin.lower().rstrip("/").partition("://")
    scheme = HTTP_OF.get(scheme, scheme)
    return f"{scheme}{found}{rest}".removesuffix(_DEFAULT_PORTS.get(scheme, " "))
