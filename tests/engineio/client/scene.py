"""A client's session, and what its tests do with it: see what it wants, and say what became of it."""

from __future__ import annotations

import json
from typing import Any

from socketio_core.engineio.client import (
    ClientMemory,
    ClientSession,
    ClientWebSocket,
    EngineClientEvent,
    Exchange,
    Opened,
)
from socketio_core.engineio.events import Closed
from socketio_core.engineio.packet import Frame
from socketio_core.engineio.payload import encode_payload
from socketio_core.engineio.states import SessionState
from socketio_core.errors import CloseReason
from socketio_core.http import Response
from socketio_core.settings import EngineClientSettings
from socketio_core.testing import FakeClock

HANDSHAKE: dict[str, Any] = {
    "sid": "SID",
    "upgrades": ["websocket"],
    "pingInterval": 25000,
    "pingTimeout": 20000,
    "maxPayload": 100,
}


def open_packet(**changes: Any) -> str:
    return "0" + json.dumps({**HANDSHAKE, **changes})


class Scene:
    """One session. What it wants is in `gets`, `posts` and `sockets`, newest last; what it reported in `events`."""

    def __init__(self, *, memory: ClientMemory | None = None, random: float = 0.5, **settings: Any) -> None:
        self.clock = FakeClock()
        self.memory = memory or ClientMemory()
        self.settings = EngineClientSettings(**settings)
        self.session = ClientSession(self.settings, memory=self.memory, random=lambda: random, now=self.clock.now)
        self.gets: list[Exchange] = []
        self.posts: list[Exchange] = []
        self.sockets: list[ClientWebSocket] = []
        self.cancelled: list[Exchange] = []
        self.events: list[EngineClientEvent] = []
        self.look()

    @property
    def state(self) -> SessionState:
        return self.session.state

    @property
    def now(self) -> float:
        return self.clock.now

    def look(self) -> None:
        """Take what the session wants and reports."""
        for carrier in self.session.take_ready():
            if isinstance(carrier, ClientWebSocket):
                if carrier not in self.sockets:
                    self.sockets.append(carrier)
            elif carrier.is_cancelled:
                self.cancelled.append(carrier)
            else:
                (self.gets if carrier.method == "GET" else self.posts).append(carrier)
        self.events += self.session.take_events()

    def answer(self, exchange: Exchange, *frames: Frame) -> None:
        """Answer a request with packets."""
        self.respond(exchange, encode_payload(frames))

    def respond(
        self,
        exchange: Exchange,
        body: bytes = b"ok",
        status: int = 200,
        headers: list[tuple[bytes, bytes]] | None = None,
    ) -> None:
        self.session.exchange_done(exchange, Response(status, headers or [], body), self.now)
        self.look()

    def fail(self, exchange: Exchange, detail: str = "reset") -> None:
        self.session.lost(exchange, self.now, detail=detail)
        self.look()

    def accept(self, websocket: ClientWebSocket) -> None:
        """Answer a WebSocket's handshake with 101."""
        self.session.websocket_opened(websocket, Response(101), self.now)
        self.look()

    def receive(self, websocket: ClientWebSocket, *frames: Frame) -> None:
        for frame in frames:
            self.session.receive(websocket, frame, self.now)
        self.look()

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.session.handle_timeout(self.now)
        self.look()

    def take_events(self) -> list[EngineClientEvent]:
        events, self.events = self.events, []
        return events

    def open(self, transport: str = "polling", **handshake: Any) -> Scene:
        """Do the handshake. Returns the scene."""
        if transport == "polling":
            self.answer(self.gets[-1], open_packet(**handshake))
        else:
            self.accept(self.sockets[-1])
            self.receive(self.sockets[-1], open_packet(**{"upgrades": [], **handshake}))
        assert isinstance(self.take_events()[0], Opened)
        return self


def sent(websocket: ClientWebSocket) -> list[Frame]:
    """Take what is to be written on a WebSocket."""
    return [frame for message in websocket.take() for frame in message.frames]


def closed_with(scene: Scene) -> tuple[CloseReason, str]:
    """Return why the session closed; it must have, and that is the last thing that it said."""
    event = scene.take_events()[-1]
    assert isinstance(event, Closed), event
    assert scene.state is SessionState.CLOSED
    assert scene.session.next_deadline is None
    return event.reason, str(event.error or "")
