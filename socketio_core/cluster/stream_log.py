"""The log of events that servers share, in streams, as Node's redis-streams-adapter has it: clients that were lost may
come back to any server.

An event gets its place when it is read from its stream, and not when it has been added: only then all that is in front
of it was read, and sent, too. That takes as long as the Redis takes; one that is slower than `PATIENCE_S`, or gone, is
not waited for.
"""

from __future__ import annotations

from base64 import b64encode
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from socketio_core.cluster.machine import ClusterMachine, State
from socketio_core.cluster.messages import Broadcast, Message
from socketio_core.cluster.outbox import Query
from socketio_core.cluster.restoring import RESTORE_S, Place, Restoring
from socketio_core.cluster.selecting import audience_of
from socketio_core.cluster.stream_reader import Echoed, id_text
from socketio_core.cluster.transports import Command, Streams
from socketio_core.cluster.values import to_msgpack
from socketio_core.records import record
from socketio_core.socketio.events import Claim
from socketio_core.socketio.recoverable import RecoverableSession
from socketio_core.socketio.recovery import Recovery
from socketio_core.socketio.shared_log import SharedEvent

PATIENCE_S: Final = 0.25  # for the place of an event
MAX_WAITING: Final = 1_000  # events, of one stream

KEY_PREFIX: Final = "sio:session:"  # as Node's adapter has it


@record
class _Waiting:
    """An event that was added to a stream with a number."""

    event: SharedEvent
    number: int
    until: float


class StreamLog:
    """A `SharedLog` in streams.

    Args:
        machine: this server's part of the cluster.
        transport: the machine's.
        recovery: whose log it is.
        now: returns the time.
        report: told of what cannot be kept.
        tell: tells others what cannot be added now.
        wake: has written what there is to write, and deadlines looked at.
        key_prefix: of the keys of sessions.
    """

    def __init__(
        self,
        machine: ClusterMachine,
        transport: Streams,
        recovery: Recovery,
        *,
        now: Callable[[], float],
        report: Callable[[str], None],
        tell: Callable[[Message], None],
        wake: Callable[[], None],
        key_prefix: str = KEY_PREFIX,
    ) -> None:
        self._machine = machine
        self._transport = transport
        self.recovery = recovery
        self._now = now
        self._report = report
        self._tell = tell
        self._wake = wake
        self._key_prefix = key_prefix
        self._number = 0
        self._waiting: dict[str, deque[_Waiting]] = {stream: deque() for stream in transport.streams}
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
            self._tell(message)
            return False
        stream = self._transport.stream_of(event.nsp)
        try:
            command = self._transport.add(message, self._number + 1)
        except (TypeError, ValueError) as error:
            self._report(f"other servers cannot be told what this one was told: {error}")
            self._give_up(stream)
            return False
        now = self._now()
        self._number += 1
        waiting = self._waiting[stream]
        if len(waiting) >= MAX_WAITING:
            self._settle(waiting.popleft(), None)
        waiting.append(_Waiting(event, self._number, now + PATIENCE_S))
        self._machine.command(command, now)
        self._wake()
        return True

    def echoed(self, event: Echoed) -> None:
        """An event has its place; to be told in its turn among what others say."""
        waiting = self._waiting[event.stream]
        while waiting and waiting[0].number <= event.number:
            first = waiting.popleft()  # one that is not the one did not arrive, for they arrive in order
            self._settle(first, event.entry_id if first.number == event.number else None)

    def state_changed(self, state: State) -> None:
        """The other servers can be reached from now on, or cannot."""
        if state is State.DOWN:
            for stream in self._waiting:
                self._give_up(stream)
            return
        for session in self.recovery.lost:
            if session.saved is None:
                self.save(session)

    def _give_up(self, stream: str) -> None:
        waiting = self._waiting[stream]
        while waiting:
            self._settle(waiting.popleft(), None)

    def _settle(self, waiting: _Waiting, offset: str | None) -> None:
        self.recovery.sender.settle(waiting.event, offset)

    # -- time --------------------------------------------------------------------------------------------------------

    @property
    def next_deadline(self) -> float | None:
        """When to call `handle_timeout`."""
        times = [waiting[0].until for waiting in self._waiting.values() if waiting]
        times += [each.until for each in self._restoring]
        return min(times, default=None)

    def handle_timeout(self, now: float) -> None:
        """Wait no longer."""
        for waiting in self._waiting.values():
            while waiting and waiting[0].until <= now:
                self._settle(waiting.popleft(), None)
        for each in list(self._restoring):
            if each.until <= now:
                each.give_up()

    # -- sessions ----------------------------------------------------------------------------------------------------

    def _key(self, pid: str) -> str:
        return f"{self._key_prefix}{pid}"

    def save(self, session: RecoverableSession) -> None:
        """See `SharedLog`."""
        session.saved = None
        if self._machine.state is not State.UP:
            return  # it is known here, and told when others can be told
        now = self._now()
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
                self._report(f"data of a socket cannot be told to other servers, so it comes back to this one: {error}")
            return
        session.saved = raw
        self._machine.command(("SET", self._key(session.pid), raw, "PX", left_ms), now)
        self._wake()

    def _since(self, session: RecoverableSession) -> str | None:
        """Return the offset up to which a client has surely got everything."""
        if session.earlier:
            return session.since
        position = min(session.start, session.own_start)
        return self.recovery.log.shared_offset_at(position, session.namespace.name) or session.since

    def current_offset(self, nsp: str) -> str | None:
        """See `SharedLog`."""
        last = self._reader.last_id(self._transport.stream_of(nsp))
        return None if last is None else id_text(last)

    def forget(self, session: RecoverableSession) -> None:
        """See `SharedLog`."""
        if session.saved is not None and self._machine.state is State.UP:
            session.saved = None
            self._machine.command(("DEL", self._key(session.pid)), self._now())
            self._wake()

    def restore(self, nsp: str, claim: Claim, done: Callable[[], None]) -> Restoring:
        """Look for the session that a client claims.

        Args:
            done: is called when there is an `outcome`.
        """
        place = Place(self._transport.stream_of(nsp), self._reader, self._transport.max_length)
        restoring = Restoring(self.recovery, nsp, claim, place, self._command, self._now() + RESTORE_S)
        self._restoring[restoring] = None

        def over() -> None:
            del self._restoring[restoring]
            done()

        restoring.begin(self._key(claim.pid), over)
        if self._machine.state is not State.UP:
            restoring.give_up()
        return restoring

    def _command(self, command: Command, query: Query) -> None:
        self._machine.command(command, self._now(), query)
        self._wake()
