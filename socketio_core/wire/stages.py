"""What a connection goes through, and what it is when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, final

if TYPE_CHECKING:
    from socketio_core.engineio.session import Session


class Stage(Protocol):
    """What a connection is: of a server, requests at first, perhaps the frames of a WebSocket later."""

    @property
    def wants_input(self) -> bool:
        """Whether to read."""
        ...

    @property
    def has_more(self) -> bool:
        """Whether something that was read waits for its turn."""
        ...

    @property
    def is_large(self) -> bool:
        """Whether `LARGE_BYTES` have come of something, or more, that was not handled yet, or more than is early."""
        ...

    def receive(self, data: bytes, now: float) -> bool | None:
        """Take what was read, `b""` at the end; handle a turn of it.

        Returns `True` if nothing has come of it that anybody need look after.
        """

    def proceed(self, now: float) -> int:
        """Handle another turn. Returns how many pieces that were, or what it cost in pieces."""
        ...

    def data_to_send(self, now: float) -> bytes:
        """Take some of what is to be written."""
        ...

    def sent(self, now: float) -> None:
        """All that was taken is written."""

    def settle(self, now: float) -> None:
        """The application had its turn."""

    def time_out(self, now: float) -> None:
        """The deadline has come."""

    def close(self, now: float) -> None:
        """All is to end: what is idle does at once."""

    def lost(self, now: float) -> None:
        """The connection is gone: nothing more is read or written; what was read may go on having turns."""

    def fail(self, now: float) -> None:
        """What should not have failed did, on our side."""


@final
class Gone:
    """What a connection is when it is over, and all that was read is handled; a `Stage`. One is enough for all."""

    __slots__ = ()

    wants_input = has_more = is_large = False
    held_bytes = 0
    session: Session | None = None

    def __repr__(self) -> str:
        return "gone"

    def receive(self, data: bytes, now: float) -> None:
        """See `Stage`; nobody calls this, nor the next two: the connection is over."""

    def proceed(self, now: float) -> int:  # type: ignore[empty-body]
        """See `Stage`."""

    def data_to_send(self, now: float) -> bytes:  # type: ignore[empty-body]
        """See `Stage`."""

    def _do_nothing(self, now: float) -> None:
        """See `Stage`."""

    sent = settle = time_out = close = lost = fail = drop = _do_nothing


GONE: Final = Gone()
