"""One Engine.IO session, client role: what it wants in flight, and what became of it.

The outbox is one queue whatever the carrier: POSTs take from its front, a WebSocket's host takes from it, an upgrade
moves it over behind the `5`; so what was put first leaves first. Opening, polling, upgrading have their own modules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, assert_never, cast

from socketio_core.engineio.client.carriers import ClientCarrier, ClientWebSocket, Exchange, ReadyList
from socketio_core.engineio.client.events import EngineClientEvent, Opened, OpenFailed, Pinged, UpgradeFailed
from socketio_core.engineio.client.handshake import OpenPacket, parse_handshake
from socketio_core.engineio.client.heartbeat import HeartbeatWatch
from socketio_core.engineio.client.opening import Opening
from socketio_core.engineio.client.polling import Polling
from socketio_core.engineio.client.posts import check_size
from socketio_core.engineio.client.requests import (
    ClientMemory,
    Requests,
    describe_data,
    describe_refusal,
    problem_of_end,
)
from socketio_core.engineio.client.states import POLLING_STATES, TABLE, Action, CarrierState, ClientState, kind_of
from socketio_core.engineio.client.upgrade import PROBE_MESSAGE, Upgrade
from socketio_core.engineio.close_codes import NO_CODE, check_close, echo_of
from socketio_core.engineio.events import Closed, Upgraded
from socketio_core.engineio.message import CLOSE_MESSAGE, PONG_MESSAGE, WireMessage, received_size
from socketio_core.engineio.outbox import Outbox
from socketio_core.engineio.packet import MESSAGE, Frame, Payload, decode_frame, message_frame
from socketio_core.engineio.parts import MESSAGE_TOO_BIG
from socketio_core.errors import CloseReason, LocalProtocolError, PacketError, RemoteProtocolError
from socketio_core.http import Request, Response
from socketio_core.settings import EngineClientSettings, with_path
from socketio_core.timers import Agenda, Scheduled, Timer

USUAL_PATH: Final = "/engine.io/"  # reference

_OPEN = ClientState.OPEN


class ClientSession:
    """The client's end of one Engine.IO connection; it begins to open as soon as it is made.

    After any call the host does `take_ready()`, then `take_events()`. Every session ends with one `OpenFailed` or one
    `Closed`.

    Args:
        memory: what the client's sessions share; a new one knows nothing.
        random: returns floats from 0 to 1.
        now: monotonic seconds.
        agenda: of the client that the session belongs to; alone it has its own.

    Attributes:
        engine_settings: the settings, with a path.
        path: where its requests go.
        agenda: see above.
        handshake: what the server said; `None` before.
        sid: secret; `""` before.
        outbox: what waits to be sent, whatever the carrier.
        ready: the carriers that the host must see to.
    """

    def __init__(
        self,
        settings: EngineClientSettings,
        *,
        memory: ClientMemory,
        random: Callable[[], float],
        now: float,
        agenda: Agenda | None = None,
    ) -> None:
        settings = self.engine_settings = with_path(settings, USUAL_PATH)
        self.path = cast("str", settings.path)
        self.state = ClientState.OPENING
        self.handshake: OpenPacket | None = None
        self._max_payload_bytes: int | None = None  # the server's limit; `None`: it has none, or none is known
        self.memory = memory
        self.sid = ""
        self.outbox = Outbox()
        self._requests = Requests(self, settings, memory, random)
        self._opening = Opening(settings, memory)
        self._polling = Polling(self, self._requests)
        self._websocket: ClientWebSocket | None = None
        self._upgrade = Upgrade()
        self._heartbeat = HeartbeatWatch(settings.max_pause_s)
        self._until: float | None = now + settings.open_timeout_s  # the end of opening or closing
        self.ready = ReadyList()
        self._parting: set[ClientWebSocket] = set()  # they are closed, but their goodbye may not be written yet
        self._events: list[EngineClientEvent] = []
        self._now = now
        self._is_inner = agenda is not None
        self.agenda = Agenda() if agenda is None else agenda
        self._timer: Timer[Scheduled] | None = None
        self._begin()
        self._reschedule()

    def __repr__(self) -> str:
        return f"<ClientSession {self.transport}, {self.state.value}, {self.buffered_bytes} bytes buffered>"

    @property
    def transport(self) -> str:
        """`"polling"` or `"websocket"`."""
        return "polling" if self._websocket is None else "websocket"

    @property
    def subprotocol(self) -> str | None:
        """The one that the server chose for the WebSocket that carries the session; `None` while it is polled."""
        return None if self._websocket is None else self._websocket.subprotocol

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self.state is _OPEN

    @property
    def is_upgrading(self) -> bool:
        """Whether a candidate WebSocket is being tried."""
        return self._upgrade.candidate is not None

    @property
    def buffered_bytes(self) -> int:
        """How much waits in the outbox."""
        return self.outbox.size_bytes

    @property
    def is_over_high_water(self) -> bool:
        """Whether the server reads too slowly for more: wait, or drop."""
        return self.outbox.is_over_high_water(self.engine_settings)

    @property
    def is_clogged(self) -> bool:
        """Whether the server should not be read from, for it does not read: what it sends makes answers.

        That is above half of `max_buffered_bytes`, far above a server's own mark (`Session.is_clogged`): if both ends
        stopped to read, neither would go on.
        """
        outbox = self.outbox
        return bool(outbox.messages) and outbox.weighs_more_than(self.engine_settings.max_buffered_bytes // 2)

    @property
    def is_writable(self) -> bool:
        """Whether a message would leave at once: what decides the fate of a volatile one."""
        is_free = self._websocket is not None or not (self._polling.is_sending or self._upgrade.is_pausing)
        return is_free and self.state is _OPEN and not self.outbox

    @property
    def may_post(self) -> bool:
        """Whether what is in the outbox may leave by a POST, as long as there is no WebSocket."""
        return not self._upgrade.is_pausing and self.state in (_OPEN, ClientState.CLOSING)

    @property
    def is_done(self) -> bool:
        """Whether it is closed, the host has dropped what it is to drop, and every WebSocket that was open is lost."""
        return self.state is ClientState.CLOSED and not self.ready and not self._parting

    # -- what the host takes -----------------------------------------------------------------------------------------

    def take_ready(self) -> list[ClientCarrier]:
        """Return the carriers that the host must see to, each once."""
        if self._websocket is None:
            self._polling.send_post(self._now)
        return self.ready.take()

    def take_events(self) -> list[EngineClientEvent]:
        """Return what happened since the last call, in order."""
        taken, self._events = self._events, []
        return taken

    # -- output ------------------------------------------------------------------------------------------------------

    def send(self, payload: Payload, now: float) -> bool:
        """Send one message, text or bytes. Returns `False` when the session is not open and the message was dropped.

        Raises:
            LocalProtocolError: text with a lone surrogate, a message that the server does not take (see `put`), or a
                session that belongs to a Socket.IO client.
        """
        if self._is_inner:
            raise LocalProtocolError("session belongs to a Socket.IO client; emit to one of its namespaces")
        self.agenda.catch_up(now)
        return self.put(WireMessage((message_frame(payload),)))

    def put(self, message: WireMessage, *, is_control: bool = False) -> bool:
        """Append a message to the outbox. Returns `False` when it was dropped.

        That is when the session is not open, or when its buffer would be over the limit: then the server reads too
        slowly and the session closes, for a stream with a hole in it would be worse.

        Args:
            is_control: the protocol's own, and nobody's fault if it is too large.

        Raises:
            LocalProtocolError: a frame is larger than the `maxPayload` that the server named, or the message larger
                than `max_buffered_bytes`; it was not sent, and the session goes on.
        """
        if self.state is not _OPEN:
            return False
        outbox, settings = self.outbox, self.engine_settings
        if not is_control:
            check_size(message, self._max_payload_bytes, settings.max_buffered_bytes, is_polled=self._websocket is None)
        size_bytes = outbox.size_bytes + message.size_bytes
        if size_bytes > settings.max_buffered_bytes or len(outbox.messages) >= settings.max_buffered_messages:
            detail = f"server reads too slowly: {outbox.overflow(message, settings)}"
            outbox.clear()
            self.break_off(CloseReason.TRANSPORT_ERROR, detail)
            return False
        outbox.put(message)
        if self._websocket is not None:
            self.ready.mark(self._websocket)
        return True

    # -- what became of it ---------------------------------------------------------------------------------------------

    def exchange_done(self, exchange: Exchange, response: Response, now: float) -> None:
        """A response is there, as a whole."""
        self._check_own(exchange)
        self.agenda.catch_up(now)
        self._now = now
        self._polling.exchange_done(exchange, response, now)

    def receive_polled(self, part: str, now: float) -> None:
        """Process one packet of a response; raises `PacketError` when it makes no sense."""
        kind, data = decode_frame(part)
        self._act(TABLE[POLLING_STATES[self.state]][kind_of(kind, data)], None, data, now)

    def go_on(self, now: float) -> None:
        """Begin the next GET, finish what waited for the end of an exchange; POSTs begin in `take_ready`."""
        if self.state is ClientState.CLOSING:
            if not self._polling.is_sending and not self.outbox:
                self._finish(Closed(CloseReason.FORCED_CLOSE))
        elif self.state is _OPEN and self._websocket is None:
            if self._upgrade.is_pausing:
                if not (self._polling.is_waiting or self._polling.is_sending):
                    self._finish_upgrade()
            elif not self._polling.is_waiting and not self._heartbeat.is_paused:
                self._polling.begin_get(self.sid, now)

    def websocket_opened(self, websocket: ClientWebSocket, response: Response, now: float) -> None:
        """The handshake is done; `response` is the 101."""
        self._check_own(websocket)
        self.agenda.catch_up(now)
        self._now = now
        self.memory.cookies.update([(name.lower(), value) for name, value in response.headers], now)
        if websocket.state is CarrierState.DETACHED:
            return
        websocket.is_open = True
        websocket.subprotocol = Request("GET", "/", response.headers, scheme="http").header("sec-websocket-protocol")
        if websocket.state is CarrierState.CANDIDATE:
            websocket.outbox.put(PROBE_MESSAGE)
            self.ready.mark(websocket)

    def websocket_refused(self, websocket: ClientWebSocket, response: Response, now: float) -> None:
        """The server answered the handshake with something else than 101."""
        self.lost(websocket, now, detail=describe_refusal(response))

    def receive(self, websocket: ClientWebSocket, frame: Frame, now: float) -> None:
        """Process one message that arrived on `websocket`, e.g. `"4hello"`; `bytes` is a binary message."""
        if self.agenda.due_at <= now:
            self.agenda.catch_up(now)
        self._now = now
        limit = self.engine_settings.max_message_bytes
        if len(frame) * 4 > limit and received_size(frame) > limit:  # no character has more than four bytes
            self.fail(websocket, "message larger than max_message_bytes", MESSAGE_TOO_BIG, now)
            return
        if websocket is self._websocket and self.state is _OPEN:  # fast path; benchmarks: client
            if type(frame) is bytes:
                self._events.append(frame)
                return
            if frame[:1] == MESSAGE:
                self._events.append(frame[1:])
                return
        if websocket.state is CarrierState.DETACHED:
            return
        self._check_own(websocket)
        try:
            kind, data = decode_frame(frame)
            self._act(TABLE[websocket.state][kind_of(kind, data)], websocket, data, now)
        except PacketError as error:
            if websocket is self._upgrade.candidate:
                self._end_upgrade(str(error), now)
            else:
                self.parse_failed(str(error))

    def receive_all(self, websocket: ClientWebSocket, frames: Iterable[Frame], now: float) -> None:
        """Process several whole messages, in order; the same as `receive` for each."""
        self._check_own(websocket)
        for frame in frames:
            self.receive(websocket, frame, now)

    def receive_part(self, websocket: ClientWebSocket, part: Frame, is_last: bool, now: float) -> None:  # noqa: FBT001
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
        elif websocket.state is not CarrierState.DETACHED:
            whole = websocket.parts.add(part, is_last=is_last)
            if whole is not None:
                self.receive(websocket, whole, now)
            elif websocket.parts.size_bytes > self.engine_settings.max_message_bytes:
                self.fail(websocket, "message larger than max_message_bytes", MESSAGE_TOO_BIG, now)

    def lost(self, carrier: ClientCarrier, now: float, code: int | None = None, detail: str = "") -> None:
        """An exchange will get no response; or a WebSocket could not be opened, or its connection has ended.

        Calls for what has ended already do no harm.

        Args:
            code: of the server's close frame, `NO_CODE` if it had none; `None`: there was no close frame.
            detail: the text in the close frame, or what the network said, as in `"connection refused"`.
        """
        self._check_own(carrier)
        self.agenda.catch_up(now)
        self._now = now
        if isinstance(carrier, Exchange):
            self._polling.lose_exchange(carrier, detail or "the connection was lost")
        else:
            self._lose_websocket(carrier, now, code, detail)
            self._parting.discard(carrier)

    def _lose_websocket(self, websocket: ClientWebSocket, now: float, code: int | None, detail: str) -> None:
        websocket.outbox.clear()  # nobody is left to write it
        if not websocket.is_closed:
            websocket.close_code = echo_of(code)
        problem = problem_of_end(code, detail)
        if websocket is self._upgrade.candidate:
            self._end_upgrade(problem or "the server closed the WebSocket", now, websocket.close_code)
        elif websocket is self._websocket:
            if self.state is ClientState.OPENING:
                self.transport_failed(problem or "the server closed the WebSocket before the open packet")
            else:
                error = None if problem is None else RemoteProtocolError(problem)
                self._finish(Closed(CloseReason.TRANSPORT_CLOSE, error, code, detail))

    def fail(self, websocket: ClientWebSocket, detail: str, code: int, now: float) -> None:
        """The server broke the rules of WebSockets, or sent too much; the close frame gets `code`."""
        self._check_own(websocket)
        check_close(code)
        self.agenda.catch_up(now)
        self._now = now
        if websocket is self._upgrade.candidate:
            self._end_upgrade(detail, now, code)
        elif websocket is self._websocket:
            websocket.close_code = code
            self.transport_failed(detail, code)

    def _check_own(self, carrier: ClientCarrier) -> None:
        if carrier.session is not self:
            raise LocalProtocolError("handle belongs to another session")

    # -- packets -----------------------------------------------------------------------------------------------------

    def _act(self, action: Action, websocket: ClientWebSocket | None, data: Payload, now: float) -> None:
        match action:
            case Action.DELIVER:
                self._events.append(data)
            case Action.ANSWER:
                self._heartbeat.ping_received(now)
                self._reschedule()
                self._events.append(Pinged())
                self.put(PONG_MESSAGE, is_control=True)  # which may end the session, and nothing comes behind that
            case Action.HANDSHAKE:
                assert isinstance(data, str)  # only messages are binary
                self._open(parse_handshake(data), now)
            case Action.PROBE_ANSWERED:
                assert websocket is not None  # the table has it for a candidate only
                websocket.state = CarrierState.PROBED
                self.go_on(now)
            case Action.DROP_CANDIDATE:
                self._end_upgrade(f"the server answered the probe with {describe_data(data)}", now)
            case Action.PEER_CLOSED:
                self._finish(Closed(CloseReason.TRANSPORT_CLOSE))
            case Action.UNEXPECTED:
                expected = "the open packet" if self.state is ClientState.OPENING else "what a server sends here"
                raise PacketError(f"unexpected packet, not {expected}: {describe_data(data)}")
            case Action.IGNORE:
                pass
            case _:
                assert_never(action)

    def _open(self, handshake: OpenPacket, now: float) -> None:
        settings = self.engine_settings
        self.state = _OPEN
        self._until = None
        self.handshake = handshake
        self._max_payload_bytes = handshake.max_payload_bytes
        self.sid = handshake.sid
        self._heartbeat.begin(handshake.ping_interval_s, handshake.ping_timeout_s, now)
        self._events.append(Opened(handshake, self.transport))
        if self._websocket is not None:
            self._websocket.state = CarrierState.WEBSOCKET
            self.outbox = self._websocket.outbox
            self.memory.websocket_worked = True
        elif settings.upgrade and "websocket" in settings.transports and "websocket" in handshake.upgrades:
            self.memory.websocket_worked = False
            candidate = self._requests.websocket(self.sid, CarrierState.CANDIDATE, now)
            self._upgrade.begin(candidate, now + settings.upgrade_timeout_s)
            self.ready.mark(candidate)
        self._reschedule()

    def _finish_upgrade(self) -> None:
        websocket = self._websocket = self._upgrade.finish(self.outbox)
        self.outbox = websocket.outbox
        self.memory.websocket_worked = True
        self.ready.mark(websocket)
        self._reschedule()
        self._events.append(Upgraded())

    def _end_upgrade(self, detail: str, now: float, code: int = NO_CODE) -> None:
        """Give the candidate up; polling goes on."""
        self._drop_candidate(code)
        self._reschedule()
        self._events.append(UpgradeFailed(detail))
        self.go_on(now)

    # -- time --------------------------------------------------------------------------------------------------------

    @property
    def next_deadline(self) -> float | None:
        """When to call `handle_timeout`, in monotonic seconds; `None` when the session is closed."""
        if self.state is ClientState.CLOSED:
            return None
        beat = self._heartbeat.next_deadline if self.state is _OPEN else None
        return min((at for at in (self._until, self._upgrade.until, beat) if at is not None), default=None)

    def handle_timeout(self, now: float) -> None:
        """Do what is due at `now`. Early, late and repeated calls are fine."""
        self._now = now
        beat = self._heartbeat.next_deadline
        if self._upgrade.until is not None and self._upgrade.until <= now:
            self._end_upgrade(f"no answer within {self.engine_settings.upgrade_timeout_s:g} s", now)
        if self._until is not None and self._until <= now:
            if self.state is ClientState.OPENING:
                self._opening.give_up()
                self.transport_failed(f"no answer within {self.engine_settings.open_timeout_s:g} s")
            else:
                self._finish(Closed(CloseReason.FORCED_CLOSE))
        elif self.state is _OPEN and beat is not None and beat <= now:
            self.break_off(CloseReason.PING_TIMEOUT, "the server has fallen silent: no ping in time")
        self._reschedule()

    def _reschedule(self) -> None:
        """Set the timer anew, for a deadline has changed."""
        if self._timer is not None:
            self._timer.cancel()
        deadline = self.next_deadline
        self._timer = None if deadline is None else self.agenda.schedule(deadline, self)

    def pause_reading(self, now: float) -> None:
        """The host reads no more for a while: its silence is not the server's, and no GET begins. Pauses nest."""
        self.agenda.catch_up(now)
        self._heartbeat.pause(now)
        self._reschedule()

    def resume_reading(self, now: float) -> None:
        """The host reads again."""
        self.agenda.catch_up(now)
        self._heartbeat.resume(now)
        self._reschedule()
        self.go_on(now)

    # -- the end -----------------------------------------------------------------------------------------------------

    def close(self, now: float) -> None:
        """Close in order: what was put is sent first. Repeated calls do nothing.

        On a WebSocket the session is closed at once and the host writes what is left; on polling it is once the POST
        with the close packet is answered, `close_timeout_s` later at the latest.
        """
        self.agenda.catch_up(now)
        self._now = now
        if self.state is ClientState.OPENING or (self.state is _OPEN and self._websocket is not None):
            self._finish(Closed(CloseReason.FORCED_CLOSE))
        elif self.state is _OPEN:
            self._drop_candidate()
            self.outbox.put(CLOSE_MESSAGE)
            self.state = ClientState.CLOSING
            self._until = now + self.engine_settings.close_timeout_s
            self._reschedule()

    def abort(self, now: float) -> None:
        """Close at once; what was not sent is lost."""
        self.agenda.catch_up(now)
        self._now = now
        self.outbox.clear()
        if self.state is not ClientState.CLOSED:
            self._finish(Closed(CloseReason.FORCED_CLOSE))

    def parse_failed(self, detail: str) -> None:
        """The server sent what makes no sense."""
        if self.state is ClientState.OPENING:
            self.transport_failed(detail)
        else:
            self.break_off(CloseReason.PARSE_ERROR, detail)

    def transport_failed(self, detail: str, code: int | None = None) -> None:
        """The current transport is of no more use; while opening there may be another one."""
        if self.state is not ClientState.OPENING:
            self.break_off(CloseReason.TRANSPORT_ERROR, detail, code)
            return
        self.memory.websocket_worked = False
        if self._opening.next_transport(detail):
            self._drop_carriers()
            self._begin()
        else:
            self._finish(self._opening.outcome())

    def break_off(self, reason: CloseReason, detail: str, code: int | None = None) -> None:
        """Close at once, for what the server did."""
        self.memory.websocket_worked = False
        if self.state is ClientState.CLOSING:  # it was going anyway
            self._finish(Closed(CloseReason.FORCED_CLOSE))
        else:
            self._finish(Closed(reason, RemoteProtocolError(detail, websocket_close_code=code)))

    def _finish(self, event: Closed | OpenFailed) -> None:
        self.state = ClientState.CLOSED
        self._until = None
        if self._websocket is None:
            self.outbox.clear()  # no POST will take it
        self._drop_carriers()
        self._reschedule()
        self._events.append(event)

    def _begin(self) -> None:
        if self._opening.transport == "websocket":
            self._websocket = self._requests.websocket("", CarrierState.OPENING, self._now)
            self.ready.mark(self._websocket)
        else:
            self._polling.begin_get("", self._now)

    def _drop_carriers(self) -> None:
        self._polling.drop()
        if self._websocket is not None:
            self._part_with(self._websocket)
            self._websocket = None
        self._drop_candidate()

    def _drop_candidate(self, code: int = NO_CODE) -> None:
        candidate = self._upgrade.end()
        if candidate is not None:
            candidate.close_code = code
            self._part_with(candidate)

    def _part_with(self, websocket: ClientWebSocket) -> None:
        """Let the host say goodbye, if there is somebody to say it to."""
        websocket.detach()
        self.ready.mark(websocket)
        if websocket.is_open:
            self._parting.add(websocket)
