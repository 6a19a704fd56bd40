"""What the sessions of one engine have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from socketio_core.engineio.admission import Admission
from socketio_core.engineio.carriers import Carrier, WebSocket
from socketio_core.engineio.events import EngineEvent
from socketio_core.engineio.late_polls import LatePolls
from socketio_core.engineio.packet import Payload
from socketio_core.http import Request
from socketio_core.settings import EngineSettings
from socketio_core.timers import Agenda, Lane, Scheduled

if TYPE_CHECKING:
    from socketio_core.engineio.session import Session


class Shared:
    """Who exists, whose deadline is next, which carriers the host must see to, and what it must be told."""

    __slots__ = (
        "admission",
        "agenda",
        "events",
        "is_closing",
        "is_inner",
        "late_polls",
        "ready",
        "sessions",
        "settings",
        "to_ping",
        "to_pong",
        "unpacked",
        "unseen_puts",
    )

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.is_closing = False  # there will be no new sessions
        self.is_inner = False  # the sessions belong to the connections of a Socket.IO server
        self.admission = Admission(settings)
        self.sessions: dict[str, Session] = {}
        self.agenda = Agenda()
        self.to_ping: Lane[Scheduled] = self.agenda.new_lane()  # sessions, whose next ping is due an interval later
        self.to_pong: Lane[Scheduled] = self.agenda.new_lane()  # those whose pong is overdue a time-out later
        self.late_polls = LatePolls()
        self.ready: list[Carrier] = []
        self.unpacked: list[Request] = []  # with which sessions have begun since the host was last told of carriers
        self.unseen_puts = 0  # messages that no carrier was there to be told of, so far
        self.events: list[tuple[Session | None, EngineEvent | list[Payload]]] = []  # messages as they came together

    def mark_ready(self, carrier: Carrier) -> None:
        """Add a carrier to those that the host must see to; once, however often it is marked."""
        if not carrier.is_ready:
            carrier.is_ready = True
            self.ready.append(carrier)

    def pack_requests(self) -> None:
        """Make small what sessions have begun with, and what was asked again and again until it was answered."""
        for request in self.unpacked:
            request.pack()
        self.unpacked.clear()

    def part_with(self, websocket: WebSocket) -> None:
        """Let a WebSocket go that its session has no use for, or none any more."""
        websocket.detach()
        self.mark_ready(websocket)

    def forget_ready(self, carrier: Carrier) -> None:
        """Take back a mark: the carrier has nothing to say after all."""
        if carrier.is_ready:
            carrier.is_ready = False
            self.ready.remove(carrier)
