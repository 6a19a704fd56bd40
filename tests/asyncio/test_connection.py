"""A connection on a transport of the loop's: what is read, and what is left there."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

from socketio_core.asyncio.server_connection import ServerConnection
from tests.wire.by_hand import WEBSOCKET, House
from tests.wire.written import frame, handshake


class Pipe(asyncio.Transport):
    """A transport to nowhere.

    Attributes:
        is_paused: nothing is read.
        written: what was written.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_paused = False
        self.written = b""

    def pause_reading(self) -> None:
        assert not self.is_paused
        self.is_paused = True

    def resume_reading(self) -> None:
        assert self.is_paused
        self.is_paused = False

    def is_closing(self) -> bool:
        return False

    def can_write_eof(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: Any) -> None:
        self.written += data


class Desk:
    """A server's runtime whose runner has no turn unless it is given one."""

    def __init__(self) -> None:
        self.place = House()
        self.site = self.place.site
        self.pipe = Pipe()
        self.connection = ServerConnection(cast("Any", self), socket.AF_INET, is_tls=True, name=("127.0.0.1", 1))
        self.connection.connection_made(self.pipe)

    def now(self) -> float:
        return self.place.now

    def wake(self) -> None: ...

    def wake_in_time(self) -> None: ...

    def is_read(self) -> bool:
        """Whether the loop reads."""
        return not self.pipe.is_paused

    def run(self) -> None:
        """Give the runner a turn."""
        self.site.handle_timeout(self.now())
        for wire in self.site.flush(self.now()):
            assert wire.context is self.connection
            self.connection.flush(self.now())


def test_no_more_is_read_than_is_wanted_however_long_the_runner_has_no_turn() -> None:
    """As when many handlers begin to wait, each of which costs it a turn of the loop."""
    desk = Desk()
    desk.connection.data_received(handshake(WEBSOCKET))
    desk.run()
    assert desk.pipe.written.startswith(b"HTTP/1.1 101 ")
    desk.connection.data_received(frame("4x") * 1000)
    assert not desk.is_read()
    while desk.site.is_behind:
        desk.run()
    assert desk.is_read()
    assert len(desk.place.messages) == 1000
    desk.connection.data_received(frame("4x"))
    assert desk.is_read()
