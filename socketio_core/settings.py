"""Every number and switch of the two protocols: unit, default, and where the default comes from.

Numbers whose source is "reference" are the defaults of npm `socket.io` 4 (PROTOCOL 1.12, 4.1, 6.2). The others close
what the reference leaves open (PROTOCOL 6.3); they are far above what an honest client needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar, cast

from socketio_core.checks import (
    check_count,
    check_fields,
    check_function,
    check_headers,
    check_kind,
    check_number,
    check_path,
    check_seconds,
    check_share,
    check_subprotocols,
    check_switches,
    check_transports,
)
from socketio_core.cookie import Cookie
from socketio_core.cors import Cors
from socketio_core.http import Headers, Request

_MAX_HEARTBEAT_S: Final = 2147483.647  # the longest delay of a timer in JavaScript, by which clients wait for a ping
_MIN_HEARTBEAT_S: Final = 0.001  # what the open packet can say

HeaderHook = Callable[[Request, str], Headers]
"""Extra response headers for a request; the second argument is the session id."""

_FOLLOWS: Final[Any] = None
"""The default of a limit that depends on another, which may be set alone; it is a number once the settings are made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Settings and limits of the Engine.IO layer."""

    path: str | None = None  # reference: `/socket.io/`, or `/engine.io/` of an `Engine` alone; what paths begin with
    ping_interval_s: float = 25.0  # reference
    ping_timeout_s: float = 20.0  # reference
    upgrade_timeout_s: float = 10.0  # reference: a candidate WebSocket that has not sent `5` by then is dropped
    close_timeout_s: float = 30.0  # reference: an orderly close waits this long for the next poll
    poll_grace_s: float = 2.0  # ours: how long a session outlives a poll whose connection was lost (reference: 0)
    max_pause_s: float = 120.0  # ours: of a host that reads nothing, nor sees who is gone; then the heartbeat counts
    transports: Sequence[str] = ("polling", "websocket")  # reference
    allow_upgrades: bool = True  # reference; here it is enforced, not only advertised
    max_payload_bytes: int = 1_000_000  # reference (maxHttpBufferSize): one POST body, one WebSocket message
    max_fragments: int = 16_384  # npm ws 8.21: of one WebSocket message, empty ones too
    max_unanswered_pings: int = 1_000  # ours: that came while a pong could not be written; the client reads nothing
    max_packets_per_payload: int = _FOLLOWS  # ours: 10,000; one for 100 bytes of a body, which may hold 50 times that
    max_packets_per_poll: int | None = None  # reference: a poll takes all there is; python-socketio's client stands 16
    first_request_timeout_s: float = 10.0  # ours: for the second request of a session that began by polling
    max_poll_bytes: int = 1_000_000  # ours: of the messages in one response, but one at least; the next has the rest
    max_sessions: int = 100_000  # ours: about 1 GB of idle sessions
    max_fresh_sessions: int = 4_000  # ours: begun by polling, without a second request; one of them makes room
    max_sessions_per_address: int | None = None  # ours: off; one more gets 429. IPv6 by /64, see also `trust_proxy`
    max_handshakes_per_s: int | None = None  # ours: off; of one address, as above; one more gets 429
    max_buffered_bytes: int = _FOLLOWS  # ours: 16 MB; 16 messages of the largest size; a slower peer is closed
    max_buffered_messages: int = 100_000  # ours: small messages cost more in objects than in bytes
    high_water_bytes: int = _FOLLOWS  # ours: 1 MB; one message of the largest size; above it `emit` waits
    initial_packet: str | bytes | None = None  # a message sent right behind the handshake
    cookie: Cookie | None = None  # set on the first polling response (reference: off)
    cors: Cors | None = None  # None: same origin only
    http_compression_threshold_bytes: int | None = 1024  # reference; None switches compression off
    extra_headers: Headers | HeaderHook = field(default=())  # on polling responses and on the 101

    def __post_init__(self) -> None:
        """Refuse what cannot work, with the name of the field."""
        if self.path is not None:
            check_path("path", self.path)
        if self.path is not None and not self.path.endswith("/"):
            raise ValueError(f"path must begin and end with '/': {self.path!r}")
        check_transports(self.transports)
        check_switches(self, "allow_upgrades")
        check_kind("cors", self.cors, Cors, "a Cors, as in Cors(origins=['https://app.example'])")  # others take "*"
        check_kind("cookie", self.cookie, Cookie, "a Cookie, as in Cookie(name='io')")
        check_kind("initial_packet", self.initial_packet, (str, bytes), "a string or bytes")
        if callable(self.extra_headers):
            check_function("extra_headers", self.extra_headers, may_wait=False)
        else:
            check_headers("extra_headers", self.extra_headers)
        _check_numbers(
            self,
            "ping_interval_s ping_timeout_s upgrade_timeout_s close_timeout_s max_pause_s max_payload_bytes"
            " max_fragments max_unanswered_pings max_sessions max_fresh_sessions max_buffered_messages"
            " first_request_timeout_s max_poll_bytes",
            "max_packets_per_payload max_buffered_bytes high_water_bytes max_sessions_per_address max_handshakes_per_s",
        )
        _follow(
            self,
            max_packets_per_payload=max(10_000, self.max_payload_bytes // 100),
            max_buffered_bytes=max(16_000_000, 16 * self.max_payload_bytes, 2 * (self.high_water_bytes or 0)),
            high_water_bytes=_high_water(self.max_buffered_bytes, self.max_payload_bytes),
        )
        if self.ping_interval_s + self.ping_timeout_s > _MAX_HEARTBEAT_S:
            raise ValueError(f"ping_interval_s and ping_timeout_s must not exceed {_MAX_HEARTBEAT_S} together")
        for name in ("ping_interval_s", "ping_timeout_s"):
            if getattr(self, name) < _MIN_HEARTBEAT_S:
                raise ValueError(f"{name} must be at least {_MIN_HEARTBEAT_S}: {getattr(self, name)!r}")
        # An orderly close is `6` and `1`.
        check_count("max_packets_per_poll", self.max_packets_per_poll, least=2, or_none=True)
        check_seconds("poll_grace_s", self.poll_grace_s, may_be_zero=True)
        threshold = self.http_compression_threshold_bytes
        check_count("http_compression_threshold_bytes", threshold, least=0, or_none=True)
        if self.high_water_bytes > self.max_buffered_bytes:
            raise ValueError(f"high_water_bytes must not exceed max_buffered_bytes: {self.high_water_bytes!r}")
        first = self.initial_packet
        if first is not None:
            size = len(first) if isinstance(first, bytes) else len(("4" + first).encode("utf-8"))
            if size > self.max_buffered_bytes:
                raise ValueError(f"initial_packet must not exceed max_buffered_bytes: {size} bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """Limits of a whole server, and of its connections; under ASGI the latter are the ASGI server's.

    Nobody can take from handlers what they have, so they are given no more than three quarters of
    `max_total_buffered_bytes`, and half of it where an event has more than 64 kB; nor more than some 200,000 lists and
    objects, at all of which the garbage collector would look while nobody is served. Others wait; newcomers lose their
    connection.
    """

    max_total_buffered_bytes: int = 1_000_000_000  # ours: of all clients, in and out; the fullest are closed first
    max_connections: int | None = None  # ours: off, for the system has such a limit; one more gets 503
    max_connections_per_address: int | None = None  # ours: off; of a peer that is no trusted proxy; one more gets 429
    max_requests_per_connection: int | None = None  # ours: off (nginx: 1000); the last one is answered with a close

    def __post_init__(self) -> None:
        """Refuse what cannot work, with the name of the field."""
        _check_numbers(
            self,
            "max_total_buffered_bytes",
            "max_connections max_connections_per_address max_requests_per_connection",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverySettings:
    """Connection state recovery of a server (PROTOCOL 3.9), which has none unless it is given these.

    Events are kept for as long as somebody who was lost without a sign may ask for them: `window_s`, and the time that
    the heartbeat takes to notice. What is beyond a limit costs clients their recovery, never an event: they begin anew.
    """

    window_s: float = 120.0  # reference (maxDisconnectionDuration): from when the server noticed the loss
    skip_middlewares: bool = False  # ours; reference: true, which lets in again whose token has run out meanwhile
    max_lost_sessions: int = 100_000  # ours: as many as there may be sessions; the oldest are forgotten first
    max_logged_events: int = 100_000  # ours: of the whole server; the oldest are dropped first
    max_logged_bytes: int = 64_000_000  # ours: the same in bytes of memory; they count as buffered, see `ServerLimits`
    max_missed_events: int = 5_000  # ours: what one client is sent when it is back; our own one takes 10,000
    max_missed_bytes: int = 4_000_000  # ours: the same in bytes; a quarter of what a client's buffer holds

    def __post_init__(self) -> None:
        """Refuse what cannot work, with the name of the field."""
        check_switches(self, "skip_middlewares")
        _check_numbers(
            self,
            "window_s max_lost_sessions max_logged_events max_logged_bytes max_missed_events max_missed_bytes",
            "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketSettings:
    """Settings and limits of the Socket.IO layer."""

    connect_timeout_s: float = 45.0  # reference: a connection that has joined no namespace by then is closed
    max_attachments: int = 10  # reference (socket.io-parser 4.2.6): binary attachments of one packet
    max_attachment_bytes: int | None = None  # ours: of one packet; None: `max_attachments` messages of the largest size
    max_json_depth: int = 128  # ours: nesting of one packet; twice what System.Text.Json allows by default
    max_emitted_json_depth: int = _FOLLOWS  # ours: 128 more, for what is put around data that is passed on
    max_json_values: int = _FOLLOWS  # ours: 100,000, or one for 10 bytes; 1,024 digits of a number are 256, 1e100 is 5
    max_auth_bytes: int = 16_384  # ours: a CONNECT in memory, twice what a token in a header may have
    max_namespaces: int = _FOLLOWS  # ours: 100, or as many as may be pending; of one connection
    max_namespace_chars: int = 1024  # ours: length of one namespace's name
    max_pending_connects: int = 16  # ours: namespaces of one connection that are being decided at once
    max_held_packets: int = 64  # ours: packets kept for a namespace while it is being decided
    max_held_bytes: int = _FOLLOWS  # ours: the same in bytes; 2 MB, two messages of the largest size
    max_outstanding_acks: int = 10_000  # ours: per socket; one more is a `LocalProtocolError`
    max_rooms: int = 10_000  # ours: the same; 4 MB of memory, and 5 ms when it leaves them all
    max_queued_events: int = 1_000  # ours: per connection, waiting for a handler; then its reading pauses (see Flow)
    max_queued_bytes: int = 2_000_000  # ours: the same in bytes of memory; about two large messages

    def __post_init__(self) -> None:
        """Refuse what cannot work, with the name of the field."""
        _check_numbers(
            self,
            "connect_timeout_s max_attachments max_json_depth max_namespace_chars max_pending_connects"
            " max_outstanding_acks max_rooms max_queued_events max_queued_bytes max_auth_bytes",
            "max_attachment_bytes max_emitted_json_depth max_json_values max_namespaces",
        )
        _follow(
            self,
            max_emitted_json_depth=self.max_json_depth + 128,
            max_namespaces=max(100, self.max_pending_connects),
        )
        check_count("max_held_packets", self.max_held_packets, least=0)
        check_count("max_held_bytes", self.max_held_bytes, least=0, or_none=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineClientSettings:
    """Settings and limits of a client's Engine.IO layer; "reference" is npm `socket.io-client` 4 (PROTOCOL 1.13).

    A client takes much more from its server than a server from anybody. Between messages, and parts of a long answer,
    others in the event loop have their turn; what cannot be divided is a message, and the largest that there may be
    keeps them waiting for half a second: 16 MB of JSON with a million values, or 75 MB of bytes by polling, in Base64.
    From a server that is not to be trusted with that, take what servers take, and 50 ms:
    `EngineClientSettings(max_message_bytes=1_000_000)`, which the other limits follow.
    """

    authority: str = "localhost"  # the Host header: name, and port unless it is the scheme's own
    path: str | None = None  # reference: `/socket.io/`, or `/engine.io/` of a `ClientSession` alone
    query: Sequence[tuple[str, str]] = ()  # more fields of every request's query
    headers: Headers = ()  # more headers of every request, the WebSocket's among them
    subprotocols: Sequence[str] = ()  # offered for WebSockets, of which the server must choose one (reference)
    transports: Sequence[str] = ("polling", "websocket")  # reference; the first one opens the session
    upgrade: bool = True  # reference: move from polling to a WebSocket if the server offers it
    try_all_transports: bool = False  # reference: when the first transport cannot open the session, try the others
    remember_upgrade: bool = False  # reference: begin on a WebSocket if the last session ended up on one
    timestamp_requests: bool = True  # reference: polling requests carry a `t` that no cache has seen
    open_timeout_s: float = 20.0  # reference (the Manager's `timeout`): for the handshake, whatever the transports
    upgrade_timeout_s: float = 10.0  # as a server waits (PROTOCOL 6.2); the reference's client waits for ever
    close_timeout_s: float = 10.0  # ours: to send what is left; the reference waits for ever
    post_timeout_s: float = 60.0  # ours: for the answer to one POST; the reference waits for ever (requestTimeout: 0)
    max_pause_s: float = 120.0  # ours: as `EngineSettings.max_pause_s`
    max_message_bytes: int = 104_857_600  # reference: the default of npm's ws in a client; one response, one message
    max_text_bytes: int = _FOLLOWS  # ours: 16 MB, or a tenth of that; of one text, which is read in one piece: 0.2 s
    max_fragments: int = 16_384  # npm ws 8.21: as a server's
    max_unanswered_pings: int = 1_000  # ours: as a server's
    max_packets_per_payload: int = _FOLLOWS  # ours: 200,000, twice what our server buffers; one for 1000 bytes
    max_packets_per_post: int = 16  # what python-socketio's server takes; the reference sends all there is
    max_buffered_bytes: int = _FOLLOWS  # ours: one message of the largest size, 16 MB at least
    max_buffered_messages: int = 100_000  # ours: as `EngineSettings.max_buffered_messages`
    high_water_bytes: int = _FOLLOWS  # ours: 1 MB; above it `emit` waits

    def __post_init__(self) -> None:
        """Refuse what cannot work, with the name of the field."""
        if self.path is not None:
            check_path("path", self.path)
        if not self.authority or any(not "!" <= char <= "~" for char in self.authority):
            raise ValueError(f"authority must be a host with an optional port: {self.authority!r}")
        check_transports(self.transports)
        check_subprotocols(self.subprotocols, each_once=True)
        check_headers("headers", self.headers)
        check_fields("query", self.query)
        check_switches(self, "upgrade try_all_transports remember_upgrade timestamp_requests")
        _check_numbers(
            self,
            "open_timeout_s upgrade_timeout_s close_timeout_s post_timeout_s max_pause_s max_message_bytes"
            " max_fragments max_unanswered_pings max_packets_per_post max_buffered_messages",
            "max_text_bytes max_packets_per_payload max_buffered_bytes high_water_bytes",
        )
        _follow(
            self,
            max_text_bytes=min(self.max_message_bytes, max(16_000_000, self.max_message_bytes // 10)),
            max_packets_per_payload=max(200_000, self.max_message_bytes // 1000),
            max_buffered_bytes=max(16_000_000, self.max_message_bytes, 2 * (self.high_water_bytes or 0)),
            high_water_bytes=_high_water(self.max_buffered_bytes, 0),
        )
        if self.high_water_bytes > self.max_buffered_bytes:
            raise ValueError(f"high_water_bytes must not exceed max_buffered_bytes: {self.high_water_bytes!r}")
        if self.max_text_bytes > self.max_message_bytes:
            raise ValueError(f"max_text_bytes must not exceed max_message_bytes: {self.max_text_bytes!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """Settings and limits of a client's Socket.IO layer; "reference" is npm `socket.io-client` 4 (PROTOCOL 5)."""

    reconnection: bool = True  # reference
    reconnection_attempts: int | None = None  # reference: no limit
    reconnection_delay_s: float = 1.0  # reference: before the first attempt, give or take the randomization
    reconnection_delay_max_s: float = 5.0  # reference
    randomization_factor: float = 0.5  # reference; 0 to 1
    retries: int = 0  # reference: how often an emit that was not acknowledged is sent again
    ack_timeout_s: float = 10.0  # ours: for each try of an emit with retries; the reference has no default
    namespace_timeout_s: float = 45.0  # ours: for the answer to a CONNECT; the reference waits for ever
    max_buffered_emits: int = 1_000  # ours: per namespace, while it is not connected; the reference has no limit
    max_buffered_emit_bytes: int = 1_000_000  # ours: the same in bytes
    max_held_events: int = 10_000  # ours: events that come before the CONNECT that they belong behind (recovery)
    max_held_event_bytes: int = _FOLLOWS  # ours: the same in bytes; one message of the largest size, 16 MB at least
    max_outstanding_acks: int = 10_000  # ours: per namespace; one more is a `LocalProtocolError`
    max_attachments: int = 10  # reference (socket.io-parser 4.2.6), of both ends
    max_attachment_bytes: int | None = None  # ours: as a server's
    max_json_depth: int = 512  # ours: the reference has no limit, and a server that is passed on has none either
    max_emitted_json_depth: int = 128  # ours: as a server's `max_json_depth`
    max_json_values: int = _FOLLOWS  # ours: 1,000,000, or one for 100 bytes of a message; a server's if that is less
    max_namespace_chars: int = 1024  # ours: as a server's
    max_namespaces: int = 100  # ours: as a server's; those that were left make room
    max_queued_events: int = 1_000  # ours: waiting for a handler; then reading pauses
    max_queued_bytes: int = 2_000_000  # ours: the same in bytes

    def __post_init__(self) -> None:
        """Refuse what cannot work, with the name of the field."""
        _check_numbers(
            self,
            "reconnection_delay_s reconnection_delay_max_s ack_timeout_s namespace_timeout_s max_buffered_emits"
            " max_buffered_emit_bytes max_held_events max_outstanding_acks max_attachments max_json_depth"
            " max_emitted_json_depth max_namespace_chars max_namespaces max_queued_events max_queued_bytes",
            "max_attachment_bytes max_held_event_bytes max_json_values",
        )
        check_switches(self, "reconnection")
        check_count("reconnection_attempts", self.reconnection_attempts, or_none=True)
        check_share("randomization_factor", self.randomization_factor)
        check_count("retries", self.retries, least=0)


def combine(engine: EngineSettings, settings: SocketSettings) -> SocketSettings:
    """Return a server's Socket.IO settings with what depends on those of its Engine.IO layer.

    Raises:
        ValueError: a limit that cannot be reached, for another one is in the way.
    """
    _check_attachments(settings, "max_payload_bytes", engine.max_payload_bytes)
    message_bytes = engine.max_payload_bytes
    return _following(
        settings,
        max_held_bytes=2 * max(1_000_000, message_bytes),
        max_json_values=max(100_000, message_bytes // 10),
    )


def combine_for_client(engine: EngineClientSettings, settings: ClientSettings) -> ClientSettings:
    """Do the same for a client."""
    _check_attachments(settings, "max_message_bytes", engine.max_message_bytes)
    message_bytes = engine.max_message_bytes
    return _following(
        settings,
        max_held_event_bytes=max(16_000_000, message_bytes),
        max_json_values=min(max(1_000_000, message_bytes // 100), max(100_000, message_bytes // 10)),
    )


_Settings = TypeVar("_Settings", EngineSettings, EngineClientSettings)
_SocketSettings = TypeVar("_SocketSettings", SocketSettings, ClientSettings)


def with_path(settings: _Settings, usual: str) -> _Settings:
    """Return settings with a path: the `usual` one of a layer, unless they name another."""
    return replace(settings, path=usual) if settings.path is None else settings


def _following(settings: _SocketSettings, **followed: int) -> _SocketSettings:
    """Return settings in which those that follow others, and were not set, have their values."""
    unset = {name: value for name, value in followed.items() if getattr(settings, name) is None}
    return replace(settings, **cast("Any", unset)) if unset else settings


def _check_attachments(settings: SocketSettings | ClientSettings, name: str, message_bytes: int) -> None:
    wanted, possible = settings.max_attachment_bytes, settings.max_attachments * message_bytes
    if wanted is not None and wanted > possible:
        in_the_way = f"max_attachments: {settings.max_attachments}, {name}: {message_bytes}"
        raise ValueError(f"max_attachment_bytes cannot be reached: {wanted!r}; in the way are {in_the_way}")


def _high_water(max_buffered_bytes: int | None, message_bytes: int) -> int:
    wanted = max(1_000_000, message_bytes)
    return wanted if max_buffered_bytes is None else min(wanted, max_buffered_bytes)


def _check_numbers(settings: object, names: str, optional: str) -> None:
    """Check numbers; the `optional` ones may follow others, and are `None` then."""
    for name in (*names.split(), *optional.split()):
        value = getattr(settings, name)
        if value is not None or name not in optional.split():
            check_number(name, value)


def _follow(settings: object, **followed: int) -> None:
    """Give those that follow others their values, for all others have been checked."""
    for name, value in followed.items():
        if getattr(settings, name) is None:
            object.__setattr__(settings, name, value)
