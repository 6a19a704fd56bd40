"""One engine, one clock and its clients: the stage on which the tests of this folder play."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from socketio_core.engineio import Closed, Engine, EngineEvent, Opened, RequestRefused, Respond, Session, Upgraded
from socketio_core.http import Request, Response
from socketio_core.settings import EngineSettings
from socketio_core.testing import FakeClock, WireClient, WireSocket, advance, settle


class Scene:
    """An engine whose session ids are `sid-1`, `sid-2`, ...; with the settings given. Clients need not hurry."""

    def __init__(self, *, first_request_timeout_s: float = 1000, **settings: Any) -> None:
        settings["first_request_timeout_s"] = first_request_timeout_s
        self.clock = FakeClock()
        self._ids = 0
        self.engine = Engine(EngineSettings(**settings), new_id=self._new_id)

    def _new_id(self) -> str:
        self._ids += 1
        return f"sid-{self._ids}"

    @property
    def now(self) -> float:
        """The time."""
        return self.clock.now

    def stranger(self, **arguments: Any) -> WireClient:
        """Return a client that has not opened a session."""
        return WireClient(self.engine, self.clock, **arguments)

    def client(self, transport: str = "polling", **arguments: Any) -> WireClient:
        """Return a client with an open session, whose `<opened>` was taken."""
        client = self.stranger(**arguments).open(transport)
        assert self.reports() == ["<opened>"]
        return client

    def session(self, client: WireClient) -> Session:
        """Return the server's end of an open session."""
        session = client.session
        assert session is not None
        return session

    def socket(self, client: WireClient) -> WireSocket:
        """Return a client's end of its session's WebSocket."""
        assert client.websocket is not None
        return client.websocket

    def poll(self, client: WireClient) -> bytes:
        """Poll, and return the body of the answer, which must be there."""
        return parts(client.poll().response)[2]

    def respond(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        """Make a request that is answered at once, and return `parts` of the answer."""
        action = self.engine.handle_request(request, self.now, None)
        assert isinstance(action, Respond)
        return parts(action.response)

    def reports(self) -> list[str | bytes]:
        """Take the engine's events, as `describe` puts them."""
        settle(self.engine)
        return [describe(event) for _, event in self.engine.take_events()]

    def wait(self, seconds: float) -> None:
        """Let time pass as a punctual host does."""
        advance(self.engine, self.clock, seconds)

    def check(self) -> None:
        """Assert that the engine's books are in order."""
        for session in self.engine.sessions:
            check_books(session)
        agenda, sessions = self.engine.agenda, self.engine.sessions
        assert len(agenda) == len(sessions)
        deadlines = [at for session in sessions if (at := session.next_deadline) is not None]
        assert agenda.next_deadline == min(deadlines, default=None)

    def check_empty(self) -> None:
        """Assert that nothing is left of anybody."""
        settle(self.engine)
        shared = self.engine.shared
        assert (shared.sessions, len(shared.agenda), shared.ready) == ({}, 0, [])
        assert self.engine.next_deadline is None


def describe(event: EngineEvent) -> str | bytes:
    """Put an event into one word, or return the message that it is."""
    match event:
        case str() | bytes():
            return event
        case Opened():
            return "<opened>"
        case Upgraded():
            return "<upgraded>"
        case Closed(reason, None):
            return f"<closed: {reason.value}>"
        case Closed(reason, error):
            return f"<closed: {reason.value}: {error}>"
        case RequestRefused(_, code, message):
            return f"<refused: {code} {message}>"


def check_books(session: Session) -> None:
    """Assert that what a session says it buffers is what lies in its outbox, and that it forgets no deadline."""
    outbox = session.outbox
    assert session.buffered_bytes == sum(message.size_bytes for message in outbox.messages)
    assert session.transport == "polling" or session.upgrade.until is session.polling.deadline is None


def status_of(action: object) -> int:
    assert isinstance(action, Respond)
    return action.response.status


def parts(response: Response | None) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers (repeated ones joined) and body of a response."""
    assert response is not None
    headers: dict[str, str] = {}
    for name, value in response.headers:
        headers[name.decode()] = ", ".join([*filter(None, [headers.get(name.decode())]), value.decode()])
    return response.status, headers, response.body


class Fickle(list[str]):
    """Frames of a parser that can be looked at once, and then not be had."""

    was_seen = False

    def __iter__(self) -> Iterator[str]:
        if self.was_seen:
            raise ValueError("no frame")
        self.was_seen = True
        return super().__iter__()
