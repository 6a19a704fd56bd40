"""The Engine.IO server without I/O: sessions by id, the HTTP rules, one deadline.

A host gives each request to `handle_request` and does what the returned action says. After any call it takes what is
ready (`take_ready`: wake those carriers) and what happened (`take_events`). Nothing here waits, and nothing that a
client sends raises.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Final, cast

from socketio_core.checks import check_kind
from socketio_core.cors import preflight_response
from socketio_core.engineio.actions import Action, Park, ReadBody, Respond, Upgrade
from socketio_core.engineio.answers import (
    bad_request,
    empty_response,
    extra_headers,
    noop_response,
    ok_response,
    polling_headers,
    wants_base64,
)
from socketio_core.engineio.carriers import Carrier, Poll, Post, WebSocket
from socketio_core.engineio.close_codes import GOING_AWAY, check_close
from socketio_core.engineio.events import EngineEvent, RequestRefused
from socketio_core.engineio.handshake import Handshakes
from socketio_core.engineio.packet import Frame
from socketio_core.engineio.refusals import (
    FORBIDDEN,
    PROTOCOL_VERSION,
    UNKNOWN_SESSION,
    Refusal,
    refusal_of,
    response_to,
)
from socketio_core.engineio.session import Session
from socketio_core.engineio.shared import Shared
from socketio_core.engineio.states import CarrierState
from socketio_core.errors import CloseReason, LocalProtocolError
from socketio_core.http import Request, Response
from socketio_core.ids import IdFactory, new_id
from socketio_core.settings import EngineSettings, with_path
from socketio_core.websocket_handshake import refused_handshake

USUAL_PATH: Final = "/engine.io/"  # reference


class Engine:
    """All Engine.IO sessions of one server.

    Args:
        settings: see `EngineSettings`; their `path` is `"/engine.io/"` unless they name one.
        new_id: makes session ids; they must be unguessable.
        is_inner: the engine belongs to a Socket.IO server: nobody else may `send` over its sessions.

    Attributes:
        engine_settings: the settings, with a path.
        path: what the paths of its requests begin with.
        reads_bytes: see `AnyServer`; whoever has the engine may.
        agenda: what is to be done when; a layer above may add what is its own.
        shared: what the sessions have in common.
    """

    reads_bytes = True

    def __init__(
        self, settings: EngineSettings | None = None, *, new_id: IdFactory = new_id, is_inner: bool = False
    ) -> None:
        check_kind("settings", settings, EngineSettings, "EngineSettings(...)")
        self.engine_settings = with_path(settings or EngineSettings(), USUAL_PATH)
        self.path = cast("str", self.engine_settings.path)
        self.shared = Shared(self.engine_settings)
        self.shared.is_inner = is_inner
        self.agenda = self.shared.agenda
        self._handshakes = Handshakes(self.shared, new_id)

    def __repr__(self) -> str:
        return f"<Engine {self.path}, {len(self.shared.sessions)} sessions>"

    @property
    def session_count(self) -> int:
        """How many sessions are open or closing."""
        return len(self.shared.sessions)

    @property
    def sessions(self) -> list[Session]:
        """The sessions that are open or closing, oldest first."""
        return list(self.shared.sessions.values())

    def owns(self, request: Request) -> bool:
        """Whether the request's path belongs to the engine: a plain prefix, as in the reference (PROTOCOL 9-19)."""
        return request.path.startswith(self.path)

    # -- HTTP --------------------------------------------------------------------------------------------------------

    def is_handshake(self, request: Request) -> bool:
        """Whether `handle_request` would begin a session: the moment for the host to decide who may come.

        If it may not, answer with `refuse(request, text)` instead of `handle_request`.
        """
        try:
            is_good = not request.query.get("sid") and refused_handshake(request) is None
            return is_good and refusal_of(request, self.shared) is None
        except Exception:  # noqa: BLE001 - of a function in the settings; `handle_request` will see that, too
            return False

    def refuse(self, request: Request, text: str = "Forbidden") -> Respond:
        """Refuse a handshake: 403, or 400 to a WebSocket, with `text` (PROTOCOL 1.4, code 4)."""
        try:
            return self._refuse(request, Refusal(FORBIDDEN, text, f"handshake refused: {text}", 403))
        except Exception as error:  # noqa: BLE001 - of a function in the settings
            return self._give_up(request, error)

    def handle_request(self, request: Request, now: float, context: object) -> Action:
        """Judge one HTTP request and say what to do about it.

        Checks come in the reference's order, behind those of the WebSocket's handshake, and all but one before a 101: a
        WebSocket for a session that can have none (any more) is opened, and closed at once (PROTOCOL 1.8). A function
        in the settings that raises costs its request: 500, and `RequestRefused.error`. Spec: PROTOCOL 1.2, 1.4.

        Args:
            context: of the poll or WebSocket that the request may become: whom to wake when `take_ready` names it.
        """
        self.agenda.catch_up(now)
        try:
            return self._judge(request, now, context)
        except Exception as error:  # noqa: BLE001 - of a function in the settings
            return self._give_up(request, error)

    def _judge(self, request: Request, now: float, context: object) -> Action:
        is_upgrade = request.is_websocket_upgrade
        bad_handshake = refused_handshake(request) if is_upgrade else None
        if bad_handshake is not None:
            text = bad_handshake.body.decode("utf-8")
            self.shared.events.append((None, RequestRefused(request, None, text, "it is no good WebSocket handshake")))
            return Respond(bad_handshake)
        cors = self.engine_settings.cors
        if cors is not None and request.method == "OPTIONS":
            return Respond(preflight_response(request, cors))
        refusal = refusal_of(request, self.shared)
        sid = request.query.get("sid")
        if refusal is not None:
            if refusal is UNKNOWN_SESSION and sid and self._is_late_poll(request, sid, now):
                return Respond(noop_response(request, sid, self.engine_settings))
            return self._refuse(request, refusal)
        admission = self.shared.admission
        if not sid:
            excess = admission.take_turn(request.address, now)
            if excess is not None:
                return self._refuse(request, Refusal(3, *excess, 429))
            return self._handshakes.begin(request, now, context)
        session = self.shared.sessions[sid]
        if session.is_fresh:
            admission.goes_on(session)
            session.polling.deadline = None
            session.reschedule()
        if is_upgrade:
            return self._upgrade(session, request, now, context)
        if request.method == "GET":
            return self._poll(session, request, now, context)
        if request.method == "POST":
            return self._post(session, request, context)
        return Respond(Response(500, [(b"content-length", b"0")]))  # the reference's answer (PROTOCOL 9-20)

    def _refuse(self, request: Request, refusal: Refusal) -> Respond:
        response = response_to(request, refusal, self.engine_settings.cors)
        self._report(request, refusal)
        return Respond(response)

    def _give_up(self, request: Request, error: Exception) -> Respond:
        detail = f"a function in the settings raised {type(error).__name__}"
        event = RequestRefused(request, None, "Internal server error", detail, error=error)
        self.shared.events.append((None, event))
        return Respond(empty_response(500, []))

    def _report(self, request: Request, refusal: Refusal) -> None:
        event = RequestRefused(request, refusal.code, refusal.message, refusal.detail, refusal.foreign_origin)
        self.shared.events.append((None, event))

    def _upgrade(self, session: Session, request: Request, now: float, context: object) -> Upgrade:
        """Open a WebSocket for a session: a candidate, or one that is closed at once."""
        headers = extra_headers(request, session.sid, self.engine_settings)
        websocket = WebSocket(session, CarrierState.CANDIDATE, is_base64=wants_base64(request))
        websocket.context = context
        if session.transport == "polling" and session.is_open and not session.is_upgrading:
            session.begin_upgrade(websocket, now)
        else:
            detail = "the session has, or is moving to, a WebSocket or is closing"
            self._report(request, Refusal(3, "Bad request", detail))
            self.shared.part_with(websocket)
        return Upgrade(websocket, headers)

    def _poll(self, session: Session, request: Request, now: float, context: object) -> Action:
        settings = self.engine_settings
        headers = polling_headers(request, session.sid, settings)
        poll = Poll(session, headers, request.header("accept-encoding"), settings.http_compression_threshold_bytes)
        poll.context = context
        if not session.attach_poll(poll, now):
            return Respond(bad_request(request, self.engine_settings))
        return Park(poll)

    def _is_late_poll(self, request: Request, sid: str, now: float) -> bool:
        """Whether it is a GET that its client sent before it knew that its session had ended by its own `1`."""
        return (
            request.method == "GET"
            and request.query["transport"] == "polling"
            and request.query.get("EIO") == PROTOCOL_VERSION
            and not request.is_websocket_upgrade
            and self.shared.late_polls.take(sid, now)
        )

    def _post(self, session: Session, request: Request, context: object) -> Action:
        if request.header("content-type") == "application/octet-stream":
            session.break_off(CloseReason.TRANSPORT_ERROR, "invalid content")
            return Respond(bad_request(request, self.engine_settings))
        limit = self.engine_settings.max_payload_bytes
        post = Post(session, polling_headers(request, session.sid, self.engine_settings), limit)
        post.context = context
        if not session.begin_post(post):
            return Respond(bad_request(request, self.engine_settings))
        length = request.header("content-length") or "0"
        if length.isascii() and length.isdigit() and (len(length) > 18 or int(length) > limit):
            session.polling.end_post(post)
            return Respond(empty_response(413, post.headers))
        return ReadBody(post, limit)

    def advance_post(self, post: Post, max_packets: int, now: float) -> bool:
        """Process some packets of a POST whose body is here. Returns whether to go on, later; then `finish_post`.

        They are fewer if they are large.

        A host may leave this out; then `finish_post` processes all of them at once, and others wait meanwhile.
        """
        self.check_own(post.session)
        self.agenda.catch_up(now)
        return not post.is_too_large and post.session.advance_post(post, max_packets, now)

    def finish_post(self, post: Post, now: float) -> Response:
        """End a POST: process its body and return the response.

        200 `ok` only if every packet was accepted; 400 otherwise, and the session is closed with a reason (or was
        closing). Messages that came before a bad packet are delivered. A body over the limit gets 413 and harms
        nobody.
        """
        self.check_own(post.session)
        self.agenda.catch_up(now)
        if post.is_too_large:
            post.session.polling.end_post(post)
            return empty_response(413, post.headers)
        if not post.session.finish_post(post, now):
            return empty_response(400, post.headers)
        return ok_response(post.headers)

    def poll_delivered(self, poll: Poll, now: float) -> None:
        """The response of a poll was written, as far as the host can tell: what it carried need not be kept any longer.

        A host may leave this out; then the messages are kept until the session's next poll is answered.

        Raises:
            LocalProtocolError: there is no response yet.
        """
        self.check_own(poll.session)
        self.agenda.catch_up(now)
        poll.session.polling.poll_delivered(poll)

    # -- WebSocket ---------------------------------------------------------------------------------------------------

    def receive(self, websocket: WebSocket, frame: Frame, now: float) -> None:
        """Feed one whole WebSocket message; what it caused is in `take_events()` and `take_ready()`.

        Args:
            frame: without WebSocket framing, e.g. `"4hello"`; `bytes` is a binary message.
            now: monotonic seconds; may not decrease between calls.
        """
        if websocket.session.shared is not self.shared:
            self.check_own(websocket.session)
        websocket.session.receive(websocket, frame, now)

    def receive_all(self, websocket: WebSocket, frames: Iterable[Frame], now: float) -> None:
        """Feed several whole messages at once, in order; the same as `receive` for each, and faster."""
        if websocket.session.shared is not self.shared:
            self.check_own(websocket.session)
        websocket.session.receive_all(websocket, frames, now)

    def receive_part(self, websocket: WebSocket, part: Frame, is_last: bool, now: float) -> None:  # noqa: FBT001
        """Feed a piece of a WebSocket message: a fragment, or whatever of it has arrived.

        At the first part that takes the message over `settings.max_payload_bytes` the WebSocket fails with code 1009
        (`websocket.is_closed`), and what follows is ignored.

        Args:
            part: all of one message are `str`, or all are `bytes`; may be empty.
            is_last: the message ends with this part.
            now: monotonic seconds; may not decrease between calls.

        Raises:
            LocalProtocolError: `part` is of another type than the parts before it.
        """
        if websocket.session.shared is not self.shared:
            self.check_own(websocket.session)
        websocket.session.receive_part(websocket, part, is_last, now)

    def lost(self, carrier: Poll | Post | WebSocket, now: float, code: int | None = None, detail: str = "") -> None:
        """The connection of a carrier ended, or what it had to say could not be written.

        A WebSocket's session ends; with a POST whose body is not complete it does too (PROTOCOL 1.4); the packets of a
        poll go out with the next one. Calls for what has ended already do no harm.

        Args:
            code: of the client's close frame, `NO_CODE` if it had none; `None`: there was no close frame.
            detail: the text in the close frame, or what the network said; it comes back in the event.
        """
        session = carrier.session
        self.check_own(session)
        self.agenda.catch_up(now)
        if isinstance(carrier, WebSocket):
            session.lost(carrier, now, code, detail)
        elif isinstance(carrier, Poll):
            session.poll_lost(carrier, now)
        else:
            session.post_lost(carrier)

    def fail(self, websocket: WebSocket, detail: str, code: int, now: float) -> None:
        """The client broke the WebSocket protocol: `detail` goes into the event, `code` into the close frame."""
        self.check_own(websocket.session)
        check_close(code)
        websocket.session.fail(websocket, detail, code, now)

    def check_own(self, session: Session) -> None:
        """Check whose session a handle belongs to; every method that is given one does so.

        Raises:
            LocalProtocolError: another engine's.
        """
        if session.shared is not self.shared:
            raise LocalProtocolError("handle belongs to another engine")

    # -- output, events, time ----------------------------------------------------------------------------------------

    def take_ready(self, max_poll_bytes: float = inf) -> list[Carrier]:
        """Return the carriers that have something for their host, each once, in the order they became ready.

        A `Poll` in it has its response. A `WebSocket` has messages to `take()`, or is closed.

        Args:
            max_poll_bytes: to compress a response takes a while; once those to polls hold so much, others wait for the
                next call (`has_ready`).
        """
        shared = self.shared
        if shared.unpacked:
            shared.pack_requests()
        taken = shared.ready
        if not taken:
            return []
        shared.ready = []
        for carrier in taken:
            carrier.is_ready = False
            if isinstance(carrier, Poll):
                max_poll_bytes -= carrier.session.outbox.size_bytes
                carrier.session.flush(carrier)
                if max_poll_bytes <= 0:
                    return self._without_polls(taken, taken.index(carrier) + 1)
        return taken

    def _without_polls(self, taken: list[Carrier], start: int) -> list[Carrier]:
        """Leave the polls from an index on for the next call. Returns the others, and all that is in front."""
        behind = taken[start:]
        others = [carrier for carrier in behind if not isinstance(carrier, Poll)]
        for carrier in others:
            carrier.is_ready = False
        self.shared.ready[:0] = [carrier for carrier in behind if isinstance(carrier, Poll)]
        return taken[:start] + others

    @property
    def has_ready(self) -> bool:
        """Whether `take_ready` has more to return."""
        return bool(self.shared.ready)

    @property
    def unseen_puts(self) -> int:
        """How many messages were put while no carrier was there to be named by `take_ready`, so far."""
        return self.shared.unseen_puts

    def take_events(self) -> list[tuple[Session | None, EngineEvent]]:
        """Return what happened since the last call, in order: `(session, event)`; `None` for a refused request."""
        taken, self.shared.events = self.shared.events, []
        return [(session, each) for session, event in taken for each in (event if isinstance(event, list) else [event])]

    @property
    def next_deadline(self) -> float | None:
        """When to call `handle_timeout`, in monotonic seconds; `None` when nothing is scheduled."""
        return self.agenda.next_deadline

    def handle_timeout(self, now: float) -> None:
        """Do all that is due at `now`. Early, late and repeated calls are fine."""
        self.agenda.catch_up(now)

    def close(self, now: float, *, code: int = GOING_AWAY, text: str = "server shutting down") -> None:
        """Refuse new sessions and close all there are; what is in the outboxes of WebSockets and parked polls is sent.

        Sessions on polling without a parked poll end without a word, for nobody will wait for their next one.

        Args:
            code: WebSocket close code; clients reconnect whatever it is.

        Raises:
            LocalProtocolError: a code or a text that cannot be sent.
        """
        check_close(code, text)
        self.agenda.catch_up(now)
        self.shared.is_closing = True
        for session in list(self.shared.sessions.values()):
            session.close(now, wait=False, code=code, text=text)
