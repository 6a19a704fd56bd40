"""A host without sockets: what clients send is handed to the wires, what these write is kept; a clock that is set.

    house = House()
    peer = house.connect()
    peer.send(request())
    assert peer.answer().status == 200

Nothing happens between two calls. `settle` does what an event loop would: it reads what clients have sent, flushes,
writes, and gives turns to what waits for one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any, Final

import pytest

from socketio_core.engineio import Engine, Poll, WebSocket
from socketio_core.engineio.events import EngineEvent
from socketio_core.engineio.session import Session
from socketio_core.http import Request, Response
from socketio_core.settings import EngineSettings
from socketio_core.socketio import ServerCore
from socketio_core.wire import Asked, HandshakeAsked, Mount, Pace, RequestAsked, Serving, Site, Wire
from tests.wire.place import End, Place
from tests.wire.written import CLOSE, Answer, frame, handshake, request

PATH: Final = "/engine.io/?EIO=4"
POLLING: Final = f"{PATH}&transport=polling"
WEBSOCKET: Final = f"{PATH}&transport=websocket"

Happened = tuple[Session | None, EngineEvent]


class Gate:
    """An application's pace with all sessions: congested when it is told so."""

    def __init__(self) -> None:
        self.is_congested = False
        self.waiting: list[Callable[[float], None]] = []
        self.taken = 0

    def call_when_room(self, go_on: Callable[[float], None]) -> None:
        self.waiting.append(go_on)

    def output_taken(self) -> None:
        self.taken += 1

    def open(self, now: float) -> None:
        """Have room again."""
        self.is_congested = False
        waiting, self.waiting = self.waiting, []
        for go_on in waiting:
            go_on(now)


class HandHost(Place):
    """A server's host; clients are at the other ends."""

    site: Site

    def __init__(self) -> None:
        super().__init__()
        self.peers: list[Peer] = []

    @property
    def ends(self) -> Sequence[Peer]:
        """See `Place`."""
        return self.peers

    def connect(self, *, can_half_close: bool = True, address: str = "", scheme: str = "http") -> Peer:
        """Begin a connection."""
        peer = Peer(self, self.site.connect(self.now, address, scheme, can_half_close=can_half_close))
        self.peers.append(peer)
        return peer

    def flush(self) -> list[Peer]:
        """See `Place`."""
        named: list[Peer] = []
        for wire in self.site.flush(self.now):
            assert isinstance(wire.context, Peer)
            named.append(wire.context)
            wire.context.take_output()
        return named


class House(HandHost):
    """A site in front of an engine that echoes, and the application behind it.

    Attributes:
        happened: what the engine has told; messages without their session in `messages`.
        asked: what the application was asked and has not answered.
        is_echoing: each message is sent back.
        reports: what failed.
        on_work: called whenever the application works.
    """

    def __init__(
        self,
        settings: EngineSettings | None = None,
        *,
        asks_handshakes: bool = False,
        gate: Gate | None = None,
        pace_of: Callable[[Session], Pace | None] | None = None,
        asks_requests: bool = False,
        static_response: Callable[[Request], Response | None] = lambda _: None,
        max_body_bytes: int = 1_000_000,
        defer_handlers: Callable[[Callable[[], None]], Callable[[], object] | None] = lambda turn: turn(),
        **serving: Any,
    ) -> None:
        super().__init__()
        numbers = count(1)
        self.engine = Engine(settings or EngineSettings(path="/engine.io/"), new_id=lambda: f"sid{next(numbers)}")
        self.gate = gate
        self.happened: list[Happened] = []
        self.asked: list[Asked] = []
        self.is_echoing = True
        self.reports: list[tuple[str, BaseException]] = []
        self.on_work: Callable[[float], None] = lambda _: None
        self.next_deadline: float | None = None
        self.timeouts: list[float] = []
        mount = Mount(self.engine, asks_handshakes=asks_handshakes, pace_of=pace_of or self._pace_of)

        def report(what: str, error: BaseException) -> None:
            self.reports.append((what, error))

        self.site = Site(
            [mount],
            application=self,
            defer_handlers=defer_handlers,
            report=report,
            asks_requests=asks_requests,
            static_response=static_response,
            max_body_bytes=max_body_bytes,
            serving=Serving(**serving),
        )

    # -- the application ---------------------------------------------------------------------------------------------

    def work(self, now: float) -> None:
        """Take what has happened, and echo."""
        self.asked += self.site.take_asked()
        for session, event in self.engine.take_events():
            self.happened.append((session, event))
            if self.is_echoing and session is not None and isinstance(event, (str, bytes)):
                session.send(event, self.now)
        self.on_work(now)

    def _pace_of(self, _: Session) -> Gate | None:
        """What has come counts."""
        self.work(self.now)
        return self.gate

    def handle_timeout(self, now: float) -> None:
        """Note that it was called."""
        self.timeouts.append(now)
        if self.next_deadline is not None and self.next_deadline <= now:
            self.next_deadline = None

    @property
    def messages(self) -> list[str | bytes]:
        """The messages that have come, of all sessions."""
        return [event for _, event in self.happened if isinstance(event, (str, bytes))]

    @property
    def kinds(self) -> list[str]:
        """What has happened, by the names of types."""
        return [type(event).__name__ for _, event in self.happened]

    def take_handshake(self) -> HandshakeAsked:
        """Return the one thing that is asked."""
        (asked,) = self.asked
        self.asked = []
        assert isinstance(asked, HandshakeAsked)
        return asked

    def take_request(self) -> RequestAsked:
        """Return the one thing that is asked."""
        (asked,) = self.asked
        self.asked = []
        assert isinstance(asked, RequestAsked)
        return asked

    # -- many steps at once ------------------------------------------------------------------------------------------

    def open_session(self) -> str:
        """Do a handshake over polling, on a connection that then ends. Returns the session's id."""
        peer = self.connect()
        peer.send(request(POLLING))
        sid = json.loads(peer.answer().text[1:])["sid"]
        peer.end()
        return str(sid)

    def websocket(self, **how: Any) -> Peer:
        """Open a WebSocket, and read the open packet."""
        peer = self.connect(**how)
        peer.send(handshake(WEBSOCKET))
        assert peer.answer().status == 101
        assert peer.frame()[1][:1] == b"0"
        return peer

    def park(self, sid: str, **how: Any) -> Peer:
        """Begin a poll that waits."""
        peer = self.connect(**how)
        peer.send(request(f"{POLLING}&sid={sid}"))
        assert peer.received == b""
        return peer


class Peer(End[Wire]):
    """A client at the end of its connection."""

    def is_over(self) -> bool:
        """Whether the connection is."""
        return self.wire.is_over

    def is_read(self) -> bool:
        """Whether the host reads what it sends."""
        return self.wire.wants_input

    def answer(self, *, to: str = "GET") -> Answer:
        """Take the next response."""
        head, end, rest = self.received.partition(b"\r\n\r\n")
        assert end, f"no answer: {self.received[:200]!r}"
        first, *lines = head.decode("latin-1").split("\r\n")
        answer = Answer(int(first.split(" ")[1]))
        for line in lines:
            name, _, value = line.partition(": ")
            answer.headers[name.lower()] = value
        if to != "HEAD" and answer.status >= 200 and answer.status not in (204, 304):
            size = int(answer.headers["content-length"])
            assert len(rest) >= size, "it is not whole"
            answer.body, rest = rest[:size], rest[size:]
        self.received = rest
        return answer

    def ask(
        self,
        target: str = POLLING,
        method: str = "GET",
        body: bytes | None = None,
        headers: Iterable[str] = (),
    ) -> Answer:
        """Send a request and take its response."""
        self.send(request(target, method, body, headers))
        return self.answer(to=method)

    def frame(self) -> tuple[int, bytes]:
        """Take the next frame: opcode and payload."""
        data = self.received
        assert len(data) >= 2, f"no frame: {data!r}"
        first, size, start = data[0], data[1], 2
        assert size < 128, "a server must not mask"
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(data[2:start], "big")
        assert len(data) >= start + size, "it is not whole"
        self.received = data[start + size :]
        return first & 15, data[start : start + size]

    def frames(self) -> list[tuple[int, bytes]]:
        """Take all frames."""
        taken: list[tuple[int, bytes]] = []
        while self.received:
            taken.append(self.frame())
        return taken

    def close_code(self) -> int | None:
        """Take what is left, up to the close frame, and return its code; -1 if there is none."""
        for opcode, payload in self.frames():
            if opcode == CLOSE:
                assert not self.received
                return int.from_bytes(payload[:2], "big") if payload else None
        return -1

    def echo(self, text: str = "hello") -> None:
        """Check that the WebSocket works."""
        self.send(frame(f"4{text}"))
        assert (1, f"4{text}".encode()) in self.frames()


def ok(body: bytes = b"ok", *headers: tuple[bytes, bytes], status: int = 200) -> Response:
    """Return a response of the application."""
    return Response(status, list(headers), body)


__all__ = ["PATH", "POLLING", "WEBSOCKET", "Gate", "House", "Peer", "ServerCore", "ok"]


def spoil_a_poll(place: House, field: tuple[bytes, bytes]) -> None:
    """Answer the one poll that waits with the message "kept", and a header that comes from who wraps the engine."""
    take_ready = place.engine.take_ready

    def take_and_spoil(max_poll_bytes: float) -> list[Poll | WebSocket]:
        ready = take_ready(max_poll_bytes)
        for carrier in ready:
            assert isinstance(carrier, Poll)
            assert carrier.response is not None
            carrier.response.headers.append(field)
        return ready

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place.engine, "take_ready", take_and_spoil)
        place.engine.sessions[0].send("kept", place.now)
        place.settle()
