"""asyncio's TLS, whose connections read into one buffer that they have together.

Each has one of 256 kB of its own else, made in advance: a thousand clients that do not even say what they want, or say
nothing for hours, take 300 MB. What is read is handed on before anybody else reads, so one is enough where the loop
itself reads sockets: a `SelectorEventLoop`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from asyncio.sslproto import SSLProtocol
from typing import Any, final


@final
class SharingProtocol(SSLProtocol):
    """What asyncio has between a socket and a protocol; see `asyncio.loop.start_tls`, which makes one.

    The class, its buffer and that one's view are asyncio's own (Python 3.11 to 3.14). Where another version has other
    names for the buffer, each connection is left with one of its own, of `max_size`.

    Args:
        buffer: of all connections of one loop; that of another thread may read at the same time.
    """

    max_size = 16384  # no more comes out of OpenSSL at once; of the buffer that it has at first, too

    def __init__(self, *args: Any, buffer: bytearray, **options: Any) -> None:
        super().__init__(*args, **options)
        self._ssl_buffer, self._ssl_buffer_view = buffer, memoryview(buffer)


async def shake_hands(
    loop: asyncio.SelectorEventLoop,
    protocol: asyncio.Protocol,
    own: socket.socket,
    context: ssl.SSLContext,
    timeout_s: float,
    buffer: bytearray,
) -> None:
    """Do what `loop.connect_accepted_socket` does, but share the buffer.

    Raises:
        OSError: it is not TLS, or too late, or gone.
    """
    done: asyncio.Future[None] = loop.create_future()
    done.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # nobody may be left to await it
    options = {"server_side": True, "ssl_handshake_timeout": timeout_s}
    tls = SharingProtocol(loop, protocol, context, done, buffer=buffer, **options)
    transport, _ = await loop.connect_accepted_socket(lambda: tls, own)
    try:
        await done
    except BaseException:
        transport.close()
        raise
