"""One Engine.IO session, client role: what it wants in flight, and what became of it.

Polling keeps one GET in flight, and one POST while there is something to send. The outbox is one queue whatever the
carrier: POSTs take from its front, a WebSocket's host takes from it, an upgrade moves it over behind the `5`. So what
was put first leaves first, across an upgrade too.

The upgrade (PROTOCOL 1.8): the candidate is probed while polling goes on. When it has answered, no new GET or POST
begins; once those in flight are through, `5` goes out and the candidate is the session's WebSocket. Whatever happens to
it before `5` ends the candidate alone, and polling goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, assert_never

from socketio_core.engineio.client.carriers import ClientCarrier, ClientWebSocket, Exchange
from socketio_core.engineio.client.events import (
    Attempt,
    Event,
    Opened,
    OpenFailed,
    Pinged,
    UpgradeFailed,
)
from socketio_core.engineio.client.handshake import Handshake, parse_handshake
from socketio_core.engineio.client.heartbeat import HeartbeatWatch
from socketio_core.engineio.client.posts import check_size, take_post
from socketio_core.engineio.client.requests import ClientMemory, Requests, describe_refusal
from socketio_core.engineio.client.states import PROBE_PONG, TABLE, Action, CarrierState, ClientState
from socketio_core.engineio.events import Closed, Upgraded
from socketio_core.engineio.message import CLOSE_MESSAGE, WireMessage, received_size
from socketio_core.engineio.outbox import Outbox
from socketio_core.engineio.packet import MESSAGE, PING, PONG, UPGRADE, Frame, Payload, decode_frame, message_frame
from socketio_core.engineio.payload import encode_payload, split_payload
from socketio_core.errors import CloseReason, PacketError, RemoteProtocolError
from socketio_core.http import Response
from socketio_core.settings import EngineClientSettings

_OPEN = ClientState.OPEN
_MESSAGE_TOO_BIG = 1009  # RFC 6455, 7.4.1
_SHOWN_CHARS = 80  # of what a server sent, in an error

PONG_MESSAGE: Final = WireMessage((PONG,))
PROBE_MESSAGE: Final = WireMessage((PING + "probe",))
UPGRADE_MESSAGE: Final = WireMessage((UPGRADE,))


class ClientSession:
    """The client's end of one Engine.IO connection; it begins to open as soon as it is made.

    After any call the host does `take_ready()`, then `take_events()`. Every session ends with one `OpenFailed` or one
    `Closed`.

    Args:
        memory: what the client's sessions share; a new one knows nothing.
        random: returns floats from 0 to 1.
        now: monotonic seconds.

    Attributes:
        handshake: what the server said; `None` before.
    """

    def __init__(
        self, settings: EngineClientSettings, *, memory: ClientMemory, random: Callable[[], float], now: float
    ) -> None:
        self.settings = settings
        self.state = ClientState.OPENING
        self.handshake: Handshake | None = None
        self._max_payload_bytes: int | None = None  # the server's limit; `None`: it has none, or none is known
        self._memory = memory
        self._requests = Requests(self, settings, memory, random)
        self._sid = ""
        self._outbox = Outbox()
        self._get: Exchange | None = None
        self._post: Exchange | None = None
        self._websocket: ClientWebSocket | None = None
        self._candidate: ClientWebSocket | None = None
        self._heartbeat: HeartbeatWatch | None = None
        self._early_pauses = 0  # of the reader, before there is a heartbeat
        self._until: float | None = now + settings.open_timeout_s  # the end of opening or closing
        self._upgrade_until: float | None = None
        self._attempts: list[Attempt] = []
        self._ready: list[ClientCarrier] = []
        self._events: list[Event] = []
        self._now = now
        first, *rest = settings.transports
        if settings.remember_upgrade and memory.websocket_worked and "websocket" in settings.transports:
            first, rest = "websocket", [name for name in settings.transports if name != "websocket"]
        self._next_transports = rest if settings.try_all_transports else []
        self._begin(first)

    def __repr__(self) -> str:
        return f"<ClientSession {self.transport}, {self.state.value}, {self.buffered_bytes} bytes buffered>"

    @property
    def transport(self) -> str:
        """`"polling"` or `"websocket"`."""
        return "polling" if self._websocket is None else "websocket"

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self.state is _OPEN

    @property
    def is_upgrading(self) -> bool:
        """Whether a candidate WebSocket is being tried."""
        return self._candidate is not None

    @property
    def buffered_bytes(self) -> int:
        """How much waits in the outbox."""
        return self._outbox.size_bytes

    @property
    def is_writable(self) -> bool:
        """Whether a message would leave at once: what decides the fate of a volatile one."""
        if self.state is not _OPEN or self._outbox:
            return False
        return self._websocket is not None or (self._post is None and not self._is_pausing)

    @property
    def is_done(self) -> bool:
        """Whether it is closed, and the host has taken all there was: its goodbye, and what is to be dropped."""
        return self.state is ClientState.CLOSED and not self._ready and not self._outbox

    # -- what the host takes -----------------------------------------------------------------------------------------

    def take_ready(self) -> list[ClientCarrier]:
        """Return the carriers that the host must see to, each once."""
        self._send_post()
        ready, self._ready = self._ready, []
        for carrier in ready:
            carrier.is_ready = False
        return ready

    def take_events(self) -> list[Event]:
        """Return what happened since the last call, in order."""
        events, self._events = self._events, []
        return events

    # -- output ------------------------------------------------------------------------------------------------------

    def send(self, payload: Payload) -> bool:
        """Send one message, text or bytes. Returns `False` when the session is not open and the message was dropped.

        Raises:
            LocalProtocolError: text with a lone surrogate, or a message that the server does not take (see `put`).
        """
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
        outbox, settings = self._outbox, self.settings
        if not is_control:
            is_polled = self._websocket is None
            check_size(message, self._max_payload_bytes, settings.max_buffered_bytes, is_polled=is_polled)
        size_bytes = outbox.size_bytes + message.size_bytes
        if size_bytes > settings.max_buffered_bytes or len(outbox.messages) >= settings.max_buffered_messages:
            detail = f"server reads too slowly: {len(outbox.messages) + 1} messages, {size_bytes} bytes buffered"
            outbox.clear()
            self._fail(CloseReason.TRANSPORT_ERROR, detail)
            return False
        outbox.put(message)
        if self._websocket is not None:
            self._mark_ready(self._websocket)
        return True

    def _send_post(self) -> None:
        """Make a POST of what is in the outbox, if none is in flight."""
        if self._post is not None or not self._outbox or self._websocket is not None or self._is_pausing:
            return
        if self.state is not _OPEN and self.state is not ClientState.CLOSING:
            return
        body = encode_payload(take_post(self._outbox, self._max_payload_bytes, self.settings.max_packets_per_post))
        self._post = self._requests.post(self._sid, body, self._now)
        self._mark_ready(self._post)

    # -- what became of it: HTTP -------------------------------------------------------------------------------------

    def exchange_done(self, exchange: Exchange, response: Response, now: float) -> None:
        """A response is there, as a whole."""
        self._now = now
        if exchange is not self._get and exchange is not self._post:
            return  # cancelled
        self._memory.cookies.update([(name.lower(), value) for name, value in response.headers], now)
        problem = _problem_of(response)
        if exchange is self._post:
            self._post = None
            if problem is not None:
                self._fail(CloseReason.TRANSPORT_ERROR, f"server refused a POST: {problem}")
                return
        else:
            self._get = None
            if problem is None:
                self._read_payload(response, now)
            elif self.state is not ClientState.CLOSING:  # then only POSTs count
                self._transport_failed(problem)
        self._go_on(now)

    def exchange_failed(self, exchange: Exchange, detail: str, now: float) -> None:
        """There will be no response.

        Args:
            detail: why, e.g. `"connection refused"`.
        """
        self._now = now
        if exchange is self._post:
            self._post = None
            self._fail(CloseReason.TRANSPORT_ERROR, f"POST failed: {detail}")
        elif exchange is self._get:
            self._get = None
            if self.state is not ClientState.CLOSING:  # then only POSTs count
                self._transport_failed(detail if self.state is ClientState.OPENING else f"GET failed: {detail}")

    def _read_payload(self, response: Response, now: float) -> None:
        try:
            for part in split_payload(response.body, self.settings.max_packets_per_payload):
                if self.state is ClientState.CLOSED:
                    return
                kind, data = decode_frame(part)
                self._act(TABLE[self._polling_state][_kind_of(kind, data)], None, data, now)
        except PacketError as error:
            if self.state is not ClientState.CLOSED:
                self._parse_failed(f"{error}, in the response {_shown(response.body)}")

    @property
    def _polling_state(self) -> CarrierState:
        if self.state is ClientState.OPENING:
            return CarrierState.OPENING
        return CarrierState.POLLING if self.state is _OPEN else CarrierState.CLOSING

    def _go_on(self, now: float) -> None:
        """Begin the next GET, finish what waited for the end of an exchange; POSTs begin in `take_ready`."""
        if self.state is ClientState.CLOSING:
            if self._post is None and not self._outbox:
                self._finish(Closed(CloseReason.FORCED_CLOSE))
        elif self.state is _OPEN and self._websocket is None:
            if self._is_pausing:
                if self._get is None and self._post is None:
                    self._finish_upgrade()
            elif self._get is None and self._heartbeat is not None and not self._heartbeat.is_paused:
                self._get = self._requests.get(self._sid, now)
                self._mark_ready(self._get)

    # -- what became of it: WebSocket --------------------------------------------------------------------------------

    def websocket_opened(self, websocket: ClientWebSocket, response: Response, now: float) -> None:
        """The handshake is done; `response` is the 101."""
        self._now = now
        self._memory.cookies.update([(name.lower(), value) for name, value in response.headers], now)
        if websocket.state is CarrierState.DETACHED:
            return
        websocket.is_open = True
        if websocket.state is CarrierState.CANDIDATE:
            websocket.outbox.put(PROBE_MESSAGE)
            self._mark_ready(websocket)

    def websocket_refused(self, websocket: ClientWebSocket, response: Response, now: float) -> None:
        """The server answered the handshake with something else than 101."""
        self.lost(websocket, describe_refusal(response), now)

    def receive(self, websocket: ClientWebSocket, frame: Frame, now: float) -> None:
        """Process one message that arrived on `websocket`, e.g. `"4hello"`; `bytes` is a binary message."""
        self._now = now
        limit = self.settings.max_message_bytes
        if len(frame) * 4 > limit and received_size(frame) > limit:  # no character has more than four bytes
            self.fail_websocket(websocket, "message larger than max_message_bytes", _MESSAGE_TOO_BIG, now)
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
        try:
            kind, data = decode_frame(frame)
            self._act(TABLE[websocket.state][_kind_of(kind, data)], websocket, data, now)
        except PacketError as error:
            if websocket is self._candidate:
                self._end_upgrade(str(error), now)
            else:
                self._parse_failed(str(error))

    def receive_part(self, websocket: ClientWebSocket, part: Frame, is_last: bool, now: float) -> None:  # noqa: FBT001
        """Process a part of a message; the parts of one are all text or all bytes, and the last one says so.

        Raises:
            LocalProtocolError: a part of another kind than those before it.
        """
        if is_last and not websocket.parts:
            self.receive(websocket, part, now)
        elif websocket.state is not CarrierState.DETACHED:
            whole = websocket.parts.add(part, is_last=is_last)
            if whole is not None:
                self.receive(websocket, whole, now)
            elif websocket.parts.size_bytes > self.settings.max_message_bytes:
                self.fail_websocket(websocket, "message larger than max_message_bytes", _MESSAGE_TOO_BIG, now)

    def lost(self, websocket: ClientWebSocket, detail: str | None, now: float) -> None:
        """The WebSocket could not be opened, its connection is gone, or the server closed it.

        Args:
            detail: why, e.g. `"connection refused"`; `None` when the server closed it without a word.
        """
        self._now = now
        websocket.outbox.clear()  # nobody is left to write it
        if websocket is self._candidate:
            self._end_upgrade(detail or "the WebSocket was closed", now)
        elif websocket is self._websocket:
            if self.state is ClientState.OPENING:
                self._transport_failed(detail or "the WebSocket was closed before the open packet")
            else:
                error = None if detail is None else RemoteProtocolError(detail)
                self._finish(Closed(CloseReason.TRANSPORT_CLOSE, error))

    def fail_websocket(self, websocket: ClientWebSocket, detail: str, code: int, now: float) -> None:
        """The server broke the rules of WebSockets, or sent too much; the close frame gets `code`."""
        self._now = now
        if websocket is self._candidate:
            self._end_upgrade(detail, now, code)
        elif websocket is self._websocket:
            websocket.close_code = code
            self._transport_failed(detail, code)

    # -- packets -----------------------------------------------------------------------------------------------------

    def _act(self, action: Action, websocket: ClientWebSocket | None, data: Payload, now: float) -> None:
        match action:
            case Action.DELIVER:
                self._events.append(data)
            case Action.ANSWER:
                assert self._heartbeat is not None  # the session is open
                self._heartbeat.ping_received(now)
                self._events.append(Pinged())
                self.put(PONG_MESSAGE, is_control=True)  # which may end the session, and nothing comes behind that
            case Action.HANDSHAKE:
                assert isinstance(data, str)  # only messages are binary
                self._open(parse_handshake(data), now)
            case Action.PROBE_ANSWERED:
                assert websocket is not None  # the table has it for a candidate only
                websocket.state = CarrierState.PROBED
                self._go_on(now)
            case Action.DROP_CANDIDATE:
                self._end_upgrade(f"the server answered the probe with {_shown(data)}", now)
            case Action.PEER_CLOSED:
                self._finish(Closed(CloseReason.TRANSPORT_CLOSE))
            case Action.UNEXPECTED:
                expected = "the open packet" if self.state is ClientState.OPENING else "what a server sends here"
                raise PacketError(f"unexpected packet, not {expected}: {_shown(data)}")
            case Action.IGNORE:
                pass
            case _:
                assert_never(action)

    def _open(self, handshake: Handshake, now: float) -> None:
        settings = self.settings
        self.state = _OPEN
        self._until = None
        self.handshake = handshake
        self._max_payload_bytes = handshake.max_payload_bytes
        self._sid = handshake.sid
        self._heartbeat = HeartbeatWatch(handshake.ping_interval_s, handshake.ping_timeout_s, settings.max_pause_s, now)
        for _ in range(self._early_pauses):
            self._heartbeat.pause(now)
        self._events.append(Opened(handshake, self.transport))
        if self._websocket is not None:
            self._websocket.state = CarrierState.WEBSOCKET
            self._outbox = self._websocket.outbox
            self._memory.websocket_worked = True
        elif settings.upgrade and "websocket" in settings.transports and "websocket" in handshake.upgrades:
            self._memory.websocket_worked = False
            self._candidate = self._requests.websocket(self._sid, CarrierState.CANDIDATE, now)
            self._upgrade_until = now + settings.upgrade_timeout_s
            self._mark_ready(self._candidate)

    # -- the upgrade -------------------------------------------------------------------------------------------------

    @property
    def _is_pausing(self) -> bool:
        """Whether polling runs dry, for the candidate has answered."""
        return self._candidate is not None and self._candidate.state is CarrierState.PROBED

    def _finish_upgrade(self) -> None:
        websocket, self._candidate = self._candidate, None
        assert websocket is not None  # it was probed
        self._upgrade_until = None
        websocket.state = CarrierState.WEBSOCKET
        websocket.outbox.put(UPGRADE_MESSAGE)
        self._outbox.move_to(websocket.outbox)
        self._outbox = websocket.outbox
        self._websocket = websocket
        self._memory.websocket_worked = True
        self._mark_ready(websocket)
        self._events.append(Upgraded())

    def _end_upgrade(self, detail: str, now: float, code: int | None = None) -> None:
        """Give the candidate up; polling goes on."""
        websocket, self._candidate = self._candidate, None
        assert websocket is not None  # the callers looked
        self._upgrade_until = None
        websocket.close_code = code
        self._detach(websocket)
        self._events.append(UpgradeFailed(detail))
        self._go_on(now)

    # -- time --------------------------------------------------------------------------------------------------------

    @property
    def next_deadline(self) -> float | None:
        """When to call `handle_timeout`, in monotonic seconds; `None` when the session is closed."""
        if self.state is ClientState.CLOSED:
            return None
        deadlines = [self._until, self._upgrade_until]
        if self._heartbeat is not None and self.state is _OPEN:
            deadlines.append(self._heartbeat.next_deadline)
        return min((at for at in deadlines if at is not None), default=None)

    def handle_timeout(self, now: float) -> None:
        """Do what is due at `now`. Early, late and repeated calls are fine."""
        self._now = now
        if self._upgrade_until is not None and self._upgrade_until <= now:
            self._end_upgrade(f"no answer within {self.settings.upgrade_timeout_s:g} s", now)
        if self._until is not None and self._until <= now:
            if self.state is ClientState.OPENING:
                self._next_transports = []  # the time is up for all of them
                self._transport_failed(f"no answer within {self.settings.open_timeout_s:g} s")
            else:
                self._finish(Closed(CloseReason.FORCED_CLOSE))
        elif self._heartbeat is not None and self.state is _OPEN and self._heartbeat.next_deadline <= now:
            self._fail(CloseReason.PING_TIMEOUT, "the server has fallen silent: no ping in time")

    def pause_reading(self, now: float) -> None:
        """The host reads no more for a while: its silence is not the server's, and no GET begins. Pauses nest."""
        if self._heartbeat is None:
            self._early_pauses += 1
        else:
            self._heartbeat.pause(now)

    def resume_reading(self, now: float) -> None:
        """The host reads again."""
        if self._heartbeat is None:
            self._early_pauses = max(0, self._early_pauses - 1)
        else:
            self._heartbeat.resume(now)
            self._go_on(now)

    # -- the end -----------------------------------------------------------------------------------------------------

    def close(self, now: float) -> None:
        """Close in order: what was put is sent first. Repeated calls do nothing.

        On a WebSocket the session is closed at once and the host writes what is left; on polling it is once the POST
        with the close packet is answered, `close_timeout_s` later at the latest.
        """
        self._now = now
        if self.state is ClientState.OPENING or (self.state is _OPEN and self._websocket is not None):
            self._finish(Closed(CloseReason.FORCED_CLOSE))
        elif self.state is _OPEN:
            if self._candidate is not None:
                self._upgrade_until = None
                self._detach(self._candidate)
                self._candidate = None
            self._outbox.put(CLOSE_MESSAGE)
            self.state = ClientState.CLOSING
            self._until = now + self.settings.close_timeout_s

    def abort(self, now: float) -> None:
        """Close at once; what was not sent is lost."""
        self._now = now
        self._outbox.clear()
        if self.state is not ClientState.CLOSED:
            self._finish(Closed(CloseReason.FORCED_CLOSE))

    def _parse_failed(self, detail: str) -> None:
        if self.state is ClientState.OPENING:
            self._transport_failed(detail)
        else:
            self._fail(CloseReason.PARSE_ERROR, detail)

    def _transport_failed(self, detail: str, code: int | None = None) -> None:
        """The current transport is of no more use; while opening there may be another one."""
        if self.state is not ClientState.OPENING:
            self._fail(CloseReason.TRANSPORT_ERROR, detail, code)
            return
        self._attempts.append(Attempt(self.transport, detail))
        self._memory.websocket_worked = False
        if self._next_transports:
            self._drop_carriers()
            self._begin(self._next_transports.pop(0))
        else:
            self._finish(OpenFailed(tuple(self._attempts)))

    def _fail(self, reason: CloseReason, detail: str, code: int | None = None) -> None:
        self._memory.websocket_worked = False
        if self.state is ClientState.CLOSING:  # it was going anyway
            self._finish(Closed(CloseReason.FORCED_CLOSE))
        else:
            self._finish(Closed(reason, RemoteProtocolError(detail, websocket_close_code=code)))

    def _finish(self, event: Closed | OpenFailed) -> None:
        self.state = ClientState.CLOSED
        self._until = self._upgrade_until = None
        if self._websocket is None:
            self._outbox.clear()  # no POST will take it
        self._drop_carriers()
        self._events.append(event)

    def _begin(self, transport: str) -> None:
        if transport == "websocket":
            self._websocket = self._requests.websocket("", CarrierState.OPENING, self._now)
            self._mark_ready(self._websocket)
        else:
            self._get = self._requests.get("", self._now)
            self._mark_ready(self._get)

    def _drop_carriers(self) -> None:
        for exchange in (self._get, self._post):
            if exchange is not None:
                exchange.is_cancelled = True
                self._mark_ready(exchange)
        for websocket in (self._websocket, self._candidate):
            if websocket is not None:
                self._detach(websocket)
        self._get = self._post = self._websocket = self._candidate = None

    def _detach(self, websocket: ClientWebSocket) -> None:
        websocket.state = CarrierState.DETACHED
        websocket.is_closed = True
        websocket.parts.clear()
        self._mark_ready(websocket)

    def _mark_ready(self, carrier: ClientCarrier) -> None:
        if not carrier.is_ready:
            carrier.is_ready = True
            self._ready.append(carrier)


def _kind_of(kind: str, data: Payload) -> str:
    return PROBE_PONG if kind == PONG and data == "probe" else kind


def _problem_of(response: Response) -> str | None:
    """Say why a response is of no use; only 200 is (PROTOCOL 9-28)."""
    if response.status != 200:
        return describe_refusal(response)
    encoding = next((value for name, value in response.headers if name.lower() == b"content-encoding"), b"identity")
    if encoding.lower() != b"identity":
        return f"response is encoded as {encoding.decode('latin-1')!r}, which was not asked for"
    return None


def _shown(data: Payload) -> str:
    if isinstance(data, bytes):
        data = data[:_SHOWN_CHARS].decode("utf-8", "replace")
    return repr(data[:_SHOWN_CHARS])
