"""One Engine.IO session, server role: its carriers, heartbeat, upgrade, outbox and end.

The outbox is one queue whatever the carrier: polling flushes it into a poll's response, a WebSocket's host takes from
it, and an upgrade moves it over. So what was put first leaves first, across an upgrade too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import inf

from socketio_core.engineio.base import Handle, SessionBase
from socketio_core.engineio.carriers import Carrier, Poll, Post, WebSocket
from socketio_core.engineio.close_codes import NO_CODE, check_close, echo_of
from socketio_core.engineio.events import Closed, Upgraded
from socketio_core.engineio.heartbeat import Heartbeat
from socketio_core.engineio.message import NOOP_MESSAGE, PING_MESSAGE, WireMessage
from socketio_core.engineio.outbox import MESSAGE_BYTES, check_fits
from socketio_core.engineio.packet import PING, PONG, Frame, Payload, decode_frame
from socketio_core.engineio.polling import Polling
from socketio_core.engineio.shared import Shared
from socketio_core.engineio.states import PROBE, TABLE, CarrierState, Reaction, SessionState
from socketio_core.engineio.upgrade import Candidacy
from socketio_core.errors import CloseReason, PacketError, RemoteProtocolError
from socketio_core.http import Request
from socketio_core.settings import EngineSettings

_OPEN = SessionState.OPEN


class Session(SessionBase[WebSocket, Heartbeat, EngineSettings]):
    """The server's end of one Engine.IO connection. Made by `Engine`; write to it with `put` or `send`.

    Attributes:
        sid: the session id; secret, since it is all that a request needs to act for the client.
        request: the handshake request.
        shared: what the sessions of one engine have in common.
        context: belongs to the layer above.
        polling: its GETs and POSTs.
        upgrade: the WebSocket that wants to replace them.
        outlet: the carrier that is told when the outbox fills; `None` between two polls.
        is_fresh: it began by polling, and there was no second request.
        is_behind: its messages wait for the application, which says so: see `Connection` of Socket.IO.
        was_let_go: `close` was called, and not for the peer's fault: what it sent before it knew should not be handled.
    """

    __slots__ = (
        "_closing_until",
        "_transport",
        "context",
        "is_behind",
        "is_fresh",
        "outlet",
        "polling",
        "request",
        "shared",
        "sid",
        "upgrade",
        "was_let_go",
    )

    _OWNER = "a Socket.IO server; emit to one of its members"
    _READER = "peer"
    _TOO_LARGE = "message too large, max_payload_bytes: {}"

    def __init__(self, shared: Shared, sid: str, request: Request, now: float) -> None:
        settings = shared.settings
        heartbeat, limit_bytes = Heartbeat(settings, now), settings.max_payload_bytes
        super().__init__(_OPEN, settings, shared.agenda, heartbeat, limit_bytes, is_inner=shared.is_inner)
        self.sid = sid
        self.request = request
        self.context: object = None
        self.is_fresh = self.is_behind = self.was_let_go = False
        self.shared = shared
        self._transport = "polling"
        self.outlet: Carrier | None = None
        self.polling = Polling(shared, self.outbox)
        self.upgrade = Candidacy(shared, self.polling)
        self._closing_until = inf

    @property
    def transport(self) -> str:
        """`"polling"` or `"websocket"`, as in the query parameter; of a session that is over, what it was at last."""
        return self._transport

    @property
    def is_clogged(self) -> bool:
        """Whether the peer should not be read from, for it does not read: what it sends makes answers.

        That is above twice the high-water mark. Below that a stream of messages may keep the level, whose sender waits.
        """
        outbox = self.outbox  # fast path: `Outbox.weighs_more_than` without the call; benchmarks: server
        weight_bytes = outbox.size_bytes + MESSAGE_BYTES * len(outbox.messages)
        return weight_bytes > 2 * self.engine_settings.high_water_bytes and self.state is _OPEN

    @property
    def is_upgrading(self) -> bool:
        """Whether a candidate WebSocket is probing."""
        return self.upgrade.candidate is not None

    @property
    def is_writable(self) -> bool:
        """Whether a message would leave at once: what decides the fate of a volatile one (PROTOCOL 9-46)."""
        return self.outlet is not None and not self.outbox and self.state is _OPEN

    @property
    def confirmed_at(self) -> float:
        """Up to which time it is known that whatever was put has arrived: see `Heartbeat`."""
        return self._heartbeat.confirmed_at

    # -- output ------------------------------------------------------------------------------------------------------

    def put(self, message: WireMessage, *, is_control: bool = False) -> bool:
        """Append a message to the outbox; see `SessionBase.put`.

        Raises:
            LocalProtocolError: the message alone is larger than `max_buffered_bytes`; no peer could read so fast.
        """
        if self.state is not _OPEN:
            return False
        outbox, settings = self.outbox, self.engine_settings
        size_bytes = outbox.size_bytes + message.size_bytes
        if size_bytes > settings.max_buffered_bytes or len(outbox.messages) >= settings.max_buffered_messages:
            if not is_control:
                check_fits(message, settings)
            self._overflowed(message)
            return False
        outbox.messages.append(message)
        outbox.size_bytes = size_bytes
        if self.outlet is None:
            self.shared.unseen_puts += 1
        else:
            self.shared.mark_ready(self.outlet)
        return True

    # -- polling -----------------------------------------------------------------------------------------------------

    def attach_poll(self, poll: Poll, now: float) -> bool:
        """A GET arrived. Returns `False` when it overlaps a parked one, which closes the session."""
        is_probed = self.state is _OPEN and self.upgrade.is_probed
        is_fine = self._follow(self.polling.park(poll, now, is_probed=is_probed))
        if self.can_say_close:
            self.outbox.put(NOOP_MESSAGE)  # the reference's `6`, then `1` (PROTOCOL 1.10)
            self._end(Closed(CloseReason.FORCED_CLOSE))
        return is_fine

    def flush(self, poll: Poll) -> None:
        """Answer a parked poll with what is in the outbox; nothing when it is empty or the poll was answered."""
        self._follow(self.polling.flush(poll))

    def poll_lost(self, poll: Poll, now: float) -> None:
        """The client of a poll is gone: the session lives on for `poll_grace_s`, for a client that polls again."""
        until = now + self.engine_settings.poll_grace_s if self.is_open else None
        fault = self.polling.poll_lost(poll, until, is_polled=self._websocket is None)
        if self.state is not SessionState.CLOSED and self._follow(fault):
            self.handle_timeout(now)

    def begin_post(self, post: Post) -> bool:
        """A POST arrived. Returns `False` when another is being read, which closes the session."""
        fault = self.polling.begin_post(post)
        return fault is None or self._follow(fault)

    def advance_post(self, post: Post, max_packets: float, now: float) -> bool:
        """Process some packets of a POST; large ones count for several. Returns whether there may be more."""
        if post.packets is None and not self.polling.has_post(post):
            return False
        try:
            if post.advance(partial(self._receive_polled, now=now), max_packets):
                return True
        except PacketError as error:
            self.break_off(CloseReason.PARSE_ERROR, str(error))
        post.packets = None
        self.polling.end_post(post)
        return False

    def finish_post(self, post: Post, now: float) -> bool:
        """Process what is left of a POST. Returns whether every packet in it was accepted."""
        self.advance_post(post, inf, now)
        is_accepted, post.is_accepted = post.is_accepted, False
        return is_accepted

    def post_lost(self, post: Post) -> None:
        """The client of a POST is gone before its body was complete: nothing of it was accepted, the session ends."""
        if self.polling.end_post(post):
            self.break_off(CloseReason.TRANSPORT_ERROR, "data request connection closed prematurely")

    def _receive_polled(self, part: str, now: float) -> bool:
        kind, data = decode_frame(part)
        if self.state is SessionState.CLOSED:
            return False
        if self._heartbeat.is_waiting:
            self._extend_heartbeat(now)
        carrier = CarrierState.POLLING if self.state is _OPEN else CarrierState.CLOSING
        return self._act(TABLE[carrier][kind], None, data, now)  # a probe is a ping like any other here

    def _follow(self, fault: str | None) -> bool:
        """Polling has gone on: see whom to tell of output, and what is due. Returns `False` for a fault."""
        if self._websocket is None:
            self.outlet = self.polling.parked
        self.reschedule()
        if fault is not None:
            self.break_off(CloseReason.TRANSPORT_ERROR, fault)
        return fault is None

    # -- WebSocket ---------------------------------------------------------------------------------------------------

    def attach_websocket(self, websocket: WebSocket, messages: Sequence[WireMessage]) -> None:
        """The session begins on this WebSocket, with these messages, which no limit keeps back."""
        self._websocket = self.outlet = websocket
        self._transport = "websocket"
        self.outbox = websocket.outbox
        for message in messages:
            self.outbox.put(message)
        self.shared.mark_ready(websocket)
        self.reschedule()

    def begin_upgrade(self, websocket: WebSocket, now: float) -> None:
        """A WebSocket wants to replace polling; it has `upgrade_timeout_s` to do so."""
        self.upgrade.begin(websocket, now + self.engine_settings.upgrade_timeout_s)
        self.reschedule()

    def _deliver(self, messages: list[Payload], now: float) -> None:
        self.shared.events.append((self, messages))

    def take_pong(self, websocket: Handle, now: float) -> bool:
        """See `SessionBase.take_pong`."""
        if websocket is not self._websocket:
            self._check_own(websocket)
        if self.agenda.due_at <= now:
            self.agenda.catch_up(now)
        if websocket is not self._websocket or self.state is not _OPEN:
            return False
        heartbeat = self._heartbeat
        heartbeat.pong_received(now)
        self._wake_at(heartbeat.next_deadline, self.shared.to_ping)  # it waits for nothing else
        return True

    def _receive_any(self, websocket: WebSocket, frame: Frame, now: float) -> None:
        if websocket is self._websocket and self._heartbeat.is_waiting and frame != PONG:  # that restarts it anyway
            self._extend_heartbeat(now)
        if websocket.state is CarrierState.DETACHED:
            return
        self._check_own(websocket)
        try:
            kind, data = decode_frame(frame)
        except PacketError as error:
            if websocket is self.upgrade.candidate:
                self._end_upgrade()
            else:
                self.break_off(CloseReason.PARSE_ERROR, str(error))
            return
        action = TABLE[websocket.state][PROBE if kind == PING and data == "probe" else kind]
        self._act(action, websocket, data, now)

    def lost(self, websocket: WebSocket, now: float, code: int | None = None, detail: str = "") -> None:
        """The WebSocket's connection is gone, or its client closed it; see `Engine.lost`."""
        self._check_own(websocket)
        self.agenda.catch_up(now)
        if websocket is self.upgrade.candidate:
            self._end_upgrade(echo_of(code))
        elif websocket is self._websocket and self.is_open:
            websocket.close_code = echo_of(code)
            self.outbox.clear()  # nobody is left to read it
            self._end(Closed(CloseReason.TRANSPORT_CLOSE, None, code, detail))

    def fail(self, websocket: WebSocket, detail: str, code: int, now: float) -> None:
        """The client broke the rules of WebSockets, or sent too much; the close frame gets `code`."""
        self._check_own(websocket)
        self.agenda.catch_up(now)
        if websocket is self.upgrade.candidate:
            self._end_upgrade(code)
        elif websocket is self._websocket and self.is_open:
            self.break_off(CloseReason.TRANSPORT_ERROR, detail, code)

    # -- actions -----------------------------------------------------------------------------------------------------

    def _act(self, action: Reaction, websocket: WebSocket | None, data: Payload, now: float) -> bool:
        """Carry out a cell of the table. Returns whether the packet was accepted."""
        if action is Reaction.DELIVER:
            self.shared.events.append((self, [data]))
        elif action is Reaction.PONG:
            self._heartbeat.pong_received(now)
            self.reschedule(self.shared.to_ping)
        elif action is Reaction.PEER_CLOSED:
            self._peer_closed(now)
        elif action is Reaction.WRONG_DIRECTION:
            self.break_off(CloseReason.TRANSPORT_ERROR, "invalid heartbeat direction")
            return False
        elif action is Reaction.UNEXPECTED:
            self.break_off(CloseReason.TRANSPORT_ERROR, "unexpected packet from a client")
            return False
        elif action is Reaction.REFUSE:
            return False
        elif action is not Reaction.IGNORE:
            assert websocket is not None  # the remaining actions are in the candidates' rows only
            self._act_on_candidate(action, websocket)
        return True

    def _act_on_candidate(self, action: Reaction, websocket: WebSocket) -> None:
        if action is Reaction.ANSWER_PROBE:
            self._follow(self.upgrade.answer_probe(websocket))
        elif action is Reaction.UPGRADE:
            self._move_to(websocket)
        else:
            self._end_upgrade()

    def _peer_closed(self, now: float) -> None:
        if self._websocket is None and self.polling.parked is None:
            self.shared.late_polls.expect(self.sid, now)
        if not self.outbox:
            self._follow(self.polling.release())
        self._end(Closed(CloseReason.TRANSPORT_CLOSE), say_close=False)

    def _extend_heartbeat(self, now: float) -> None:
        self._heartbeat.other_received(now)  # for most pongs too, which then restart the interval
        self.reschedule()

    def _move_to(self, websocket: WebSocket) -> None:
        self.upgrade.finish(websocket, self.outbox)
        self.outbox = websocket.outbox
        self._websocket = self.outlet = websocket
        self._transport = "websocket"
        self.reschedule()
        if self.state is SessionState.CLOSING:
            self._end(Closed(CloseReason.FORCED_CLOSE))
        else:
            self.shared.events.append((self, Upgraded()))

    def _end_upgrade(self, code: int = NO_CODE) -> None:
        self.upgrade.give_up(code)
        self.reschedule()

    # -- the end -----------------------------------------------------------------------------------------------------

    def close(
        self, now: float, *, wait: bool = True, is_fault: bool = False, code: int = NO_CODE, text: str = ""
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
        self.agenda.catch_up(now)
        if not is_fault:
            self.was_let_go = True
        if self.state is SessionState.CLOSED or (wait and self.state is not _OPEN):
            return
        if wait and self._websocket is None:
            self.state = SessionState.CLOSING
            self.polling.deadline = None
            self._closing_until = now + self.engine_settings.close_timeout_s
            self.reschedule()
            if not self.can_say_close:
                return
        if self._websocket is not None:
            self._websocket.close_code, self._websocket.close_text = code, text
        self._end(Closed(CloseReason.FORCED_CLOSE))

    def abort(self, now: float) -> None:
        """Close at once, a session that is `CLOSING` too: what is in the outbox is lost."""
        self.agenda.catch_up(now)
        self.was_let_go = True
        if self.state is not SessionState.CLOSED:
            self.outbox.clear()
            self._end(Closed(CloseReason.FORCED_CLOSE))

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
        self._end(Closed(reason, RemoteProtocolError(detail, websocket_close_code=code)))

    def _end(self, event: Closed, *, say_close: bool = True) -> None:
        """Free everything, and report it; once."""
        if self.state is SessionState.CLOSED:
            return
        self.upgrade.give_up()
        self.state = SessionState.CLOSED
        self.outlet = None
        self.polling.end(say_close=say_close)
        if self._websocket is not None:
            self.shared.part_with(self._websocket)
            self._websocket = None  # which knows the session: both would be left to Python's garbage collector
        else:
            self.outbox.clear()
        del self.shared.sessions[self.sid]
        self.shared.admission.ended(self)
        self.reschedule()
        self.shared.events.append((self, event))

    # -- time --------------------------------------------------------------------------------------------------------

    @property
    def next_deadline(self) -> float | None:
        """When `handle_timeout` has something to do, in monotonic seconds; `None` once closed."""
        if self._websocket is not None and self.state is _OPEN:  # it waits for nothing else
            return self._heartbeat.next_deadline
        if self.state is SessionState.CLOSED:
            return None
        earliest = self._closing_until if self.state is SessionState.CLOSING else self._heartbeat.next_deadline
        upgraded_until, polled_until = self.upgrade.until, self.polling.deadline
        if upgraded_until is not None and upgraded_until < earliest:
            earliest = upgraded_until
        if polled_until is not None and polled_until < earliest:
            earliest = polled_until
        return earliest

    def handle_timeout(self, now: float) -> None:
        """Do what is due at `now`: ping, give up waiting. Early and repeated calls do nothing."""
        while (deadline := self.next_deadline) is not None and deadline <= now:
            if self._websocket is None and deadline == self.upgrade.until:
                self._end_upgrade()
            elif self._websocket is None and deadline == self.polling.deadline:
                if self.is_fresh:
                    self.break_off(CloseReason.TRANSPORT_ERROR, "no second request in time")
                else:
                    self._follow(self.polling.handle_timeout())
            elif deadline == self._closing_until:
                self._end(Closed(CloseReason.FORCED_CLOSE))
            elif self._heartbeat.advance():
                self.put(PING_MESSAGE, is_control=True)
            else:
                self.break_off(CloseReason.PING_TIMEOUT, "no pong in time")
        self._wake_at(deadline, self.shared.to_pong)
