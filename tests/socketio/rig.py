"""A Socket.IO server and its clients in memory, for the tests of this folder and of the application layer."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, Final, TypeVar

import pytest

from socketio_core.engineio.packet import Payload
from socketio_core.settings import EngineSettings, RecoverySettings, SocketSettings
from socketio_core.socketio import (
    ConnectionOpened,
    ConnectionUpgraded,
    ConnectRequested,
    Left,
    Member,
    ServerCore,
    ServerEvent,
)
from socketio_core.testing import FakeClock, WireClient, advance

TRANSPORTS: Final = ("polling", "websocket")
BOTH: Final = pytest.mark.parametrize("transport", TRANSPORTS)
NAMESPACES: Final = pytest.mark.parametrize("nsp", ["/", "/admin"])

_E = TypeVar("_E")


def numbered_ids() -> Callable[[], str]:
    """Return a factory of `"id1"`, `"id2"`, ..."""
    numbers = count(1)
    return lambda: f"id{next(numbers)}"


def timer_count(server: ServerCore) -> int:
    """Return how many timers a server has beside those of its sessions, which have one each."""
    return len(server.agenda) - server.session_count


class Rig:
    """A server whose ids and clock are in the test's hands.

    Args:
        recovery: what makes the server let lost clients come back.
        settings: fields of `SocketSettings`.
    """

    def __init__(
        self, engine: EngineSettings | None = None, *, recovery: RecoverySettings | None = None, **settings: Any
    ) -> None:
        self.clock = FakeClock()
        self.server = ServerCore(
            engine or EngineSettings(path="/socket.io/", first_request_timeout_s=1000),
            SocketSettings(**settings),
            new_id=numbered_ids(),
            recovery=recovery,
        )

    @property
    def now(self) -> float:
        return self.clock.now

    def open(self, transport: str = "websocket") -> WireClient:
        """Open a client, which has joined nothing yet."""
        return WireClient(self.server, self.clock).open(transport)

    def request(self, client: WireClient, nsp: str = "/", auth: str = "") -> Member:
        """Let a client ask for a namespace; returns the member that waits for a decision."""
        client.send(f"40{connect_head(nsp)}{auth}")
        (event,) = self.take(ConnectRequested)
        return event.member

    def join(self, client: WireClient, nsp: str = "/") -> Member:
        """Let a client join a namespace, and read the server's answer."""
        member = self.request(client, nsp)
        assert member.accept(self.now)
        assert f'0{connect_head(nsp)}{{"sid":"{member.sid}"}}' in client.fetch()
        return member

    def joined(self, transport: str = "websocket", nsp: str = "/") -> tuple[WireClient, Member]:
        """Open a client that has joined a namespace."""
        client = self.open(transport)
        return client, self.join(client, nsp)

    def events(self) -> list[ServerEvent]:
        """Return what happened since the last call to sockets, and which connections ended."""
        begun = (ConnectionOpened, ConnectionUpgraded)
        return [event for event in self.server.take_events() if not isinstance(event, begun)]

    def take(self, kind: type[_E]) -> list[_E]:
        """Return what happened since the last call, which must be events of one kind."""
        events = self.events()
        found: list[_E] = [event for event in events if isinstance(event, kind)]
        assert len(found) == len(events), events
        return found

    def reasons(self) -> list[tuple[str, str]]:
        """Return who left since the last call, and why: `("/admin", "transport close")`."""
        return [(event.member.namespace.name, event.reason.value) for event in self.events() if isinstance(event, Left)]

    def advance(self, seconds: float) -> None:
        """Let time pass; deadlines on the way are acted on at their time."""
        advance(self.server, self.clock, seconds)


def connect_head(nsp: str) -> str:
    """Return how a packet names a namespace: `""` or `"/admin,"`."""
    return "" if nsp == "/" else f"{nsp},"


def drain(client: WireClient) -> list[Payload]:
    """Read what there is, also from a session that is over, or is closing: then until it is over."""
    messages = client.take_messages() if client.session is None else client.fetch()
    while client.session is not None and not client.session.is_open:
        messages += client.fetch()
    return messages
