"""Accepts connections: some of those who wait, in one turn of asyncio's loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, final

from socketio_core.network.listening import CAPACITY_WAIT_S, accept_more, cannot_accept

if TYPE_CHECKING:
    from socketio_core.asyncio.serve import AsyncioServer

BACKLOG: Final = 1024


@final
class Acceptor:
    """Accepts connections at one listening socket.

    Args:
        server: whose.
        connect: is given each, with the name of its peer.
        listener: the socket.
    """

    def __init__(
        self, server: AsyncioServer, connect: Callable[[socket.socket, Any], object], listener: socket.socket
    ) -> None:
        self._server = server
        self._connect = connect
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None

    async def start_serving(self) -> None:
        """Begin."""
        listener = self._listener
        listener.setblocking(False)  # noqa: FBT003 - the library's signature
        if listener.family in (socket.AF_INET, socket.AF_INET6):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # which connections take over, on Linux
        listener.listen(BACKLOG)
        self._listen()

    def close(self) -> None:
        """Accept no more."""
        if self._pause is not None:
            self._pause.cancel()
        fileno = self._listener.fileno()
        if fileno >= 0:
            self._loop.remove_reader(fileno)
            self._listener.close()

    def _listen(self) -> None:
        self._loop.add_reader(self._listener.fileno(), self._accept)

    def _accept(self) -> None:
        """Accept some of those who wait, if nobody else who listens here was faster."""
        try:
            self._connect(*self._listener.accept())
            for own, name in accept_more(self._listener):
                self._connect(own, name)
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            self._server.log_repeatedly(cannot_accept(error), "accept")
            self._loop.remove_reader(self._listener.fileno())
            self._pause = self._loop.call_later(CAPACITY_WAIT_S, self._listen)
        finally:
            self._server.wake_in_time()  # each has a deadline, though it may never say anything
