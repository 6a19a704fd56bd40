"""Plain sockets are read by one task for all of them, so that an idle one costs none.

An `epoll` of our own holds the sockets, and trio waits for the `epoll` itself. The task that finds some of them ready
reads them and runs their handlers, one socket after another, and writes once for all at the end of the round. When a
handler is about to wait, another task takes over the watching, and this one becomes the handler's. What was not come
to in the round is still ready in the next one.

TLS, memory streams and systems without `epoll` have a task for each connection: see `pump`.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import trio

from socketio_core.app.handover import Handover
from socketio_core.trio.interrupts import work

if TYPE_CHECKING:
    from socketio_core.trio.pump import Pump
    from socketio_core.trio.serve import Service

CAN_WATCH: Final = sys.platform == "linux"
ROUND_SOCKETS: Final = 64  # that are read before it is the turn of other tasks


class Watcher:
    """Watches the connections of one server; `run` is spawned once, and then sees to itself."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._epoll = select.epoll()
        self._wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._wakeup, select.EPOLLIN)
        self._watched: dict[int, Pump] = {}
        self._behind: dict[Pump, None] = {}  # what was read of them waits for its turn; in order
        self._watching: object = None  # whichever task watches
        self._is_waiting = False  # it does, and must be woken for what is behind
        self._is_stopped = False

    def watch(self, fileno: int, connection: Pump) -> None:
        """Read a connection from now on."""
        self._watched[fileno] = connection
        self._epoll.register(fileno, select.EPOLLIN)

    def unwatch(self, fileno: int) -> None:
        """Read a connection no more; to be called before its socket is closed, too."""
        del self._watched[fileno]
        self._epoll.unregister(fileno)

    def give_turn(self, connection: Pump) -> None:
        """Something that was read of it waits for its turn: it comes in the next round."""
        self._behind[connection] = None
        if self._is_waiting:
            self._is_waiting = False
            os.eventfd_write(self._wakeup, 1)

    def stop(self) -> None:
        """End the watching."""
        self._is_stopped = True
        os.eventfd_write(self._wakeup, 1)

    def close(self) -> None:
        """Free what the system keeps for it; nothing is watched any more."""
        self._epoll.close()
        os.close(self._wakeup)

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Watch until stopped, or until another task has taken over."""
        host, runtime, fileno = self._service.host, self._service.runtime, self._epoll.fileno()
        self._watching = me = object()
        while not self._is_stopped:
            if self._behind:
                await trio.lowlevel.checkpoint()
            else:
                self._is_waiting = True
                await trio.lowlevel.wait_readable(fileno)
                self._is_waiting = False
            runtime.is_corked = True
            try:
                for connection in self._turns():
                    try:
                        inboxes = host.dispatch()
                        for inbox in inboxes[1:]:  # they must not wait for the first one
                            runtime.spawn(inbox.work)
                        for inbox in inboxes[:1]:
                            await Handover(work(inbox), self._hand_over)
                    except Exception as error:  # noqa: BLE001 - it must not end the server
                        connection.fail(error)
                    except KeyboardInterrupt as error:  # the handler's: all are told of the end, so this task reads on
                        runtime.interrupted(error)
                    if self._watching is not me:
                        return
            finally:
                if self._watching is me:
                    runtime.is_corked = False
            runtime.flush_safely()

    def _turns(self) -> Iterator[Pump]:
        """Let each connection that is ready, or has more, have its turn, and yield it for its handlers to run."""
        for connection in list(self._behind):  # the rest stays there when another task takes over
            del self._behind[connection]
            connection.proceed()
            yield connection
        for fileno, _ in self._epoll.poll(0, ROUND_SOCKETS):
            found = self._watched.get(fileno)  # `None`: closed in this very round, or the wake-up
            if found is not None:
                if found.read_now():
                    yield found
            elif fileno == self._wakeup:
                os.eventfd_read(fileno)

    def _hand_over(self) -> None:
        """A handler is about to wait: let another task watch."""
        runtime = self._service.runtime
        runtime.is_corked = False
        self._watching = None
        runtime.start_soon(self.run)
        # Not flush(): that may wake what this very task is about to wait for, before it does.
        runtime.output_ready()
