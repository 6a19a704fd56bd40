"""Sessions cannot be used up by one client, and take no more than what it sent."""

from __future__ import annotations

import gc
import tracemalloc

from socketio_core.http import Request
from socketio_core.settings import EngineSettings
from socketio_core.socketio import ServerCore
from socketio_core.wire import Mount, Site
from tests.wire.by_hand import POLLING, House
from tests.wire.written import request


def test_handshakes_over_one_connection_lock_nobody_out() -> None:
    """Before, everybody got 503 until the last of them had timed out."""
    house = House(EngineSettings(path="/engine.io/", max_sessions=50))
    honest = house.connect()
    sid = honest.ask().text.split('"')[3]
    assert house.connect().ask(f"{POLLING}&sid={sid}", "POST", b"4x").status == 200
    attacker = house.connect()
    attacker.send(request(POLLING) * 200)
    house.settle()
    assert house.engine.session_count == 50
    assert house.connect().ask().status == 200
    assert house.connect().ask(f"{POLLING}&sid={sid}", "POST", b"4x").status == 200
    house.advance(11)
    assert house.engine.session_count == 1


def test_sessions_that_are_over_are_no_work_for_the_garbage_collector() -> None:
    """Before, each was a circle of a dozen objects: 13,000 in a second halted a server for 90 ms now and then."""
    core = ServerCore(EngineSettings(path="/engine.io/", max_fresh_sessions=5))
    site = Site([Mount(core)])
    wire = site.connect(0.0, "192.0.2.1", "http")
    gc.collect()
    gc.disable()
    try:
        for number in range(50):
            wire.receive(request(POLLING), 0.1 * number)
            site.flush(0.1 * number)
            while wire.data_to_send(0.1 * number):
                pass
        site.handle_timeout(60.0)
        assert len(core.take_events()) == 100
        assert core.session_count == 0
        assert gc.collect() < 50
    finally:
        gc.enable()


def test_session_holds_the_bytes_of_its_request_and_no_object_for_each_field() -> None:
    """Before, 60 kB of fields were 180 kB."""
    target = "/engine.io/?EIO=4&transport=polling&" + "&".join(f"{number:x}=" for number in range(990))
    headers = [(b"x%d" % number, b"y") for number in range(95)]
    size = len(target) + sum(len(name) + len(value) + 4 for name, value in headers)

    def kept() -> Request:
        made = Request("GET", target[:1] + target[1:], [(name[:], value[:]) for name, value in headers], scheme="http")
        assert len(made.query) == 992
        made.pack()
        return made

    gc.collect()
    kept()  # what Python keeps of tuples that are free is there now
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        made = kept()
        held = tracemalloc.get_traced_memory()[0] - before
        assert len(made.query) == 992
        assert made.header("x7") == "y"
        assert tracemalloc.get_traced_memory()[0] - before <= held + 1000  # nothing is kept of what was read
    finally:
        tracemalloc.stop()
    assert held <= 2 * size
