"""How the suite reaches a server: by TCP or TLS, or in memory."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import trio

CONNECT_S = 5.0


class Wire(Protocol):
    """The way to one server."""

    @property
    def authority(self) -> str:
        """What goes into the `Host` header."""
        ...

    @property
    def origin(self) -> str:
        """The server's own origin, e.g. `"http://127.0.0.1:3000"`."""
        ...

    async def connect(self, source: str | None = None) -> trio.abc.HalfCloseableStream | trio.abc.Stream:
        """Open a connection.

        Args:
            source: the address that it comes from, where this machine has several.
        Raises:
            OSError, trio.TooSlowError: it cannot be opened.
        """
        ...


@dataclass(frozen=True)
class NetworkWire:
    """A server at a URL."""

    host: str
    port: int
    is_tls: bool

    @classmethod
    def to(cls, url: str) -> NetworkWire:
        """Return the wire to the server at `url`, of which only scheme, host and port count.

        Raises:
            ValueError: it is no `http` or `https` URL.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not a URL of a server, as http://127.0.0.1:3000 is: {url!r}")
        is_tls = parts.scheme == "https"
        return cls(parts.hostname, parts.port or (443 if is_tls else 80), is_tls)

    @property
    def authority(self) -> str:
        """See `Wire`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """See `Wire`."""
        return f"{'https' if self.is_tls else 'http'}://{self.authority}"

    async def connect(self, source: str | None = None) -> trio.abc.Stream:
        """See `Wire`; certificates are not verified, for what is tested is a server on its developer's machine."""
        with trio.fail_after(CONNECT_S):
            stream = await trio.open_tcp_stream(self.host, self.port, local_address=source)
            if not self.is_tls:
                return stream
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            secure = trio.SSLStream(stream, context, server_hostname=self.host, https_compatible=True)
            await secure.do_handshake()
            return secure
