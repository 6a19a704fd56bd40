"""One connection of a server: bytes in, bytes out. It begins with HTTP requests and may become a WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast, final

from socketio_core.engineio.carriers import Poll, WebSocket
from socketio_core.engineio.session import Session
from socketio_core.http import Response
from socketio_core.wire.base import BaseWire
from socketio_core.wire.deflate import forget_sent
from socketio_core.wire.requests import Requests
from socketio_core.wire.stages import Gone
from socketio_core.wire.websocket import Frames

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

    @property
    def _holder(self) -> Requests | Frames[WebSocket] | Gone:
        return cast("Requests | Frames[WebSocket] | Gone", self._stage)  # a server has no other

    @property
    def held_bytes(self) -> int:
        """How much memory is taken by what has arrived and was not handed on, and by what is not written."""
        return self.unwritten_bytes + self._stage.held_bytes  # type: ignore[attr-defined, no-any-return] # `_holder`, without the call

    @property
    def session(self) -> Session | None:
        """Whose it is, if somebody's: a WebSocket's, or that of the poll or POST that is being served."""
        stage = self._holder
        return stage.websocket.session if isinstance(stage, Frames) else stage.session

    def shrink(self) -> int:
        """Give back what can be made anew. Returns how many bytes of memory that was."""
        stage = self._holder
        return forget_sent(stage.extensions) if isinstance(stage, Frames) else 0

    def drop(self, why: str, now: float) -> None:
        """Forget all that is held here, and be over: the server holds too much."""
        self.lost(now, why)
        self._holder.drop(now)
        self._leave()

    def poll_ready(self, poll: Poll, now: float) -> None:
        """A poll has its response."""
        if isinstance(self._stage, Requests) and not self.is_over:
            try:
                self._stage.poll_ready(poll, now)
            except Exception as error:  # noqa: BLE001 - as in `receive`
                self.fail(error, now)
