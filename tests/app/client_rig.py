"""The application's side of a client on a loop that moves by hand; the server is played by hand too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from socketio_core.app.client_host import ClientHost
from socketio_core.engineio.client import ClientWebSocket
from tests.app.hand_runtime import HandRig, HandRuntime
from tests.socketio.client.scene import Scene


class ClientRig(Scene, HandRig):
    """A `Scene` with an application on top: `run` after whatever happened.

    Attributes:
        calls: for handlers to note what they got.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.client.namespaces.clear()
        self.runtime = HandRuntime(self.clock)
        self.host = ClientHost(self.client, self.runtime)
        self.io = self.host.manager
        self.calls: list[Any] = []

    def look(self) -> None:
        """Take what is ready, and leave the events to the application."""
        for carrier in self.client.take_ready():
            assert isinstance(carrier, ClientWebSocket)
            if carrier not in self.sockets and not carrier.is_closed:
                self.sockets.append(carrier)

    @property
    def logged(self) -> list[str]:
        return [message for message, _ in self.runtime.logged]

    def run(self) -> None:
        while True:
            self.host.dispatch_soon()
            self.look()
            if not self.runtime.run_ready():
                return

    def note(self, name: str) -> Callable[..., None]:
        """Return a handler that notes its arguments."""
        return lambda *args: self.calls.append((name, *args))

    def up(self, answer: str = '0{"sid":"A"}', *, release: bool = True) -> ClientRig:
        """Connect the root namespace. Returns the rig."""
        self.host.socket_of("/")
        self.open()
        self.say(answer)
        if release:
            self.host.release()
        self.run()
        self.sent()
        return self

    def hear(self, *frames: str | bytes) -> None:
        """Let the server say something, and the application hear it."""
        self.say(*frames)
        self.run()
