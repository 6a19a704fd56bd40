"""One connection of a client, and its way to where HTTP is spoken with the server: through a proxy, into TLS."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, final

from socketio_core.engineio.client.carriers import Exchange
from socketio_core.engineio.client.problems import SHOWN_CHARS
from socketio_core.errors import LocalProtocolError
from socketio_core.wire.base import BaseWire
from socketio_core.wire.client.errand import Errand
from socketio_core.wire.client.http1 import BadAnswer, ClientHttp1

if TYPE_CHECKING:
    from socketio_core.wire.client.exchanges import Exchanges
    from socketio_core.wire.client.site import ClientSite


class WayPhase(Enum):
    """How far a connection is on its way.

    DIALING: the host makes it. ASKING: the proxy was asked for a tunnel. SECURING: the host does the handshake of TLS.
    """

    DIALING = "dialing"
    ASKING = "asking"
    SECURING = "securing"


@final
class ClientWire(BaseWire):
    """One connection of a client; made by `ClientSite.flush`. See `BaseWire`.

    Attributes:
        host: to be dialed, with `port`: the server, or a proxy.
        unix_path: of a Unix socket to be dialed, if that is where the server is; in the abstract namespace if it begins
            with a NUL.
        has_unread: whether something, or the end, has arrived that the host has not handed over yet; a host that can
            ask its socket puts a function here.
    """

    __slots__ = ("_site", "has_unread", "host", "port", "unix_path")

    def __init__(self, site: ClientSite) -> None:
        super().__init__(site)
        self._site = site
        self.host, self.port = site.destination
        self.unix_path = site.address.unix_path
        self.has_unread: Callable[[], bool] = is_unknown

    def set_out(self, errand: Errand, *, through_tunnel: bool) -> None:
        """Begin. Called by the site."""
        self._stage = Way(self, self._site, errand, through_tunnel=through_tunnel)

    def begin_next(self, stage: Exchanges, exchange: Exchange, now: float) -> None:
        """Make another exchange. Called by the site."""
        try:
            stage.begin_next(exchange, now)
        except Exception as error:  # noqa: BLE001 - a header that cannot be sent, above all
            self.fail(error, now)
        self._site.note(self)

    @property
    def server_name(self) -> str:
        """Whose certificate TLS is to check."""
        return self._site.address.host

    @property
    def wants_tls(self) -> bool:
        """Whether the handshake of TLS is to be done now; then call `secured`, or `lost`."""
        way = self._stage
        return isinstance(way, Way) and way.phase is WayPhase.SECURING and not self.is_over

    def connected(self, now: float) -> None:
        """The connection is made: to the proxy, if there is one.

        Raises:
            LocalProtocolError: it was before.
        """
        self._go_on(WayPhase.DIALING, now)

    def secured(self, now: float) -> None:
        """TLS has begun.

        Raises:
            LocalProtocolError: `wants_tls` is not true.
        """
        self._go_on(WayPhase.SECURING, now)

    def _go_on(self, phase: WayPhase, now: float) -> None:
        if self.is_over:
            return
        way = self._stage
        if not isinstance(way, Way) or way.phase is not phase:
            raise LocalProtocolError(f"connection is not {phase.value}")
        try:
            way.go_on(now)
        except Exception as error:  # noqa: BLE001 - as above
            self.fail(error, now)
        self._site.note(self)


@final
class Way:
    """A connection until HTTP can be spoken with the server; a `Stage`."""

    __slots__ = ("_errand", "_http", "_out", "_site", "_through_tunnel", "_wire", "phase")

    def __init__(self, wire: ClientWire, site: ClientSite, errand: Errand, *, through_tunnel: bool) -> None:
        self._wire = wire
        self._site = site
        self._errand = errand
        self._through_tunnel = through_tunnel
        self._http = ClientHttp1()
        self._out = b""
        self.phase = WayPhase.DIALING

    def __repr__(self) -> str:
        return f"{self.phase.value} for {self._errand!r}"

    @property
    def wants_input(self) -> bool:
        """See `Stage`."""
        return self.phase is WayPhase.ASKING

    @property
    def has_more(self) -> bool:
        """See `Stage`."""
        return False

    @property
    def is_large(self) -> bool:
        """See `Stage`."""
        return False

    def go_on(self, now: float) -> None:
        """What the host had to do is done."""
        if self.phase is WayPhase.DIALING and self._through_tunnel:
            self.phase = WayPhase.ASKING
            self._out = self._http.request("CONNECT", *self._site.tunnel_request)
        elif self.phase is not WayPhase.SECURING and self._site.address.is_secure:
            self.phase = WayPhase.SECURING
        else:
            self._wire.become(self._errand)
            self._errand.begin(now)

    def receive(self, data: bytes, now: float) -> None:
        """See `Stage`: of the proxy."""
        try:
            if not data:
                raise BadAnswer("closed the connection before it answered")
            self._http.feed(data)
            head = self._http.next_head()
            if head is None:
                return
            if not 200 <= head.status_code < 300:
                reason = head.reason[:SHOWN_CHARS].decode("latin-1")
                raise BadAnswer(f"refused the tunnel: HTTP {head.status_code} {reason}".rstrip())
            if self._http.left_over:
                raise BadAnswer("sent something before the server could")
        except BadAnswer as error:
            self._errand.give_up(f"proxy {error}", now)
        else:
            self.go_on(now)

    def proceed(self, now: float) -> int:  # type: ignore[empty-body]
        """See `Stage`; nothing ever waits."""

    def data_to_send(self, now: float) -> bytes:
        """See `Stage`."""
        out, self._out = self._out, b""
        return out

    def sent(self, now: float) -> None:
        """See `Stage`."""

    def settle(self, now: float) -> None:
        """See `Stage`."""
        self._errand.settle(now)

    def time_out(self, now: float) -> None:
        """See `Stage`."""
        self._errand.time_out(now)

    def close(self, now: float) -> None:
        """See `Stage`."""

    def lost(self, now: float) -> None:
        """See `Stage`."""
        why = self._wire.why
        if self.phase is WayPhase.ASKING:
            detail = "proxy closed the connection before it answered"
        elif self.phase is WayPhase.SECURING:
            detail = f"TLS: {why or 'the connection was closed during the handshake'}"
        else:
            detail = why or "no connection could be made"
            if self._wire.unix_path is not None:
                detail = f"{self._site.address.url}: {detail}"
            elif self._site.proxy is not None:
                detail = f"proxy {self._site.proxy.host}:{self._site.proxy.port}: {detail}"
        self._errand.give_up(detail, now)

    def fail(self, now: float) -> None:
        """See `Stage`."""
        self._errand.fail(now)


def is_unknown() -> bool:
    """Of hosts that cannot ask."""
    return False
