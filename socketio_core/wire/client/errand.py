"""What a connection of a client is made for, and what is alike whatever it is: a request goes out, an answer comes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from socketio_core.wire.base import TURN_PIECES
from socketio_core.wire.client.http1 import ClientHttp1, Head

if TYPE_CHECKING:
    from socketio_core.wire.client.connection import ClientWire
    from socketio_core.wire.client.site import ClientSite


class Errand(ABC):
    """A `Stage` that begins with one request, once HTTP can be spoken with the server."""

    __slots__ = ("_body", "_head", "_http", "_out", "_site", "_wire")

    def __init__(self, wire: ClientWire, site: ClientSite) -> None:
        self._wire = wire
        self._site = site
        self._http: ClientHttp1 = ClientHttp1()
        self._head: Head | None = None
        self._body: bytearray = bytearray()
        self._out = b""

    @abstractmethod
    def begin(self, now: float) -> None:
        """HTTP can be spoken with the server."""

    @abstractmethod
    def give_up(self, detail: str, now: float) -> None:
        """It will not be; `detail` says why."""

    @abstractmethod
    def advance(self, now: float) -> None:
        """Go on with what has arrived."""

    @abstractmethod
    def settle(self, now: float) -> None:
        """See `Stage`."""

    # -- Stage -------------------------------------------------------------------------------------------------------

    @property
    def wants_input(self) -> bool:
        """See `Stage`. Also while nothing is asked, for the server may end the connection then."""
        return not self._http.has_pieces

    @property
    def has_more(self) -> bool:
        """See `Stage`."""
        return self._http.has_pieces and not self._wire.is_over

    @property
    def is_large(self) -> bool:
        """See `Stage`."""
        return False

    def proceed(self, now: float) -> int:
        """See `Stage`."""
        self.advance(now)
        return TURN_PIECES

    def receive(self, data: bytes, now: float) -> None:
        """See `Stage`."""
        if not data and self._head is None:
            self.give_up("the server closed the connection before it answered", now)
        else:
            self._http.feed(data)
            self.advance(now)

    def data_to_send(self, now: float) -> bytes:
        """See `Stage`."""
        out, self._out = self._out, b""
        return out

    def sent(self, now: float) -> None:  # noqa: B027 - nothing to do, for most
        """See `Stage`."""

    def time_out(self, now: float) -> None:  # noqa: B027 - nothing to do, for most
        """See `Stage`. There is no deadline but the session's own, unless one is set."""

    def close(self, now: float) -> None:  # noqa: B027 - nothing to do, for most
        """See `Stage`. What is under way goes on."""

    def lost(self, now: float) -> None:
        """See `Stage`."""
        self.give_up(self._wire.detail or "the connection was lost", now)

    def fail(self, now: float) -> None:
        """See `Stage`."""
        self.give_up(f"internal error: {self._wire.why}", now)
