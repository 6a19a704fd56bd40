"""What a server of a cluster says and hears, and what it waits for: without I/O, clock or event loop.

It stands between the server, which does here what it is asked before it says a word to others, and the links to what
joins the servers. Nothing that the server does alone waits for any of this, or is lost because of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from socketio_core.cluster import modern
from socketio_core.cluster.entries import count_in
from socketio_core.cluster.events import Asked, ClusterEvent, Settled, State, StateChanged, Told
from socketio_core.cluster.link import (
    ClusterUnavailable,
    Command,
    Link,
    LinkDown,
    LinkUp,
    Refused,
    Replied,
)
from socketio_core.cluster.messages import (
    Broadcast,
    ClientAck,
    ClientCount,
    Message,
    Presence,
    RoomsList,
    RoomsListed,
    ServerAnswer,
    ServerEmit,
    SocketsFetch,
    SocketsFetched,
)
from socketio_core.cluster.outbox import NOBODY, Outbox, Query
from socketio_core.cluster.replies import Heard
from socketio_core.cluster.request import Request
from socketio_core.cluster.stream_reader import Echoed, Entry, StreamReader
from socketio_core.cluster.transports import Answer, Transport
from socketio_core.cluster.values import Malformed, Overheard
from socketio_core.errors import ClusterError
from socketio_core.timers import TimerQueue

ANSWER_S: Final = 5.0  # for the other servers, as in Node's adapters


class ClusterTimeout(ClusterError):  # noqa: N818 - as ClusterUnavailable
    """Not all of the other servers have answered in time.

    Attributes:
        expected: how many were asked; 0 where the Redis has not said how many there are.
        got: how many have answered.
    """

    def __init__(self, message: str, *, expected: int, got: int, partial: Any) -> None:
        super().__init__(message, partial)
        self.expected = expected
        self.got = got


class ClusterMachine:
    """One server's part.

    Args:
        transport: how messages go.
        commands: the link that says it.
        new_id: makes the ids of questions.
        report: told of what could not be understood.
    """

    def __init__(
        self, transport: Transport, commands: Link, *, new_id: Callable[[], str], report: Callable[[str], None]
    ) -> None:
        self._transport = transport
        self._commands = commands
        self._outbox = Outbox(commands)
        self._new_id = new_id
        self._report = report
        self._namespaces: set[str] = set()
        self._requests: dict[str, Request] = {}
        self._early: list[tuple[Request, Command]] = []  # until their answers would be heard
        self._timers: TimerQueue[Request] = TimerQueue()
        self._worked_at = 0.0
        self._events: list[ClusterEvent] = []
        self._was_up = False
        self._is_cut = False  # a stream, while it was not up
        self._is_forgotten = False  # what was in one, then
        self.state = State.DOWN
        self.malformed_count = 0
        self.refused_count = 0
        self._refusal = ""  # that was told last
        self._told_dropped = 0
        self._was_refused = False  # what it says, as a whole

    @property
    def uid(self) -> str:
        """Of this server."""
        return self._transport.uid

    @property
    def links(self) -> Sequence[Link]:
        """The connections that the host keeps."""
        reader = self._transport.reader
        links = [self._commands, self._transport.listener]
        return links if reader is None else [*links, reader.link]

    def statistics(self) -> Mapping[str, Any]:
        """Return figures to watch."""
        return {
            "state": self.state.value,
            "waiting": len(self._outbox),
            "waiting_bytes": self._outbox.size_bytes,
            "dropped": self._outbox.dropped_count,
            "malformed": self.malformed_count,
            "refused": self.refused_count,
            "requests": len(self._requests),
        }

    # -- namespaces and rooms ----------------------------------------------------------------------------------------

    def open_namespace(self, nsp: str) -> None:
        """Hear what is said in a namespace, and answer."""
        if nsp not in self._namespaces:
            self._namespaces.add(nsp)
            self._transport.open(nsp)

    def close_namespace(self, nsp: str) -> None:
        """Hear it no more."""
        if nsp in self._namespaces:
            self._namespaces.remove(nsp)
            self._transport.close(nsp)

    def room_created(self, nsp: str, room: str) -> None:
        """Somebody is in a room now."""
        self._transport.room_created(nsp, room)

    def room_deleted(self, nsp: str, room: str) -> None:
        """Nobody is."""
        self._transport.room_deleted(nsp, room)

    # -- saying and asking -------------------------------------------------------------------------------------------

    def tell(self, message: Message, now: float, *, volatile: bool = False) -> None:
        """Tell the other servers, as soon as they can be told. What is volatile is not kept for later."""
        if volatile and not (self._commands.is_up and not len(self._outbox)):
            return
        self._outbox.put(self._transport.tell(message), now)

    def command(self, command: Command, now: float, query: Query | None = None) -> None:
        """Give the Redis a command of its own, in its turn; to a `query` it replies."""
        self._outbox.put(command, now, token=NOBODY if query is None else query)

    def ask(
        self,
        make: Callable[[str], Message],
        nsp: str,
        now: float,
        *,
        timeout_s: float = ANSWER_S,
        context: object = None,
        each: Callable[[Any], None] | None = None,
    ) -> Request:
        """Ask the other servers; `Settled` follows.

        Args:
            make: makes the question, given its id.
            timeout_s: how long to wait for answers.
            each: is told of each acknowledgement as it comes.

        Raises:
            ClusterUnavailable: they cannot be asked.
            TypeError, ValueError: the question cannot be sent.
        """
        if self.state is not State.UP:
            raise ClusterUnavailable(f"the other servers cannot be asked: {self.reason}")
        request_id = self._new_id()
        message = make(request_id)
        command = self._transport.tell(message)
        request = Request(request_id, nsp, context, counts_clients=isinstance(message, Broadcast))
        self._requests[request_id] = request
        request.each = each
        request.timer = self._timers.schedule(now + timeout_s, request)
        self._early.append((request, command))
        self._ask_early(now)
        return request

    def _ask_early(self, now: float) -> None:
        """Ask what can be asked: for who listens on one connection and asks on another may miss the answers else."""
        early, self._early = self._early, []
        for request, command in early:
            if request.is_settled:
                continue
            if self._transport.hears(request.nsp):
                self._outbox.put(command, now, token=request)
            else:
                self._early.append((request, command))

    def forget(self, request: Request) -> None:
        """Nobody waits for it any more."""
        self._end(request)
        self._outbox.forget(request)

    def answer(self, to_uid: str | None, message: Answer, now: float) -> None:
        """Answer a question of another server."""
        if self._commands.is_up:
            self._outbox.put(self._transport.answer(to_uid, message), now)

    def has_room_for(self, size_bytes: int) -> bool:
        """Whether a command of this size would drive nothing out that waits to be told."""
        return self._outbox.has_room_for(size_bytes)

    @property
    def has_said_all(self) -> bool:
        """Whether all that was to be told was taken."""
        return not len(self._outbox) and self._commands.is_idle

    @property
    def reason(self) -> str:
        """Why the others cannot be reached."""
        return next((f"{link.address.url}: {link.reason}" for link in self.links if not link.is_up), "not yet")

    # -- time --------------------------------------------------------------------------------------------------------

    @property
    def next_deadline(self) -> float | None:
        """When to call `handle_timeout`; links have deadlines of their own."""
        reader = self._transport.reader
        return self._worked_at if reader is not None and reader.has_more else self._timers.next_deadline

    def handle_timeout(self, now: float) -> None:
        """Give up questions whose time is over."""
        while (request := self._timers.pop_due(now)) is not None:
            expected, got = request.expected or 0, request.answered
            text = f"{got} of {expected} other servers have answered in time"
            if request.expected is None:
                text = "the Redis has not answered in time"  # how many there are
            self._settle(request, ClusterTimeout(text, expected=expected, got=got, partial=request.values))

    # -- what links say ----------------------------------------------------------------------------------------------

    def work(self, now: float) -> None:
        """Take what the links have to say; to be called whenever one was told something."""
        self._worked_at = now
        for link in (self._commands, self._transport.listener):
            for event in link.take_events():
                if isinstance(event, Heard):
                    self._heard(event)
                elif isinstance(event, Replied):
                    self._replied(event)
                elif isinstance(event, LinkDown):
                    self._is_down(event)
                elif isinstance(event, LinkUp):
                    self._is_up(event, now)
                elif isinstance(event, Refused):
                    self._note_refused(event.error)
                else:
                    self._outbox.put_back(event.commands, now)
        if self._transport.reader is not None:
            self._read(self._transport.reader, now)
        self._look_at_links()
        if self._early:
            self._ask_early(now)
        self._outbox.pump(now)
        self._tell_of_losses()

    def take_events(self) -> Sequence[ClusterEvent]:
        """Take what has happened."""
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        """Leave: others need not wait for this server's answers any more."""
        for nsp in list(self._namespaces):
            self.close_namespace(nsp)
        for request in list(self._requests.values()):
            self._settle(request, ClusterUnavailable("this server is shutting down", request.values))

    def _look_at_links(self) -> None:
        reader = self._transport.reader
        if self.state is State.UP or not all(link.is_up for link in self.links):
            return
        if reader is None or reader.is_current:
            self.state = State.UP
            # What is said on channels is missed by who is not there; what is in streams is not, as a rule.
            gap = self._was_up if reader is None else self._is_cut
            self._events.append(StateChanged(State.UP, "", gap=gap, was_forgotten=self._is_forgotten))
            self._was_up = True
            self._is_cut = self._is_forgotten = False

    def _is_up(self, event: LinkUp, now: float) -> None:
        """Have all links lead to one Redis: where one took nothing, and now does, there may be another one now."""
        if event.link is self._commands and self._was_refused:
            self._was_refused = False
            for link in self.links:
                if link is not self._commands:
                    link.lost("its address may be that of another one now", now)

    def _tell_of_losses(self) -> None:
        """Tell how many messages were dropped, once those behind them are gone."""
        if self._outbox.dropped_count > self._told_dropped and not len(self._outbox):
            count = self._outbox.dropped_count - self._told_dropped
            self._told_dropped += count
            self._report(
                f"the other servers were not told {count} messages, which had to wait for too long, or among too many"
            )

    def _is_down(self, event: LinkDown) -> None:
        if event.link is self._commands:
            self._was_refused |= event.was_refused
            for token in self._outbox.take_awaited():
                self._replied(Replied(token, None, event.reason))
        if self.state is State.UP:
            self.state = State.DOWN
            self._events.append(StateChanged(State.DOWN, f"{event.link.address.url}: {event.reason}", gap=False))
            for request in list(self._requests.values()):
                self._settle(request, ClusterUnavailable(f"the other servers are gone: {event.reason}", request.values))

    def _read(self, reader: StreamReader, now: float) -> None:
        reader.proceed(now)
        while events := reader.link.take_events():  # for a reader may end its connection
            for event in events:
                reader.take(event, now)
                if isinstance(event, LinkDown):
                    self._is_down(event)
        for found in reader.take_found():
            if isinstance(found, Echoed):
                self._events.append(found)
            elif isinstance(found, Entry):
                self._understand(partial(modern.from_entry, found.fields, self._transport.max_values), found.id)
            elif self.state is State.UP:
                self._events.append(StateChanged(State.UP, f"stream {found.stream} was cut", gap=True))
            else:
                self._is_cut = True
                self._is_forgotten |= found.was_forgotten

    def _heard(self, event: Heard) -> None:
        if self._transport.is_own(event.data):  # fast path; benchmarks: cluster
            return
        channel = event.channel.decode("utf-8", "replace")
        self._understand(partial(self._transport.decode, channel, event.data, event.pattern))

    def _understand(self, decode: Callable[[], Message], entry_id: str | None = None) -> None:
        try:
            message = decode()
        except Malformed as error:
            self.note_malformed(str(error))
        except Overheard:
            pass
        else:
            self.take(message, entry_id)

    def note_malformed(self, why: str) -> None:
        """Count a message that makes no sense, and tell of the first."""
        self.malformed_count += 1
        if self.malformed_count == 1:
            self._report(f"a message of another server could not be understood, and others may not be: {why}")

    def _note_refused(self, why: str) -> None:
        """Count what the Redis does not do, and tell of each reason when it is another one."""
        self.refused_count += 1
        reason = why.partition(" (")[0]  # behind it there may be numbers
        if reason != self._refusal:
            self._refusal = reason
            self._report(f"the other servers are not told what they should be, for the Redis refuses it: {why}")

    def take(self, message: Message, entry_id: str | None = None) -> None:
        """Another server says something."""
        if isinstance(message, (SocketsFetched, RoomsListed, ServerAnswer, ClientCount, ClientAck)):
            self._answered(message)
        elif message.uid == self.uid or message.nsp not in self._namespaces:
            return
        elif isinstance(message, (SocketsFetch, RoomsList)) or (
            isinstance(message, (Broadcast, ServerEmit)) and message.request_id is not None
        ):
            self._events.append(Asked(message))
        elif not isinstance(message, Presence) and getattr(message, "ack_id", None) is None:
            self._events.append(Told(message, entry_id))

    # -- answers -----------------------------------------------------------------------------------------------------

    def _replied(self, event: Replied) -> None:
        request = event.token
        if not isinstance(request, Request):
            request.replied(event.value, event.error)
            return
        if request.is_settled:
            return
        why = event.error
        try:
            request.expected = None if why is not None else max(0, count_in(event.value) - 1)
        except Malformed as error:
            why = str(error)
        if why is not None:
            self._settle(request, ClusterUnavailable(f"the other servers cannot be asked: {why}"))
            return
        self._settle_if_complete(request)

    def _answered(self, message: Answer) -> None:
        request = self._requests.get(message.request_id)
        if request is None or message.uid == self.uid or message.nsp != request.nsp:
            return
        if isinstance(message, ClientCount):
            request.clients = (request.clients or 0) + message.count
            request.answered += 1
        elif isinstance(message, ClientAck):
            request.values.append(message.value)
            if request.each is not None:
                request.each(message.value)
        elif isinstance(message, SocketsFetched):
            request.values += message.sockets
            request.answered += 1
        elif isinstance(message, RoomsListed):
            request.values += message.rooms
            request.answered += 1
        else:
            request.values.append(message.value)
            request.answered += 1
        self._settle_if_complete(request)

    def _settle_if_complete(self, request: Request) -> None:
        if request.is_complete:
            self._settle(request, None)

    def _settle(self, request: Request, error: ClusterError | None) -> None:
        self._end(request)
        self._events.append(Settled(request, error))

    def _end(self, request: Request) -> None:
        request.is_settled = True
        self._requests.pop(request.request_id, None)
        request.timer.cancel()
