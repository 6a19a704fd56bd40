"""Which pages of other origins may use a server, and what browsers are told of that. Spec: PROTOCOL 4.10."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from socketio_core.checks import TOKEN, check_function, check_switch, decide
from socketio_core.http import HTTP_OF, MAX_PORT, Request, Response

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_ORIGIN = re.compile(  # as browsers send it; a slash at the end is often written, and does no harm
    r"[A-Za-z][A-Za-z0-9+.-]*://(\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]\\%]+)(:(?P<port>0|[1-9][0-9]{0,4}))?/?", re.ASCII
)
_CONTROL_BYTES = bytes([*range(9), *range(10, 32), 127])  # what an Origin header may not hold (PROTOCOL 6.2)


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
    origin = request.raw_header(b"origin")
    return origin is not None and origin.translate(None, _CONTROL_BYTES) != origin


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


def _normalize(origin: str) -> str:
    """Return an origin as it compares: lower case, no default port (RFC 6454, 4), and `ws` is `http` here."""
    scheme, found, rest = origin.lower().rstrip("/").partition("://")
    scheme = HTTP_OF.get(scheme, scheme)
    return f"{scheme}{found}{rest}".removesuffix(_DEFAULT_PORTS.get(scheme, " "))
