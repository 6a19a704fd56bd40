"""One Engine.IO session, server role: its carriers, heartbeat, upgrade, outbox and end.

The outbox is one queue whatever the carrier: polling flushes it into a poll's response, a WebSocket's host takes from
it, and an upgrade moves it over. So what was put first leaves first, across an upgrade too.
"""

from __future__ import annotations

from collections.abc import Sequence

from socketio_core.engineio.carriers import Carrier, WebSocket
from socketio_core.engineio.close_codes import NO_CODE, check_close, echo_of
from socketio_core.engineio.events import Closed, Upgraded
from socketio_core.engineio.heartbeat import Heartbeat
from socketio_core.engineio.message import PING_MESSAGE, WireMessage, received_size
from socketio_core.engineio.outbox import Outbox, check_fits
from socketio_core.engineio.packet import MESSAGE, PING, Frame, Payload, decode_frame, message_frame
from socketio_core.engineio.parts import MESSAGE_TOO_BIG
from socketio_core.engineio.polling import Polling
from socketio_core.engineio.shared import Shared
from socketio_core.engineio.states import PROBE, TABLE, Action, CarrierState, SessionState
from socketio_core.engineio.upgrade import Upgrade
from socketio_core.errors import CloseReason, LocalProtocolError, PacketError, RemoteProtocolError
from socketio_core.http import Request
from socketio_core.timers import Scheduled, Timer

_OPEN = SessionState.OPEN


class Session:
    """The server's end of one Engine.IO connection. Made by `Engine`; write to it with `put` or `send`.

    Attributes:
        sid: the session id; secret, since it is all that a request needs to act for the client.
        request: the handshake request.
        shared: what the sessions of one engine have in common.
        context: belongs to the layer above.
        polling: its GETs and POSTs.
        upgrade: the WebSocket that wants to replace them.
        outbox: what waits to be sent, whatever the carrier.
        outlet: the carrier that is told when the outbox fills; `None` between two polls.
        was_let_go: `close` was called, and not for the peer's fault: what it sent before it knew should not be handled.
    """

    __slots__ = (
        "_closing_until",
        "_heartbeat",
        "_timer",
        "_websocket",
        "context",
        "outbox",
        "outlet",
        "polling",
        "request",
        "shared",
        "sid",
        "state",
        "upgrade",
        "was_let_go",
    )

    def __init__(self, shared: Shared, sid: str, request: Request, now: float) -> None:
        self.sid = sid
        self.request = request
        self.context: object = None
        self.state = _OPEN
        self.was_let_go = False
        self.shared = shared
        self.outbox = Outbox()
        self.outlet: Carrier | None = None
        self.polling = Polling(self, shared)
        self.upgrade = Upgrade(self, shared)
        self._websocket: WebSocket | None = None
        self._heartbeat = Heartbeat(shared.settings, now)
        self._closing_until: float | None = None
        self._timer: Timer[Scheduled] | None = None
        self.reschedule()

    def __repr__(self) -> str:
        return f"<Session {self.transport}, {self.state.value}, {self.buffered_bytes} bytes buffered>"

    @property
    def transport(self) -> str:
        """`"polling"` or `"websocket"`, as in the query parameter."""
        return "polling" if self._websocket is None else "websocket"

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self.state is _OPEN

    @property
    def is_closed(self) -> bool:
        """Whether it is over; a session that is closing is neither open nor closed."""
        return self.state is SessionState.CLOSED

    @property
    def buffered_bytes(self) -> int:
        """How much waits in the outbox."""
        return self.outbox.size_bytes

    @property
    def is_over_high_water(self) -> bool:
        """Whether the peer reads too slowly for more: wait, or drop."""
        return self.outbox.is_over_high_water(self.shared.settings)

    @property
    def is_upgrading(self) -> bool:
        """Whether a candidate WebSocket is probing."""
        return self.upgrade.candidate is not None

    @property
    def is_writable(self) -> bool:
        """Whether a message would leave at once: what decides the fate of a volatile one (PROTOCOL 9-46)."""
        return self.outlet is not None and not self.outbox and self.state is _OPEN

    # -- output ------------------------------------------------------------------------------------------------------

    def send(self, payload: Payload) -> bool:
        """Send one message, text or bytes. Returns `False` when the session is not open and the message was dropped.

        Raises:
            LocalProtocolError: text with a lone surrogate, a message that no buffer holds (see `put`), or a session
                that belongs to a Socket.IO server.
        """
        if self.shared.is_inner:
            raise LocalProtocolError("session belongs to a Socket.IO server; emit to one of its members")
        return self.put(WireMessage((message_frame(payload),)))

    def put(self, message: WireMessage, *, is_control: bool = False) -> bool:
        """Append a message to the outbox. Returns `False` when it was dropped.

        That is when the session is not open, or when its buffer would be over the limit: then the peer reads too slowly
        and the session closes, for a stream with a hole in it would be worse.

        Args:
            is_control: the protocol's own, and nobody's fault if it is too large; then too the session closes.

        Raises:
            LocalProtocolError: the message alone is larger than `max_buffered_bytes`; no peer could read so fast.
        """
        if self.state is not _OPEN:
            return False
        outbox, settings = self.outbox, self.shared.settings
        size_bytes = outbox.size_bytes + message.size_bytes
        if size_bytes > settings.max_buffered_bytes or len(outbox.messages) >= settings.max_buffered_messages:
            if not is_control:
                check_fits(message, settings)
            detail = f"peer reads too slowly: {outbox.overflow(message, settings)}"
            outbox.clear()
            self.break_off(CloseReason.TRANSPORT_ERROR, detail)
            return False
        outbox.messages.append(message)
        outbox.size_bytes = size_bytes
        if self.outlet is not None:
            self.shared.mark_ready(self.outlet)
        return True

    # -- polling -----------------------------------------------------------------------------------------------------

    def receive_polled(self, part: str, now: float) -> bool:
        """Process one packet of a POST. Returns whether it was accepted."""
        kind, data = decode_frame(part)
        if self.state is SessionState.CLOSED:
            return False
        if self._heartbeat.is_waiting:
            self._extend_heartbeat(now)
        carrier = CarrierState.POLLING if self.state is _OPEN else CarrierState.CLOSING
        return self._act(TABLE[carrier][kind], None, data, now)  # a probe is a ping like any other here

    # -- WebSocket ---------------------------------------------------------------------------------------------------

    def attach_websocket(self, websocket: WebSocket, messages: Sequence[WireMessage]) -> None:
        """The session begins on this WebSocket, with these messages, which no limit keeps back."""
        self._websocket = self.outlet = websocket
        self.outbox = websocket.outbox
        for message in messages:
            self.outbox.put(message)
        self.shared.mark_ready(websocket)

    def turn_away(self, websocket: WebSocket) -> None:
        """Close a WebSocket that the session has no use for, or none any more; nothing else changes."""
        websocket.state = CarrierState.DETACHED
        websocket.is_closed = True
        websocket.parts.clear()
        self.shared.mark_ready(websocket)

    def receive(self, websocket: WebSocket, frame: Frame, now: float) -> None:
        """Process one frame that arrived on `websocket`; see `Engine.receive`."""
        if self.shared.agenda.due_at <= now:
            self.shared.agenda.catch_up(now)
        settings = self.shared.settings
        limit = settings.max_payload_bytes
        if len(frame) * 4 > limit and received_size(frame) > limit:  # no character has more than four bytes
            self.fail(websocket, self.shared.too_large, MESSAGE_TOO_BIG, now)
            return
        if websocket is self._websocket and self.state is _OPEN:  # fast path; benchmarks: core
            if self._heartbeat.is_waiting:
                self._extend_heartbeat(now)
            if type(frame) is bytes:
                self.shared.events.append((self, frame))
                return
            if frame[:1] == MESSAGE:
                self.shared.events.append((self, frame[1:]))
                return
        if websocket.state is CarrierState.DETACHED:
            return
        self._check_own(websocket)
        try:
            kind, data = decode_frame(frame)
        except PacketError as error:
            if websocket is self.upgrade.candidate:
                self.upgrade.end()
            else:
                self.break_off(CloseReason.PARSE_ERROR, str(error))
            return
        action = TABLE[websocket.state][PROBE if kind == PING and data == "probe" else kind]
        self._act(action, websocket, data, now)

    def receive_part(self, websocket: WebSocket, part: Frame, is_last: bool, now: float) -> None:  # noqa: FBT001
        """Put a message together from its parts; see `Engine.receive_part`."""
        if self.shared.agenda.due_at <= now:
            self.shared.agenda.catch_up(now)
        if websocket.session is not self:
            self._check_own(websocket)
        if is_last and not websocket.parts:
            self.receive(websocket, part, now)
        elif websocket.state is not CarrierState.DETACHED:
            whole = websocket.parts.add(part, is_last=is_last)
            if whole is not None:
                self.receive(websocket, whole, now)
            elif websocket.parts.size_bytes > self.shared.settings.max_payload_bytes:
                self.fail(websocket, self.shared.too_large, MESSAGE_TOO_BIG, now)

    def lost(self, websocket: WebSocket, now: float, code: int | None = None, detail: str = "") -> None:
        """The WebSocket's connection is gone, or its client closed it; see `Engine.lost`."""
        self._check_own(websocket)
        self.shared.agenda.catch_up(now)
        if websocket is self.upgrade.candidate:
            websocket.close_code = echo_of(code)
            self.upgrade.end()
        elif websocket is self._websocket and self.is_open:
            websocket.close_code = echo_of(code)
            self.outbox.clear()  # nobody is left to read it
            self.finish(Closed(CloseReason.TRANSPORT_CLOSE, None, code, detail))

    def fail(self, websocket: WebSocket, detail: str, code: int, now: float) -> None:
        """The client broke the rules of WebSockets, or sent too much; the close frame gets `code`."""
        self._check_own(websocket)
        self.shared.agenda.catch_up(now)
        if websocket is self.upgrade.candidate:
            websocket.close_code = code
            self.upgrade.end()
        elif websocket is self._websocket and self.is_open:
            self.break_off(CloseReason.TRANSPORT_ERROR, detail, code)

    def _check_own(self, websocket: WebSocket) -> None:
        if websocket.session is not self:
            raise LocalProtocolError("WebSocket belongs to another session")

    # -- actions -----------------------------------------------------------------------------------------------------

    def _act(self, action: Action, websocket: WebSocket | None, data: Payload, now: float) -> bool:
        """Carry out a cell of the table. Returns whether the packet was accepted."""
        if action is Action.DELIVER:
            self.shared.events.append((self, data))
        elif action is Action.PONG:
            self._heartbeat.pong_received(now)
            self.reschedule()
        elif action is Action.PEER_CLOSED:
            self._peer_closed(now)
        elif action is Action.WRONG_DIRECTION:
            self.break_off(CloseReason.TRANSPORT_ERROR, "invalid heartbeat direction")
            return False
        elif action is Action.UNEXPECTED:
            self.break_off(CloseReason.TRANSPORT_ERROR, "unexpected packet from a client")
            return False
        elif action is Action.REFUSE:
            return False
        elif action is not Action.IGNORE:
            assert websocket is not None  # the remaining actions are in the candidates' rows only
            self.upgrade.act(action, websocket)
        return True

    def _peer_closed(self, now: float) -> None:
        if self._websocket is None and self.polling.parked is None:
            self.shared.late_polls.expect(self.sid, now)
        if not self.outbox:
            self.polling.release()
        self.finish(Closed(CloseReason.TRANSPORT_CLOSE), say_close=False)

    def _extend_heartbeat(self, now: float) -> None:
        self._heartbeat.other_received(now)  # for a pong too, which then restarts the interval
        self.reschedule()

    def move_to(self, websocket: WebSocket) -> None:
        """`5` arrived: the candidate becomes the session's WebSocket, and the backlog moves over in order."""
        self.polling.release()  # with `6`; the reference says `1`, which would be untrue (PROTOCOL 9-13)
        backlog, self.outbox = self.outbox, websocket.outbox
        backlog.move_to(websocket.outbox)
        websocket.state = CarrierState.WEBSOCKET
        self._websocket = self.outlet = websocket
        self.polling.deadline = None
        self.reschedule()
        if self.state is SessionState.CLOSING:
            self.finish(Closed(CloseReason.FORCED_CLOSE))
            return
        if websocket.outbox:
            self.shared.mark_ready(websocket)
        self.shared.events.append((self, Upgraded()))

    # -- the end -----------------------------------------------------------------------------------------------------

    def close(
        self,
        now: float,
        *,
        wait: bool = True,
        is_fault: bool = False,
        code: int = NO_CODE,
        text: str = "",
    ) -> None:
        """Close the session: what is in the outbox is sent first. A second call does nothing.

        On polling without a parked poll the session stays `CLOSING` until its next polls have fetched the rest, or
        until `close_timeout_s` has passed; everywhere else it is closed when this returns.

        Args:
            wait: `False` does not wait for another poll; what a parked one cannot take is lost.
            is_fault: for what the client did; what came before that still counts (see `was_let_go`).
            code: the WebSocket's close code, e.g. 1001; without one it closes as the reference does.
            text: the reason inside that close frame.

        Raises:
            LocalProtocolError: a code or a text that cannot be sent.
        """
        check_close(code, text)
        self.shared.agenda.catch_up(now)
        if not is_fault:
            self.was_let_go = True
        if self.state is SessionState.CLOSED:
            return
        if wait and self.state is not _OPEN:
            return
        if wait and self._websocket is None:
            self.state = SessionState.CLOSING
            self.polling.deadline = None
            self._closing_until = now + self.shared.settings.close_timeout_s
            self.reschedule()
            if not self.can_say_close:
                return
        if self._websocket is not None:
            self._websocket.close_code, self._websocket.close_text = code, text
        self.finish(Closed(CloseReason.FORCED_CLOSE))

    def abort(self, now: float) -> None:
        """Close at once, a session that is `CLOSING` too: what is in the outbox is lost."""
        self.shared.agenda.catch_up(now)
        self.was_let_go = True
        if self.state is not SessionState.CLOSED:
            self.outbox.clear()
            self.finish(Closed(CloseReason.FORCED_CLOSE))

    @property
    def can_say_close(self) -> bool:
        """Whether a closing session can end now: a poll is there, and all else has gone out with those before it.

        The official client handles messages a moment later than the `1`, so in one payload with it they come too late:
        a DISCONNECT packet would look like a lost connection, and the client would come back.
        """
        return self.state is SessionState.CLOSING and self.polling.parked is not None and not self.outbox

    def break_off(self, reason: CloseReason, detail: str, code: int | None = None) -> None:
        """Close at once, for what the client did."""
        if self._websocket is not None and not self._websocket.is_closed:
            self._websocket.close_code = NO_CODE if code is None else code
        self.finish(Closed(reason, RemoteProtocolError(detail, websocket_close_code=code)))

    def finish(self, event: Closed, *, say_close: bool = True) -> None:
        """Free everything, and report it; once."""
        if self.state is SessionState.CLOSED:
            return
        self.upgrade.end()
        self.state = SessionState.CLOSED
        self.outlet = None
        self.polling.end(say_close=say_close)
        if self._websocket is not None:
            self.turn_away(self._websocket)
        else:
            self.outbox.clear()
        self.shared.sessions.pop(self.sid, None)
        self.reschedule()
        self.shared.events.append((self, event))

    # -- time --------------------------------------------------------------------------------------------------------

    @property
    def next_deadline(self) -> float | None:
        """When `handle_timeout` has something to do, in monotonic seconds; `None` once closed."""
        if self.state is SessionState.CLOSED:
            return None
        beat = None if self.state is SessionState.CLOSING else self._heartbeat.next_deadline
        pending = (beat, self.upgrade.until, self.polling.deadline, self._closing_until)
        return min(at for at in pending if at is not None)

    def handle_timeout(self, now: float) -> None:
        """Do what is due at `now`: ping, give up waiting. Early and repeated calls do nothing."""
        while True:
            deadline = self.next_deadline
            if deadline is None or deadline > now:
                break
            if deadline == self.upgrade.until:
                self.upgrade.end()
            elif deadline == self.polling.deadline:
                self.polling.handle_timeout()
            elif deadline == self._closing_until:
                self.finish(Closed(CloseReason.FORCED_CLOSE))
            elif self._heartbeat.advance():
                self.put(PING_MESSAGE, is_control=True)
            else:
                self.break_off(CloseReason.PING_TIMEOUT, "no pong in time")
        self.reschedule()

    def pause_reading(self, now: float) -> None:
        """Say that the host stops reading from the peer: its silence is not held against it, up to `max_pause_s`.

        Several readers may do so, each for itself.
        """
        self.shared.agenda.catch_up(now)
        self._heartbeat.pause(now)
        self.reschedule()

    def resume_reading(self, now: float) -> None:
        """Say that the host reads again; to be called once for each `pause_reading`."""
        self.shared.agenda.catch_up(now)
        self._heartbeat.resume(now)
        self.reschedule()

    def reschedule(self) -> None:
        """Set the timer anew, for a deadline has changed."""
        deadline, timer = self.next_deadline, self._timer
        if timer is not None:
            if timer.at == deadline and timer.item is not None:
                return
            timer.cancel()
        self._timer = None if deadline is None else self.shared.agenda.schedule(deadline, self)
