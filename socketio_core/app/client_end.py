"""How a client ends in order: what is left is sent, goodbye is said, handlers hear of it; with a deadline for each.

    ACKS       events are on their way that the server must acknowledge yet (`retries`)
    GOODBYES   the core is closed; connections write what is left, and wait for the server's own goodbye
    HANDLERS   they are told of the end, `disconnect` above all; who waits behind one that takes too long, afterwards
    OVER

Nothing waits here: whoever does calls `look` after anything has happened, and at `next_deadline`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from socketio_core.app.client_host import ClientHost

LINGER_S: Final = 1.0  # what the end of the last connection may take beyond the protocol's own deadline; then handlers


class Step(Enum):
    """See the module."""

    ACKS = "acks"
    GOODBYES = "goodbyes"
    HANDLERS = "handlers"
    OVER = "over"


class ClientEnd:
    """The end of one client; it begins as soon as it is made.

    Args:
        is_busy: whether there are connections that are not just kept.
        is_working: whether handlers run.

    Attributes:
        next_deadline: when to call `look` at the latest.
    """

    def __init__(
        self, host: ClientHost, now: float, *, is_busy: Callable[[], bool], is_working: Callable[[], bool]
    ) -> None:
        self._host = host
        self._is_busy = is_busy
        self._is_working = is_working
        self._patience_s = host.core.engine_settings.close_timeout_s
        self._step = Step.ACKS
        self.next_deadline: float | None = now + self._patience_s
        host.flow.ack_awaited()  # or acknowledgements might not be read, if handlers are behind

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to wait for."""
        return self._step is Step.OVER

    def look(self, now: float) -> bool:
        """Go on as far as possible. Returns whether it did: then there may be something to be written."""
        begun = self._step
        is_late = self.next_deadline is not None and self.next_deadline <= now
        if self._step is Step.ACKS and (is_late or not self._host.has_undelivered):
            self._host.flow.ack_settled()
            self._host.core.close(now)
            self._host.flow.lift()  # a server's goodbye is read, however far behind handlers are
            self._go_on(Step.GOODBYES, now + self._patience_s + LINGER_S)
        elif self._step is Step.GOODBYES and (is_late or not self._is_busy()):
            self._go_on(Step.HANDLERS, now + LINGER_S)
        elif self._step is Step.HANDLERS and (is_late or not self._is_working()):
            self._go_on(Step.OVER, None)
        return self._step is not begun

    def _go_on(self, step: Step, deadline: float | None) -> None:
        self._step = step
        self.next_deadline = deadline
