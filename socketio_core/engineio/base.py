"""What a session is in both roles: an outbox, a WebSocket or none, parts of messages, and one timer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, Protocol, TypeVar

from socketio_core.engineio.outbox import Outbox
from socketio_core.engineio.packet import Frame
from socketio_core.engineio.parts import MESSAGE_TOO_BIG, Parts
from socketio_core.errors import LocalProtocolError
from socketio_core.timers import Agenda, Scheduled, Timer


class _Carrier(Protocol):
    """A handle that a host holds."""

    @property
    def session(self) -> object: ...


class _Held(_Carrier, Protocol):
    """A WebSocket, as far as both roles' are alike.

    Attributes:
        is_closed: it is no part of the session (any more): what arrives on it is ignored.
    """

    is_closed: bool
    parts: Parts


class _Pausable(Protocol):
    """A heartbeat, as far as both roles' are alike."""

    def pause(self, now: float) -> None: ...
    def resume(self, now: float) -> None: ...


_WebSocket = TypeVar("_WebSocket", bound=_Held)
_Heartbeat = TypeVar("_Heartbeat", bound=_Pausable)


class SessionBase(ABC, Generic[_WebSocket, _Heartbeat]):
    """The common part; a role adds what packets mean, how the session opens, and how it ends.

    Attributes:
        agenda: of the engine or client that the session belongs to.
        limit_bytes: no message that is received may be larger.
        too_large: what is said of one that is.
        outbox: what waits to be sent, whatever the carrier.
    """

    __slots__ = ("_heartbeat", "_timer", "_websocket", "agenda", "limit_bytes", "outbox", "too_large")

    def __init__(self, agenda: Agenda, heartbeat: _Heartbeat, limit_bytes: int, too_large: str) -> None:
        self.agenda = agenda
        self.limit_bytes = limit_bytes
        self.too_large = too_large
        self.outbox = Outbox()
        self._heartbeat = heartbeat
        self._websocket: _WebSocket | None = None
        self._timer: Timer[Scheduled] | None = None

    @property
    def transport(self) -> str:
        """`"polling"` or `"websocket"`, as in the query parameter."""
        return "polling" if self._websocket is None else "websocket"

    @property
    def buffered_bytes(self) -> int:
        """How much waits in the outbox."""
        return self.outbox.size_bytes

    # -- what a role adds --------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def next_deadline(self) -> float | None:
        """When `handle_timeout` has something to do, in monotonic seconds; `None` once closed."""

    @abstractmethod
    def handle_timeout(self, now: float) -> None:
        """Do what is due at `now`. Early, late and repeated calls do nothing."""

    @abstractmethod
    def receive(self, websocket: _WebSocket, frame: Frame, now: float) -> None:
        """Process one whole message."""

    @abstractmethod
    def fail(self, websocket: _WebSocket, detail: str, code: int, now: float) -> None:
        """The peer broke the rules of WebSockets, or sent too much; the close frame gets `code`."""

    # -- input -------------------------------------------------------------------------------------------------------

    def receive_part(self, websocket: _WebSocket, part: Frame, is_last: bool, now: float) -> None:  # noqa: FBT001
        """Process a part of a message; the parts of one are all text or all bytes, and the last one says so.

        Raises:
            LocalProtocolError: a part of another kind than those before it.
        """
        if websocket.session is not self:
            self._check_own(websocket)
        if self.agenda.due_at <= now:
            self.agenda.catch_up(now)
        if is_last and not websocket.parts:
            self.receive(websocket, part, now)
        elif not websocket.is_closed:
            whole = websocket.parts.add(part, is_last=is_last)
            if whole is not None:
                self.receive(websocket, whole, now)
            elif websocket.parts.size_bytes > self.limit_bytes:
                self.fail(websocket, self.too_large, MESSAGE_TOO_BIG, now)

    def _check_own(self, carrier: _Carrier) -> None:
        if carrier.session is not self:
            raise LocalProtocolError("handle belongs to another session")

    def pause_reading(self, now: float) -> None:
        """Say that the host stops reading from the peer: its silence is not held against it, up to `max_pause_s`.

        Several readers may do so, each for itself.
        """
        self.agenda.catch_up(now)
        self._heartbeat.pause(now)
        self.reschedule()

    def resume_reading(self, now: float) -> None:
        """Say that the host reads again; to be called once for each `pause_reading`."""
        self.agenda.catch_up(now)
        self._heartbeat.resume(now)
        self.reschedule()

    # -- time --------------------------------------------------------------------------------------------------------

    def reschedule(self) -> None:
        """Set the timer anew, for a deadline may have changed."""
        deadline, timer = self.next_deadline, self._timer
        if timer is not None:
            if timer.at == deadline and timer.item is not None:
                return
            timer.cancel()
        self._timer = None if deadline is None else self.agenda.schedule(deadline, self)
