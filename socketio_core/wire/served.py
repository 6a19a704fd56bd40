"""One request of a connection, from its head to its answer: whose it is, and what it became."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from socketio_core.engineio.carriers import Poll, Post
from socketio_core.engineio.session import Session
from socketio_core.http import Request, Response
from socketio_core.wire.base import LARGE_BYTES

if TYPE_CHECKING:
    from socketio_core.wire.site import Mount


@final
class Served:
    """A request that is being served. It knows its engine, but neither phases nor bytes on the wire: see `Requests`.

    Attributes:
        request: what was read of it, all but the body.
        mount: whose it is; `None` if it is the application's.
        carrier: what it became, until the engine has seen the last of that.
        is_unsaid: the answer is another than the engine's.
    """

    __slots__ = ("_body", "carrier", "is_unsaid", "mount", "request")

    def __init__(self, request: Request, mount: Mount | None) -> None:
        self.request = request
        self.mount = mount
        self.carrier: Poll | Post | None = None
        self._body: bytearray | None = None  # of a request for the application
        self.is_unsaid = False

    def __repr__(self) -> str:
        return repr(self.request)

    @property
    def session(self) -> Session | None:
        """Whose poll or POST it is."""
        return None if self.carrier is None else self.carrier.session

    @property
    def is_large(self) -> bool:
        """Whether it is a POST that may take long."""
        return isinstance(self.carrier, Post) and self.carrier.work_bytes >= LARGE_BYTES

    @property
    def held_bytes(self) -> int:
        """How much memory is taken by its head, and by what has come of a body for the application."""
        return self.request.size_bytes + (0 if self._body is None else len(self._body))

    # -- a body for the application ----------------------------------------------------------------------------------

    def feed(self, chunk: bytes) -> int:
        """Take some of the body. Returns how much of it there is."""
        if self._body is None:
            self._body = bytearray()
        self._body += chunk
        return len(self._body)

    def take_body(self) -> bytes:
        """Return the body, which is kept here no longer."""
        body, self._body = self._body, None
        return b"" if body is None else bytes(body)

    # -- what an engine is told --------------------------------------------------------------------------------------

    def advance(self, limit: int, now: float) -> Response | None:
        """Process some packets of a POST that is here as a whole; `None` until there is an answer, with the last."""
        post, mount = self.carrier, self.mount
        assert isinstance(post, Post)  # nothing else has packets
        assert mount is not None  # whose it is
        if mount.core.advance_post(post, limit, now):
            return None
        self.carrier = None
        return mount.core.finish_post(post, now)

    def lost(self, now: float, *, is_whole: bool) -> None:
        """Nobody is left to answer: tell the engine, if it waits or has said something.

        Args:
            is_whole: if it is a POST, that has come to its end, and counts.
        """
        carrier, self.carrier = self.carrier, None
        if self.mount is None or carrier is None:
            return
        if is_whole and isinstance(carrier, Post):
            self.mount.core.finish_post(carrier, now)
        else:
            self.mount.core.lost(carrier, now)

    def answered(self, now: float) -> bool:
        """The answer to a poll is written: tell the engine. Returns whether it may have news."""
        poll, self.carrier = self.carrier, None
        assert isinstance(poll, Poll)  # a POST is done with before it is answered
        assert self.mount is not None  # whose it is
        core = self.mount.core
        if self.is_unsaid:
            core.lost(poll, now)
            return True
        due_at = core.next_deadline
        core.poll_delivered(poll, now)
        return due_at is not None and due_at <= now
