"""The requests of one connection: each goes to an engine, or to the application; one after another (see `phases`)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, assert_never, final

from socketio_core.engineio.actions import Action, Park, ReadBody, Respond, Upgrade
from socketio_core.engineio.carriers import WRITE_BYTES, Poll, Post, WebSocket
from socketio_core.engineio.session import Session
from socketio_core.http import Headers, Request, Response
from socketio_core.wire.asked import HandshakeAsked, RequestAsked
from socketio_core.wire.base import FIRST_PIECES, MUCH_BYTES, NEWCOMER_PIECES, REQUEST_PIECES, TURN_PIECES
from socketio_core.wire.heads import BadRequest
from socketio_core.wire.holding import when_room
from socketio_core.wire.http1 import Http1, InvalidResponse, Next, text_response
from socketio_core.wire.phases import ANSWERED, MAX_EARLY_BYTES, MAX_LINGER_BYTES, READING, Phase
from socketio_core.wire.plain_frames import MESSAGE_PIECE_BYTES
from socketio_core.wire.served import Served
from socketio_core.wire.websocket import Frames

if TYPE_CHECKING:
    from socketio_core.wire.connection import Wire
    from socketio_core.wire.site import Mount, Site

_IDLE: Final = Phase.IDLE


@final
class Requests:
    """A connection as long as it is HTTP; a `Stage`."""

    __slots__ = (
        "_address", "_can_half_close", "_count", "_has_ended", "_has_packets", "_http", "_out", "_phase", "_read_away",
        "_scheme", "_served", "_site", "_taken", "_wire",
    )  # fmt: skip

    def __init__(self, wire: Wire, site: Site, address: str, scheme: str, now: float, *, can_half_close: bool) -> None:
        self._wire = wire
        self._site = site
        self._address = address
        self._scheme = scheme
        self._http = Http1(shortcuts=site.shortcuts)
        self._phase = Phase.IDLE
        self._count = 0  # of requests that were read
        self._served: Served | None = None  # the request that is being served
        self._has_packets = False  # a POST is in, and some of its packets wait for their turn
        self._out = b""  # what is to be written
        self._taken = 0  # how much of that the host has
        self._read_away = 0  # bytes that nobody wants
        self._can_half_close = can_half_close
        self._has_ended = False  # the client sends no more; it may still read
        wire.set_deadline(now + site.timeouts.header_s)

    def __repr__(self) -> str:
        return f"HTTP, {self._phase.value}" + ("" if self._served is None else f" of {self._served!r}")

    @property
    def wants_input(self) -> bool:
        """See `Stage`."""
        if self._phase is Phase.PARKED:
            return self._http.held_bytes < MAX_EARLY_BYTES
        return self._phase in READING and not self.has_more

    @property
    def has_more(self) -> bool:
        """See `Stage`."""
        phase = self._phase
        if phase is _IDLE:  # most often; benchmarks: polling
            return self._http.held_bytes > 0 and not self._wire.is_over
        if phase is Phase.HELD:
            return self._has_packets  # also when the client is gone
        return (phase is Phase.BODY or phase is Phase.DRAIN) and self._http.has_pieces and not self._wire.is_over

    @property
    def is_large(self) -> bool:
        """See `Stage`."""
        return self._served is not None and self._served.is_large

    @property
    def held_bytes(self) -> int:
        """How much memory is taken by what has arrived and was not handed on, and by what is to be written."""
        served = self._served
        held = 0 if served is None or self._phase is Phase.ASKED else served.held_bytes  # that counts who is asked
        return self._http.kept_bytes + held + len(self._out)

    @property
    def session(self) -> Session | None:
        """Whose poll or POST is being served."""
        return None if self._served is None else self._served.session

    def drop(self, now: float) -> None:
        """Forget all of it; the connection is lost."""
        self._http = Http1(shortcuts=self._site.shortcuts)
        self._out, self._taken = b"", 0
        self._has_packets = False
        self._carrier_lost(now)
        self._served = None
        self._phase = Phase.LINGER  # which nothing follows

    # -- input -------------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> None:
        """See `Stage`."""
        if self._phase is Phase.LINGER:
            self._read_away += len(data)
            if not data or self._read_away > MAX_LINGER_BYTES:
                self._wire.end()
        elif self._phase in READING:
            self._has_ended |= not data
            self._http.feed(data)
            is_little = (self._count and len(data) < MUCH_BYTES) or not data  # nearly always; benchmarks: polling
            if is_little or self._phase is not _IDLE or self._site.serves_at_once(len(data), is_new=not self._count):
                self._advance(now)
            if not data and self._wire.is_mute:  # nothing is left to be read away
                self._wire.end()
        elif data:
            self._http.feed(data)
        else:
            self._wire.lost(now)

    def proceed(self, now: float) -> int:
        """See `Stage`."""
        phase, is_new = self._phase, not self._count
        if phase is Phase.HELD:
            self._take_packets(now)
        else:
            self._advance(now)
        if phase is not Phase.IDLE:
            return TURN_PIECES
        cost = NEWCOMER_PIECES if is_new else REQUEST_PIECES
        if self._served is None:
            return cost
        request = self._served.request
        return cost + len(request.headers) + request.size_bytes // MESSAGE_PIECE_BYTES

    def lost(self, now: float) -> None:
        """The client is gone, and nobody is left to answer: tell the engine, if it waits or has said something."""
        if self._phase is Phase.HELD and self.session is not None:
            self._has_packets = True  # as below, by turns
        else:
            if self._phase is Phase.ASKED:  # whom the application is asked about it still knows, and need not
                self._http = Http1(shortcuts=self._site.shortcuts)
            self._carrier_lost(now)

    def _carrier_lost(self, now: float) -> None:
        if self._served is not None:
            self._served.lost(now, is_whole=self._phase is Phase.HELD)

    def fail(self, now: float) -> None:
        """See `Stage`. The client is told, if no answer was begun."""
        if self._wire.is_over:
            self._has_packets = False
            self._carrier_lost(now)
        elif self._phase in ANSWERED:
            self._wire.lost(now)
        else:
            self._refuse(500, "internal server error", now)

    def _advance(self, now: float) -> None:
        """Go on with what has arrived: with a request, or with the rest of a body."""
        try:
            if self._phase is Phase.BODY:
                self._read_body(now)
            elif self._phase is Phase.DRAIN:
                self._drain(now)
            else:
                self._read_request(now)
        except BadRequest as error:
            self._refuse(error.status, str(error), now)

    def _read_request(self, now: float) -> None:
        http, wire = self._http, self._wire
        head = http.next_request()
        if head is not None:
            self._count += 1
            wire.set_deadline(None)
            request = head.request
            if request is None:
                request = head.to_request(self._address, self._scheme)
                self._site.proxies.apply(request)
            self._serve(request, now)
        elif http.is_ended:
            wire.end()
        elif self._phase is Phase.IDLE and http.held_bytes:
            self._phase = Phase.HEAD
            if self._count:  # of the first one the time runs from the beginning
                wire.set_deadline(now + self._site.timeouts.header_s)
        elif self._phase is Phase.HEAD and not http.held_bytes:  # it was half an empty line
            self._phase = Phase.IDLE
            if self._count:
                wire.set_deadline(now + self._site.timeouts.keep_alive_s)

    # -- requests ----------------------------------------------------------------------------------------------------

    def _serve(self, request: Request, now: float) -> None:
        site = self._site
        mount = site.mount_of(request)
        served = self._served = Served(request, mount)
        static = self._wire.surplus or site.static_response(request)
        if static is not None:
            self._respond(static, now)
        elif request.method == "CONNECT":  # we are no proxy, and h11 would take a 2xx for the start of a tunnel
            self._respond(text_response(405, "Method not allowed"), now)
        elif mount is None and not site.asks_requests:
            self._respond(site.not_found(), now)
        elif mount is None:
            self._begin_body(now)
        else:
            self._hand_over(served, mount, now, asks=mount.asks_handshakes)

    def _asked(self, request: Request) -> Served | None:
        """Return the request that the application is to decide on, if it is this one: it may be too late, or twice."""
        served = self._served
        is_it = served is not None and served.request is request and self._phase is Phase.ASKED
        return served if is_it and not self._wire.is_over else None

    def decide(self, mount: Mount, request: Request, refusal: str | None, now: float) -> None:
        """Let a handshake pass, or refuse it. Called by `HandshakeAsked.answer`."""
        served = self._asked(request)
        if served is not None:
            self._hand_over(served, mount, now, refusal=refusal)
            self._site.note(self._wire)

    def respond(self, request: Request, response: Response, now: float) -> None:
        """Answer a request. Called by `RequestAsked.answer`."""
        if self._asked(request) is not None:
            self._respond(response, now)
            self._site.note(self._wire)

    def _hand_over(
        self, served: Served, mount: Mount, now: float, *, asks: bool = False, refusal: str | None = None
    ) -> None:
        core, request = mount.core, served.request
        if asks and core.is_handshake(request):
            self._phase = Phase.ASKED
            self._site.ask(HandshakeAsked(self, mount, request))
            return
        refused: Action | None = None if refusal is None else core.refuse(request, refusal)
        action = refused or core.handle_request(request, now, self._wire)
        match action:
            case Respond(response):
                self._respond(response, now)
            case ReadBody(post, _):
                served.carrier = post
                self._http.expect_again(request)
                self._begin_body(now)
            case Park(poll):
                served.carrier = poll
                self._http.expect_again(request)
                self._phase = Phase.PARKED
            case Upgrade(websocket, headers):
                self._switch(mount, websocket, request, headers, now)
            case _:
                assert_never(action)

    def _switch(self, mount: Mount, websocket: WebSocket, request: Request, headers: Headers, now: float) -> None:
        site = self._site
        try:
            extensions, accepted = site.agree(mount, request)
            answer, early = self._http.switch([*accepted, *headers])
        except Exception as error:  # noqa: BLE001 - `InvalidResponse`, or of the function that chooses a subprotocol
            site.report(f"101 to {request!r} is not valid HTTP", error)
            mount.core.lost(websocket, now)
            self._respond(text_response(500, "Internal server error"), now)
            return
        answer = self._out[self._taken :] + answer
        frames = Frames(self._wire, site, mount, websocket, extensions, answer, early)
        self._wire.become(frames)
        if self._has_ended:
            frames.receive(b"", now)

    # -- bodies ------------------------------------------------------------------------------------------------------

    def _begin_body(self, now: float) -> None:
        self._phase = Phase.BODY
        self._write(self._http.ask_for_body())
        if self._http.is_in_chunks and not self._site.may_begin(FIRST_PIECES):
            self._http.has_pieces = True
        else:
            self._read_body(now)
        if self._phase is Phase.BODY:  # most often it came with the head
            self._wire.set_deadline(now + self._site.timeouts.body_s)

    def _read_body(self, now: float) -> None:
        served, http = self._served, self._http
        assert served is not None  # whose body it is
        if isinstance(served.carrier, Post):
            if http.read_body(served.carrier.feed):
                self._phase = Phase.HELD
                self._wire.set_deadline(None)
                # The answer makes an honest client send more. One that does not wait finds this POST still open.
                waits = served.is_large and len(self._site.wires) > 1
                if not waits and (size_bytes := served.carrier.work_bytes) >= MUCH_BYTES:
                    waits = not self._site.may_begin(size_bytes // MESSAGE_PIECE_BYTES)
                go_on = self._wait_for_turn if waits else partial(self._take_packets, limit=FIRST_PIECES)
                self._when_room(served.carrier.session, go_on, now)
        elif http.read_body(lambda chunk: served.feed(chunk) <= self._site.max_body_bytes):
            body = served.take_body()
            self._wire.set_deadline(None)
            if len(body) > self._site.max_body_bytes:
                self._respond(text_response(413, "Request body too large"), now)
            else:
                self._phase = Phase.ASKED
                self._site.ask(RequestAsked(self, served.request, body))

    def _take_packets(self, now: float, limit: int = TURN_PIECES) -> None:
        """Process a turn of the packets of a POST; answer it with the last."""
        served = self._served
        assert served is not None
        session = served.session
        assert session is not None  # for it is a POST
        response = served.advance(limit, now)
        self._has_packets = response is None and self._wire.is_over
        if not self._wire.is_over:
            go_on = self._wait_for_turn if response is None else partial(self._respond, response)
            self._when_room(session, go_on, now)  # what it brought may be too much already

    def _wait_for_turn(self, _: float) -> None:
        self._has_packets = True

    def _when_room(self, session: Session, go_on: Callable[[float], None], now: float) -> None:
        assert self._served is not None
        mount = self._served.mount
        assert mount is not None  # a session belongs to one
        when_room(self._wire, self._site, mount, session, go_on, lambda: self._phase is Phase.HELD, now)

    # -- answers -----------------------------------------------------------------------------------------------------

    def _respond(self, response: Response, now: float) -> None:
        served, site = self._served, self._site
        assert served is not None  # whose answer it is
        closes = site.is_closing or response.status == 413 or self._count == site.max_requests
        closes = closes or self._wire.surplus is not None
        closes = closes or served.request.is_websocket_upgrade
        try:
            self._write(self._http.respond(response, closes=closes))
        except InvalidResponse as error:
            site.report(f"response to {served!r} is not valid HTTP", error)
            served.is_unsaid = True
            try:
                self._write(self._http.respond(text_response(500, "Internal server error"), closes=closes))
            except InvalidResponse:  # h11 has seen too much of the first one
                self._wire.lost(now)
                return
        self._begin_answer(now)

    def _begin_answer(self, now: float) -> None:
        self._phase = Phase.ANSWER
        self._wire.set_deadline(now + self._site.timeouts.write_s)

    def _refuse(self, status: int, detail: str, now: float) -> None:
        """Answer a request that could not be read, if that is still possible, and take leave."""
        self._carrier_lost(now)
        if self._phase is Phase.DRAIN:  # it has its answer, and may still be reading that
            self._follow(Next.LINGER, now)
            return
        self._write(self._http.refuse(status, detail))
        self._begin_answer(now)

    def poll_ready(self, poll: Poll, now: float) -> None:
        """The response of a parked poll is there. Called by the site."""
        is_ours = self._served is not None and poll is self._served.carrier
        if is_ours and self._phase is Phase.PARKED and poll.response is not None:
            self._respond(poll.response, now)

    def _follow(self, what: Next, now: float) -> None:
        timeouts, wire = self._site.timeouts, self._wire
        if what is Next.REQUEST:
            self._phase = Phase.IDLE
            wire.set_deadline(now + timeouts.keep_alive_s)
            if (self._site.is_closing or self._has_ended) and not self.has_more:
                wire.end()
        elif what is Next.DRAIN:
            self._phase = Phase.DRAIN
            wire.set_deadline(now + timeouts.linger_s)
            self._drain(now)
        elif what is Next.LINGER and self._can_half_close:
            self._phase = Phase.LINGER
            wire.is_mute = True
            wire.set_deadline(now + timeouts.linger_s)
        else:
            wire.end()

    def _drain(self, now: float) -> None:
        """The answer went out before the body came in: read that away, if it is not too much."""
        if self._http.read_body(self._drop):
            is_all = self._read_away < MAX_LINGER_BYTES
            self._follow(self._http.finish() if is_all else Next.LINGER, now)

    def _drop(self, chunk: bytes) -> bool:
        self._read_away += len(chunk)
        return self._read_away < MAX_LINGER_BYTES

    # -- output ------------------------------------------------------------------------------------------------------

    def _write(self, data: bytes) -> None:
        left = self._out[self._taken :]
        self._out, self._taken = left + data if left else data, 0  # a response may be large: no copy of it

    def data_to_send(self, now: float) -> bytes:
        """See `Stage`."""
        data = self._out[self._taken : self._taken + WRITE_BYTES]
        self._taken += len(data)
        return data

    def sent(self, now: float) -> None:
        """See `Stage`."""
        if self._out and self._taken == len(self._out):
            self._out, self._taken = b"", 0
            if self._phase is Phase.ANSWER:
                self._answer_sent(now)
                if self.has_more:  # all else the host sees
                    self._site.note(self._wire)

    def _answer_sent(self, now: float) -> None:
        served, self._served = self._served, None
        is_lost = False
        if served is not None and served.carrier is not None:
            is_lost = served.is_unsaid
            if served.answered(now):
                self._site.note(self._wire)
        try:
            self._follow(Next.LINGER if is_lost else self._http.finish(), now)
        except BadRequest:
            self._follow(Next.LINGER, now)

    # -- time --------------------------------------------------------------------------------------------------------

    def settle(self, now: float) -> None:
        """See `Stage`."""

    def time_out(self, now: float) -> None:
        """See `Stage`."""
        if self._phase is Phase.HEAD:
            self._refuse(408, "request took too long", now)
        elif self._phase is Phase.BODY:
            self._refuse(408, "request body took too long", now)
        elif self._phase is Phase.DRAIN:
            self._follow(Next.LINGER, now)
        else:
            self._wire.lost(now)

    def close(self, now: float) -> None:
        """See `Stage`."""
        if self._phase is Phase.HEAD:
            self._refuse(503, "server is shutting down", now)
        elif self._phase is Phase.IDLE and not self.has_more:
            self._wire.end()
