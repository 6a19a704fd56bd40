"""What a session is in both roles: an outbox, a WebSocket or none, parts of messages, one timer, and a candidate."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Generic, Protocol, TypeVar

from socketio_core.engineio.message import WireMessage, received_size
from socketio_core.engineio.outbox import Outbox
from socketio_core.engineio.packet import MESSAGE, Frame, Payload, message_frame
from socketio_core.engineio.parts import MESSAGE_TOO_BIG, Parts
from socketio_core.engineio.states import SessionState
from socketio_core.errors import CloseReason, LocalProtocolError, PacketError
from socketio_core.settings import EngineClientSettings, EngineSettings
from socketio_core.timers import Agenda, Lane, Scheduled, Timer


class Handle(Protocol):
    """A handle that a host holds."""

    @property
    def session(self) -> object: ...


class _Held(Handle, Protocol):
    """A WebSocket, as far as both roles' are alike.

    Attributes:
        is_closed: it is no part of the session (any more): what arrives on it is ignored.
    """

    is_closed: bool
    parts: Parts


class _Pausable(Protocol):
    """A heartbeat, as far as both roles' are alike."""

    @property
    def is_waiting(self) -> bool:
        """Whether it is to be told of whatever arrives."""
        ...

    def pause(self, now: float) -> None: ...
    def resume(self, now: float) -> None: ...


_WebSocket = TypeVar("_WebSocket", bound=_Held)
_Heartbeat = TypeVar("_Heartbeat", bound=_Pausable)
_Settings = TypeVar("_Settings", bound=EngineSettings | EngineClientSettings)

_OPEN = SessionState.OPEN


class SessionBase(ABC, Generic[_WebSocket, _Heartbeat, _Settings]):
    """The common part; a role adds what packets mean, how the session opens, and how it ends.

    Attributes:
        engine_settings: those of the engine or client that the session belongs to, with a path.
        agenda: of the same.
        is_inner: it belongs to a Socket.IO server or client: nobody else may `send`.
        limit_bytes: no message that is received may be larger.
        text_limit_bytes: nor a text, which is read in one piece; no more than that.
        outbox: what waits to be sent, whatever the carrier.
        state: where it is in its life.
        unfinished_bytes: of messages that the layer above reads with one that is still to come, which may be small and
            take long, then; set by that layer at a server, where others wait meanwhile.
    """

    __slots__ = (
        "_heartbeat",
        "_timer",
        "_websocket",
        "agenda",
        "engine_settings",
        "is_inner",
        "limit_bytes",
        "outbox",
        "state",
        "text_limit_bytes",
        "unfinished_bytes",
    )

    _OWNER: ClassVar[str]  # whose it is if it is inner, and what to do about that
    _READER: ClassVar[str]  # what its peer is called
    _TOO_LARGE: ClassVar[str]  # what is said of a message that is over the limit
    _TOO_LARGE_TEXT: ClassVar = "text larger than max_text_bytes: {}"  # where that is lower

    def __init__(
        self,
        state: SessionState,
        settings: _Settings,
        agenda: Agenda,
        heartbeat: _Heartbeat,
        limit_bytes: int,
        *,
        is_inner: bool,
    ) -> None:
        self.engine_settings = settings
        self.state = state
        self.is_inner = is_inner
        self.agenda = agenda
        self.limit_bytes = self.text_limit_bytes = limit_bytes
        self.outbox = Outbox()
        self.unfinished_bytes = 0
        self._heartbeat = heartbeat
        self._websocket: _WebSocket | None = None
        self._timer: Timer[Scheduled] | None = None

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"<{name} {self.transport}, {self.state.value}, {self.buffered_bytes} bytes buffered>"

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self.state is SessionState.OPEN

    @property
    def is_closed(self) -> bool:
        """Whether it is over; a session that is closing is neither open nor closed."""
        return self.state is SessionState.CLOSED

    @property
    def transport(self) -> str:
        """`"polling"` or `"websocket"`, as in the query parameter."""
        return "polling" if self._websocket is None else "websocket"

    @property
    def buffered_bytes(self) -> int:
        """How much waits in the outbox."""
        return self.outbox.size_bytes

    @property
    def is_over_high_water(self) -> bool:
        """Whether the peer reads too slowly for more: wait, or drop.

        `high_water_bytes`, or half of `max_buffered_messages`, are waiting.
        """
        outbox = self.outbox
        if not outbox.messages:  # most often; benchmarks: server
            return False
        settings = self.engine_settings
        return (
            outbox.size_bytes > settings.high_water_bytes or len(outbox.messages) * 2 > settings.max_buffered_messages
        )

    # -- what a role adds --------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def next_deadline(self) -> float | None:
        """When `handle_timeout` has something to do, in monotonic seconds; `None` once closed."""

    @abstractmethod
    def handle_timeout(self, now: float) -> None:
        """Do what is due at `now`. Early, late and repeated calls do nothing."""

    @abstractmethod
    def _deliver(self, messages: list[Payload], now: float) -> None:
        """Report messages, of the WebSocket that carries the open session."""

    @abstractmethod
    def _receive_any(self, websocket: _WebSocket, frame: Frame, now: float) -> None:
        """Process one whole message that is not too large, whatever else it is and the session's state."""

    @abstractmethod
    def fail(self, websocket: _WebSocket, detail: str, code: int, now: float) -> None:
        """The peer broke the rules of WebSockets, or sent too much; the close frame gets `code`."""

    @abstractmethod
    def break_off(self, reason: CloseReason, detail: str, code: int | None = None) -> None:
        """Close at once, for what the peer did."""

    @abstractmethod
    def put(self, message: WireMessage, *, is_control: bool = False) -> bool:
        """Append a message to the outbox. Returns `False` when it was dropped.

        That is when the session is not open, or when its buffer would be over the limit: then the peer reads too slowly
        and the session closes.

        Args:
            is_control: the protocol's own, and nobody's fault if it is too large; then too the session closes.

        Raises:
            LocalProtocolError: the message alone is too large; it was not sent, and the session goes on.
        """

    # -- output ------------------------------------------------------------------------------------------------------

    def send(self, payload: Payload, now: float, *, compress: bool = True) -> bool:
        """Send one message, text or bytes. Returns `False` when the session is not open and the message was dropped.

        Args:
            payload: the message.
            now: monotonic seconds; may not decrease between calls.
            compress: `False` if the message is no reason to compress: it is packed already, or short.

        Raises:
            LocalProtocolError: text with a lone surrogate, a message that cannot be sent (see `put`), or a session that
                belongs to a Socket.IO server or client.
        """
        if self.is_inner:
            raise LocalProtocolError(f"session belongs to {self._OWNER}")
        if self.agenda.due_at <= now:
            self.agenda.catch_up(now)
        return self.put(WireMessage((message_frame(payload),), compress=compress))

    def _overflowed(self, message: WireMessage) -> None:
        """One message more is too much: a stream with a hole in it would be worse than none."""
        detail = f"{self._READER} reads too slowly: {self.outbox.overflow(message, self.engine_settings)}"
        self.outbox.clear()
        self.break_off(CloseReason.TRANSPORT_ERROR, detail)

    # -- input -------------------------------------------------------------------------------------------------------

    def receive(self, websocket: _WebSocket, frame: Frame, now: float) -> None:
        """Process one whole message that arrived on `websocket`, e.g. `"4hello"`; `bytes` is a binary message."""
        payload = self.payload_of(websocket, frame, now)
        if payload is None:
            self._receive_whole(websocket, frame, now)
        else:
            self._deliver([payload], now)

    def payload_of(self, websocket: _WebSocket, frame: Frame, now: float) -> Payload | None:
        """Return the message in a frame, if that is all that comes of it; then the frame need not be received.

        So a layer above that has taken all events before may read it at once.
        """
        if (  # fast path; benchmarks: server
            websocket is self._websocket
            and self.state is _OPEN
            and len(frame) * 4 <= self.text_limit_bytes  # no character has more than four bytes
            and not self._heartbeat.is_waiting
            and self.agenda.due_at > now
        ):
            if type(frame) is bytes:
                return frame
            if frame[:1] == MESSAGE:
                return frame[1:]
        return None

    def _receive_whole(self, websocket: _WebSocket, frame: Frame, now: float) -> None:
        """Process one whole message, behind what is due."""
        if self.agenda.due_at <= now:
            self.agenda.catch_up(now)
        over = self._limit_over(frame)
        if over is not None:
            self._fail_too_large(websocket, over, now)
        else:
            self._receive_any(websocket, frame, now)

    def receive_all(self, websocket: _WebSocket, frames: Iterable[Frame], now: float) -> None:
        """Process several whole messages, in order."""
        left = iter(frames)
        if (  # fast path: nothing changes meanwhile; benchmarks: server, client
            websocket is self._websocket
            and self.state is _OPEN
            and not self._heartbeat.is_waiting
            and self.agenda.due_at > now
        ):
            messages: list[Payload] = []
            most = self.text_limit_bytes // 4  # no character has more than four bytes
            for frame in left:
                if type(frame) is bytes and len(frame) <= most:
                    messages.append(frame)
                elif frame[:1] == MESSAGE and len(frame) <= most:
                    messages.append(frame[1:])
                else:
                    self._deliver(messages, now)
                    self._receive_whole(websocket, frame, now)
                    break
            else:
                self._deliver(messages, now)
                return
        for frame in left:
            self._receive_whole(websocket, frame, now)

    def take_pong(self, websocket: Handle, now: float) -> bool:
        """Process a pong that came alone, if nothing comes of it but that the heartbeat goes on.

        Returns `False` if it was not processed: it is to be received as any frame is. Clients get none.
        """
        self._check_own(websocket)
        self.agenda.catch_up(now)
        return False

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
            elif websocket.parts.size_bytes > (limit := self._limit_of(part)):
                self._fail_too_large(websocket, limit, now)

    def _limit_of(self, frame: Frame) -> int:
        return self.text_limit_bytes if isinstance(frame, str) else self.limit_bytes

    def _limit_over(self, frame: Frame) -> int | None:
        """Return the limit that a message is over, if it is over one."""
        limit = self._limit_of(frame)  # no character has more than four bytes
        return limit if len(frame) * 4 > limit and received_size(frame) > limit else None

    def _check_text(self, packet: str, data: Payload) -> None:
        """Check a packet that was polled; bytes in it are no text.

        Raises:
            PacketError: it is too large.
        """
        if isinstance(data, str) and (over := self._limit_over(packet)) is not None:
            raise PacketError(self._too_large(over))

    def _too_large(self, limit: int) -> str:
        return (self._TOO_LARGE if limit == self.limit_bytes else self._TOO_LARGE_TEXT).format(limit)

    def _fail_too_large(self, websocket: _WebSocket, limit: int, now: float) -> None:
        self.fail(websocket, self._too_large(limit), MESSAGE_TOO_BIG, now)

    def _check_own(self, carrier: Handle) -> None:
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

    def reschedule(self, lane: Lane[Scheduled] | None = None) -> None:
        """Set the timer anew, for a deadline may have changed.

        Args:
            lane: where it stands if the deadline is of those that are set for the same span of time.
        """
        self._wake_at(self.next_deadline, lane)

    def _wake_at(self, deadline: float | None, lane: Lane[Scheduled] | None) -> None:
        timer = self._timer
        if timer is None:
            if deadline is not None:
                self._timer = self.agenda.schedule(deadline, self, lane=lane)
        elif deadline is None:
            timer.cancel()
            self._timer = None
        elif timer.at != deadline or timer.item is None:
            timer.move(deadline, self, lane)


class CandidacyBase(Generic[_WebSocket]):
    """The WebSocket that a session tries beside polling.

    Attributes:
        candidate: `None` before, afterwards, and when there is no upgrade.
        until: when the candidate is given up.
    """

    __slots__ = ("candidate", "until")

    def __init__(self) -> None:
        self.candidate: _WebSocket | None = None
        self.until: float | None = None

    def begin(self, websocket: _WebSocket, until: float) -> None:
        """Try a WebSocket."""
        self.candidate = websocket
        self.until = until

    def end(self) -> _WebSocket | None:
        """Forget the candidate, and return it, if there is one: the session parts with it, or moves to it."""
        websocket, self.candidate, self.until = self.candidate, None, None
        return websocket
