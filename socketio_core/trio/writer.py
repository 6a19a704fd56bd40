"""What both roles do alike on trio: writing what a wire has to say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final, Generic, TypeVar

import trio

from socketio_core.network.dialing import reason_of
from socketio_core.trio.direct import DirectStream
from socketio_core.wire.base import BaseWire

BROKEN: Final = (trio.BrokenResourceError, trio.ClosedResourceError)

_W = TypeVar("_W", bound=BaseWire)


class Writer(ABC, Generic[_W]):
    """Writes as much as the socket takes at once; only when that is not all, a task waits for the rest, and ends."""

    __slots__ = ("_is_muted", "_is_writing", "_unsent", "_wire")

    def __init__(self, wire: _W) -> None:
        self._wire = wire
        self._is_writing = False  # a task does
        self._is_muted = False  # the stream was told that nothing more is written
        self._unsent = b""
        wire.context = self

    def _write(self, direct: DirectStream, now: float) -> None:
        """Write what is waiting; end the direction when it is through."""
        wire = self._wire
        while not self._is_writing:
            data = wire.data_to_send(now)
            if not data:
                break
            sent = direct.write_now(data)
            if sent < len(data):
                self._unsent = data[sent:]
                wire.unwritten_bytes = len(self._unsent)
                self._is_writing = True
                self._begin_to_wait(direct)
            elif wire.is_through:  # most often; benchmarks: server
                break
        if wire.is_mute and not self._is_muted and not wire.is_over:
            self._is_muted = True
            direct.end_writing()

    async def _write_rest(self, direct: DirectStream) -> None:
        try:
            data, self._unsent = self._unsent, b""
            while data:
                await direct.send_all(data)
                data = self._wire.data_to_send(trio.current_time())
                self._wire.unwritten_bytes = len(data)
        except BROKEN as error:
            self._wire.write_failed(trio.current_time(), reason_of(error))
        except BaseException:  # cancelled in the middle of a frame
            self._wire.lost(trio.current_time())
            raise
        finally:
            self._is_writing = False
            self._wire.unwritten_bytes = 0
            self._has_written()

    @abstractmethod
    def _begin_to_wait(self, direct: DirectStream) -> None:
        """Run `_write_rest` in a task."""

    @abstractmethod
    def _has_written(self) -> None:
        """Have the wire looked after again."""
