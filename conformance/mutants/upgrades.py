"""Servers that are wrong about upgrades, or about the end of a session."""

from __future__ import annotations

from dataclasses import replace

from conformance.mutants import Broken, BrokenEngine, caught_by
from socketio_core.engineio import Action, Carrier, Frame, Poll, Upgrade, WebSocket
from socketio_core.http import Request, Response
from socketio_core.settings import EngineSettings
from socketio_core.wire import Wire

_FAILURE = "upgrade/failure_leaves_the_session_on_polling"

# -- upgrade ---------------------------------------------------------------------------------------------------------


@caught_by("upgrade/probe_is_answered", "upgrade/probe_releases_polls*", "upgrade/second_candidate_is_turned_away*")
class AnswersNoProbe(Broken):
    """`2probe` is not answered."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [] if packet == "3probe" else [packet]


@caught_by(
    "upgrade/session_moves_to_the_websocket",
    "upgrade/messages_may_follow_at_once",
    "upgrade/upgrade_takes_the_backlog_along*",
    "upgrade/server_closes_behind_the_upgrade",
)
class NeverMoves(Broken):
    """`5` is ignored."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        return [] if packet == "5" else [packet]


@caught_by(
    "upgrade/messages_keep_to_polling_until_the_upgrade",
    "upgrade/client_closes_during_a_probe",
    "upgrade/server_closes_during_an_upgrade[after_the_probe]",
)
class MovesAtTheProbe(Broken):
    """A probe is taken for the upgrade."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        if packet == "5":
            return []
        return ["2probe", "5"] if packet == "2probe" else [packet]


@caught_by("upgrade/other_websocket_is_opened_and_closed")
class RefusesOtherWebSockets(Broken):
    """A WebSocket for a session that has one gets an HTTP error."""

    def on_request(self, request: Request) -> Request | Response:
        sid = request.query.get("sid")
        moved = any(session.sid == sid and session.transport == "websocket" for session in self.engine.sessions)
        return Response(400, [(b"content-length", b"0")]) if moved and request.is_websocket_upgrade else request


@caught_by("upgrade/candidate_alone_changes_nothing")
class MovesTooSoon(Broken):
    """A WebSocket for a session is taken for a probe."""

    class engine_type(BrokenEngine):  # noqa: N801 - the contract's name
        def handle_request(self, request: Request, now: float, context: object) -> Action:
            action = super().handle_request(request, now, context)
            if isinstance(action, Upgrade) and action.websocket.session.is_upgrading:
                self.receive(action.websocket, "2probe", now)
            return action


@caught_by(
    "upgrade/probe_releases_polls*",
    "upgrade/poll_pending_at_the_upgrade_is_finished",
    "close/client_closes_with_a_poll_pending",
)
class ReleasesNoPoll(Broken):
    """A pending poll is left pending when there is nothing to say."""

    def on_ready(self, carrier: Carrier) -> bool:
        return not isinstance(carrier, Poll) or carrier.response is None or carrier.response.body != b"6"


@caught_by("upgrade/upgrade_takes_the_backlog_along*", "upgrade/messages_in_flight_are_neither_lost_nor_doubled")
class LosesTheBacklog(Broken):
    """What waited for a poll is lost when the session moves."""

    class engine_type(BrokenEngine):  # noqa: N801 - the contract's name
        def receive_part(self, websocket: WebSocket, part: Frame, is_last: bool, now: float) -> None:  # noqa: FBT001
            if part == "5" and websocket.session.is_upgrading:
                websocket.session.outbox.clear()  # a fault, after all
            super().receive_part(websocket, part, is_last, now)


@caught_by(_FAILURE + "*")
class EndsTheSessionWithItsCandidate(Broken):
    """An upgrade that fails ends the session."""

    def on_ready(self, carrier: Carrier) -> bool:
        if isinstance(carrier, WebSocket) and carrier.is_closed:
            carrier.session.abort(0.0)
        return True


@caught_by(_FAILURE + "[silence,before_probe]", _FAILURE + "[silence,after_probe]")
class KeepsCandidates(Broken):
    """An upgrade may take as long as it likes."""

    def engine_settings(self, path: str) -> EngineSettings:
        return replace(super().engine_settings(path), upgrade_timeout_s=1000.0)


@caught_by(
    "upgrade/second_candidate_is_turned_away*",
    "upgrade/upgraded_session_takes_no_other_websocket",
    "upgrade/upgrade_of_an_unknown_session_is_refused",
    "close/upgrade_of_an_ended_session_is_refused*",
)
class BeginsAnew(Broken):
    """Who opens a WebSocket for a session that cannot have it gets a session of its own."""

    def on_request(self, request: Request) -> Request | Response:
        session = next((known for known in self.engine.sessions if known.sid == request.query.get("sid")), None)
        is_fit = session is not None and session.transport == "polling" and not session.is_upgrading
        if not request.is_websocket_upgrade or is_fit:
            return request
        return Request(request.method, request.target.replace("sid=", "was="), request.headers, scheme="http")


# -- the end ---------------------------------------------------------------------------------------------------------


@caught_by(
    "close/client_closes_with_a_poll_pending",
    "close/client_closes_without_a_poll",
    "close/poll_beside_a_close_gets_a_noop*",
    "upgrade/client_closes_during_a_probe",
)
class IgnoresClosePackets(Broken):
    """The packet `1` does not end a session."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        return ["6" if packet == "1" else packet]


@caught_by("close/poll_beside_a_close_gets_a_noop*", "close/client_closes_with_a_poll_pending")
class TurnsLatePollsAway(Broken):
    """A poll of a session that its client has just closed is refused."""

    def on_response(self, request: Request, response: Response) -> Response:
        is_over = request.query.get("sid") not in {session.sid for session in self.engine.sessions}
        return Response(400, [(b"content-length", b"0")]) if is_over and response.body == b"6" else response


@caught_by(
    "close/server_closes_with_a_poll_pending",
    "close/server_closes_without_a_poll",
    "upgrade/server_closes_during_an_upgrade*",
)
class HidesTheEnd(Broken):
    """A poll gets `6` where it should get `1`."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return ["6" if packet == "1" else packet]


@caught_by("close/close_frame_is_answered*", "close/server_closes_over_websocket*")
class DropsInsteadOfClosing(Broken):
    """WebSockets are dropped without a close frame."""

    def on_ready(self, carrier: Carrier) -> bool:
        if isinstance(carrier, WebSocket) and carrier.is_closed and isinstance(carrier.context, Wire):
            carrier.context.lost(0.0)
        return True


@caught_by(
    "close/dropped_websocket_ends_the_session*", _FAILURE + "[drop,before_probe]", _FAILURE + "[drop,after_probe]"
)
class DoesNotNoticeLosses(Broken):
    """A WebSocket that is gone does not end its session."""

    def on_websocket_gone(self) -> bool:
        return False


@caught_by("close/messages_before_a_close_are_delivered*", "upgrade/server_closes_behind_the_upgrade")
class ClosesAtOnce(Broken):
    """What was to be sent before the end is thrown away."""

    def handle_events(self, now: float) -> None:
        for session, message in self.engine.take_events():
            if session is not None and message == "close me":
                session.abort(now)
            elif session is not None and isinstance(message, (str, bytes)):
                session.send(message, now)
        super().handle_events(now)


@caught_by("close/socketio_server_closes*")
class LeavesNamespacesInSilence(Broken):
    """No namespace is told that its client is disconnected."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return ["6" if packet == "41" else packet]


@caught_by("close/request_after_the_end_is_refused*")
class ForgetsWhoEnded(Broken):
    """A request for a session that ended is called a bad one, as if the session were elsewhere."""

    def on_response(self, request: Request, response: Response) -> Response:
        body = b'{"code":3,"message":"Bad request"}'
        length = (b"content-length", b"%d" % len(body))
        return Response(400, [length], body) if b"Session ID unknown" in response.body else response
