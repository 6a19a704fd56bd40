"""What a session does by polling, server role: its parked GET, its POST, and the time between two GETs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from socketio_core.engineio.carriers import Poll, Post
from socketio_core.engineio.events import Closed
from socketio_core.engineio.message import CLOSE_MESSAGE, NOOP_MESSAGE, WireMessage
from socketio_core.engineio.payload import split_payload
from socketio_core.engineio.shared import Shared
from socketio_core.errors import CloseReason, LocalProtocolError, PacketError

if TYPE_CHECKING:
    from socketio_core.engineio.session import Session

NOOP_INTERVAL_S: Final = 0.1  # as in the reference (PROTOCOL 1.8)


class Polling:
    """The requests of one session. What the packets in them mean is up to the session.

    Attributes:
        parked: the GET that waits for something to say.
        deadline: when `handle_timeout` is to be called; `None` unless the last GET was lost, or must wait for its noop.
    """

    __slots__ = ("_flushed", "_has_spare_noop", "_post", "_session", "_shared", "deadline", "parked")

    def __init__(self, session: Session, shared: Shared) -> None:
        self._session = session
        self._shared = shared
        self._flushed: Poll | None = None  # the last one that took messages away; it may bring them back
        self._post: Post | None = None
        self._has_spare_noop = False
        self.parked: Poll | None = None
        self.deadline: float | None = None

    # -- GET ---------------------------------------------------------------------------------------------------------

    def attach_poll(self, poll: Poll, now: float) -> bool:
        """A GET arrived. Returns `False` when it overlaps a parked one, which closes the session (PROTOCOL 1.4)."""
        session = self._session
        if self.parked is not None:
            session.break_off(CloseReason.TRANSPORT_ERROR, "overlap from client")
            return False
        self.parked = session.outlet = poll
        self._set_deadline(None)
        if session.can_say_close:
            session.outbox.put(NOOP_MESSAGE)  # the reference's `6`, then `1` (PROTOCOL 1.10)
            session.finish(Closed(CloseReason.FORCED_CLOSE))
        elif session.outbox:
            self._shared.mark_ready(poll)
        elif session.upgrade.is_probed and self._has_spare_noop:
            self._has_spare_noop = False
            self.release()
        elif session.upgrade.is_probed:
            self._set_deadline(now + NOOP_INTERVAL_S)
        return True

    def flush(self, poll: Poll) -> None:
        """Answer a parked poll with what is in the outbox; nothing when it is empty or the poll was answered."""
        if poll is self.parked and self._session.outbox:
            self._answer(poll, self._take())

    def begin_upgrade(self) -> None:
        """A candidate has probed: its client waits for the end of its poll, and begins no other once it has the answer.

        A poll that crossed with the answer gets its noop at once too. From then on a client that polls again and again
        has lost the answer, and is slowed down until the upgrade has failed.
        """
        self._has_spare_noop = True
        if not self._session.outbox:
            self.release()

    def end_upgrade(self) -> None:
        """The candidate is gone: a parked poll has no noop to wait for."""
        if self.parked is not None:
            self._set_deadline(None)

    def release(self) -> None:
        """End a parked poll that has nothing to wait for (PROTOCOL 1.8, 1.10)."""
        if self.parked is not None:
            self._shared.mark_ready(self.parked)
            self._answer(self.parked, [NOOP_MESSAGE])

    def lose_poll(self, poll: Poll, now: float) -> None:
        """The client of a poll is gone, or its response could not be written: take the messages back.

        The session lives on for `poll_grace_s`, for a client that polls again.
        """
        session = self._session
        lost = [message for message in poll.messages if message is not NOOP_MESSAGE]
        poll.messages = []
        self._shared.forget_ready(poll)  # nobody waits for it any more
        if session.is_closed:
            return
        if poll is self.parked:
            self.parked = session.outlet = None
        elif poll is self._flushed:
            self._flushed = None
        else:
            if lost:
                session.break_off(CloseReason.TRANSPORT_ERROR, "poll response was lost and a later one was sent")
            return
        if session.transport == "websocket":
            if lost:  # they cannot go before what the WebSocket has sent
                session.break_off(CloseReason.TRANSPORT_ERROR, "poll response was lost during the upgrade")
            return
        session.outbox.give_back(lost)
        if self.parked is not None:
            if session.outbox:
                self._shared.mark_ready(self.parked)
        elif session.is_open:
            self._set_deadline(now + self._shared.settings.poll_grace_s)
            session.handle_timeout(now)

    def poll_delivered(self, poll: Poll) -> None:
        """The response of a poll was written: its messages are not needed again."""
        if poll.response is None:
            raise LocalProtocolError("poll has no response yet")
        poll.messages = []
        if poll is self._flushed:
            self._flushed = None

    def _answer(self, poll: Poll, messages: list[WireMessage]) -> None:
        self.parked = self._session.outlet = None
        self._set_deadline(None)
        self._flushed = poll
        if not poll.respond(messages):
            self._session.break_off(CloseReason.TRANSPORT_ERROR, "internal error")

    def _take(self, reserved: int = 0) -> list[WireMessage]:
        """Take what one response may hold beside `reserved` packets, but at least one message."""
        limit = self._shared.settings.max_packets_per_poll
        return self._session.outbox.take(max_frames=None if limit is None else limit - reserved)

    def _set_deadline(self, at: float | None) -> None:
        if self.deadline != at:
            self.deadline = at
            self._session.reschedule()

    def handle_timeout(self) -> None:
        """The deadline has come."""
        if self.parked is not None:
            self.release()
        else:
            self._session.break_off(CloseReason.TRANSPORT_ERROR, "poll connection closed prematurely")

    # -- POST --------------------------------------------------------------------------------------------------------

    def attach_post(self, post: Post) -> bool:
        """A POST arrived. Returns `False` when another is being read, which closes the session (PROTOCOL 1.4)."""
        if self._post is not None:
            self._session.break_off(CloseReason.TRANSPORT_ERROR, "data request overlap from client")
            return False
        self._post = post
        return True

    def finish_post(self, post: Post, now: float) -> bool:
        """Process the body of a POST. Returns whether every packet in it was accepted."""
        if post is not self._post:
            return False
        self._post = None
        try:
            for part in split_payload(post.body(), self._shared.settings.max_packets_per_payload):
                if not self._session.receive_polled(part, now):
                    return False
        except PacketError as error:
            self._session.break_off(CloseReason.PARSE_ERROR, str(error))
            return False
        return True

    def lose_post(self, post: Post) -> None:
        """The client of a POST is gone before its body was complete: nothing of it was accepted, the session ends."""
        if post is self._post:
            self._session.break_off(CloseReason.TRANSPORT_ERROR, "data request connection closed prematurely")

    def reject_post(self, detail: str) -> None:
        """Close the session for what a POST is, e.g. its content type."""
        self._session.break_off(CloseReason.TRANSPORT_ERROR, detail)

    def drop_post(self, post: Post) -> None:
        """Forget an oversized POST; the session stays open, as in the reference (PROTOCOL 9-8)."""
        if post is self._post:
            self._post = None

    # -- the end -----------------------------------------------------------------------------------------------------

    def end(self, *, say_close: bool) -> None:
        """The session is over: a parked poll gets what is left and, if it is to be said, the close packet."""
        poll, self.parked = self.parked, None
        if poll is not None:
            messages = self._take(1) if say_close else self._take()
            poll.respond([*messages, CLOSE_MESSAGE] if say_close else messages)
            self._shared.mark_ready(poll)
        self._post = self._flushed = None
