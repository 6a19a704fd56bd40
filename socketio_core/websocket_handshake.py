"""The WebSocket handshake over HTTP/1.1, for hosts whose library does not do it. Spec: RFC 6455, 4.

Of a server: the engine's `handle_request` looks at it; if it answers `Upgrade`, the 101 with `accept_headers(request)`
and the headers of the action.

Of a client: `request_headers(key)` beside those of the `ClientWebSocket`, then `problem_of_answer(response, key)`.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Collection, Sequence
from hashlib import sha1
from typing import Final

from socketio_core.checks import TOKEN
from socketio_core.errors import LocalProtocolError
from socketio_core.http import Request, Response

Subprotocols = Collection[str] | Callable[[Request], str | None]
"""Those that a server takes, or a function that chooses one of those a request offers; `None` chooses none."""

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
    offered = offered_subprotocols(request)
    if not all(map(TOKEN.fullmatch, offered)) or len(set(offered)) != len(offered):
        return _refusal(400, b"Sec-WebSocket-Protocol must be a list of different tokens")
    return None


def offered_subprotocols(request: Request) -> list[str]:
    """Return what a client offers, in its order; nothing, if there is no `Sec-WebSocket-Protocol`."""
    value = request.header("sec-websocket-protocol")
    return [] if value is None else [item.strip(" \t") for item in value.split(",")]


def chosen_subprotocol(request: Request, subprotocols: Subprotocols | None = None) -> str | None:
    """Return the subprotocol for the 101: the first one offered that is taken, whichever it is unless they are named.

    Browsers close a connection whose server chooses none of those offered. npm's ws chooses the first one, too.

    Raises:
        LocalProtocolError: the function chose one that was not offered.
    """
    offered = offered_subprotocols(request)
    if not offered:
        return None
    if not callable(subprotocols):
        return next((name for name in offered if subprotocols is None or name in subprotocols), None)
    chosen = subprotocols(request)
    if chosen is not None and chosen not in offered:
        raise LocalProtocolError(f"subprotocol was not offered: {chosen!r}")
    return chosen


def accept_headers(request: Request, subprotocols: Subprotocols | None = None) -> list[tuple[bytes, bytes]]:
    """Return the headers of the 101, for a request that `refused_handshake` let pass; see `chosen_subprotocol`.

    Raises:
        LocalProtocolError: the function chose a subprotocol that was not offered.

    Spec: RFC 6455, 4.2.2.
    """
    token = _accept_token((request.header("sec-websocket-key") or "").encode("latin-1"))
    headers = [(b"upgrade", b"websocket"), (b"connection", b"Upgrade"), (b"sec-websocket-accept", token)]
    subprotocol = chosen_subprotocol(request, subprotocols)
    if subprotocol is not None:
        headers.append((b"sec-websocket-protocol", subprotocol.encode("ascii")))
    return headers


def request_headers(key: bytes, subprotocols: Sequence[str] = ()) -> list[tuple[bytes, bytes]]:
    """Return the headers with which a client asks for a WebSocket.

    Args:
        key: 16 random bytes, new ones for each handshake.
        subprotocols: those that are offered, the best one first.

    Spec: RFC 6455, 4.1.
    """
    headers = [(b"upgrade", b"websocket"), (b"connection", b"Upgrade"), (b"sec-websocket-version", _VERSION)]
    headers.append((b"sec-websocket-key", b64encode(key)))
    if subprotocols:
        headers.append((b"sec-websocket-protocol", ", ".join(subprotocols).encode("ascii")))
    return headers


def problem_of_answer(
    response: Response, key: bytes, *, offered_extensions: bool = False, subprotocols: Sequence[str] = ()
) -> str | None:
    """Say what is wrong with a server's 101; `None` when the WebSocket is open.

    A server that chooses none of the subprotocols offered has not understood the client: browsers and npm's ws close
    the connection then, too.

    Args:
        subprotocols: those that were offered.
        offered_extensions: whether extensions were asked for; which of them were agreed on is the host's to see.

    Spec: RFC 6455, 4.1.
    """
    answer = Request("GET", "/", response.headers, scheme="http")  # headers are looked up in the same way
    if (answer.header("upgrade") or "").lower() != "websocket":
        return "101 without 'Upgrade: websocket'"
    if "upgrade" not in [token.strip().lower() for token in (answer.header("connection") or "").split(",")]:
        return "101 without 'Connection: Upgrade'"
    if answer.header("sec-websocket-accept") != _accept_token(b64encode(key)).decode("ascii"):
        return "101 with a wrong Sec-WebSocket-Accept"
    chosen = answer.header("sec-websocket-protocol")
    if chosen is None and subprotocols:
        return f"101 with none of the subprotocols offered: {', '.join(subprotocols)}"
    if chosen is not None and chosen not in subprotocols:
        return "101 with a subprotocol that was not asked for"
    if answer.header("sec-websocket-extensions") is not None and not offered_extensions:
        return "101 with an extension that was not asked for"
    return None


def _accept_token(key: bytes) -> bytes:
    return b64encode(sha1(key + _GUID, usedforsecurity=False).digest())


def _refusal(status: int, text: bytes, *headers: tuple[bytes, bytes]) -> Response:
    length = b"%d" % len(text)
    own = [(b"connection", b"close"), (b"content-type", b"text/plain"), (b"content-length", length)]
    return Response(status, [*headers, *own], text)
