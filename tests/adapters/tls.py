"""TLS at a client's end, over a stream of either loop; and the contexts of both ends."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import trio

from benchmarks.tls_client import change_keys
from tests.adapters.memory import READ_BYTES, Stream

_T = TypeVar("_T")


def server_context(certificate: Path) -> ssl.SSLContext:
    """Return a server's context."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def trusting(certificate: Path) -> ssl.SSLContext:
    """Return the context of a client that trusts this certificate."""
    return ssl.create_default_context(cafile=str(certificate))


class TlsStream:
    """A stream whose other end has a certificate for localhost; it shakes hands when it is first used.

    Attributes:
        below: what carries it, for bytes that are not encrypted.
    """

    def __init__(self, below: Stream, context: ssl.SSLContext) -> None:
        self.below: Any = below
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")

    async def send_all(self, data: bytes) -> None:
        await self._do(lambda: self._tls.write(data))

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        try:
            return await self._do(lambda: self._tls.read(max_bytes or READ_BYTES))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    async def change_keys(self, times: int) -> None:
        """Have the keys changed as often, with one write; not encrypted data, so nothing is read for it."""
        for _ in range(times):
            change_keys(self._tls)
        await self._flush()

    async def aclose(self) -> None:
        """Close what carries it, without a goodbye."""
        await self.below.aclose()

    async def _do(self, step: Callable[[], _T]) -> _T:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                await self._flush()
                data = await self.below.receive_some(READ_BYTES)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                raise
            except ssl.SSLError as error:
                await self._flush()  # what was wrong is for the server, too
                raise trio.BrokenResourceError from error
            else:
                await self._flush()
                return result

    async def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            await self.below.send_all(data)
