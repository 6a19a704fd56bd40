"""What an engine sees of an ASGI scope."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final
from urllib.parse import quote

from socketio_core.http import HTTP_OF, Headers, Request

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_HANDSHAKE: Final[Headers] = [
    (b"upgrade", b"websocket"),
    (b"connection", b"Upgrade"),
    (b"sec-websocket-version", b"13"),
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
]
_READ_BY_SERVER: Final = frozenset({b"upgrade", b"connection", b"sec-websocket-protocol"})
_SAFE: Final = "/:@!$&'()*+,;=-._~"
_PLAIN_PATH: Final = re.compile(r"[A-Za-z0-9/._-]*")  # most are; benchmarks: connect


def request_of(scope: Scope, path: str) -> Request:
    """Return what an engine sees of a scope; `path` is behind the root path, and decoded."""
    target = path if _PLAIN_PATH.fullmatch(path) else quote(path, safe=_SAFE, errors="surrogatepass")
    if query := scope.get("query_string"):
        target += "?" + query.decode("latin-1")
    headers: Headers = scope["headers"]
    is_websocket = scope["type"] == "websocket"
    if is_websocket:
        headers = _handshake_of(headers, scope.get("subprotocols") or ())
    client = scope.get("client")
    scheme: str = scope.get("scheme", "http")
    request = Request(
        "GET" if is_websocket else scope["method"],
        target,
        headers,
        address=str(client[0]) if client else "",
        scheme=HTTP_OF.get(scheme, scheme),
        scope=scope,
    )
    if not is_websocket and request.is_websocket_upgrade:  # the server has made none of it
        request.headers = [(name, value) for name, value in request.headers if name != b"upgrade"]
    return request


def _handshake_of(headers: Headers, subprotocols: Iterable[str]) -> Headers:
    """Return the headers of a handshake that the server has done, as it has read them.

    Some it may keep to itself, and over HTTP/2 there are none. Where a client sends one twice servers differ in which
    counts, and fail if they are told of another: hypercorn on trio as a whole.
    """
    kept = [(name, value) for name, value in headers if name.lower() not in _READ_BY_SERVER]
    names = {name.lower() for name, _ in kept}
    if offered := ", ".join(subprotocols):
        kept.append((b"sec-websocket-protocol", offered.encode("utf-8", "surrogatepass")))
    return [*kept, *[(name, value) for name, value in _HANDSHAKE if name not in names]]
