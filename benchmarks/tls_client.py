"""A TLS connection of a hostile client, which decides itself what becomes a record; and that of an honest one."""

from __future__ import annotations

import _ssl
import ctypes
import socket
import ssl
from functools import cache
from typing import Any, Final, cast

TOGETHER: Final = 2000  # records that are made before they are sent
_READ_BYTES: Final = 65536


@cache
def context() -> ssl.SSLContext:
    """Return a context that trusts everybody."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


class HostileTls:
    """As much of a socket as an attacker needs.

    Args:
        plain: the socket below, which waits for the handshake.
        record_bytes: so much becomes a record; 0 for as much as fits into one.
        changes_keys: sends nothing behind the handshake of HTTP but that the keys change, and are to be changed.
    """

    def __init__(self, plain: socket.socket, record_bytes: int, *, changes_keys: bool) -> None:
        self._plain = plain
        self._record_bytes = record_bytes
        self._changes_keys = changes_keys
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context().wrap_bio(self._incoming, self._outgoing)
        self._unsent = memoryview(b"")
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                plain.sendall(self._outgoing.read())
                self._incoming.write(plain.recv(_READ_BYTES) or _broken())
            else:
                plain.sendall(self._outgoing.read())
                return

    def fileno(self) -> int:
        """Return that of the socket."""
        return self._plain.fileno()

    def settimeout(self, timeout_s: float) -> None:
        """See `socket.socket`."""
        self._plain.settimeout(timeout_s)

    def close(self) -> None:
        """Drop the connection."""
        self._plain.close()

    def recv(self, limit: int) -> bytes:
        """Return what has come; `b""` at the end.

        Raises:
            BlockingIOError: nothing.
        """
        data = self._plain.recv(limit)
        if not data:
            return b""
        self._incoming.write(data)
        read = b""
        try:
            while True:
                read += self._tls.read(limit)
        except ssl.SSLWantReadError:
            if read:
                return read
            raise BlockingIOError from None

    def send(self, data: memoryview) -> int:
        """Send some of it. Returns how much; it may have yet to be sent by the next call.

        Raises:
            BlockingIOError: nothing can be sent now.
        """
        taken = 0
        if not self._unsent:
            taken = self._encrypt(data)
            self._unsent = memoryview(self._outgoing.read())
        try:
            self._unsent = self._unsent[self._plain.send(self._unsent) :]
        except BlockingIOError:
            if not taken:
                raise
        return taken

    def _encrypt(self, data: memoryview) -> int:
        if self._changes_keys and b"HTTP/1.1" not in bytes(data[:200]):
            for _ in range(TOGETHER):
                change_keys(self._tls)
            return self._tls.write(data[:1])
        size = self._record_bytes or len(data)
        part = data[: TOGETHER * size]
        return sum([self._tls.write(part[at : at + size]) for at in range(0, len(part), size)])


def _broken() -> Any:
    raise ConnectionError("the server has ended the connection")


def change_keys(tls: ssl.SSLObject) -> None:
    """Have the keys changed, and ask the server to do so (TLS 1.3): 27 bytes. Python has no name for it."""
    library = _library()
    inner: object = cast("Any", tls)._sslobj
    pointer = ctypes.c_void_p.from_address(id(inner) + 3 * ctypes.sizeof(ctypes.c_void_p))  # behind head and socket
    if library.SSL_key_update(pointer, 1) != 1 or library.SSL_do_handshake(pointer) != 1:
        raise ConnectionError("keys cannot be changed")


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(_ssl.__file__)
    library.SSL_key_update.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.SSL_do_handshake.argtypes = [ctypes.c_void_p]
    return library
