"""What a server says that it holds."""

from __future__ import annotations

from socketio_core import RecoverySettings, Server, ServerStatistics
from tests.app.served import Served
from tests.wire.written import frame


def test_nobody_is_nothing() -> None:
    assert Server().statistics() == ServerStatistics(
        connections=0, sessions=0, websockets=0, sockets={"/": 0}, buffered_bytes=0
    )


def test_clients_are_counted_by_what_they_have() -> None:
    io = Server()
    io.of("/admin")
    io.attach_engine("/engine.io/")
    served = Served(io)
    first = served.join()
    first.send(frame("40/admin,"))
    served.join()
    served.open_session()  # its connection is kept for the next request
    served.websocket("/engine.io/?EIO=4&transport=websocket")
    found = io.statistics()
    assert (found.connections, found.sessions, found.websockets) == (4, 4, 3)
    assert found.sockets == {"/": 2, "/admin": 1}
    first.end()
    found = io.statistics()
    assert (found.connections, found.sessions, found.websockets) == (3, 3, 2)
    assert found.sockets == {"/": 1, "/admin": 0}


def test_what_waits_is_counted_until_it_has_left() -> None:
    io = Server()
    served = Served(io)
    served.join()
    idle = io.statistics().buffered_bytes
    io.emit_nowait("news", "x" * 10_000)
    assert 10_000 <= io.statistics().buffered_bytes - idle < 30_000
    served.settle()
    assert io.statistics().buffered_bytes == idle


def test_what_is_kept_for_clients_that_were_lost_is_counted() -> None:
    io = Server(recovery=RecoverySettings())
    served = Served(io)
    served.join()
    idle = io.statistics().buffered_bytes
    io.emit_nowait("news", "x" * 10_000)
    served.settle()
    assert 10_000 <= io.statistics().buffered_bytes - idle < 30_000
