"""All connections of a server, and what is behind them: engines by path, and the application for other requests.

A host owns sockets and a clock, and knows nothing else:

    wire = site.connect(now, address, scheme)      # a client has come
    wire.receive(data, now)                        # it has sent something, or with `b""` will send nothing more
    for wire in site.flush(now): ...               # after anything: write `data_to_send`, read on while `wants_input`
    site.handle_timeout(now)                       # at `next_deadline`, then `flush` again

Nothing here waits. What the application must decide, and may take its time for, is in `take_asked()`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, Protocol

from wsproto.extensions import Extension

from socketio_core.checks import check_count, check_function, check_kind, check_switch
from socketio_core.engineio.carriers import WRITE_BYTES, Poll, WebSocket
from socketio_core.engineio.core import AnyServer
from socketio_core.engineio.message import PING_MESSAGE
from socketio_core.engineio.session import Session
from socketio_core.forwarded import TrustedProxies, network_of
from socketio_core.http import Request, Response
from socketio_core.serving import Serving, Timeouts
from socketio_core.settings import EngineSettings
from socketio_core.timers import Timed
from socketio_core.websocket_handshake import accept_headers
from socketio_core.wire.asked import Asked
from socketio_core.wire.base import MUCH_BYTES, DeferredHandlers, Home, Pace
from socketio_core.wire.connection import Wire
from socketio_core.wire.deflate import negotiate
from socketio_core.wire.heads import MAX_HEAD_BYTES
from socketio_core.wire.http1 import text_response
from socketio_core.wire.plain_frames import MESSAGE_PIECE_BYTES

_ONLY_PING: Final = [PING_MESSAGE]
NEWCOMERS: Final = 8  # whose first request is served at once, between two flushes: as many as are accepted meanwhile


class Application(Timed, Protocol):
    """What stands behind the engines: who takes their events."""

    def work(self, now: float) -> None:
        """Take what has happened from the engines, and answer what the site asks."""


class _Nobody:
    """The application of a site that has none."""

    next_deadline: float | None = None

    def handle_timeout(self, now: float) -> None: ...

    def work(self, now: float) -> None: ...


def _no_pace(_: Session) -> Pace | None:
    return None


def _at_once(turn: Callable[[], None]) -> None:
    turn()


class Mount:
    """One engine of a site.

    Args:
        core: whose requests begin with its path.
        asks_handshakes: each handshake is asked about (`HandshakeAsked`) before the engine sees it.
        pace_of: how the application keeps up with a session, if that is known; what the engine has reported counts,
            so it is to be taken from there before.

    Raises:
        TypeError: `core` is no engine.
    """

    __slots__ = ("asks_handshakes", "core", "pace_of")

    def __init__(
        self,
        core: AnyServer,
        *,
        asks_handshakes: bool = False,
        pace_of: Callable[[Session], Pace | None] = _no_pace,
    ) -> None:
        if not callable(getattr(core, "handle_request", None)):  # not everybody checks types
            raise TypeError(f"core must be an Engine or a ServerCore, not: {core!r}")
        check_switch("asks_handshakes", asks_handshakes)
        check_function("pace_of", pace_of, may_wait=False)
        self.core = core
        self.asks_handshakes = asks_handshakes
        self.pace_of = pace_of

    def __repr__(self) -> str:
        return f"<Mount of {type(self.core).__name__} at {self.path}>"

    @property
    def path(self) -> str:
        """What the targets of its requests begin with."""
        return self.core.path

    @property
    def max_payload_bytes(self) -> int:
        """The limit on a message, as in the settings."""
        return self.core.engine_settings.max_payload_bytes

    @property
    def engine_settings(self) -> EngineSettings:
        """The other limits."""
        return self.core.engine_settings

    def pace_for(self, websocket: WebSocket) -> Pace | None:
        """Return how the application keeps up with who has this WebSocket."""
        return self.pace_of(websocket.session)


class Site(Home[Wire]):
    """What all connections of a server share.

    Args:
        mounts: the engines; more can be added (`add`).
        application: has its turn after anything has happened to an engine, and whenever it wants to.
        defer_handlers: does a turn in which something large is read, and may keep what comes of it from its handlers:
            then it returns what lets them have it, which is called in another round, for they may take as long as
            reading did.
        report: called when code of the application failed, with what happened and the error.
        static_response: asked first about each request; `None` lets it pass.
        asks_requests: requests for none of the mounts are asked about (`RequestAsked`); otherwise they get 404.
        max_body_bytes: of such a request; a larger one gets 413.
        serving: how connections are treated. Of its limits those of connections; the application sees to the rest.

    Attributes:
        wires: the connections that are not over.
        is_closing: no more than what is under way is served.

    Raises:
        TypeError, ValueError: an argument that cannot work, by its name; a mount as in `add`.
    """

    def __init__(
        self,
        mounts: Sequence[Mount] = (),
        *,
        application: Application | None = None,
        defer_handlers: Callable[[Callable[[], None]], Callable[[], object] | None] = _at_once,
        report: Callable[[str, BaseException], None] = lambda _, __: None,
        static_response: Callable[[Request], Response | None] = lambda _: None,
        asks_requests: bool = False,
        max_body_bytes: int = 1_000_000,
        serving: Serving | None = None,
    ) -> None:
        check_switch("asks_requests", asks_requests)
        check_count("max_body_bytes", max_body_bytes)
        check_function("defer_handlers", defer_handlers, may_wait=False)
        check_function("report", report, may_wait=False)
        check_function("static_response", static_response, may_wait=False)
        check_kind("serving", serving, Serving, "a Serving, as in Serving(timeouts=Timeouts(close_s=1))")
        self.serving = serving = serving or Serving()
        self.timeouts = serving.timeouts or Timeouts()
        super().__init__(report=report, close_s=self.timeouts.close_s, shortcuts=serving.shortcuts)
        self.mounts: list[Mount] = []
        self.application = application or _Nobody()
        self._defer_handlers = defer_handlers
        self.static_response = static_response
        self.asks_requests = asks_requests
        self.max_body_bytes = max_body_bytes
        self.proxies = TrustedProxies(serving.trust_proxy)
        self.max_requests = serving.limits.max_requests_per_connection
        self._peers: dict[str, int] = {}  # how many connections, by network
        self._named = 0  # connections by `flush`, so far, but when they were nothing but pinged
        self._newcomers = 0  # connections that have asked for the first time since the last flush
        self.is_closing = False
        self._asked: list[Asked] = []
        self._timed: list[Timed] = [self.application]  # whoever has deadlines beside the connections
        given: Any = mounts  # not everybody checks types
        if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
            raise TypeError(f"mounts must be a list, as in Site([Mount(server)]), not: {mounts!r}")
        for mount in mounts:
            self.add(mount)

    def __repr__(self) -> str:
        state = "closing, " if self.is_closing else ""
        return f"<Site of {self.mounts}, {state}{len(self.wires)} connections>"

    def add(self, mount: Mount) -> None:
        """Add an engine.

        Raises:
            TypeError: it is not a `Mount`.
            ValueError: its path overlaps with that of another, so that one of them would get requests of both.
        """
        if not isinstance(mount, Mount):  # pyright: ignore[reportUnnecessaryIsInstance] # not everybody checks types
            raise TypeError(f"mounts must be of Mount, as in Site([Mount(server)]), not: {mount!r}")
        for other in self.mounts:
            if other.path.startswith(mount.path) or mount.path.startswith(other.path):
                raise ValueError(f"path overlaps with {other.path!r}: {mount.path!r}")
        self.mounts.append(mount)
        self._timed.append(mount.core)

    # -- what a host calls -------------------------------------------------------------------------------------------

    def connect(self, now: float, address: str, scheme: str, *, can_half_close: bool = True) -> Wire:
        """Begin to serve a client.

        Args:
            address: where it is, for logs and `handshake.address`.
            scheme: `"https"` if the host did TLS, else `"http"`: it decides which pages are the server's own.
            can_half_close: the host does so when `wire.is_mute`; otherwise connections end without lingering.

        Raises:
            TypeError, ValueError: an `address` that is no string, as what `accept()` returns; a scheme that is another.
        """
        if not isinstance(address, str):  # pyright: ignore[reportUnnecessaryIsInstance] # not everybody checks types
            raise TypeError(f"address must be a string, as in '127.0.0.1', not: {address!r}")
        if scheme not in ("http", "https"):
            raise ValueError(f"scheme must be 'http' or 'https', not: {scheme!r}")
        wire = Wire(self, address, scheme, now, can_half_close=can_half_close)
        self._count(wire, address)
        if wire.surplus is not None:
            wire.set_deadline(now + min(self.timeouts.header_s, self.timeouts.linger_s))  # it costs a descriptor
        self.wires.add(wire)
        return wire

    def _count(self, wire: Wire, address: str) -> None:
        """Is this a connection too many? Then it is told so when it has asked for something, and closed."""
        limits = self.serving.limits
        if limits.max_connections is not None and len(self.wires) >= limits.max_connections:
            wire.surplus = text_response(503, "Too many connections")
        if limits.max_connections_per_address is None or self.proxies.trusts(address):
            return
        network = wire.network = network_of(address)
        if network:
            count = self._peers[network] = self._peers.get(network, 0) + 1
            if count > limits.max_connections_per_address:
                wire.surplus = wire.surplus or text_response(429, "Too many connections from this address")

    def forget(self, wire: Wire) -> None:
        """A connection is over."""
        if wire.network and wire in self.wires:
            self._peers[wire.network] -= 1
            if not self._peers[wire.network]:
                del self._peers[wire.network]
        super().forget(wire)

    def flush(self, now: float) -> list[Wire]:
        """Let the application work; return the connections that the host must look after, each once.

        These may have something to write, may be wanted to be read from or not any more, or may be over.
        """
        self._flushed_at = now
        self._newcomers = 0
        self.application.work(now)
        noted, self._noted = self._noted, []
        for wire in noted:
            wire.settle(now)
        are_only_pinged = not noted
        named = noted[:]
        late: Wire | None = None
        for mount in self.mounts:
            answered: Wire | None = None
            for carrier in mount.core.take_ready(WRITE_BYTES):
                owner = carrier.context
                if not isinstance(owner, Wire):
                    continue  # its connection was begun by nobody here
                if isinstance(carrier, Poll):
                    if carrier.failure is not None:
                        self.report("response of a poll could not be made", carrier.failure)
                    owner.poll_ready(carrier, now)
                    answered = owner
                    are_only_pinged = False
                    self._tell_pace(mount, carrier.session)
                elif carrier.is_closed:
                    owner.settle(now)
                    noted.append(owner)
                    are_only_pinged = False
                elif are_only_pinged and carrier.outbox.messages != _ONLY_PING:
                    are_only_pinged = False
                if not owner.is_noted:
                    owner.is_noted = True
                    named.append(owner)
            if answered is not None and mount.core.has_ready:
                late = answered
        for wire in named:
            wire.is_noted = False
        if not are_only_pinged:  # they may hold more
            self._named += len(named)
        self._await_turns(noted)  # who has only something to say has nothing new that was read
        if late is not None:
            self.note(late)  # so that the next flush, which answers more, comes soon
        return named

    def _tell_pace(self, mount: Mount, session: Session) -> None:
        try:
            pace = mount.pace_of(session)
            if pace is not None:
                pace.output_taken()
        except Exception as error:  # noqa: BLE001 - of the application's: the others must be looked after
            self.report("the pace of a session failed", error)

    @property
    def next_deadline(self) -> float | None:
        """When to call `handle_timeout`, in monotonic seconds; past already when input waits for its turn."""
        first = self._first_deadline
        for timed in self._timed:
            at = timed.next_deadline
            if at is not None and (first is None or at < first):
                first = at
        return first

    def handle_timeout(self, now: float) -> None:
        """Do all that is due at `now`, and a turn of each connection whose input waits. Then `flush`."""
        for timed in self._timed:
            timed.handle_timeout(now)
        self._do_due(now)

    def _give_large_turns(self, now: float) -> None:
        if self.is_closing or isinstance(self._large[0], DeferredHandlers):
            super()._give_large_turns(now)
            return
        let_work = self._defer_handlers(partial(super()._give_large_turns, now))
        if let_work is not None:
            self._large.appendleft(DeferredHandlers(let_work))

    @property
    def activity(self) -> int:
        """A number that changes whenever more may be held, here or by the engines, than before."""
        return self._named + sum(mount.core.unseen_puts for mount in self.mounts)

    def take_asked(self) -> list[Asked]:
        """Return what the application is asked, each once; `answer` each, now or later, then `flush`."""
        asked, self._asked = self._asked, []
        return asked

    def close(self, now: float) -> None:
        """Refuse new sessions, close all there are, and end connections as soon as they are through; then `flush`.

        All is over when `wires` is empty; a host drops what is left when its patience is.
        """
        self.is_closing = True
        if self._large and isinstance(self._large[0], DeferredHandlers):  # nobody waits for those who have no task
            self._large.popleft().proceed(now)
        for mount in self.mounts:
            mount.core.close(now)
        for wire in list(self.wires):
            wire.close(now)

    # -- what connections call ---------------------------------------------------------------------------------------

    def serves_at_once(self, size_bytes: int, *, is_new: bool) -> bool:
        """Say whether a request that has come, with so much behind it, is served at once.

        When many come for the first time together most have turns, for each costs much; and so have large heads, when
        others have had much since the last flush. So whoever is here already need not wait for all of them.
        """
        if is_new:
            self._newcomers += 1
            if self._newcomers > NEWCOMERS:
                return False
        return size_bytes < MUCH_BYTES or self.may_begin(min(size_bytes, MAX_HEAD_BYTES) // MESSAGE_PIECE_BYTES)

    def may_begin(self, pieces: int) -> bool:
        """Say whether what was just read, and costs so much, is handled, or has a turn: others may have had much."""
        left = self.first_left
        self.first_left = left - pieces
        return left > 0 or len(self.wires) < 2

    def mount_of(self, request: Request) -> Mount | None:
        """Return the engine that a request is for."""
        for mount in self.mounts:
            if mount.core.owns(request):
                return mount
        return None

    def not_found(self) -> Response:
        """Return the answer to a request for none of them; whoever looks for Socket.IO there reads where it is."""
        paths = " or ".join(mount.path for mount in self.mounts)
        return text_response(404, f"Not found: Socket.IO is at {paths}" if paths else "Not found")

    def agree(self, mount: Mount, request: Request) -> tuple[list[Extension], list[tuple[bytes, bytes]]]:
        """Return the extensions of a WebSocket that is asked for, and the headers of the 101 that say so."""
        serving = self.serving
        extensions, agreed = negotiate(request, mount.max_payload_bytes) if serving.per_message_deflate else ([], [])
        return extensions, [*accept_headers(request, serving.subprotocols), *agreed]

    def ask(self, asked: Asked) -> None:
        """Add to what the application is asked."""
        self._asked.append(asked)
