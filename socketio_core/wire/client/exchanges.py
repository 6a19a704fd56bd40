"""A connection of a client for exchanges, one after another; between two of them it is kept for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from socketio_core.engineio.client.carriers import Exchange
from socketio_core.http import Response
from socketio_core.wire.client.errand import Errand
from socketio_core.wire.client.http1 import BadAnswer, Head

if TYPE_CHECKING:
    from socketio_core.wire.client.connection import ClientWire
    from socketio_core.wire.client.site import ClientSite


@final
class Exchanges(Errand):
    """A connection that makes exchanges."""

    __slots__ = ("_exchange", "_is_sent")

    def __init__(self, wire: ClientWire, site: ClientSite, exchange: Exchange, now: float) -> None:
        super().__init__(wire, site)
        self._take_up(exchange, now)

    def __repr__(self) -> str:
        return "HTTP, idle" if self._exchange is None else f"HTTP, {self._exchange!r}"

    def _take_up(self, exchange: Exchange, now: float) -> None:
        self._exchange: Exchange | None = exchange
        exchange.context = self._wire
        self._head = None
        self._is_sent = False  # the whole request
        self._wire.set_deadline(None if exchange.timeout_s is None else now + exchange.timeout_s)

    def begin(self, now: float) -> None:
        """See `Errand`."""
        exchange = self._exchange
        assert exchange is not None  # it ended the wire otherwise
        target, headers = self._site.request_of(exchange)
        self._out = self._http.request(exchange.method, target, headers, exchange.body)

    def begin_next(self, exchange: Exchange, now: float) -> None:
        """Make another one; the last one is done."""
        self._take_up(exchange, now)
        self.begin(now)

    # -- input -------------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> None:
        """See `Stage`. What comes when nothing was asked for is the end of the connection, whatever it says."""
        if self._exchange is None:
            self._wire.end()
        else:
            super().receive(data, now)

    def advance(self, now: float) -> None:
        """See `Errand`."""
        try:
            if self._head is None:
                self._head = self._http.next_head()
            if self._head is not None and self._http.read_body(self._add):
                self._end_exchange(self._head, now)
        except BadAnswer as error:
            self.give_up(f"the server {error}", now)

    def _add(self, data: bytes) -> bool:
        self._body += data
        return not self._is_too_large

    @property
    def _is_too_large(self) -> bool:
        return self._exchange is not None and len(self._body) > self._exchange.limit_bytes

    def _end_exchange(self, head: Head, now: float) -> None:
        exchange, wire = self._exchange, self._wire
        assert exchange is not None  # its answer is being read
        if self._is_too_large:
            self.give_up(f"response is too large, max_message_bytes: {exchange.limit_bytes}", now)
            return
        response = Response(head.status_code, list(head.headers), bytes(self._body))
        self._exchange = None
        self._body = bytearray()  # an idle connection holds none
        if self._is_sent and self._http.next_cycle():
            self._site.keep(wire, self, now)
        else:
            wire.end()
        self._site.core.exchange_done(exchange, response, now)

    # -- output ------------------------------------------------------------------------------------------------------

    def sent(self, now: float) -> None:
        """See `Stage`."""
        self._is_sent = True

    # -- the end -----------------------------------------------------------------------------------------------------

    def settle(self, now: float) -> None:
        """See `Stage`."""
        if self._exchange is not None and self._exchange.is_cancelled:
            self._wire.end()

    def time_out(self, now: float) -> None:
        """See `Stage`."""
        if self._exchange is None:
            self._wire.end()
        else:
            self.give_up(f"no answer within {self._exchange.timeout_s:g} s", now)

    def close(self, now: float) -> None:
        """See `Stage`."""
        if self._exchange is None:
            self._wire.end()

    def give_up(self, detail: str, now: float) -> None:
        """See `Errand`."""
        self._wire.end()
        self._body = bytearray()  # now: it may be large, and the wire is in a cycle, which Python finds late
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            self._site.core.lost(exchange, now, detail=detail)
