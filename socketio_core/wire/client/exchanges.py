"""A connection of a client for exchanges, one after another; between two of them it is kept for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from socketio_core.engineio.client.carriers import Exchange
from socketio_core.http import Response
from socketio_core.wire.base import FIRST_PIECES, TURN_PIECES
from socketio_core.wire.client.errand import Errand
from socketio_core.wire.client.http1 import BadAnswer, Head

if TYPE_CHECKING:
    from socketio_core.wire.client.connection import ClientWire
    from socketio_core.wire.client.site import ClientSite


@final
class Exchanges(Errand):
    """A connection that makes exchanges."""

    __slots__ = ("_exchange", "_is_paused", "_is_sent", "_response")

    def __init__(self, wire: ClientWire, site: ClientSite, exchange: Exchange, now: float) -> None:
        super().__init__(wire, site)
        self._take_up(exchange, now)

    def __repr__(self) -> str:
        return "HTTP, idle" if self._exchange is None else f"HTTP, {self._exchange!r}"

    def _take_up(self, exchange: Exchange, now: float) -> None:
        self._exchange: Exchange | None = exchange
        exchange.context = self._wire
        self._head = None
        self._response: Response | None = None  # it is here as a whole, and its packets have turns
        self._is_paused = False  # handlers must catch up before more of them is handled
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

    @property
    def wants_input(self) -> bool:
        """See `Stage`."""
        return self._response is None and super().wants_input

    @property
    def has_more(self) -> bool:
        """See `Stage`. An answer that is here as a whole outlives its connection."""
        return super().has_more if self._response is None else not self._is_paused

    def receive(self, data: bytes, now: float) -> None:
        """See `Stage`. What comes when nothing was asked for is the end of the connection, whatever it says."""
        if self._exchange is None:
            self._wire.end()
        elif self._response is not None:
            self._http.feed(data)  # so that there is no request behind it
        else:
            super().receive(data, now)

    def advance(self, now: float) -> None:
        """See `Errand`."""
        if self._response is not None:
            self._go_on(self._response, now)
            return
        try:
            if self._head is None:
                self._head = self._http.next_head()
            if self._head is not None and self._http.read_body(self._add):
                self._end_body(self._head, now)
        except BadAnswer as error:
            self.give_up(f"the server {error}", now)

    def _add(self, data: bytes) -> bool:
        self._body += data
        return not self._is_too_large

    @property
    def _is_too_large(self) -> bool:
        return self._exchange is not None and len(self._body) > self._exchange.limit_bytes

    def _end_body(self, head: Head, now: float) -> None:
        exchange = self._exchange
        assert exchange is not None  # its answer is being read
        if self._is_too_large:
            self.give_up(f"response is too large, max_message_bytes: {exchange.limit_bytes}", now)
            return
        response = Response(head.status_code, list(head.headers), bytes(self._body))
        self._body = bytearray()  # an idle connection holds none
        self._take_packets(response, FIRST_PIECES, now)

    def _go_on(self, response: Response, now: float) -> None:
        assert self._exchange is not None  # whose answer it is
        self._is_paused = self._site.is_held_back(self._exchange.session, self._resume, now)
        if not self._is_paused:
            self._take_packets(response, TURN_PIECES, now)

    def _resume(self, now: float) -> None:
        self._is_paused = False
        self._site.note(self._wire)

    def _take_packets(self, response: Response, limit: int, now: float) -> None:
        """Process a turn of the packets of an answer; the exchange ends with the last."""
        exchange, wire = self._exchange, self._wire
        assert exchange is not None  # this is its answer
        self._response = response
        if self._site.core.exchange_done(exchange, response, now, limit):
            return
        self._exchange = self._response = None
        if wire.is_over:
            return
        if self._is_sent and not exchange.is_cancelled and self._http.next_cycle():
            self._site.keep(wire, self, now)
        else:
            wire.end()

    # -- output ------------------------------------------------------------------------------------------------------

    def sent(self, now: float) -> None:
        """See `Stage`."""
        self._is_sent = True

    # -- the end -----------------------------------------------------------------------------------------------------

    def settle(self, now: float) -> None:
        """See `Stage`."""
        if self._exchange is not None and self._exchange.is_cancelled:
            self._exchange = self._response = None
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

    def lost(self, now: float) -> None:
        """See `Stage`."""
        if self._response is None:
            super().lost(now)

    def give_up(self, detail: str, now: float) -> None:
        """See `Errand`."""
        self._response = None
        self._wire.end()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            self._site.core.lost(exchange, now, detail=detail)
