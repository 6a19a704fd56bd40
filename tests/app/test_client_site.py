"""A client on its connections, with no event loop: what a server says reaches handlers, and the other way round."""

from __future__ import annotations

from socketio_core.app.client import connect
from socketio_core.app.client_host import ClientHost
from socketio_core.app.site import client_site_of
from socketio_core.settings import ClientSettings
from socketio_core.testing import FakeClock
from socketio_core.wire.client import ClientSite
from tests.app.hand_runtime import HandRuntime
from tests.wire.client.by_hand import CHUNKED, OPEN, response


class Line:
    """A client that has asked for its handshake by polling."""

    def __init__(self, **options: object) -> None:
        asked = connect("http://test", wait=False, transports=["polling"], **options)  # type: ignore[arg-type]
        self.clock = FakeClock()
        self.runtime = HandRuntime(self.clock)
        self.host = ClientHost(asked.core, self.runtime)
        self.site: ClientSite = client_site_of(self.host, asked)
        self.socket = self.host.socket_of(asked.namespace, asked.auth)
        self.host.release()
        (self.wire,) = self.site.flush(self.clock.now)
        self.wire.connected(self.clock.now)
        self.sent = b""
        self.run()

    def run(self) -> None:
        while True:
            for wire in self.site.flush(self.clock.now):
                while data := wire.data_to_send(self.clock.now):
                    self.sent += data
            if self.site.is_behind:
                self.site.handle_timeout(self.clock.now)
            elif not self.runtime.run_ready():
                return

    def say(self, data: bytes) -> None:
        self.wire.receive(data, self.clock.now)
        self.run()


def test_events_reach_handlers() -> None:
    line = Line()
    heard: list[object] = []
    line.socket.on("a", heard.append)
    line.say(response(OPEN))
    line.say(response('40{"sid":"A"}\x1e42["a",1]'))
    assert heard == [1]
    assert line.sent.count(b"GET /socket.io/?EIO=4&transport=polling") == 3


def test_faults_are_logged() -> None:
    line = Line()
    line.wire.fail(ValueError("no"), line.clock.now)
    line.run()
    assert line.runtime.logged[0][0] == "connection failed, so it was closed"


def test_no_poll_begins_while_handlers_are_behind() -> None:
    line = Line(settings=ClientSettings(max_queued_events=1))
    done = line.runtime.new_event()
    line.socket.on("a", done.wait)
    line.say(response(OPEN))
    asked = line.sent.count(b"GET ")
    line.say(response('40{"sid":"A"}\x1e42["a"]\x1e42["a"]'))
    assert line.sent.count(b"GET ") == asked
    done.set()
    line.run()
    assert line.sent.count(b"GET ") == asked + 1


def test_answers_in_chunks_are_answers() -> None:
    line = Line()
    line.say(CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (len(OPEN), OPEN.encode()))
    assert line.host.core.session is not None
    assert line.host.core.session.is_open


def test_what_comes_in_the_middle_of_a_large_answer_is_in_its_place() -> None:
    """It has turns; an acknowledgement, and a goodbye behind which nothing more is for the namespace."""
    line = Line()
    heard: list[object] = []
    line.socket.on("a", heard.append)
    line.socket.on("disconnect", heard.append)
    line.say(response(OPEN))
    line.say(response('40{"sid":"A"}'))
    asked = line.runtime.start(line.socket.call("q"))
    line.run()
    events = [f'42["a",{number}]' for number in range(1000)]
    line.say(response("\x1e".join([*events[:500], '430["x"]', *events[500:700], "41", *events[700:]])))
    assert asked.result == "x"
    assert heard == [*range(700), "io server disconnect"]
    assert line.sent.count(b"GET ") == 3
