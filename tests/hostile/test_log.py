"""What clients cause does not fill the log."""

from __future__ import annotations

import gc
import logging
import tracemalloc
from collections.abc import Callable

import pytest

from socketio_core import Server, ServerLimits
from socketio_core.app.log import MAX_CHARS, Log
from tests.app.served import Served
from tests.wire.written import POLLING, frame, request


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


def one_argument(_: object, __: object) -> None:
    """Takes no event of two."""


def failing(*_: object) -> None:
    raise ValueError("a fault of the application's")


class Lines(logging.Handler):
    """Keeps what is said, and not the errors, which hold what was called with what."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.mark.parametrize("handler", [one_argument, failing])
@pytest.mark.parametrize("moment", ["any", "*"])
def test_names_that_clients_choose_do_not_fill_the_log(
    monkeypatch: pytest.MonkeyPatch, moment: str, handler: Callable[..., None]
) -> None:
    """Before, each name that a handler of all events could not take was a line as long as the name, and was kept."""
    logger, book = logging.getLogger("tests.hostile.names"), Lines()
    monkeypatch.setattr(logger, "handlers", [book])
    monkeypatch.setattr(logger, "propagate", False)  # nobody else keeps what is logged
    io = Server()
    house = Served(io, Log(logger, lambda: house.now))
    if moment == "any":
        io.sockets.on_any(handler)
    else:
        io.sockets.on("*", handler)
    peer = house.join()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(30):
            peer.send(frame(f'42["{number}{"x" * 15_000}",1]'))
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(book.lines) == 11
    assert max(map(len, book.lines)) <= MAX_CHARS + 50
    assert held <= 200_000


def test_a_server_that_holds_too_much_says_so_ten_times_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """Though it closes another number of clients each time."""
    io = Server(limits=ServerLimits(max_total_buffered_bytes=100_000))
    house = Served(io, Log(logging.getLogger("tests.hostile"), lambda: house.now))
    for number in range(20):
        house.connect()
        for _ in range(10 + number):
            house.connect().send(b"GET / HTTP/1.1\r\nX: " + b"x" * 15_000)
        house.advance(0.2)
    assert len(caplog.messages) == 11
    assert all("the server holds too much, so the fullest" in line for line in caplog.messages)
    assert len(set(caplog.messages)) > 5
    house.advance(60)
    house.connect().send(b"GET / HTTP/1.1\r\nX: " + b"x" * 15_000)
    for _ in range(10):
        house.connect().send(b"GET / HTTP/1.1\r\nX: " + b"x" * 15_000)
    house.advance(0.2)
    assert "20 times in 60 s" in caplog.messages[11]


def refuse(house: Served) -> None:
    house.connect().ask("/socket.io/?EIO=4&transport=none")


def nonsense(house: Served) -> None:
    house.join().send(frame("9"))


@pytest.mark.parametrize("wrong", [refuse, nonsense])
def test_what_clients_do_wrong_is_told_ten_times_a_minute(
    caplog: pytest.LogCaptureFixture, wrong: Callable[[Served], None]
) -> None:
    """Before, each request that was refused, and each connection that had to be closed, was a line at level `INFO`."""
    house = Served(Server(), Log(logging.getLogger("tests.hostile"), lambda: house.now))
    with caplog.at_level(logging.INFO):
        for _ in range(30):
            wrong(house)
        assert len(caplog.messages) == 11
        assert "for 60 s, those like it are only counted" in caplog.messages[-1]
        house.advance(60)
        wrong(house)
    assert "30 times in 60 s" in caplog.messages[-2]
    assert {record.levelno for record in caplog.records} == {logging.INFO}


def test_origins_that_clients_make_up_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Before, each of the hundred that are told of was as long as a head may be."""
    house = Served(Server(), Log(logging.getLogger("tests.hostile.origins"), lambda: 0.0))
    for number in range(200):
        origin = f"Origin: https://{number}.{'x' * 8_000}.example"
        house.connect().send(request(POLLING + "&x=" + "y" * 4_000, headers=[origin]))
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) == 100
    assert max(map(len, lines)) <= MAX_CHARS + 1
