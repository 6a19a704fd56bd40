"""One connection of a server on trio: bytes from a stream to its wire, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from socketio_core.network.runtime import DROPPED
from socketio_core.trio.direct import DirectStream
from socketio_core.trio.writer import BROKEN, Writer
from socketio_core.wire import Wire
from socketio_core.wire.base import ALL_FIRST_PIECES, FEW_PIECES

if TYPE_CHECKING:
    from socketio_core.trio.serve import Service
    from socketio_core.trio.watcher import Watcher

_MUCH_LEFT: Final = ALL_FIRST_PIECES - FEW_PIECES


class Pump(Writer[Wire]):
    """Reads, has handlers run, and writes.

    A plain socket is read by the server's watcher, where there is one. For others, reading and handling share a task
    (`run`) until a handler waits; then another task reads on. Writing needs no task while the socket takes the bytes at
    once; when it does not, a task waits for it and then ends.
    """

    __slots__ = ("_direct", "_is_watched", "_service", "_wanted", "_watcher")

    def __init__(self, service: Service, stream: trio.abc.Stream, wire: Wire) -> None:
        self._service = service
        super().__init__(wire)
        self._direct = DirectStream(stream)
        self._watcher = service.watcher if self._direct.is_plain else None
        self._is_watched = False
        self._wanted: trio.Event | None = None  # the reader waits until it is to read

    # -- input, of what is watched -----------------------------------------------------------------------------------

    def on_ready(self, now: float) -> int:
        """See `Watched`: while it is watched, input is wanted."""
        return self._direct.read_into(self._wire, now)

    def fail(self, error: Exception) -> None:
        """Something of the server's failed; it costs this connection and no other."""
        self._wire.fail(error, trio.current_time())

    # -- input, with a task ------------------------------------------------------------------------------------------

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Serve until the connection ends, or until another task has taken over; what goes wrong costs nobody else.

        One coroutine on top of what reads: each more would be kept by every idle socket (benchmarks: memory).
        """
        wire, direct, is_reader = self._wire, self._direct, True
        runtime, site = self._service.runtime, self._service.site
        try:
            while True:
                if wire.wants_input:
                    try:
                        data = await direct.receive()
                    except BROKEN:
                        data = b""
                    wire.receive(data, trio.current_time())
                elif wire.is_over:
                    break
                else:
                    self._wanted = trio.Event()
                    await self._wanted.wait()
                    continue
                rest = runtime.handle(self._service.host.dispatch())
                if rest is not None:
                    is_reader = False
                    await runtime.hand_over(rest, self.run)
                    break
                if site.first_left >= _MUCH_LEFT:
                    runtime.flush()
                else:  # what may be handled at once is for all who are read in this round together
                    runtime.output_ready()
        except Exception as error:  # noqa: BLE001 - it must not end the server
            self.fail(error)
        except KeyboardInterrupt as error:
            runtime.interrupted(error)
        finally:
            if is_reader:
                wire.lost(trio.current_time())
                runtime.flush()  # it closes the stream

    # -- output ------------------------------------------------------------------------------------------------------

    def flush(self, now: float) -> None:
        """Write what is waiting; read on, or end."""
        wire = self._wire
        self._write(self._direct, now)
        if wire.is_over:
            self._drop()
            self._service.end_if_through()
            if not wire.has_more:
                wire.context = DROPPED
        if self._watcher is not None:
            is_wanted = wire.wants_input
            if self._is_watched is not is_wanted:
                self._watch_or_not(self._watcher)
        elif self._wanted is not None and (wire.wants_input or wire.is_over):
            self._wanted.set()
            self._wanted = None

    def _watch_or_not(self, watcher: Watcher) -> None:
        if self._is_watched:
            watcher.unwatch(self._direct.fileno)
        else:
            watcher.watch(self._direct.fileno, self)
        self._is_watched = not self._is_watched

    def _begin_to_wait(self, direct: DirectStream) -> None:
        self._service.runtime.spawn(self._write_rest, direct)

    def _has_written(self) -> None:
        self._service.site.note(self._wire)
        self._service.runtime.flush()

    def _drop(self) -> None:
        """Close the stream; whoever reads it finds out."""
        if self._direct.is_plain:
            if self._watcher is not None and self._is_watched:
                self._watch_or_not(self._watcher)
            self._direct.close_now()
        elif not self._direct.is_closed:
            self._service.runtime.spawn(self._direct.aclose_forcefully)
