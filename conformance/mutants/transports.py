"""Servers that are wrong about WebSockets or heartbeats."""

from __future__ import annotations

import base64
from dataclasses import replace

from conformance.mutants import Broken, BrokenEngine, caught_by
from socketio_core.engineio import Action, Carrier, Frame, Post, WebSocket
from socketio_core.http import Request, Response
from socketio_core.settings import EngineSettings
from socketio_core.websocket_handshake import refused_handshake

# -- messages and frames ---------------------------------------------------------------------------------------------


@caught_by(
    "websocket/message_comes_back_unchanged[text]",
    "websocket/message_comes_back_unchanged[unicode]",
    "websocket/message_comes_back_unchanged[64_bit_length]",
)
class SendsTextAsBinary(Broken):
    """Messages of text come back as binary."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        is_message = isinstance(packet, str) and packet[:1] == "4"
        return [packet.encode("utf-8") if isinstance(packet, str) and is_message else packet]


@caught_by(
    "websocket/message_comes_back_unchanged[binary]",
    "websocket/message_comes_back_unchanged[empty_binary]",
    "websocket/message_comes_back_unchanged[16_bit_length]",
)
class SendsBinaryAsText(Broken):
    """Binary messages are decoded as if they were text."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        return [packet if isinstance(packet, str) else "4" + packet.decode("latin-1")]


@caught_by("websocket/message_comes_back_unchanged[separator]")
class TakesSeparatorsForItself(Broken):
    """A text frame is split where a polling payload would be."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        return [*packet.split("\x1e")] if isinstance(packet, str) else [packet]


@caught_by("websocket/fragments_make_one_message*")
class TakesFragmentsForMessages(Broken):
    """Each fragment is taken for a message."""

    class engine_type(BrokenEngine):  # noqa: N801 - the contract's name
        def receive_part(self, websocket: WebSocket, part: Frame, is_last: bool, now: float) -> None:  # noqa: FBT001
            super().receive_part(websocket, part, True, now)  # noqa: FBT003 - the core's signature


@caught_by("websocket/frames_need_not_come_one_by_one", "upgrade/messages_may_follow_at_once")
class ReadsOneFrameAtATime(Broken):
    """Of the frames that one read brings only the first counts."""

    is_first = True

    def packet_in(self, packet: Frame) -> list[Frame]:
        is_first, self.is_first = self.is_first, False
        return [packet] if is_first else []

    def work(self, now: float) -> None:
        super().work(now)
        self.is_first = True


@caught_by("websocket/base64_is_accepted")
class DoesNotKnowBase64(Broken):
    """A text frame that begins with `b` is nothing to it."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        return [] if isinstance(packet, str) and packet[:1] == "b" else [packet]


@caught_by("websocket/message_of_the_limit_is_accepted*")
class RefusesHalfTheLimit(Broken):
    """Messages may be only half as large as they should."""

    def engine_settings(self, path: str) -> EngineSettings:
        return replace(super().engine_settings(path), max_payload_bytes=500_000)


@caught_by("websocket/larger_message_is_refused*")
class HasNoLimit(Broken):
    """Messages may be as large as they like."""

    def engine_settings(self, path: str) -> EngineSettings:
        return replace(super().engine_settings(path), max_payload_bytes=100_000_000)


@caught_by(
    "websocket/larger_message_is_refused[before_its_end]", "websocket/larger_message_is_refused[fragments_without_end]"
)
class LimitsWholeMessagesOnly(Broken):
    """The size of a message is looked at when all of it is there."""

    class engine_type(BrokenEngine):  # noqa: N801 - the contract's name
        parts = ""

        def receive_part(self, websocket: WebSocket, part: Frame, is_last: bool, now: float) -> None:  # noqa: FBT001
            self.parts += part if isinstance(part, str) else part.decode("latin-1")
            if is_last:
                whole, self.parts = self.parts, ""
                message = whole if isinstance(part, str) else whole.encode("latin-1")
                super().receive_part(websocket, message, is_last, now)


class ChangesPongs(Broken):
    """What is written at once begins with the pong, if there is one."""

    def bytes_out(self, data: bytes) -> bytes:
        if data[:1] != b"\x8a":
            return data
        end = 2 + data[1]
        return self.on_pong(data[:end]) + data[end:]

    def on_pong(self, frame: bytes) -> bytes:
        """Return what the client is to get for a pong."""
        return frame


@caught_by("websocket/websocket_ping_is_answered*")
class AnswersNoPing(ChangesPongs):
    """Ping frames are not answered."""

    def on_pong(self, frame: bytes) -> bytes:
        return b""


@caught_by("websocket/websocket_ping_is_answered[longest]")
class AnswersPingsWithNothing(ChangesPongs):
    """Pong frames are empty, whatever the ping held."""

    def on_pong(self, frame: bytes) -> bytes:
        return b"\x8a\x00"


@caught_by("websocket/ping_between_fragments_is_answered_at_once")
class AnswersPingsBetweenMessages(ChangesPongs):
    """A ping frame between fragments is forgotten."""

    is_inside = False

    class engine_type(BrokenEngine):  # noqa: N801 - the contract's name
        def receive_part(self, websocket: WebSocket, part: Frame, is_last: bool, now: float) -> None:  # noqa: FBT001
            assert isinstance(self.broken, AnswersPingsBetweenMessages)
            self.broken.is_inside = not is_last
            super().receive_part(websocket, part, is_last, now)

    def on_pong(self, frame: bytes) -> bytes:
        return b"" if self.is_inside else frame


@caught_by("websocket/unasked_websocket_pong_is_ignored")
class DislikesUnaskedPongFrames(Broken):
    """A pong frame that nobody asked for closes the WebSocket."""

    def bytes_in(self, data: bytes) -> bytes:
        return b"\x8b" + data[1:] if data[:1] == b"\x8a" else data  # for which there is no meaning


@caught_by("websocket/invalid_frame_ends_the_session*")
class IgnoresInvalidFrames(Broken):
    """What is no valid frame is skipped, and the session goes on."""

    def on_invalid_frame(self) -> bool:
        return False


@caught_by("websocket/larger_message_is_refused*", "websocket/invalid_frame_ends_the_session*")
class ClosesAllWebSocketsAlike(Broken):
    """The close frame says 1000, whatever the reason."""

    def on_close(self, code: int) -> int:
        return 1000


@caught_by("websocket/invalid_handshake_is_refused*")
class AcceptsAnyWebSocketHandshake(Broken):
    """The headers of a WebSocket's handshake are not looked at."""

    def on_request(self, request: Request) -> Request | Response:
        if refused_handshake(request) is None:
            return request
        kept = [(name, value) for name, value in request.headers if not name.lower().startswith(b"sec-websocket-")]
        right = [(b"sec-websocket-version", b"13"), (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==")]
        return Request(request.method, request.target, [*kept, *right], scheme="http")


@caught_by(
    "websocket/undecodable_packet_ends_the_session*",
)
class SkipsWhatIsNoPacket(Broken):
    """A packet that cannot be decoded is skipped."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        return [] if isinstance(packet, str) and packet[:1] not in tuple("0123456b") else [packet]


@caught_by("binary/base64_is_read_as_clients_write_it*")
class ReadsBase64ToTheLetter(Broken):
    """Base64 is refused unless it is as RFC 4648 wants it in its section 4."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        return ["b!" if isinstance(packet, str) and packet[:1] == "b" else packet]

    def change_post(self, post: Post) -> Request:
        body = bytes(post.take_body())
        parts = [part for part in body.split(b"\x1e") if part[:1] == b"b"]
        try:
            for part in parts:
                base64.b64decode(part[1:], validate=True)
        except ValueError:
            body = b"b!"
        post.feed(body)
        return super().change_post(post)


# -- heartbeat -------------------------------------------------------------------------------------------------------


@caught_by("heartbeat/ping_comes_after_the_interval*", "heartbeat/interval_begins_with_the_pong*")
class PingsTooOften(Broken):
    """The interval is shorter than it says."""

    def engine_settings(self, path: str) -> EngineSettings:
        return replace(super().engine_settings(path), ping_interval_s=0.2)


@caught_by(
    "heartbeat/ping_comes_after_the_interval*",
    "heartbeat/answered_pings_keep_a_session*",
    "heartbeat/ping_during_a_probe_comes_by_polling",
)
class NeverPings(Broken):
    """The heartbeat is forgotten."""

    def engine_settings(self, path: str) -> EngineSettings:
        return replace(super().engine_settings(path), ping_interval_s=1000.0)


@caught_by("heartbeat/session_without_pong_ends*", "heartbeat/session_that_never_polls_ends")
class WaitsForEver(Broken):
    """Nobody has to answer a ping."""

    def engine_settings(self, path: str) -> EngineSettings:
        return replace(super().engine_settings(path), ping_timeout_s=1000.0)


@caught_by("heartbeat/session_that_is_over_takes_no_request*")
class GoesByItsTimer(Broken):
    """A session whose time is over lives on until the timer has come to it, and that is late."""

    class engine_type(BrokenEngine):  # noqa: N801 - the contract's name
        def handle_request(self, request: Request, now: float, context: object) -> Action:
            return super().handle_request(request, now - 0.05 if "sid" in request.query else now, context)

        def handle_timeout(self, now: float) -> None:
            super().handle_timeout(now - 0.05)

        @property
        def next_deadline(self) -> float | None:
            deadline = super().next_deadline
            return None if deadline is None else deadline + 0.05


@caught_by("heartbeat/session_without_pong_ends*")
class LosesPatience(Broken):
    """The time to answer a ping is shorter than it says."""

    def engine_settings(self, path: str) -> EngineSettings:
        return replace(super().engine_settings(path), ping_timeout_s=0.05)


@caught_by("heartbeat/ping_comes_after_the_interval[upgrade]", "heartbeat/answered_pings_keep_a_session[upgrade]")
class StopsItsHeartbeatAtAnUpgrade(Broken):
    """Sessions that moved to a WebSocket get no pings."""

    def on_ready(self, carrier: Carrier) -> bool:
        if isinstance(carrier, WebSocket) and carrier.session.request.query["transport"] == "polling":
            for message in carrier.take():
                if list(message.frames) != ["2"]:
                    carrier.outbox.put(message)
        return True


@caught_by("heartbeat/interval_begins_with_the_pong*")
class PingsByTheClock(Broken):
    """The interval begins with the ping, not with its pong."""

    class engine_type(BrokenEngine):  # noqa: N801 - the contract's name
        pinged_at = 0.0

        def handle_timeout(self, now: float) -> None:
            self.pinged_at = now
            super().handle_timeout(now)

        def receive_part(self, websocket: WebSocket, part: Frame, is_last: bool, now: float) -> None:  # noqa: FBT001
            super().receive_part(websocket, part, is_last, self.pinged_at if part == "3" else now)

        def finish_post(self, post: Post, now: float) -> Response:
            body = bytes(post.take_body())
            post.feed(body)
            return super().finish_post(post, self.pinged_at if body == b"3" else now)


@caught_by("heartbeat/answered_pings_keep_a_session*", "heartbeat/ping_by_polling_is_answered_by_websocket")
class IgnoresPongs(Broken):
    """A pong does not help."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        return ["6" if packet == "3" else packet]


@caught_by("heartbeat/ping_waits_for_a_poll")
class PingsOnlyWhoListens(Broken):
    """A ping that finds no poll is lost."""

    is_time = False

    def handle_timeout(self, now: float) -> None:
        self.is_time = True
        super().handle_timeout(now)

    def on_request(self, request: Request) -> Request | Response:
        self.is_time = False
        return request

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [packet] if packet != "2" or self.is_time else ["6"]


@caught_by("heartbeat/messages_are_no_pongs*")
class TakesMessagesForPongs(Broken):
    """Any packet shows that the client is alive."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        return ["3", packet] if packet[:1] in ("4", b"4") else [packet]


@caught_by("heartbeat/unasked_pong_is_harmless*")
class DislikesUnaskedPongs(Broken):
    """A pong that answers no ping ends the session."""

    pings = 0

    def packet_out(self, packet: Frame) -> list[Frame]:
        self.pings += packet == "2"
        return [packet]

    def packet_in(self, packet: Frame) -> list[Frame]:
        if packet == "3":
            self.pings -= 1
        return [packet if self.pings >= 0 else "not asked for"]


@caught_by("websocket/clients_without_binary_frames_get_base64*")
class IgnoresB64(Broken):
    """All clients get binary frames."""

    def on_request(self, request: Request) -> Request | Response:
        request.target = request.target.replace("&b64=1", "")
        return request


@caught_by(
    "websocket/first_subprotocol_offered_is_chosen[one]", "websocket/first_subprotocol_offered_is_chosen[several]"
)
class ChoosesNoSubprotocol(Broken):
    """What a client offers is not looked at."""

    def on_request(self, request: Request) -> Request | Response:
        request.headers = [each for each in request.headers if each[0] != b"sec-websocket-protocol"]
        return request
