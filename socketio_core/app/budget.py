"""One bound for all that a server holds for its clients, in and out together; see `ServerLimits`.

The other limits are each client's own, and there may be many of them. This one is looked at every now and then, and not
at each message: what a loop can take in meanwhile is little. Beyond it the fullest clients are closed, until the others
have room: those who hold most are slow, or up to something.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from socketio_core.app.observer import Audience
from socketio_core.engineio.carriers import WebSocket
from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.outbox import MESSAGE_BYTES
from socketio_core.engineio.session import Session
from socketio_core.errors import BufferFull

if TYPE_CHECKING:
    from socketio_core.app.host import Endpoint

_REST_S: Final = 0.1  # between two looks
_REST_FOR_EACH_S: Final = 0.00002  # and for each session: to look at 100,000 takes some 50 ms


class Budget:
    """The bound of one server.

    Attributes:
        next_at: when `check` is to be called again.
    """

    __slots__ = ("_audience", "_endpoints", "_limit", "next_at")

    def __init__(self, limit_bytes: int, endpoints: Sequence[Endpoint], audience: Audience) -> None:
        self._limit = limit_bytes
        self._endpoints = endpoints
        self._audience = audience
        self.next_at = 0.0

    def check(self, now: float) -> None:
        """Close the fullest clients if all together hold too much."""
        held = [
            (held_bytes(session) + endpoint.queued_bytes(session), session, endpoint)
            for endpoint in self._endpoints
            for session in endpoint.core.sessions
        ]
        self.next_at = now + _REST_S + _REST_FOR_EACH_S * len(held)
        total = sum(size for size, _, _ in held)
        if total <= self._limit:
            return
        copies = Counter(id(message) for _, session, _ in held for message in _messages(session))
        total -= _shared_bytes([session for _, session, _ in held], copies)
        closed = 0
        for size, session, endpoint in sorted(held, key=_by_size, reverse=True):
            if total <= self._limit:
                break
            total -= size - _freed_by_nobody(_messages(session), copies)
            endpoint.shed(session, f"the server holds too much, max_total_buffered_bytes: {self._limit}")
            closed += 1
        if closed:
            what = f"the server holds too much, so the fullest {closed} of {len(held)} clients were closed"
            self._audience.report(what, BufferFull(f"max_total_buffered_bytes: {self._limit}"))


def held_bytes(session: Session) -> int:
    """Return how much memory the messages of a session take, about: to be sent, and not arrived as a whole yet."""
    outbox, polling, outlet = session.outbox, session.polling, session.outlet
    held = outbox.size_bytes + MESSAGE_BYTES * len(outbox.messages)
    if isinstance(outlet, WebSocket):  # nothing else of it holds anything
        return held + len(outlet.parts)
    return held + polling.post_bytes + sum(2 * message.size_bytes for message in polling.unconfirmed)  # and its body


def _messages(session: Session) -> Sequence[WireMessage]:
    return [*session.outbox.messages, *session.polling.unconfirmed]


def _by_size(held: tuple[int, Session, Endpoint]) -> int:
    return held[0]


def _shared_bytes(sessions: Sequence[Session], copies: Counter[int]) -> int:
    """Return what was counted more than once: a broadcast lies in many outboxes, and in memory once."""
    sizes = {id(message): message.size_bytes for session in sessions for message in _messages(session)}
    return sum(size * (copies[key] - 1) for key, size in sizes.items())


def _freed_by_nobody(messages: Sequence[WireMessage], copies: Counter[int]) -> int:
    """Return how much of these others have, too, so that it is not freed with them."""
    kept = 0
    for message in messages:
        copies[id(message)] -= 1
        if copies[id(message)]:
            kept += message.size_bytes
    return kept
