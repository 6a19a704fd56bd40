"""What clients cause does not fill the log."""

from __future__ import annotations

import logging

import pytest

from socketio_core import Server
from socketio_core.app.log import Log
from tests.app.served import Served
from tests.wire.written import frame


@pytest.mark.parametrize("catches_all", [False, True])
def test_failing_handler_writes_ten_tracebacks_a_minute(caplog: pytest.LogCaptureFixture, catches_all: bool) -> None:  # noqa: FBT001
    """Before, 12 bytes from a client were a traceback of 1.5 kB; under whichever name it chose, if all are caught."""
    io = Server()
    house = Served(io, Log(logging.getLogger("tests.hostile"), lambda: house.now))

    def fail(*_: object) -> None:
        raise ValueError("a fault of the application's")

    if catches_all:
        io.sockets.on_any(fail)
    else:
        io.sockets.on("x", fail)
    peer = house.join()
    for number in range(20):
        peer.send(b"".join(frame(f'42["x{number if catches_all else ""}"]') for _ in range(50)))
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 11
    house.advance(60)
    house.join().send(frame('42["x"]'))
    assert "1000 times in 60 s" in caplog.records[-2].getMessage()
