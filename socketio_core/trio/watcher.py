"""Plain sockets are read by one task for all of them, so that an idle one costs none.

The task that finds some of them ready (see `network.watching`) reads them, then runs their handlers, one after another,
and writes once for all at the end of the round. When a handler is about to wait, another task takes over the watching,
and this one becomes the handler's. What was read and waits for its turn comes between two rounds, and with the site's
time when nobody watches.

TLS, memory streams and systems without `epoll` have a task for each connection: see `pump`.
"""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING, Final

import trio

from socketio_core.app.handover import Rest
from socketio_core.network.watching import ROUND_SOCKETS, Watching

if TYPE_CHECKING:
    from socketio_core.trio.serve import Service

_MOST_WAITS: Final = 63  # between two looks at a server that has little to do


class Watcher(Watching):
    """Watches the connections of one server; `run` is spawned once, and then sees to itself."""

    def __init__(self, service: Service) -> None:
        self._service = service
        super().__init__()
        self._wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)  # is ready when all is over
        self._epoll.register(self._wakeup, select.EPOLLIN)
        self._is_stopped = False
        self._waits = self._waits_left = 0  # between two looks whether somebody is ready, and before the next one

    def stop(self) -> None:
        """End the watching."""
        self._is_stopped = True
        os.eventfd_write(self._wakeup, 1)

    def close(self) -> None:
        """See `Watching`."""
        super().close()
        os.close(self._wakeup)

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Watch until stopped, or until another task has taken over.

        Where much comes somebody is ready again by the time that other tasks had their turn, and to look costs half of
        what it does to wait (benchmarks: server). Where little comes to look is in vain, and is done less and less.
        """
        runtime, fileno, dispatch = self._service.runtime, self._epoll.fileno(), self._service.host.dispatch
        is_behind = False
        while not self._is_stopped:
            ready: list[tuple[int, int]] = []
            if is_behind or not self._waits_left:
                await trio.lowlevel.checkpoint()
                ready = self._epoll.poll(0, ROUND_SOCKETS)
                if not is_behind:
                    self._waits = self._waits // 2 if ready else min(2 * self._waits + 1, _MOST_WAITS)
                    self._waits_left = self._waits
            if not (ready or is_behind):
                self._waits_left -= 1
                await trio.lowlevel.wait_readable(fileno)
                ready = self._ready()
            runtime.is_corked = True
            rest: Rest | None = None
            try:
                while ready and rest is None:
                    runtime.is_corked = True
                    ready = self._read(ready, runtime.clock())
                    rest = runtime.handle(dispatch())
                if is_behind and rest is None:
                    runtime.flush_round()  # a turn may take long
                    runtime.is_corked = True
                    runtime.do_what_is_due(runtime.clock())
                    rest = runtime.handle(dispatch())
            except Exception as error:  # noqa: BLE001 - it must not end the server
                runtime.log_exception("what has arrived could not be told", error)
            finally:
                runtime.is_corked = False
            if rest is not None:
                runtime.gives_turns = False
                await runtime.hand_over(rest, self.run)
                return
            is_behind = runtime.gives_turns = runtime.flush_round()
        runtime.gives_turns = False
