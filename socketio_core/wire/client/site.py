"""All connections of a client, and what they are for: the exchanges and WebSockets that its core wants in flight.

See the package for what a host does with it. Nothing here waits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from socketio_core.engineio.client.carriers import ClientCarrier, ClientWebSocket, Exchange
from socketio_core.engineio.client.session import ClientSession
from socketio_core.engineio.client.states import CarrierState
from socketio_core.engineio.core import AnyClient
from socketio_core.ids import new_key as default_new_key
from socketio_core.ids import new_mask_bytes as default_new_mask_bytes
from socketio_core.settings import EngineClientSettings
from socketio_core.url import Proxy, ServerAddress
from socketio_core.wire.base import Home, Pace
from socketio_core.wire.client.connection import ClientWire
from socketio_core.wire.client.exchanges import Exchanges
from socketio_core.wire.client.opening import Opening
from socketio_core.wire.plain_frames import masks

MAX_IDLE_S: Final = 4.0  # Node and uvicorn close idle connections after 5 seconds
CLOSE_S: Final = 5.0  # for a WebSocket's last messages and its closing handshake (npm's ws: 30)


class ClientSite(Home[ClientWire]):
    """What the connections of one client share.

    Args:
        core: what wants exchanges and WebSockets.
        address: of the server.
        proxy: what is dialed in its place. Plain exchanges are passed on by it; WebSockets and TLS get a tunnel.
        per_message_deflate: offer to compress WebSocket messages.
        work: called in each `flush`: the moment for the application to take the core's events.
        pace: whether the application keeps up.
        report: called when something of ours failed, with what happened and the error.
        close_s: for a WebSocket's last messages and its closing handshake.
        new_key: returns 16 random bytes.
        new_mask_bytes: returns random bytes, 4 for each frame that is sent; some at once.

    Attributes:
        masks: of the frames that are sent.
    """

    def __init__(
        self,
        core: AnyClient,
        address: ServerAddress,
        *,
        proxy: Proxy | None = None,
        per_message_deflate: bool = False,
        work: Callable[[], object] = lambda: None,
        pace: Pace | None = None,
        report: Callable[[str, BaseException], None] = lambda _, __: None,
        close_s: float = CLOSE_S,
        new_key: Callable[[], bytes] = default_new_key,
        new_mask_bytes: Callable[[], bytes] = default_new_mask_bytes,
    ) -> None:
        super().__init__(report=report, close_s=close_s, shortcuts=True)
        self.core = core
        self.address = address
        self.proxy = proxy
        self.per_message_deflate = per_message_deflate
        self.new_key = new_key
        self.masks = masks(new_mask_bytes)
        self._work = work
        self._pace = pace
        self._idle: list[tuple[ClientWire, Exchanges]] = []  # kept for the next exchange

    # -- what a host calls -------------------------------------------------------------------------------------------

    def flush(self, now: float) -> list[ClientWire]:
        """Let the application work; return the connections that the host must look after, each once.

        These may be new and have to be dialed, or to be secured; may have something to write, may be wanted to be read
        from or not any more, or may be over.
        """
        self._flushed_at = now
        self._work()
        for carrier in self.core.take_ready():
            self._see_to(carrier, now)
        noted, self._noted = self._noted, []
        for wire in noted:
            wire.settle(now)
        if self._pace is not None:
            self._pace.output_taken()
        for wire in noted:
            wire.is_noted = False
        self._await_turns(noted)
        return noted

    @property
    def next_deadline(self) -> float | None:
        """When to call `handle_timeout`, in monotonic seconds; past already when input waits for its turn."""
        own, core = self._first_deadline, self.core.next_deadline
        return core if own is None else own if core is None else min(own, core)

    def handle_timeout(self, now: float) -> None:
        """Do all that is due at `now`, and a turn of each connection whose input waits. Then `flush`."""
        self.core.handle_timeout(now)
        self._do_due(now)

    @property
    def is_busy(self) -> bool:
        """Whether there are connections other than those that are kept for the next exchange."""
        return len(self.wires) > len(self._idle)

    def close_idle(self, now: float) -> None:
        """Drop the connections that are kept."""
        for wire, _ in list(self._idle):
            wire.close(now)

    # -- what is begun -----------------------------------------------------------------------------------------------

    def _see_to(self, carrier: ClientCarrier, now: float) -> None:
        if isinstance(carrier.context, ClientWire):
            self.note(carrier.context)  # it settles: what is cancelled or closed ends
        elif isinstance(carrier, ClientWebSocket):
            if not carrier.is_closed:
                self._open(carrier)
        elif not carrier.is_cancelled:
            self._begin(carrier, now)
        if self._idle and isinstance(carrier, ClientWebSocket) and carrier.state is CarrierState.WEBSOCKET:
            self.close_idle(now)  # nothing is polled any more

    def _open(self, websocket: ClientWebSocket) -> None:
        wire = self._new_wire()
        wire.set_out(Opening(wire, self, websocket), through_tunnel=self.proxy is not None)

    def _begin(self, exchange: Exchange, now: float) -> None:
        may_wait = exchange.method == "GET" and exchange.session.is_open
        if not (may_wait and self.is_held_back(exchange.session, partial(self._begin_late, exchange), now)):
            self._make(exchange, now)

    def _begin_late(self, exchange: Exchange, now: float) -> None:
        if not exchange.is_cancelled:
            self._make(exchange, now)

    def _make(self, exchange: Exchange, now: float) -> None:
        while self._idle:
            wire, stage = self._idle.pop()
            if not wire.has_unread():
                wire.begin_next(stage, exchange, now)
                return
            wire.end()
            self.note(wire)
        wire = self._new_wire()
        is_tunnelled = self.proxy is not None and self.address.is_secure
        wire.set_out(Exchanges(wire, self, exchange, now), through_tunnel=is_tunnelled)

    def _new_wire(self) -> ClientWire:
        wire = ClientWire(self)
        self.wires.add(wire)
        self.note(wire)
        return wire

    # -- what connections call ---------------------------------------------------------------------------------------

    def keep(self, wire: ClientWire, stage: Exchanges, now: float) -> None:
        """Keep a connection for the next exchange, for a while."""
        self._idle.append((wire, stage))
        wire.set_deadline(now + MAX_IDLE_S)

    def is_held_back(self, session: ClientSession, go_on: Callable[[float], None], now: float) -> bool:
        """Whether what a session reads must wait, for handlers are behind; then call `go_on(now)` later, once."""
        pace = self._pace
        if pace is None or not pace.is_congested:
            return False
        session.pause_reading(now)  # its silence is not the server's
        pace.call_when_room(partial(_resume, session, go_on))
        return True

    def forget(self, wire: ClientWire) -> None:
        """A connection is over."""
        super().forget(wire)
        self._idle = [kept for kept in self._idle if kept[0] is not wire]

    @property
    def destination(self) -> tuple[str, int]:
        """What is to be dialed."""
        place = self.proxy or self.address
        return place.host, place.port

    @property
    def tunnel_request(self) -> tuple[str, list[tuple[bytes, bytes]]]:
        """Target and headers of a CONNECT."""
        host = f"[{self.address.host}]" if ":" in self.address.host else self.address.host
        target = f"{host}:{self.address.port}"
        return target, [(b"host", target.encode("ascii")), *self._authorization]

    def request_of(self, exchange: Exchange) -> tuple[str, list[tuple[bytes, bytes]]]:
        """Return the target of an exchange, in absolute form for a proxy that passes it on, and its headers."""
        target, headers = exchange.target, list(exchange.headers)
        if self.proxy is not None and not self.address.is_secure:
            target = self.address.url + target
            headers += self._authorization
        if exchange.method == "POST":
            headers.append((b"content-length", b"%d" % len(exchange.body)))
        return target, headers

    @property
    def _authorization(self) -> list[tuple[bytes, bytes]]:
        given = None if self.proxy is None else self.proxy.authorization
        return [] if given is None else [(b"proxy-authorization", given)]

    # -- `Backing` of its WebSockets -----------------------------------------------------------------------------------

    @property
    def max_payload_bytes(self) -> int:
        """See `Backing`."""
        return self.core.engine_settings.max_message_bytes

    @property
    def engine_settings(self) -> EngineClientSettings:
        """See `Backing`."""
        return self.core.engine_settings

    def pace_for(self, websocket: ClientWebSocket) -> Pace | None:
        """See `Backing`."""
        return self._pace


def _resume(session: ClientSession, go_on: Callable[[float], None], now: float) -> None:
    session.resume_reading(now)
    go_on(now)
