"""TLS handshakes of a server, counted from the accept on: who stalls in one costs a descriptor and a task."""

from __future__ import annotations

import asyncio
import socket
import ssl
from functools import partial
from typing import TYPE_CHECKING, Any, final

from socketio_core.asyncio.record_socket import RecordSocket
from socketio_core.asyncio.runtime import through
from socketio_core.asyncio.server_connection import ServerConnection
from socketio_core.asyncio.sharing import shake_hands
from socketio_core.network.records import READ_BYTES, Crowd, Records

if TYPE_CHECKING:
    from socketio_core.asyncio.serve import AsyncioServer


@final
class Handshakes:
    """Those of one server, at all its listening sockets."""

    def __init__(self, server: AsyncioServer, context: ssl.SSLContext) -> None:
        self._server = server
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._shaking: set[socket.socket] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._buffer = bytearray(READ_BYTES)  # that all read into, where the loop allows it
        self._crowd = Crowd(self._loop.call_soon)

    def begin(self, own: socket.socket, name: Any) -> None:
        """Shake hands at a socket that was accepted, and then serve; one too many is closed, in silence.

        Args:
            own: nobody else's.
            name: of the peer, as the accept said it.
        """
        limit = self._server.site.serving.limits.max_connections
        if limit is not None and len(self._shaking) >= limit:
            own.close()
            return
        own = RecordSocket(own, Records(self._crowd))
        self._shaking.add(own)
        task = self._loop.create_task(self._shake_hands(own, name))
        self._tasks.add(task)
        task.add_done_callback(partial(self._forget, own))

    def cancel(self) -> None:
        """Give up those that are not through."""
        for task in self._tasks:
            task.cancel()

    async def end(self) -> None:
        """`cancel`, and wait until all has ended."""
        self.cancel()
        await through(self._tasks)

    def _forget(self, own: socket.socket, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if own in self._shaking:  # it was cancelled before it began
            self._shaking.discard(own)
            own.close()

    async def _shake_hands(self, own: RecordSocket, name: Any) -> None:
        server = self._server
        try:
            connect = partial(ServerConnection, server, own.family, is_tls=True, name=name)
            header_s = server.site.timeouts.header_s
            if isinstance(self._loop, asyncio.SelectorEventLoop):
                await shake_hands(self._loop, connect(), own, self._context, header_s, self._buffer)
            else:  # uvloop's, and that of Windows, read in ways of their own
                await self._loop.connect_accepted_socket(
                    connect, own, ssl=self._context, ssl_handshake_timeout=header_s
                )
        except OSError as error:  # not TLS, too late, or gone
            own.close()  # there may be no transport yet that does
            _forget_frames(error)
        except Exception as error:  # noqa: BLE001 - asyncio would say that nobody retrieved it
            own.close()
            server.log_exception("a TLS handshake failed", error)
        finally:
            own.records.is_shaking_hands = False
            self._shaking.discard(own)


def _forget_frames(error: BaseException | None) -> None:
    """Let go of what asyncio's frames hold of a handshake: they hold the error too, so nothing would be freed soon."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__
