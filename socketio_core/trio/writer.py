"""What both roles do alike on trio: a task waits until what the socket did not take at once is written."""

from __future__ import annotations

from abc import abstractmethod
from typing import Final, TypeVar

import trio

from socketio_core.network import writer
from socketio_core.network.dialing import reason_of
from socketio_core.trio.direct import DirectStream
from socketio_core.wire.base import BaseWire

BROKEN: Final = (trio.BrokenResourceError, trio.ClosedResourceError)

_W = TypeVar("_W", bound=BaseWire)


class Writer(writer.Writer[_W, DirectStream]):
    """Writes as much as the socket takes at once; only when that is not all, a task waits for the rest, and ends."""

    __slots__ = ()

    @trio.lowlevel.enable_ki_protection
    async def _write_rest(self, direct: DirectStream) -> None:
        """Do so; to be run in the task that `_begin_to_wait` begins."""
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
    def _has_written(self) -> None:
        """Have the wire looked after again."""
