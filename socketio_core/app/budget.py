"""One bound for all that a server holds for its clients, in and out together; see `ServerLimits`.

The other limits are each client's own, and there may be many of them. This one is looked at every now and then, and not
at each message: what a loop can take in meanwhile is little. Beyond it the fullest clients are closed, until the others
have room: those who hold most are slow, or up to something. What can be made anew goes first, then what is kept for
clients that were lost.

A client is a session with all its connections, or a connection that has no session: one that has sent half a request.
Of who is gone, what waits for handlers counts, and what handlers have: a client that comes back again and again would
fill the server with it. The latter is not freed by closing anybody, so `room` sees that it does not become too much.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Protocol

from socketio_core.app.observer import Audience
from socketio_core.app.room import Room
from socketio_core.app.shares import taken_bytes
from socketio_core.engineio.carriers import WebSocket
from socketio_core.engineio.outbox import MESSAGE_BYTES
from socketio_core.engineio.session import Session
from socketio_core.errors import BufferFull

if TYPE_CHECKING:
    from socketio_core.app.host import Endpoint
    from socketio_core.app.worker import Inbox
    from socketio_core.socketio.recovery import Recovery

_COUNTED_SHARE: Final = 1 / 16  # of the limit; so much may wait for handlers, and no small event is counted yet
_COUNTED_BYTES: Final = 8_000_000  # nor more than this, however large that is: it may all be lists
_REST_S: Final = 0.1  # between two looks
_REST_FOR_EACH_S: Final = 0.00005  # and for each session and connection: to look at 10,000 takes some 10 ms
_LOOK_COUNT: Final = 500  # of them in a round


class Holder(Protocol):
    """What a client is connected by: a connection, or what an ASGI server hands over."""

    @property
    def held_bytes(self) -> int:
        """How much memory is taken by what has arrived and was not handed on, and by what is not written."""
        ...

    @property
    def session(self) -> Session | None:
        """Whose it is just now."""
        ...

    def shrink(self) -> int:
        """Give back what can be made anew, such as what compression remembers. Returns how many bytes that was."""
        ...

    def drop(self, why: str, now: float) -> None:
        """Forget all that it holds, and end."""


class _Client:
    """One who holds something that is freed by closing it.

    Args:
        size_bytes: of what nobody else has.
        share_bytes: its share of the rest, as messages that wait in several outboxes.
    """

    __slots__ = ("_share_bytes", "connections", "endpoint", "inboxes", "session", "size_bytes")

    def __init__(
        self, size_bytes: int, session: Session | None = None, endpoint: Endpoint | None = None, share_bytes: int = 0
    ) -> None:
        self.size_bytes = size_bytes + share_bytes
        self._share_bytes = share_bytes
        self.session = session
        self.endpoint = endpoint
        self.connections: list[Holder] = []
        self.inboxes: list[Inbox[Any]] = []  # of one who is gone

    def freed_bytes(self, turn: int) -> int:
        """Return how much is freed when it is closed, now that others were: not what still others have."""
        own_bytes = 0 if self.session is None else held_bytes(self.session, turn, only_own=True)
        return self.size_bytes - self._share_bytes + own_bytes

    def close(self, why: str, now: float) -> None:
        """Close it. One whose connection holds nothing can be told."""
        if self.session is not None and self.endpoint is not None:
            self.endpoint.shed(self.session, why)
        for connection in self.connections:
            connection.drop(why, now)
        for inbox in self.inboxes:
            inbox.drop_events()


class Budget:
    """The bound of one server.

    Attributes:
        room: what handlers may have of it.
        connections: returns those of all clients; set by who has them.
        activity: returns a number that changes whenever they may hold more; set by
            the same, unless that may be at any time.
        next_at: when `check` is to be called again.
    """

    __slots__ = (
        "_audience",
        "_endpoints",
        "_limit",
        "_looked_at",
        "_looking",
        "_turn",
        "_was_short",
        "activity",
        "connections",
        "next_at",
        "room",
    )

    def __init__(self, limit_bytes: int, endpoints: Sequence[Endpoint], audience: Audience) -> None:
        self._limit = limit_bytes
        self._endpoints = endpoints
        self._audience = audience
        self.room = Room(limit_bytes)
        self._was_short = False  # and that was told
        self.connections: Callable[[], Iterable[Holder]] = tuple
        self.activity: Callable[[], int] = count(1).__next__
        self._looked_at = (0, 0)  # what had happened then
        self._looking: Generator[None, None, tuple[int, int, int]] | None = None
        self._turn = 0  # of looking
        self.next_at = 0.0

    @property
    def is_looking(self) -> bool:
        """Whether `check` has not looked at all yet, and is to be called in the next round."""
        return self._looking is not None

    def check(self, now: float) -> None:
        """Close the fullest clients if all together hold too much.

        They are not looked at when they have only been pinged since the last look: that would be most of what a server
        of many idle clients has to do (benchmarks: memory). Nor are many in one go, for others want their turn.
        """
        if self._looking is None:
            happened = self.activity(), sum([recovery.held_bytes for recovery in self._recoveries])
            if happened == self._looked_at:
                self.next_at = now + _REST_S
                return
            self._looked_at = happened
            self._begin_look()
        looking, self._looking = self._looking or self._look(), None
        try:
            next(looking)
        except StopIteration as stop:
            total, above, count = stop.value
            self._judge(total, above, count, now)
        else:
            self._looking = looking

    def _begin_look(self) -> None:
        self._turn += 1
        for endpoint in self._endpoints:
            endpoint.weigh_exactly(is_exact=self.room.wants_weights)
        if self.room.is_short and not self._was_short:  # nobody need be closed, so nothing else tells an operator
            what = "handlers have so much, and do not end, that events wait, or newcomers are refused"
            self._audience.report(what, BufferFull(f"max_total_buffered_bytes: {self._limit}"))
        self._was_short = self.room.is_short

    def _judge(self, total: int, above: int, count: int, now: float) -> None:
        """Close who is to be closed, if so much is held; see `_look`."""
        self.room.is_counting = above > min(self._limit * _COUNTED_SHARE, _COUNTED_BYTES)
        self.next_at = now + _REST_S + _REST_FOR_EACH_S * count
        if total > self._limit:
            total -= self._shrink(total - self._limit)
        if total > self._limit:
            total -= self._forget_the_lost(total - self._limit)
        clients = self._clients() if total > self._limit else []
        if not clients:  # what is left is the application's: requests that it is asked about
            return
        closed, gone = 0, 0
        for client in sorted(clients, key=_by_size, reverse=True):
            if total <= self._limit:
                break
            total -= client.freed_bytes(self._turn)
            client.close(f"the server holds too much, max_total_buffered_bytes: {self._limit}", now)
            closed += 1
            gone += bool(client.inboxes)
        what = f"the server holds too much, so the fullest {closed} of {len(clients)} clients were closed"
        if gone:
            what += f", {gone} of which had gone and left events"
        self._audience.report(what, BufferFull(f"max_total_buffered_bytes: {self._limit}"))

    def held(self) -> tuple[int, int]:
        """Return how much all clients hold together, in bytes, and how many sessions and connections there are.

        What is kept for those that were lost is counted too.
        """
        looking = self._look()
        while True:
            try:
                next(looking)
            except StopIteration as stop:
                total, _, count = stop.value
                return total, count

    def _look(self) -> Generator[None, None, tuple[int, int, int]]:
        """Return the same, and between them how much of it waits for handlers, or is in their hands.

        It yields when it has looked at many.
        """
        total = above = count = 0
        turn_ends = _LOOK_COUNT
        for endpoint, some in self._parts():
            if count >= turn_ends:
                turn_ends = count + _LOOK_COUNT
                yield
            count += len(some)
            if endpoint is None:
                total += sum([connection.held_bytes for connection in some])
            else:
                total += sum([held_bytes(session, self._turn) for session in some])
                above += sum(map(endpoint.dispatcher.held_bytes, some))
        room = self.room
        if room.parted:
            above += room.parted_bytes + sum([flow.held_bytes for flow in {inbox.flow for inbox in self._gone()}])
        above += room.asked_bytes + room.answer_bytes
        return total + above + sum(recovery.held_bytes for recovery in self._recoveries), above, count

    def _parts(self) -> Iterator[tuple[Endpoint | None, Sequence[Any]]]:
        """Return connections, then the sessions of each endpoint, some at a time."""
        for endpoint in (None, *self._endpoints):
            all_of_it = list(self.connections()) if endpoint is None else endpoint.core.sessions
            for at in range(0, len(all_of_it), _LOOK_COUNT):
                yield endpoint, all_of_it[at : at + _LOOK_COUNT]

    def _gone(self) -> list[Inbox[Any]]:
        """Return the inboxes that are no session's any more; what is in those that others have left has counted."""
        return [inbox for inbox in self.room.parted if inbox.is_client_gone]

    @property
    def _recoveries(self) -> list[Recovery]:
        return [endpoint.recovery for endpoint in self._endpoints if endpoint.recovery is not None]

    def _shrink(self, by_bytes: int) -> int:
        """Have connections give back what costs nobody more than a little time. Returns how many bytes it was."""
        freed = 0
        for connection in list(self.connections()):
            if freed >= by_bytes:
                break
            freed += connection.shrink()
        return freed

    def _forget_the_lost(self, by_bytes: int) -> int:
        """Give back what is kept for clients that were lost, before anybody who is there has to go.

        Returns how many bytes it was.
        """
        return sum(recovery.shrink(by_bytes) for recovery in self._recoveries)  # of Socket.IO, if at all

    def _clients(self) -> list[_Client]:
        """Return all sessions, the connections without one that hold something, and who is gone and not forgotten."""
        clients: list[_Client] = []
        by_session: dict[Session, _Client] = {}
        for endpoint in self._endpoints:
            for session in endpoint.core.sessions:
                share_bytes = held_bytes(session, self._turn)
                client = _Client(endpoint.dispatcher.freed_bytes(session), session, endpoint, share_bytes)
                by_session[session] = client
                clients.append(client)
        for inbox in self._gone():
            client = _Client(inbox.waiting_bytes)
            client.inboxes.append(inbox)
            clients.append(client)
        for connection in self.connections():
            if size_bytes := connection.held_bytes:
                its = connection.session
                owner = None if its is None else by_session.get(its)
                if owner is None:  # of a session that is over, too
                    owner = _Client(0)
                    clients.append(owner)
                owner.size_bytes += size_bytes
                owner.connections.append(connection)
        return clients


def held_bytes(session: Session, turn: int = 0, *, only_own: bool = False) -> int:
    """Return how much memory a session takes, about: messages to be sent or not arrived as a whole, and its request.

    Args:
        turn: see `taken_bytes`.
        only_own: without what others have, too, so that it is not freed with the session.
    """
    outbox, outlet, polling = session.outbox, session.outlet, session.polling
    held = session.request.size_bytes + polling.held_bytes  # also behind an upgrade
    if outbox.messages:
        held += taken_bytes(outbox.messages, outbox.size_bytes, turn, only_own=only_own)
    if unconfirmed := polling.unconfirmed:
        held += taken_bytes(unconfirmed, None, turn, only_own=only_own)
    if isinstance(outlet, WebSocket):  # so there is no candidate
        held += len(outlet.parts)
    elif (candidate := session.upgrade.candidate) is not None:
        held += candidate.outbox.size_bytes + MESSAGE_BYTES * len(candidate.outbox.messages) + len(candidate.parts)
    return held


def _by_size(client: _Client) -> int:
    return client.size_bytes
