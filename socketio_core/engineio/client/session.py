"""One Engine.IO session, client role: what it wants in flight, and what became of it.

The outbox is one queue whatever the carrier: POSTs take from its front, a WebSocket's host takes from it, an upgrade
moves it over behind the `5`; so what was put first leaves first. What is in flight, which transport is tried and when
a ping is overdue have modules of their own, which know no session: it acts on what they say.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf
from typing import Final, assert_never, cast

from socketio_core.engineio.base import SessionBase
from socketio_core.engineio.client import problems
from socketio_core.engineio.client.carriers import ClientCarrier, ClientWebSocket, Exchange
from socketio_core.engineio.client.events import EngineClientEvent, Opened, OpenFailed, Pinged, UpgradeFailed
from socketio_core.engineio.client.handshake import OpenPacket, parse_handshake
from socketio_core.engineio.client.heartbeat import HeartbeatWatch
from socketio_core.engineio.client.in_flight import InFlight
from socketio_core.engineio.client.opening import Attempts
from socketio_core.engineio.client.posts import check_size, light_bytes
from socketio_core.engineio.client.requests import ClientMemory, RequestMaker
from socketio_core.engineio.client.states import POLLING_STATES, TABLE, CarrierState, Reaction, kind_of
from socketio_core.engineio.close_codes import NO_CODE, check_close, echo_of
from socketio_core.engineio.events import Closed, Upgraded
from socketio_core.engineio.message import CLOSE_MESSAGE, PONG_MESSAGE, WireMessage
from socketio_core.engineio.packet import Frame, Payload, decode_frame
from socketio_core.engineio.states import SessionState
from socketio_core.errors import CloseReason, PacketError, RemoteProtocolError
from socketio_core.http import Response
from socketio_core.settings import EngineClientSettings, with_path
from socketio_core.timers import Agenda, earliest

USUAL_PATH: Final = "/engine.io/"  # reference

_OPEN = SessionState.OPEN


class ClientSession(SessionBase[ClientWebSocket, HeartbeatWatch, EngineClientSettings]):
    """The client's end of one Engine.IO connection; it begins to open as soon as it is made.

    After any call the host does `take_ready()`, then `take_events()`. It ends with one `OpenFailed` or one `Closed`.

    Args:
        memory: what the client's sessions share; a new one knows nothing.
        random: returns floats from 0 to 1.
        now: monotonic seconds.
        agenda: of the client that the session belongs to; alone it has its own.

    Attributes:
        events: what happened and was not taken yet.
        path: where its requests go.
        handshake: what the server said; `None` before.
        sid: secret; `""` before.
    """

    __slots__ = (
        "__weakref__",
        "_in_flight",
        "_light_bytes",
        "_max_payload_bytes",
        "_memory",
        "_now",
        "_opening",
        "_until",
        "events",
        "handshake",
        "path",
        "sid",
    )

    reads_bytes = True  # whoever has it may
    _OWNER = "a Socket.IO client; emit to one of its namespaces"
    _READER = "server"
    _TOO_LARGE = "message larger than max_message_bytes"

    def __init__(
        self,
        settings: EngineClientSettings,
        *,
        memory: ClientMemory,
        random: Callable[[], float],
        now: float,
        agenda: Agenda | None = None,
    ) -> None:
        settings = with_path(settings, USUAL_PATH)
        is_inner, agenda = agenda is not None, Agenda() if agenda is None else agenda
        watch, limit_bytes = HeartbeatWatch(settings.max_pause_s), settings.max_message_bytes
        super().__init__(SessionState.OPENING, settings, agenda, watch, limit_bytes, is_inner=is_inner)
        self.path, self.text_limit_bytes = cast("str", settings.path), settings.max_text_bytes
        self.handshake: OpenPacket | None = None
        self.sid = ""
        self._max_payload_bytes: int | None = None  # the server's limit; `None`: it has none, or none is known
        self._light_bytes = 0  # of a message that is within each limit, whatever it is
        self._memory = memory
        self._in_flight = InFlight(RequestMaker(self, settings, memory, random), memory)
        self._opening = Attempts(settings, memory)
        self._until: float | None = now + settings.open_timeout_s  # the end of opening or closing
        self.events: list[EngineClientEvent] = []
        self._now = now
        self._websocket = self._in_flight.begin(self._opening.transport, now)
        self.reschedule()

    @property
    def subprotocol(self) -> str | None:
        """The one that the server chose for the WebSocket that carries the session; `None` while it is polled."""
        return None if self._websocket is None else self._websocket.subprotocol

    @property
    def is_upgrading(self) -> bool:
        """Whether a candidate WebSocket is being tried."""
        return self._in_flight.upgrade.candidate is not None

    @property
    def is_clogged(self) -> bool:
        """Whether the server should not be read from, for it does not read: what it sends makes answers.

        That is above half of `max_buffered_bytes`, far above a server's own mark (`Session.is_clogged`): if both ends
        stopped to read, neither would go on.
        """
        return self.outbox.weighs_more_than(self.engine_settings.max_buffered_bytes // 2)

    @property
    def is_writable(self) -> bool:
        """Whether a message would leave at once: what decides the fate of a volatile one."""
        is_free = self._websocket is not None or self._in_flight.may_post
        return is_free and self.state is _OPEN and not self.outbox

    @property
    def is_done(self) -> bool:
        """Whether it is closed, the host has dropped what it is to drop, and every WebSocket that was open is lost."""
        return self.state is SessionState.CLOSED and not self._in_flight.is_parting

    # -- what the host takes -----------------------------------------------------------------------------------------

    def take_ready(self) -> list[ClientCarrier]:
        """Return the carriers that the host must see to, each once."""
        flight = self._in_flight
        if self._websocket is None and self.outbox and self.state is not SessionState.CLOSED and flight.may_post:
            limit = self.engine_settings.max_packets_per_post
            flight.begin_post(self.sid, self.outbox, self._max_payload_bytes, limit, self._now)
        return flight.ready.take()

    def take_events(self) -> list[EngineClientEvent]:
        """Return what happened since the last call, in order."""
        taken, self.events = self.events, []
        return taken

    # -- output ------------------------------------------------------------------------------------------------------

    def put(self, message: WireMessage, *, is_control: bool = False) -> bool:
        """Append a message to the outbox; see `SessionBase.put`.

        Raises:
            LocalProtocolError: a frame is larger than the server's `maxPayload`, or all are than `max_buffered_bytes`.
        """
        if self.state is not _OPEN:
            return False
        outbox, settings, websocket = self.outbox, self.engine_settings, self._websocket
        if message.size_bytes > self._light_bytes and not is_control:
            check_size(message, self._max_payload_bytes, settings.max_buffered_bytes, is_polled=websocket is None)
        size_bytes = outbox.size_bytes + message.size_bytes
        if size_bytes > settings.max_buffered_bytes or len(outbox.messages) >= settings.max_buffered_messages:
            self._overflowed(message)
            return False
        outbox.messages.append(message)
        outbox.size_bytes = size_bytes
        if websocket is not None and not websocket.is_ready:
            self._in_flight.ready.mark(websocket)
        return True

    # -- what became of it ---------------------------------------------------------------------------------------------

    def exchange_done(self, exchange: Exchange, response: Response, now: float, max_packets: float = inf) -> bool:
        """A response is there, as a whole. Returns whether to call again, later, for the packets that are left of it.

        Args:
            max_packets: how many are processed; large ones count for several.
        """
        self._begin_call(exchange, now)
        if not self._in_flight.end_exchange(exchange):
            return False
        if exchange.packets is None:
            self._memory.take_cookies(response, now)
        problem = problems.of_response(response, exchange.method)
        if problem is not None:
            self._exchange_failed(exchange, problem)
        elif exchange.method == "GET" and self._read_payload(exchange, response.body, max_packets, now):
            self._in_flight.go_on_with(exchange)
            return True
        self._go_on(now)
        return False

    def _exchange_failed(self, exchange: Exchange, detail: str) -> None:
        if exchange.method == "POST":
            self.break_off(CloseReason.TRANSPORT_ERROR, detail)
        elif self.state is not SessionState.CLOSING:  # then only POSTs count
            self._transport_failed(detail)

    def _read_payload(self, exchange: Exchange, body: bytes, max_packets: float, now: float) -> bool:
        try:
            has_more = exchange.advance(body, partial(self._receive_polled, now=now), max_packets)
            return has_more and self.state is not SessionState.CLOSED
        except PacketError as error:
            if self.state is not SessionState.CLOSED:
                self._transport_failed(problems.of_payload(body, error), reason=CloseReason.PARSE_ERROR)
        return False

    def _receive_polled(self, part: str, now: float) -> bool:
        if self.state is SessionState.CLOSED:
            return False
        kind, data = decode_frame(part)
        self._check_text(part, data)
        self._act(TABLE[POLLING_STATES[self.state]][kind_of(kind, data)], None, data, now)
        return True

    def _go_on(self, now: float) -> None:
        """Begin the next GET, finish what waited for the end of an exchange; POSTs begin in `take_ready`."""
        flight = self._in_flight
        if self.state is SessionState.CLOSING:
            if not flight.is_sending and not self.outbox:
                self._end(Closed(CloseReason.FORCED_CLOSE))
        elif self.state is _OPEN and self._websocket is None:
            if flight.upgrade.is_pausing:
                if not (flight.is_waiting or flight.is_sending):
                    self._finish_upgrade()
            elif not flight.is_waiting and not self._heartbeat.is_paused:
                flight.begin_get(self.sid, now)

    def websocket_opened(self, websocket: ClientWebSocket, response: Response, now: float) -> None:
        """See `AnyClient`."""
        self._begin_call(websocket, now)
        self._in_flight.websocket_opened(websocket, response, now)

    def websocket_refused(self, websocket: ClientWebSocket, response: Response, now: float) -> None:
        """The server answered the handshake with something else than 101."""
        self.lost(websocket, now, detail=problems.describe_refusal(response))

    def _deliver(self, messages: list[Payload], now: float) -> None:
        self._now = now
        self.events += messages

    def _receive_any(self, websocket: ClientWebSocket, frame: Frame, now: float) -> None:
        self._now = now
        if websocket.state is CarrierState.DETACHED:
            return
        self._check_own(websocket)
        try:
            kind, data = decode_frame(frame)
            self._act(TABLE[websocket.state][kind_of(kind, data)], websocket, data, now)
        except PacketError as error:
            if websocket is self._in_flight.upgrade.candidate:
                self._end_upgrade(str(error), now)
            else:
                self._transport_failed(str(error), reason=CloseReason.PARSE_ERROR)

    def lost(self, carrier: ClientCarrier, now: float, code: int | None = None, detail: str = "") -> None:
        """An exchange gets no response; or a WebSocket could not be opened, or has ended. See `Core.lost`."""
        self._begin_call(carrier, now)
        if isinstance(carrier, Exchange):
            if self._in_flight.end_exchange(carrier):
                is_opening = self.state is SessionState.OPENING
                self._exchange_failed(carrier, problems.of_loss(detail, carrier.method, is_opening=is_opening))
        else:
            self._websocket_lost(carrier, now, code, detail)
            self._in_flight.forget(carrier)

    def _websocket_lost(self, websocket: ClientWebSocket, now: float, code: int | None, detail: str) -> None:
        websocket.outbox.clear()  # nobody is left to write it
        if not websocket.is_closed:
            websocket.close_code = echo_of(code)
        problem = problems.of_end(code, detail)
        if websocket is self._in_flight.upgrade.candidate:
            self._end_upgrade(problem or "the server closed the WebSocket", now, websocket.close_code)
        elif websocket is self._websocket:
            if self.state is SessionState.OPENING:
                self._transport_failed(problem or "the server closed the WebSocket before the open packet")
                return
            error = None if problem is None else RemoteProtocolError(problem)
            self._end(Closed(CloseReason.TRANSPORT_CLOSE, error, code, detail))

    def fail(self, websocket: ClientWebSocket, detail: str, code: int, now: float) -> None:
        """The server broke the rules of WebSockets, or sent too much; the close frame gets `code`."""
        check_close(code)
        self._begin_call(websocket, now)
        if websocket is self._in_flight.upgrade.candidate:
            self._end_upgrade(detail, now, code)
        elif websocket is self._websocket:
            websocket.close_code = code
            self._transport_failed(detail, code)

    def _begin_call(self, carrier: ClientCarrier, now: float) -> None:
        """What the host tells comes behind what is due."""
        self._check_own(carrier)
        self.agenda.catch_up(now)
        self._now = now

    # -- packets -----------------------------------------------------------------------------------------------------

    def _act(self, action: Reaction, websocket: ClientWebSocket | None, data: Payload, now: float) -> None:
        match action:
            case Reaction.DELIVER:
                self.events.append(data)
            case Reaction.ANSWER:
                self._heartbeat.ping_received(now)
                self.reschedule()
                self.events.append(Pinged())
                self.put(PONG_MESSAGE, is_control=True)  # which may end the session, and nothing comes behind that
            case Reaction.HANDSHAKE:
                assert isinstance(data, str)  # only messages are binary
                self._open(parse_handshake(data), now)
            case Reaction.PROBE_ANSWERED:
                assert websocket is not None  # the table has it for a candidate only
                websocket.state = CarrierState.PROBED
                self._go_on(now)
            case Reaction.DROP_CANDIDATE:
                self._end_upgrade(f"the server answered the probe with {problems.describe_data(data)}", now)
            case Reaction.PEER_CLOSED:
                self._end(Closed(CloseReason.TRANSPORT_CLOSE))
            case Reaction.UNEXPECTED:
                expected = "the open packet" if self.state is SessionState.OPENING else "what a server sends here"
                raise PacketError(f"unexpected packet, not {expected}: {problems.describe_data(data)}")
            case Reaction.IGNORE:
                pass
            case _:
                assert_never(action)

    def _open(self, handshake: OpenPacket, now: float) -> None:
        settings = self.engine_settings
        self.state = _OPEN
        self._until = None
        self.handshake = handshake
        self._max_payload_bytes = handshake.max_payload_bytes
        self._light_bytes = light_bytes(handshake.max_payload_bytes, settings.max_buffered_bytes)
        self.sid = handshake.sid
        self._heartbeat.begin(handshake.ping_interval_s, handshake.ping_timeout_s, now)
        self.events.append(Opened(handshake, self.transport))
        if self._websocket is not None:
            self._websocket.state = CarrierState.WEBSOCKET
            self.outbox = self._websocket.outbox
            self._memory.websocket_worked = True
        elif settings.upgrade and "websocket" in settings.transports and "websocket" in handshake.upgrades:
            self._in_flight.begin_upgrade(self.sid, now + settings.upgrade_timeout_s, now)
        self.reschedule()

    def _finish_upgrade(self) -> None:
        websocket = self._websocket = self._in_flight.finish_upgrade(self.outbox)
        self.outbox = websocket.outbox
        self.reschedule()
        self.events.append(Upgraded())

    def _end_upgrade(self, detail: str, now: float, code: int = NO_CODE) -> None:
        self._in_flight.end_upgrade(code)
        self.reschedule()
        self.events.append(UpgradeFailed(detail))
        self._go_on(now)

    # -- time --------------------------------------------------------------------------------------------------------

    @property
    def next_deadline(self) -> float | None:
        """When to call `handle_timeout`, in monotonic seconds; `None` when the session is closed."""
        if self.state is SessionState.CLOSED:
            return None
        beat = self._heartbeat.next_deadline if self.state is _OPEN else None
        return earliest(self._until, self._in_flight.upgrade.until, beat)

    def handle_timeout(self, now: float) -> None:
        """Do what is due at `now`. Early, late and repeated calls are fine."""
        self._now = now
        beat = self._heartbeat.next_deadline
        candidate_until = self._in_flight.upgrade.until
        if candidate_until is not None and candidate_until <= now:
            self._end_upgrade(f"no answer within {self.engine_settings.upgrade_timeout_s:g} s", now)
        if self._until is not None and self._until <= now:
            if self.state is SessionState.OPENING:
                self._opening.give_up()
                self._transport_failed(f"no answer within {self.engine_settings.open_timeout_s:g} s")
            else:
                self._end(Closed(CloseReason.FORCED_CLOSE))
        elif self.state is _OPEN and beat is not None and beat <= now:
            self.break_off(CloseReason.PING_TIMEOUT, "the server has fallen silent: no ping in time")
        self.reschedule()

    def resume_reading(self, now: float) -> None:
        """The host reads again: the next GET may begin."""
        super().resume_reading(now)
        self._go_on(now)

    # -- the end -----------------------------------------------------------------------------------------------------

    def close(self, now: float) -> None:
        """Close in order: what was put is sent first. Repeated calls do nothing.

        On a WebSocket it is closed at once and the host writes what is left; on polling once the POST with the close
        packet is answered, `close_timeout_s` later at the latest.
        """
        self.agenda.catch_up(now)
        self._now = now
        if self.state is SessionState.OPENING or (self.state is _OPEN and self._websocket is not None):
            self._end(Closed(CloseReason.FORCED_CLOSE))
        elif self.state is _OPEN:
            self._in_flight.end_upgrade()
            self.outbox.put(CLOSE_MESSAGE)
            self.state = SessionState.CLOSING
            self._until = now + self.engine_settings.close_timeout_s
            self.reschedule()

    def abort(self, now: float) -> None:
        """Close at once; what was not sent is lost."""
        self.agenda.catch_up(now)
        self._now = now
        self.outbox.clear()
        if self.state is not SessionState.CLOSED:
            self._end(Closed(CloseReason.FORCED_CLOSE))

    def _transport_failed(
        self, detail: str, code: int | None = None, reason: CloseReason = CloseReason.TRANSPORT_ERROR
    ) -> None:
        """The current transport is of no more use; while opening there may be another one."""
        if self.state is not SessionState.OPENING:
            self.break_off(reason, detail, code)
            return
        self._memory.websocket_worked = False
        if self._opening.next_transport(detail):
            self._in_flight.end(self._websocket)
            self._websocket = self._in_flight.begin(self._opening.transport, self._now)
        else:
            self._end(self._opening.outcome())

    def break_off(self, reason: CloseReason, detail: str, code: int | None = None) -> None:
        """Close at once, for what the server did."""
        self._memory.websocket_worked = False
        if self.state is SessionState.CLOSING:  # it was going anyway
            self._end(Closed(CloseReason.FORCED_CLOSE))
        else:
            self._end(Closed(reason, RemoteProtocolError(detail, websocket_close_code=code)))

    def _end(self, event: Closed | OpenFailed) -> None:
        self.state = SessionState.CLOSED
        self._until = None
        if self._websocket is None:
            self.outbox.clear()  # no POST will take it
        self._in_flight.end_for_good(self._websocket)
        self._websocket = None
        self.reschedule()
        self.events.append(event)
