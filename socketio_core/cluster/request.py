"""A question to the other servers, and what they have answered so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from socketio_core.timers import Timer


class Request:
    """A question to the other servers.

    Attributes:
        values: what was answered: sockets, rooms, or values.
        context: belongs to who asks.
        each: is told of each acknowledgement as it comes.
    """

    __slots__ = (
        "answered",
        "clients",
        "context",
        "each",
        "expected",
        "is_settled",
        "nsp",
        "request_id",
        "timer",
        "values",
    )

    def __init__(self, request_id: str, nsp: str, context: object, *, counts_clients: bool) -> None:
        self.request_id = request_id
        self.nsp = nsp
        self.context = context
        self.values: list[Any] = []
        self.expected: int | None = None  # servers; `None` until that is known
        self.answered = 0
        self.clients: int | None = 0 if counts_clients else None  # who have got the event
        self.timer: Timer[Request]
        self.each: Callable[[Any], None] | None = None
        self.is_settled = False

    @property
    def is_complete(self) -> bool:
        """Whether all have answered."""
        if self.expected is None or self.answered < self.expected:
            return False
        return self.clients is None or len(self.values) >= self.clients
