"""Whatever a server sends, whenever: a client's session does not raise, and ends at most once."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from socketio_core.engineio.client import (
    ClientMemory,
    ClientSession,
    ClientWebSocket,
    Exchange,
    OpenFailed,
    Pinged,
)
from socketio_core.engineio.events import Closed
from socketio_core.engineio.states import SessionState
from socketio_core.http import Response
from socketio_core.settings import EngineClientSettings
from tests.effort import examples

OPEN = '0{"sid":"S","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100}'
BROKEN_OPEN = OPEN.replace("25000", "-1")

packets = st.one_of(
    st.sampled_from([OPEN, BROKEN_OPEN, "0", "0{", "0[]", "1", "2", "2probe", "3", "3probe", "4", "4hello", "5", "6"]),
    st.sampled_from(["", "7", "bAAAA", "b", "b=", "b!", "4\x00", "4é", "4\ud800", "0" + "[" * 5000]),
    st.text(max_size=5),
)
frames = packets | st.binary(max_size=5)
bodies = st.lists(packets, max_size=4).map(
    lambda parts: "\x1e".join(parts).encode("utf-8", "surrogatepass")
) | st.binary(max_size=8)
headers = st.sampled_from(
    [
        [],
        [(b"Set-Cookie", b"a=b; Max-Age=1"), (b"set-cookie", b"=;;=")],
        [(b"Content-Encoding", b"gzip")],
        [(b"location", b"\xff")],
        [(b"Date", b"Sun, 06 Nov 1994 08:49:37 GMT"), (b"Set-Cookie", b"c=d; Expires=Sun, 99 Nov 0000 99:99:99 GMT")],
    ]
)
responses = st.builds(Response, st.sampled_from([200, 200, 200, 101, 204, 302, 400, 404, 503]), headers, bodies)
steps = st.one_of(
    st.tuples(st.just("response"), responses),
    st.tuples(st.just("answer"), st.sampled_from([b"ok", OPEN.encode(), b"6", b"2", b"4a\x1e2"])),
    st.tuples(st.just("failure"), st.sampled_from(["", "refused"])),
    st.tuples(st.just("opened"), headers),
    st.tuples(st.just("refused"), responses),
    st.tuples(st.just("frame"), frames),
    st.tuples(st.just("parts"), st.lists(st.text(max_size=30), min_size=1, max_size=4)),
    st.tuples(st.just("lost"), st.sampled_from([(), (None, "reset"), (1005, ""), (1000, "bye"), (1006,), (4000, "x")])),
    st.tuples(st.just("failed"), st.just("RSV")),
    st.tuples(st.just("wait"), st.sampled_from([0.0, 0.5, 9.0, 10.0, 46.0, 3600.0])),
    st.tuples(st.just("send"), st.sampled_from(["x", b"x", "y" * 50])),
    st.tuples(st.sampled_from(["pause", "resume", "close", "abort"]), st.none()),
)


class Run:
    """One session, and all that it ever wanted in flight: news of what is over are among the input."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.now = 0.0
        settings = EngineClientSettings(
            max_message_bytes=200, max_packets_per_payload=3, max_buffered_messages=3, **options
        )
        self.session = ClientSession(settings, memory=ClientMemory(), random=lambda: 0.5, now=0.0)
        self.exchanges: list[Exchange] = []
        self.websockets: list[ClientWebSocket] = []
        self.events: list[object] = []
        self.over: set[Exchange] = set()  # those whose fate was told
        self.look()

    def look(self) -> None:
        for carrier in self.session.take_ready():
            carriers: list[Any] = self.exchanges if isinstance(carrier, Exchange) else self.websockets
            if carrier not in carriers:
                carriers.append(carrier)
        self.events += self.session.take_events()

    def do(self, what: str, value: Any, which: int) -> None:
        session, now = self.session, self.now
        exchange = self.exchanges[-1 - which % len(self.exchanges)] if self.exchanges else None
        websocket = self.websockets[-1 - which % len(self.websockets)] if self.websockets else None
        match what:
            case "response" | "answer" if exchange is not None:
                response = value if what == "response" else Response(200, [], value)
                self.over.add(exchange)
                session.exchange_done(exchange, response, now)
            case "failure" if exchange is not None:
                self.over.add(exchange)
                session.lost(exchange, now, detail=value)
            case "opened" if websocket is not None:
                session.websocket_opened(websocket, Response(101, value), now)
            case "refused" if websocket is not None:
                session.websocket_refused(websocket, value, now)
            case "frame" if websocket is not None:
                session.receive(websocket, value, now)
            case "parts" if websocket is not None:
                for index, part in enumerate(value):
                    session.receive_part(websocket, part, index == len(value) - 1, now)
            case "lost" if websocket is not None:
                session.lost(websocket, now, *value)
            case "failed" if websocket is not None:
                session.fail(websocket, value, 1002, now)
            case "wait":
                self.now += value
                session.handle_timeout(self.now)
            case "send":
                session.send(value, now)
            case "pause":
                session.pause_reading(now)
            case "resume":
                session.resume_reading(now)
            case "close":
                session.close(now)
            case "abort":
                session.abort(now)
            case _:
                pass

    def check(self) -> None:
        ends = [index for index, event in enumerate(self.events) if isinstance(event, (Closed, OpenFailed))]
        is_closed = self.session.state is SessionState.CLOSED
        assert ends == ([len(self.events) - 1] if is_closed else [])
        assert (self.session.next_deadline is None) == is_closed
        in_flight = [
            exchange.method for exchange in self.exchanges if exchange not in self.over and not exchange.is_cancelled
        ]
        assert len(in_flight) == len(set(in_flight))  # one GET, one POST
        if is_closed:
            assert in_flight == []
            assert all(websocket.is_closed for websocket in self.websockets)


@settings(max_examples=examples(150), deadline=None)
@given(
    st.sampled_from(
        [
            {},
            {"transports": ["websocket"]},
            {"transports": ["websocket", "polling"], "try_all_transports": True},
            {"try_all_transports": True, "upgrade": False},
        ]
    ),
    st.sampled_from(["", "open", "probe"]),
    st.lists(st.tuples(steps, st.integers(0, 3)), max_size=25),
)
def test_nothing_a_server_does_raises(
    options: dict[str, Any], start: str, script: list[tuple[tuple[str, Any], int]]
) -> None:
    run = Run(options)
    if start:
        script = [(("answer", OPEN.encode()), 0), (("opened", []), 0), (("frame", OPEN), 0), *script]
    if start == "probe":
        script[3:3] = [(("opened", []), 0), (("frame", "3probe"), 0)]
    for (what, value), which in script:
        run.do(what, value, which)
        run.look()
        run.check()
        run.session.handle_timeout(run.now)
        run.look()
        deadline = run.session.next_deadline
        assert deadline is None or deadline > run.now
    run.session.close(run.now)
    run.session.handle_timeout(run.now + 10)
    run.look()
    run.check()
    assert run.session.state is SessionState.CLOSED


def test_pong_that_ends_the_session_comes_before_the_end() -> None:
    run = Run({"transports": ["websocket"]})
    run.do("opened", [], 0)
    for frame in (OPEN, "2", "2", "2", "2"):
        run.do("frame", frame, 0)
    run.look()
    assert [type(event) for event in run.events[1:]] == [Pinged, Pinged, Pinged, Pinged, Closed]
    run.check()
