"""The server's half of the WebSocket handshake over HTTP/1.1, for hosts whose library does not do it.

Between the two calls comes the engine: `refused_handshake(request)`, then `handle_request`; if that answers `Upgrade`,
the 101 with `accept_headers(request)` and the headers of the action. Spec: RFC 6455, 4.2.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from hashlib import sha1
from typing import Final

from socketio_core.http import Request, Response

KEY_BYTES: Final = 16  # RFC 6455, 4.2.1

_VERSION: Final = b"13"  # RFC 6455, 4.2.1
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


def refused_handshake(request: Request) -> Response | None:
    """Return the answer to a bad WebSocket handshake; `None` to a good one, and to a request for no WebSocket at all.

    The connection is to be closed behind the answer, for what follows could be anything.

    Spec: RFC 6455, 4.2.1.
    """
    if not request.is_websocket_upgrade:
        return None
    if request.header("sec-websocket-version") != _VERSION.decode("ascii"):
        return _refusal(426, b"WebSocket version 13 is needed", (b"sec-websocket-version", _VERSION))
    if (request.header("content-length") or "0") != "0" or request.header("transfer-encoding") is not None:
        return _refusal(400, b"a WebSocket handshake must not have a body")
    try:
        key = b64decode(request.header("sec-websocket-key") or "", validate=True)
    except (Base64Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        return _refusal(400, b"Sec-WebSocket-Key must be 16 bytes in base64")
    return None


def accept_headers(request: Request) -> list[tuple[bytes, bytes]]:
    """Return the headers of the 101, for a request that `refused_handshake` let pass.

    Spec: RFC 6455, 4.2.2.
    """
    key = (request.header("sec-websocket-key") or "").encode("latin-1")
    token = b64encode(sha1(key + _GUID, usedforsecurity=False).digest())
    return [(b"upgrade", b"websocket"), (b"connection", b"Upgrade"), (b"sec-websocket-accept", token)]


def _refusal(status: int, text: bytes, *headers: tuple[bytes, bytes]) -> Response:
    length = b"%d" % len(text)
    own = [(b"connection", b"close"), (b"content-type", b"text/plain"), (b"content-length", length)]
    return Response(status, [*headers, *own], text)
