"""What is to be told to the other servers, while it cannot leave: bounded in number, bytes and age."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final, Protocol

from socketio_core.cluster.link import Command, Link
from socketio_core.records import record

MAX_MESSAGES: Final = 10_000
MAX_BYTES: Final = 8 << 20
MAX_AGE_S: Final = 10.0  # older news would confuse more than it helps
AHEAD_BYTES: Final = 262_144  # are given to the link, which cannot take them back

NOBODY: Final = object()
"""The token of what nobody waits for."""


class Query(Protocol):
    """Who wants to know what a Redis replies to a command of its own."""

    def replied(self, value: Any, error: str | None) -> None:
        """Take the reply to the next of its commands; `error` says that there is none."""


@record
class Waiting:
    """A command that waits."""

    command: Command
    size_bytes: int
    since: float
    token: Any


class Outbox:
    """A queue in front of a link. What does not fit any more drives the oldest out.

    Attributes:
        dropped_count: how many messages were driven out, or became too old.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._waiting: deque[Waiting] = deque()
        self._size_bytes = 0
        self.dropped_count = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def has_room_for(self, size_bytes: int) -> bool:
        """Whether as much may be added of what is worth less than messages, which must not be driven out by it."""
        if not self._waiting and self._can_send:
            return True
        return len(self._waiting) < MAX_MESSAGES // 2 and self._size_bytes + size_bytes < MAX_BYTES // 2

    @property
    def size_bytes(self) -> int:
        """Of all that waits."""
        return self._size_bytes

    def put(self, command: Command, now: float, token: Any = NOBODY) -> None:
        """Add a command, and send what can be sent."""
        if not self._waiting and self._can_send:  # fast path; benchmarks: server
            self._send(command, token)
            return
        self._waiting.append(self._weighed(command, now, token))
        self.pump(now)
        self._drop_excess()

    def put_back(self, commands: Sequence[Command], now: float) -> None:
        """Add commands that were sent and not carried out, in front of those that came later."""
        self._waiting.extendleft(self._weighed(each, now, NOBODY) for each in reversed(commands))
        self._drop_excess()

    def _weighed(self, command: Command, now: float, token: Any) -> Waiting:
        size = sum(len(part) for part in command if not isinstance(part, int))
        self._size_bytes += size
        return Waiting(command, size, now, token)

    def _drop_excess(self) -> None:
        while len(self._waiting) > MAX_MESSAGES or self._size_bytes > MAX_BYTES:
            self._drop()

    def pump(self, now: float) -> None:
        """Send what can be sent, in order."""
        while self._waiting and self._waiting[0].since + MAX_AGE_S < now:
            self._drop()
        while self._waiting and self._can_send:
            first = self._waiting.popleft()
            self._size_bytes -= first.size_bytes
            self._send(first.command, first.token)

    @property
    def _can_send(self) -> bool:
        link = self._link
        return link.is_up and link.backlog_bytes < AHEAD_BYTES

    def _send(self, command: Command, token: Any) -> None:
        if token is NOBODY:
            self._link.send(*command)
        else:
            self._link.send(*command, token=token)

    def forget(self, token: Any) -> None:
        """Do not send what this token waits for."""
        kept = [each for each in self._waiting if each.token is not token]
        self._waiting = deque(kept)
        self._size_bytes = sum(each.size_bytes for each in kept)

    def take_awaited(self) -> Sequence[Any]:
        """Take out what somebody waits for; return the tokens."""
        kept = deque(each for each in self._waiting if each.token is NOBODY)
        taken = [each.token for each in self._waiting if each.token is not NOBODY]
        self._waiting = kept
        self._size_bytes = sum(each.size_bytes for each in kept)
        return taken

    def _drop(self) -> None:
        self._size_bytes -= self._waiting.popleft().size_bytes
        self.dropped_count += 1
