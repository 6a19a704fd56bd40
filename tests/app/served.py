"""A whole `Server` with no event loop: clients send bytes, handlers run when the test lets them, bytes come back."""

from __future__ import annotations

import json

from socketio_core import Observer, Server
from socketio_core.app.server import host_of
from socketio_core.app.site import site_of
from socketio_core.engineio.session import Session
from socketio_core.errors import CloseReason, RemoteProtocolError
from tests.app.hand_runtime import HandRuntime
from tests.wire.by_hand import HandHost, Peer
from tests.wire.written import POLLING, WEBSOCKET, frame, handshake


class Log(Observer):
    """Notes why connections have ended, and what has failed."""

    def __init__(self) -> None:
        self.closed: list[str] = []
        self.failures: list[str] = []

    def connection_closed(self, session: Session, reason: CloseReason, error: RemoteProtocolError | None) -> None:
        self.closed.append(f"{reason.value}: {error}")

    def failed(self, what: str, error: BaseException) -> None:
        self.failures.append(f"{what}; {error}")


class Served(HandHost):
    """Serves; the adapter that is easiest to understand.

    Attributes:
        runtime: what it runs on.
    """

    def __init__(self, io: Server, log: Observer | None = None) -> None:
        super().__init__()
        self.io = io
        self.runtime = HandRuntime(self.clock)
        host = host_of(io)
        host.bind(self.runtime, log or Observer())
        self.site = site_of(host)

    def settle(self) -> None:
        """Do all there is to do at this time."""
        while True:
            super().settle()
            if not self.runtime.run_ready():
                return

    def websocket(self, target: str = WEBSOCKET) -> Peer:
        """Open a WebSocket, and read the open packet."""
        peer = self.connect()
        peer.send(handshake(target))
        assert peer.answer().status == 101
        assert peer.frame()[1][:1] == b"0"
        return peer

    def join(self) -> Peer:
        """Open a WebSocket whose client joins the root namespace."""
        peer = self.websocket()
        peer.send(frame("40"))
        assert peer.frame()[1].startswith(b'40{"sid":')
        return peer

    def open_session(self, target: str = POLLING) -> str:
        """Do a handshake over polling. Returns the session's id."""
        return str(json.loads(self.connect().ask(target).text[1:])["sid"])
