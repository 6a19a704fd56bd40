"""The log of events that servers share, in streams, as Node's redis-streams-adapter has it: clients that were lost may
come back to any server.

An event gets its place when it is read from its stream, and not when it has been added: only then all that is in front
of it was read, and sent, too. That takes as long as the Redis takes; one that is slower than `PATIENCE_S`, or gone, is
not waited for; nor is one that was, until it has kept up again.
"""

from __future__ import annotations

from base64 import b64encode
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any, Final, Protocol

from socketio_core.cluster.entries import id_text
from socketio_core.cluster.events import State
from socketio_core.cluster.link import Command
from socketio_core.cluster.machine import ClusterMachine
from socketio_core.cluster.messages import Broadcast, Message
from socketio_core.cluster.outbox import Query
from socketio_core.cluster.restoring import RESTORE_S, Place, Restoring
from socketio_core.cluster.selecting import audience_of
from socketio_core.cluster.stream_reader import Echoed
from socketio_core.cluster.transports import Streams
from socketio_core.cluster.values import to_msgpack
from socketio_core.records import record
from socketio_core.socketio.events import Claim
from socketio_core.socketio.recoverable import RecoverableSession
from socketio_core.socketio.recovery import Recovery
from socketio_core.socketio.shared_log import SharedEvent

PATIENCE_S: Final = 0.25  # for the place of an event
MAX_WAITING: Final = 1_000  # events, of one stream
MAX_WAITING_BYTES: Final = 1_000_000  # of them, but one at least; all that wait may have to be sent at once

KEY_PREFIX: Final = "sio:session:"  # as Node's adapter has it


@record
class _Waiting:
    """An event that was added to a stream with a number."""

    event: SharedEvent
    number: int
    until: float
    size_bytes: int


class _Saving(Query):
    """Sees that a session is saved, or is known not to be."""

    def __init__(self, session: RecoverableSession) -> None:
        self._session = session
        self._raw = session.saved

    def replied(self, value: Any, error: str | None) -> None:
        """See `Query`."""
        if error is not None and self._session.saved is self._raw:
            self._session.saved = None


class Home(Protocol):
    """The server that has a log, as the log sees it."""

    def now(self) -> float:
        """Return the time."""
        ...

    def report(self, what: str) -> None:
        """Hear of what cannot be kept."""

    def tell(self, message: Message) -> None:
        """Tell others what cannot be added now."""

    def wake(self) -> None:
        """Have written what there is to write, and deadlines looked at."""

    def pace_changed(self) -> None:
        """`StreamLog.is_slow` has changed, while the servers can be reached."""


class StreamLog:
    """A `SharedLog` in streams.

    Args:
        machine: this server's part of the cluster.
        transport: the machine's.
        recovery: whose log it is.
        home: the server that has it.
        key_prefix: of the keys of sessions.

    Attributes:
        is_slow: the Redis takes too long, and is not waited for.
    """

    def __init__(
        self,
        machine: ClusterMachine,
        transport: Streams,
        recovery: Recovery,
        home: Home,
        *,
        key_prefix: str = KEY_PREFIX,
    ) -> None:
        self._machine = machine
        self._transport = transport
        self.recovery = recovery
        self._home = home
        self.is_slow = False
        self._trial: tuple[int, float] | None = None  # the number of an event, and until when it must have its place
        self._forgotten = 0  # the position up to which events are not in streams any more
        self._key_prefix = key_prefix
        self._number = 0
        self._waiting: dict[str, deque[_Waiting]] = {stream: deque() for stream in transport.streams}
        self._waiting_bytes = dict.fromkeys(transport.streams, 0)
        self._restoring: dict[Restoring, None] = {}
        self._has_complained = False
        assert transport.reader is not None  # or nothing would have its place
        self._reader = transport.reader
        recovery.sender.shared = self

    def __repr__(self) -> str:
        return f"<StreamLog {sum(map(len, self._waiting.values()))} events wait>"

    # -- events ------------------------------------------------------------------------------------------------------

    def publish(self, event: SharedEvent) -> bool:
        """See `SharedLog`."""
        message = Broadcast(self._machine.uid, event.nsp, event.args, audience_of(event.selection))
        if self._machine.state is not State.UP:
            self._home.tell(message)
            return False
        stream = self._transport.stream_of(event.nsp)
        try:
            command = self._transport.add(message, self._number + 1)
        except (TypeError, ValueError) as error:
            self._home.report(f"other servers cannot be told what this one was told: {error}")
            self._give_up(stream)
            return False
        now = self._home.now()
        self._number += 1
        waiting = self._waiting[stream]
        if self.is_slow:
            if self._trial is None:
                self._trial = (self._number, now + PATIENCE_S)
            self._machine.command(command, now)
            self._home.wake()
            return False
        size_bytes = sum([len(part) for part in command if not isinstance(part, int)])
        while len(waiting) >= MAX_WAITING or (waiting and self._waiting_bytes[stream] + size_bytes > MAX_WAITING_BYTES):
            self._settle(self._take_first(stream), None)
        waiting.append(_Waiting(event, self._number, now + PATIENCE_S, size_bytes))
        self._waiting_bytes[stream] += size_bytes
        self._machine.command(command, now)
        self._home.wake()
        return True

    def echoed(self, event: Echoed) -> None:
        """An event has its place; to be told in its turn among what others say."""
        if self.is_slow:
            self._look_whether_it_keeps_up(event.number)
        waiting = self._waiting[event.stream]
        while waiting and waiting[0].number <= event.number:
            first = self._take_first(event.stream)  # one that is not the one did not arrive, for they arrive in order
            self._settle(first, event.entry_id if first.number == event.number else None)

    def _look_whether_it_keeps_up(self, number: int) -> None:
        """See how long the Redis has taken for the one that is to tell, or whether there is nothing that it owes."""
        is_in_time = False
        if self._trial is not None and number >= self._trial[0]:
            is_in_time = self._home.now() <= self._trial[1]
            self._trial = None
        if is_in_time or number == self._number:
            self.is_slow = False
            self._trial = None
            self._home.pace_changed()

    def state_changed(self, state: State, *, was_forgotten: bool) -> None:
        """The other servers can be reached from now on, or cannot.

        Args:
            was_forgotten: the Redis has lost what it kept.
        """
        if state is State.DOWN:
            self.is_slow = False
            self._trial = None
            for stream in self._waiting:
                self._give_up(stream)
            return
        if was_forgotten:
            self._forgotten = self.recovery.log.position
        for session in self.recovery.lost:
            if session.saved is None:
                self.save(session, "NX")  # unless it was at another server meanwhile, which has told of it
            elif was_forgotten:
                session.saved = None  # it may come back to this server, and to no other: what it had got is unknown

    def _give_up(self, stream: str) -> None:
        while self._waiting[stream]:
            self._settle(self._take_first(stream), None)

    def _take_first(self, stream: str) -> _Waiting:
        first = self._waiting[stream].popleft()
        self._waiting_bytes[stream] -= first.size_bytes
        return first

    def _settle(self, waiting: _Waiting, offset: str | None) -> None:
        self.recovery.sender.settle(waiting.event, offset)

    # -- time --------------------------------------------------------------------------------------------------------

    @property
    def next_deadline(self) -> float | None:
        """When to call `handle_timeout`."""
        times = [waiting[0].until for waiting in self._waiting.values() if waiting]
        times += [each.until for each in islice(self._restoring, 1)]  # they end in the order in which they began
        return min(times, default=None)

    def handle_timeout(self, now: float) -> None:
        """Wait no longer."""
        if any(waiting and waiting[0].until <= now for waiting in self._waiting.values()):
            self.is_slow = True
            for stream in self._waiting:
                self._give_up(stream)
            self._home.pace_changed()
        while self._restoring and (first := next(iter(self._restoring))).until <= now:
            first.give_up()

    # -- sessions ----------------------------------------------------------------------------------------------------

    def _key(self, pid: str) -> str:
        return f"{self._key_prefix}{pid}"

    def save(self, session: RecoverableSession, *how: str) -> None:
        """See `SharedLog`; with `"NX"`, unless somebody else has."""
        session.saved = None
        if self._machine.state is not State.UP:
            return  # it is known here, and told when others can be told
        now = self._home.now()
        left_ms = max(1, round((session.expires_at - now) * 1000))
        fields: dict[str, Any] = {
            "sid": session.sid,
            "pid": session.pid,
            "rooms": [session.sid, *sorted(session.history.rooms)],
            "data": {} if session.data is None else session.data,
            "nsp": session.namespace.name,
            "since": self._since(session),
        }
        try:
            raw = b64encode(to_msgpack(fields))
        except (TypeError, ValueError) as error:
            if not self._has_complained:
                self._has_complained = True
                self._home.report(
                    f"data of a socket cannot be told to other servers, so it comes back to this one: {error}"
                )
            return
        if not self._machine.has_room_for(len(raw)):
            return  # many are lost at once, or one in many rooms: it may come back to this server
        session.saved = raw
        self._machine.command(("SET", self._key(session.pid), raw, "PX", left_ms, *how), now, _Saving(session))
        self._home.wake()

    def _since(self, session: RecoverableSession) -> str | None:
        """Return the offset up to which a client has surely got everything; `None` if no stream has it."""
        if session.earlier:
            return session.since
        position = min(session.start, session.own_start)
        if position < self._forgotten:
            return None
        return self.recovery.log.shared_offset_at(position, session.namespace.name) or session.since

    def current_offset(self, nsp: str) -> str | None:
        """See `SharedLog`."""
        last = self._reader.last_id(self._transport.stream_of(nsp))
        return None if last is None else id_text(last)

    def forget(self, session: RecoverableSession) -> None:
        """See `SharedLog`."""
        if session.saved is not None and self._machine.state is State.UP:
            session.saved = None
            self._machine.command(("DEL", self._key(session.pid)), self._home.now())
            self._home.wake()

    def restore(self, nsp: str, claim: Claim, done: Callable[[], None]) -> Restoring:
        """Look for the session that a client claims.

        Args:
            done: is called when there is an `outcome`.
        """

        def over() -> None:
            del self._restoring[restoring]
            done()

        transport = self._transport
        place = Place(transport.stream_of(nsp), self._reader, transport.max_length, transport.max_values)
        until = self._home.now() + RESTORE_S
        restoring = Restoring(self.recovery, nsp, claim, place, self._command, until, over)
        self._restoring[restoring] = None
        # Anybody may claim anything, and what waits for the Redis must not be driven out by that.
        if self._machine.state is State.UP and self._machine.has_room_for(len(claim.pid)):
            restoring.begin(self._key(claim.pid))
        else:
            restoring.give_up()
        return restoring

    def _command(self, command: Command, query: Query) -> None:
        self._machine.command(command, self._home.now(), query)
        self._home.wake()
