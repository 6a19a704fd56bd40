"""Plain sockets of a server have no transports: they are accepted, read and written here (see `network.watching`).

The loop waits for one descriptor for all of them, and for those that listen. What was read is handled, and what that
brings is written, by the runner. TLS, and loops that wait for no descriptors, have transports: see `connection`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from socketio_core.network.watching import Watching

if TYPE_CHECKING:
    from socketio_core.asyncio.serve import AsyncioServer


class Watcher(Watching):
    """Watches the connections of one server.

    Raises:
        NotImplementedError: the loop cannot wait for a descriptor.
    """

    def __init__(self, server: AsyncioServer) -> None:
        super().__init__()
        self._server = server
        self._left: list[tuple[int, int]] = []  # who was found ready, and has not been read
        self._loop = asyncio.get_running_loop()
        try:
            self._loop.add_reader(self._epoll.fileno(), self._look)
        except NotImplementedError:
            self._epoll.close()
            raise

    def close(self) -> None:
        """See `Watching`."""
        self._loop.remove_reader(self._epoll.fileno())
        super().close()

    def _look(self) -> None:
        server = self._server
        ready, self._left = self._left or self._ready(), []
        try:
            self._left = self._read(ready, server.now())
        except Exception as error:  # noqa: BLE001 - it must not end the server
            server.log_exception("what has arrived could not be told", error)
        server.wake_now()
