"""How a client gets a stream to its server: TCP, perhaps through a proxy, perhaps with TLS on top."""

from __future__ import annotations

import os
import socket
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

import h11
import trio

from socketio_core.checks import check_kind
from socketio_core.trio.answers import NoAnswer, Stream, read_head
from socketio_core.url import ServerAddress, host_of

_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")  # what OpenSSL says of plain HTTP


class DialError(Exception):
    """There is no connection; the text says why."""


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


class Dialer:
    """Opens streams to one server.

    Args:
        ssl_context: for `https` and `wss`; `None` is Python's default, which checks certificates.
    """

    def __init__(self, address: ServerAddress, ssl_context: ssl.SSLContext | None, proxy: Proxy | None) -> None:
        self.address = address
        self.proxy = proxy
        self._ssl_context = ssl_context

    async def dial(self, *, through_tunnel: bool) -> Stream:
        """Return a stream whose other end speaks HTTP for the server.

        Args:
            through_tunnel: with a proxy: have it pass bytes on, and not requests. TLS always goes that way.

        Raises:
            DialError: in words for people.
        """
        address, proxy = self.address, self.proxy
        if proxy is None:
            stream = await _open_tcp(address.host, address.port, "")
        else:
            stream = await _open_tcp(proxy.host, proxy.port, f"proxy {proxy.host}:{proxy.port}: ")
            if through_tunnel or address.is_secure:
                await _closing_on_error(stream, _ask_for_tunnel, stream, address, proxy)
        if not address.is_secure:
            return stream
        if self._ssl_context is None:
            self._ssl_context = ssl.create_default_context()  # 30 ms, in which nothing else runs
        tls = trio.SSLStream(stream, self._ssl_context, server_hostname=address.host, https_compatible=True)
        await _closing_on_error(stream, _shake_hands, tls)
        return tls


async def _closing_on_error(stream: trio.SocketStream, function: Callable[..., Awaitable[None]], *args: object) -> None:
    try:
        await function(*args)
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise


async def _open_tcp(host: str, port: int, who: str) -> trio.SocketStream:
    try:
        return await trio.open_tcp_stream(host, port)
    except OSError as error:
        raise DialError(who + reason_of(error)) from None


async def _shake_hands(tls: trio.SSLStream[trio.SocketStream]) -> None:
    try:
        await tls.do_handshake()
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        cause = error.__cause__
        if isinstance(cause, ssl.SSLCertVerificationError):
            text = f"TLS: the certificate is not trusted: {cause.verify_message} (see ssl_context)"
        elif isinstance(cause, ssl.SSLError):
            hint = " (does the server speak TLS there?)" if cause.reason in _NO_TLS else ""
            text = f"TLS: {cause.reason or cause}{hint}"
        else:
            text = "TLS: the connection was closed during the handshake"
        raise DialError(text) from None


async def _ask_for_tunnel(stream: trio.SocketStream, address: ServerAddress, proxy: Proxy) -> None:
    host = f"[{address.host}]" if ":" in address.host else address.host
    target = f"{host}:{address.port}"
    headers = [(b"host", target.encode("ascii"))]
    if proxy.authorization is not None:
        headers.append((b"proxy-authorization", proxy.authorization))
    connection = h11.Connection(h11.CLIENT)
    request = h11.Request(method=b"CONNECT", target=target.encode("ascii"), headers=headers)
    try:
        await stream.send_all((connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b""))
        head = await read_head(stream, connection)
    except NoAnswer as error:
        raise DialError(f"proxy {error}") from None
    except trio.BrokenResourceError:
        raise DialError("proxy closed the connection") from None
    except h11.RemoteProtocolError as error:
        raise DialError(f"proxy does not speak HTTP: {error}") from None
    if not 200 <= head.status_code < 300:
        reason = head.reason.decode("latin-1")
        raise DialError(f"proxy refused the tunnel: HTTP {head.status_code} {reason}".rstrip())
    if connection.trailing_data[0]:
        raise DialError("proxy sent something before the server could")


def reason_of(error: BaseException) -> str:
    """Return the innermost reasons of an error of the network, each once: `"Connection refused"`."""
    leaves: list[BaseException] = []
    pending: list[BaseException] = [error]
    while pending:
        found = pending.pop(0)
        if isinstance(found, BaseExceptionGroup):
            pending.extend(found.exceptions)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        elif found.__cause__ is not None:
            pending.append(found.__cause__)
        else:
            leaves.append(found)
    texts = dict.fromkeys(_text_of(leaf) for leaf in leaves)
    return ", ".join(text for text in texts if text) or type(error).__name__


def _text_of(error: BaseException) -> str:
    """Return what the system says; asyncio and trio put the address in front of it, which everybody here knows."""
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno)
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
