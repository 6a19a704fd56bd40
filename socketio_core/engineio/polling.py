"""What a session does by polling, server role: its parked GET, its POST, and the time between two GETs.

It decides and says so; what is to become of the session is up to the session. Methods that may find a fault return it:
`None`, or the words with which the session is to be broken off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from socketio_core.engineio.carriers import Poll, Post
from socketio_core.engineio.message import CLOSE_MESSAGE, NOOP_MESSAGE, WireMessage
from socketio_core.engineio.outbox import Outbox
from socketio_core.engineio.shared import Shared
from socketio_core.errors import LocalProtocolError

NOOP_INTERVAL_S: Final = 0.1  # as in the reference (PROTOCOL 1.8)


class Polling:
    """The requests of one session.

    Attributes:
        parked: the GET that waits for something to say.
        deadline: when `handle_timeout` is to be called; `None` unless the last GET was lost, or must wait for its noop.
    """

    __slots__ = ("_flushed", "_has_spare_noop", "_outbox", "_post", "_shared", "deadline", "parked")

    def __init__(self, shared: Shared, outbox: Outbox) -> None:
        self._shared = shared
        self._outbox = outbox
        self._flushed: Poll | None = None  # the last one that took messages away; it may bring them back
        self._post: Post | None = None
        self._has_spare_noop = False
        self.parked: Poll | None = None
        self.deadline: float | None = None

    # -- GET ---------------------------------------------------------------------------------------------------------

    def park(self, poll: Poll, now: float, *, is_probed: bool) -> str | None:
        """A GET arrived; two at a time are a fault (PROTOCOL 1.4).

        Args:
            is_probed: the client waits for its end, for it has a candidate that was probed.
        """
        if self.parked is not None:
            return "overlap from client"
        self.parked = poll
        self.deadline = None
        if self._outbox:
            self._shared.mark_ready(poll)
        elif is_probed:
            if self._has_spare_noop:
                self._has_spare_noop = False
                return self.release()
            self.deadline = now + NOOP_INTERVAL_S
        return None

    def flush(self, poll: Poll) -> str | None:
        """Answer a parked poll with what is in the outbox; nothing when it is empty or the poll was answered."""
        return self._answer(poll, self._take()) if poll is self.parked and self._outbox else None

    def begin_upgrade(self) -> str | None:
        """A candidate has probed: its client waits for the end of its poll, and begins no other once it has the answer.

        A poll that crossed with the answer gets its noop at once too. From then on a client that polls again and again
        has lost the answer, and is slowed down until the upgrade has failed.
        """
        self._has_spare_noop = True
        return None if self._outbox else self.release()

    def end_upgrade(self) -> None:
        """The candidate is gone: a parked poll has no noop to wait for."""
        if self.parked is not None:
            self.deadline = None

    def release(self) -> str | None:
        """End a parked poll that has nothing to wait for (PROTOCOL 1.8, 1.10)."""
        if self.parked is None:
            return None
        self._shared.mark_ready(self.parked)
        return self._answer(self.parked, [NOOP_MESSAGE])

    def poll_lost(self, poll: Poll, until: float | None, *, is_polled: bool) -> str | None:
        """The client of a poll is gone, or its response could not be written: take the messages back.

        Args:
            until: when the client must have polled again; `None`: it need not.
            is_polled: the session has not moved to a WebSocket.
        """
        lost = [message for message in poll.messages if message is not NOOP_MESSAGE]
        poll.messages = []
        self._shared.forget_ready(poll)  # nobody waits for it any more
        if poll is self.parked:
            self.parked = None
        elif poll is self._flushed:
            self._flushed = None
        else:
            return "poll response was lost and a later one was sent" if lost else None
        if not is_polled:  # they cannot go before what the WebSocket has sent
            return "poll response was lost during the upgrade" if lost else None
        self._outbox.give_back(lost)
        if self.parked is None:
            self.deadline = until
        elif self._outbox:
            self._shared.mark_ready(self.parked)
        return None

    def poll_delivered(self, poll: Poll) -> None:
        """The response of a poll was written: its messages are not needed again."""
        if poll.response is None:
            raise LocalProtocolError("poll has no response yet")
        poll.messages = []
        if poll is self._flushed:
            self._flushed = None

    def _answer(self, poll: Poll, messages: list[WireMessage]) -> str | None:
        self.parked = self.deadline = None
        self._flushed = poll
        return None if poll.respond(messages) else "internal error"

    def _take(self, reserved: int = 0) -> list[WireMessage]:
        """Take what one response may hold beside `reserved` packets, but at least one message."""
        settings = self._shared.settings
        limit = settings.max_packets_per_poll
        max_frames = None if limit is None else limit - reserved
        return self._outbox.take(max_bytes=settings.max_poll_bytes, max_frames=max_frames)

    def handle_timeout(self) -> str | None:
        """The deadline has come."""
        return "poll connection closed prematurely" if self.parked is None else self.release()

    @property
    def unconfirmed(self) -> Sequence[WireMessage]:
        """What the last response took away, until it is known to be written."""
        return () if self._flushed is None else self._flushed.messages

    @property
    def held_bytes(self) -> int:
        """How much memory is taken by what has come of a POST, and by the response with what is `unconfirmed`."""
        held = 0 if self._post is None else self._post.size_bytes
        if self._flushed is not None and self._flushed.response is not None:
            held += len(self._flushed.response.body)
        return held

    # -- POST --------------------------------------------------------------------------------------------------------

    def begin_post(self, post: Post) -> str | None:
        """A POST arrived; two at a time are a fault (PROTOCOL 1.4)."""
        if self._post is not None:
            return "data request overlap from client"
        self._post = post
        return None

    def has_post(self, post: Post) -> bool:
        """Whether a POST is still wanted: not after the session has ended."""
        return post is self._post

    def end_post(self, post: Post) -> bool:
        """A POST is over. Returns whether it is still wanted.

        One that was too large is over too; the session stays open, as in the reference (PROTOCOL 9-8).
        """
        if post is not self._post:
            return False
        self._post = None
        return True

    # -- the end -----------------------------------------------------------------------------------------------------

    def end(self, *, say_close: bool) -> None:
        """The session is over: a parked poll gets what is left and, if it is to be said, the close packet."""
        poll, self.parked = self.parked, None
        if poll is not None:
            messages = self._take(1) if say_close else self._take()
            poll.respond([*messages, CLOSE_MESSAGE] if say_close else messages)
            self._shared.mark_ready(poll)
        self._post = self._flushed = None
