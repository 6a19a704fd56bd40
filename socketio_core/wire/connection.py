"""One connection of a server: bytes in, bytes out. It begins with HTTP requests and may become a WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from socketio_core.engineio.carriers import Poll
from socketio_core.http import Response
from socketio_core.wire.base import BaseWire
from socketio_core.wire.requests import Requests

if TYPE_CHECKING:
    from socketio_core.wire.site import Site


@final
class Wire(BaseWire):
    """One connection of a server; made by `Site.connect`. See `BaseWire`.

    Attributes:
        network: what it is counted by; `""` unless connections of an address are limited.
        surplus: the answer to its first and only request, for there are too many connections.
    """

    __slots__ = ("network", "surplus")

    def __init__(self, site: Site, address: str, scheme: str, now: float, *, can_half_close: bool) -> None:
        super().__init__(site)
        self.network = ""
        self.surplus: Response | None = None
        self._stage = Requests(self, site, address, scheme, now, can_half_close=can_half_close)

    def poll_ready(self, poll: Poll, now: float) -> None:
        """A poll has its response."""
        if isinstance(self._stage, Requests) and not self.is_over:
            try:
                self._stage.poll_ready(poll, now)
            except Exception as error:  # noqa: BLE001 - as in `receive`
                self.fail(error, now)
