"""A client and a server that is played by hand: packets in, packets out, over a WebSocket."""

from __future__ import annotations

import json
from typing import Any

from socketio_core.engineio.client import ClientWebSocket
from socketio_core.engineio.packet import Frame
from socketio_core.http import Response
from socketio_core.settings import ClientSettings, EngineClientSettings
from socketio_core.socketio.client import ClientCore, ClientEvent, Closed, Opened
from socketio_core.testing import FakeClock

HANDSHAKE: dict[str, Any] = {"upgrades": [], "pingInterval": 25000, "pingTimeout": 20000, "maxPayload": 1000}


class Scene:
    """A client whose connections are WebSockets, newest last in `sockets`; what it reported is in `events`."""

    def __init__(self, *, random: float = 0.5, engine: dict[str, Any] | None = None, **settings: Any) -> None:
        self.clock = FakeClock()
        transports: dict[str, Any] = {"transports": ["websocket"], **(engine or {})}
        self.client = ClientCore(
            EngineClientSettings(path="/socket.io/", **transports), ClientSettings(**settings), random=lambda: random
        )
        self.root = self.client.of("/")
        self.sockets: list[ClientWebSocket] = []
        self.events: list[ClientEvent] = []
        self.sessions = 0

    @property
    def now(self) -> float:
        return self.clock.now

    def look(self) -> None:
        for carrier in self.client.take_ready():
            assert isinstance(carrier, ClientWebSocket)
            if carrier not in self.sockets and not carrier.is_closed:
                self.sockets.append(carrier)
        self.events += self.client.take_events()

    def take_events(self) -> list[ClientEvent]:
        """Return what was reported by the Socket.IO layer."""
        self.look()
        events, self.events = self.events, []
        return [event for event in events if not isinstance(event, (Opened, Closed))]

    def open(self, **handshake: Any) -> None:
        """Let the newest WebSocket open a session."""
        self.look()
        self.sessions += 1
        self.client.websocket_opened(self.sockets[-1], Response(101), self.now)
        fields = {"sid": f"session {self.sessions}".replace(" ", "-"), **HANDSHAKE, **handshake}
        self.client.receive(self.sockets[-1], "0" + json.dumps(fields), self.now)
        self.look()

    def say(self, *frames: Frame) -> None:
        """Let the server send Socket.IO packets, e.g. `'2["a"]'`."""
        for frame in frames:
            self.client.receive(self.sockets[-1], "4" + frame if isinstance(frame, str) else frame, self.now)
        self.look()

    def connected(self, answer: str = '0{"sid":"A"}', **handshake: Any) -> Scene:
        """Connect the root namespace. Returns the scene."""
        self.root.connect(self.now)
        self.open(**handshake)
        self.say(answer)
        self.sent()
        self.take_events()
        return self

    def sent(self) -> list[Frame]:
        """Take what the client sent on the newest WebSocket, without the `4` of messages."""
        frames = [frame for message in self.sockets[-1].take() for frame in message.frames]
        return [frame.removeprefix("4") if isinstance(frame, str) else frame for frame in frames]

    def lose(self, detail: str = "", code: int | None = 1005) -> None:
        """Break the newest connection."""
        self.client.lost(self.sockets[-1], self.now, None if detail else code, detail)
        self.look()

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.client.handle_timeout(self.now)
        self.look()
