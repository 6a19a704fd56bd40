"""A server whose clients may come back, by hand."""

from __future__ import annotations

from typing import Any, Final

from socketio_core.engineio.packet import Payload
from socketio_core.settings import EngineSettings, RecoverySettings
from socketio_core.socketio import (
    ConnectRequested,
    Member,
    RecoverableSession,
)
from socketio_core.testing import WireClient
from tests.socketio.rig import Rig, connect_head

WINDOW_S: Final = 120.0
UNSURE_S: Final = 25.0 + 20.0  # ping interval, ping timeout


class Home(Rig):
    """A server that lets clients come back, where every claim is looked after."""

    def __init__(self, engine: EngineSettings | None = None, **recovery: Any) -> None:
        super().__init__(engine, recovery=RecoverySettings(**recovery))
        assert self.server.recovery is not None
        self.recovery = self.server.recovery

    def ask(self, auth: str = "", nsp: str = "/", transport: str = "websocket") -> tuple[WireClient, Member]:
        """Let a new client ask for a namespace; give it back what it claims."""
        client = self.open(transport)
        client.send(f"40{connect_head(nsp)}{auth}")
        (event,) = [event for event in self.events() if isinstance(event, ConnectRequested)]
        self.look_after(event)
        return client, event.member

    def look_after(self, event: ConnectRequested) -> None:
        """Give a client back what it claims."""
        if event.claim is not None:
            session = self.server.take_session(event.member.namespace.name, event.claim, self.now)
            if session is not None:
                assert event.member.restore(session)

    def let_in(self, event: ConnectRequested) -> Member:
        """Do that, and let it in."""
        self.look_after(event)
        assert event.member.accept(self.now)
        return event.member

    def enter(
        self, auth: str = "", nsp: str = "/", transport: str = "websocket"
    ) -> tuple[WireClient, Member, list[Payload]]:
        """Do that, let the member in, and return what the client got."""
        client, member = self.ask(auth, nsp, transport)
        assert member.accept(self.now)
        return client, member, client.fetch()

    def claim(self, member: Member, position: int | None = None) -> str:
        """Return the auth with which the client of a member comes back."""
        session = session_of(member)
        offset = "" if position is None else f',"offset":"{self.recovery.log.offset_of(position)}"'
        return f'{{"pid":"{session.pid}"{offset}}}'

    def answer(self, member: Member, nsp: str = "/") -> str:
        return f'0{connect_head(nsp)}{{"sid":"{member.sid}","pid":"{session_of(member).pid}"}}'

    def lose(self, client: WireClient) -> None:
        """Break a client's connection, which the server notices."""
        drop(client)
        self.events()


def drop(client: WireClient) -> None:
    assert client.websocket is not None
    client.websocket.drop()


def session_of(member: Member) -> RecoverableSession:
    assert member.recoverable is not None
    return member.recoverable


def emit(member: Member, *args: Any, **how: Any) -> bool:
    return member.emit("x", args, **{"volatile": False, **how})
